//! What workers ask of the master: passed on, held, given up. The states of a request are drawn in `requests`.
//!
//! A request is held while there is no master that is known and takes requests; while its worker is away, for then
//! nobody needs the answer; if it asks for a lock, while a lock of a former master fences it off; if it needs the
//! master's tables, while a new master is still reading them; if it asks for an index, while the master creates another
//! one (`indexing`); and if it was with a master when that ended, until its turn (`trial`). All but the first two kinds
//! may be overtaken by later requests of the same worker: among them are the releases that the fence waits for.
//!
//! Whatever ends one of these looks again at those only that waited for it (`waiting`).

use bytes::Bytes;

use super::{
    ClusterCoordinator,
    bounds::Usage,
    fences::{Key, OpenTo},
    message::{self, Ask, MASTER, Request},
    requests::{By, Pending, State},
    waiting::{Patience, Place, Seq},
};
use crate::{
    acebase::NoteKind,
    clock::Millis,
    hub::coordinator::{Moment, Verdict},
};

/// Why a request past the bounds is refused.
const TOO_MANY: &str = "Too many requests of this database wait for the AceBase master (acebase-ipc-server)";

/// Why a lock cannot be moved any more. Its release needs no reason: it succeeds.
pub(super) const GONE_WITH_MASTER: &str = "The lock is gone with the master that granted it (acebase-ipc-server)";

/// What becomes of a request that is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// It waits for the same as before.
    Same,
    /// The master has it, or it waits for something else.
    Gone,
}

/// Whether the present master may have a lock that is not in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belief {
    MasterHasIt,
    NobodyHasIt,
}

impl ClusterCoordinator {
    /// A worker asks the master for something.
    pub(super) fn asked(
        &mut self,
        worker: &str,
        Request { id, ask }: Request,
        text: &[u8],
        moment: &mut Moment<'_>,
    ) -> Verdict {
        self.survivors.has_asked(worker, &id);
        if self.requests.find(worker, &id).is_some() {
            return Verdict::Taken;
        }
        if let Some(answer) = self.answer_for_former_master(worker, &id, &ask, moment.now) {
            self.reply(worker, &answer, moment);
            self.fences_may_have_fallen(moment);
            return Verdict::Taken;
        }
        if !self.has_room_for(worker, &ask, text.len()) {
            self.refuse_one_more(worker, &id, &ask, moment);
            return Verdict::Taken;
        }
        self.pass_on_or_hold(worker, &id, ask, text, moment)
    }

    /// One more request of this worker fits in. Locks that are asked for count with those that there are.
    fn has_room_for(&self, worker: &str, ask: &Ask, bytes: usize) -> bool {
        let (mut own, mut all) = self.requests.usage(worker, ask);
        if matches!(ask, Ask::Lock(_)) {
            own += self.locks.usage_of(worker);
            all += self.locks.usage();
        }
        self.bounds.admit(Usage::of_request(bytes), own, all)
    }

    /// Answers a request past the bounds. A release is not refused: the hub asks for it in its own name, and keeps
    /// nothing of it.
    fn refuse_one_more(&mut self, worker: &str, id: &str, ask: &Ask, moment: &mut Moment<'_>) {
        if let Ask::Unlock { lock } | Ask::Move { lock } = ask {
            self.give_up_lock(worker, *lock, Belief::MasterHasIt, moment);
        }
        self.reply(worker, &message::failed(worker, id, ask, TOO_MANY), moment);
        if let Ask::Unlock { .. } = ask {
            return;
        }
        if let Some(refused) = self.bounds.refused(moment.now) {
            let detail = format!(
                "{refused} requests were refused, the last one of {worker}: too many of this database wait for the AceBase \
                 master. Look whether it answers; if it does, raise maxRequestBytes, or maxRequests"
            );
            moment.note(NoteKind::RequestsRefused, worker, detail);
        }
    }

    fn pass_on_or_hold(&mut self, worker: &str, id: &str, ask: Ask, text: &[u8], moment: &mut Moment<'_>) -> Verdict {
        let place = self.obstacle(worker, &ask, false, moment.now);
        let is_for_index = ask == Ask::CreateIndex;
        let seq = self.requests.add(worker, id, ask, text, place.clone(), moment.now);
        let Some(place) = place else {
            if is_for_index {
                self.indexing.begin(worker, id);
            }
            return Verdict::Forward;
        };
        moment.note(NoteKind::RequestHeld, worker, format!("A request of {worker} waits {}", place.reason()));
        self.keep_waiting(seq, place, moment.now);
        Verdict::Taken
    }

    /// What a request has to wait for, if for anything.
    fn obstacle(&self, worker: &str, ask: &Ask, is_suspect: bool, now: Millis) -> Option<Place> {
        if !self.master.is_present() {
            return Some(Place::Master);
        }
        if !self.sessions.is_connected(worker) {
            return Some(Place::Worker(worker.into()));
        }
        match ask {
            Ask::Lock(wanted) if self.locks.is_fenced_off(wanted, now) => {
                Some(Place::Fence { write: wanted.write, tid: wanted.tid.as_str().into() })
            }
            ask if ask.needs_tables() && self.master.is_warming_up() => Some(Place::Tables),
            Ask::CreateIndex if self.indexing.is_busy() => Some(Place::Index),
            _ if is_suspect && self.trial.is_some() => Some(Place::Trial),
            _ => None,
        }
    }

    fn keep_waiting(&mut self, seq: Seq, place: Place, now: Millis) {
        let deadline = now + self.config.master_timeout;
        match place.patience() {
            Patience::UntilFirstDeadline => self.requests.expect_by(seq, deadline),
            Patience::Anew => self.requests.expect_of_master_by(seq, deadline),
            Patience::Endless => self.requests.let_wait(seq),
        }
        self.requests.hold(seq, place);
    }

    /// Gives the master all that was held and need not be held any longer, in order of arrival.
    pub(super) fn deliver_held(&mut self, moment: &mut Moment<'_>) {
        if self.master.is_present() {
            let held = self.requests.waiting().all();
            self.look_again_at(held, moment);
        }
    }

    /// What these requests waited for has come to pass.
    pub(super) fn is_over(&mut self, place: &Place, moment: &mut Moment<'_>) {
        let waited = self.requests.waiting().at(place);
        self.look_again_at(waited, moment);
    }

    /// Locks of former masters are released, or have ended.
    pub(super) fn fences_may_have_fallen(&mut self, moment: &mut Moment<'_>) {
        let mut free = Vec::new();
        for write in [true, false] {
            match self.locks.open_to(write, moment.now) {
                OpenTo::Everyone => free.extend(self.requests.waiting().at_any_fence(write)),
                OpenTo::Only(tid) => {
                    free.extend(self.requests.waiting().at(&Place::Fence { write, tid: tid.into() }));
                }
                OpenTo::Nobody => {}
            }
        }
        free.sort_unstable();
        self.look_again_at(free, moment);
    }

    fn look_again_at(&mut self, requests: Vec<Seq>, moment: &mut Moment<'_>) {
        for seq in requests {
            self.look_again(seq, moment);
        }
    }

    /// Gives a request to the master, or finds out what else it waits for. Returns which.
    pub(super) fn look_again(&mut self, seq: Seq, moment: &mut Moment<'_>) -> Whereabouts {
        let Some(pending) = self.requests.get(seq) else { return Whereabouts::Gone };
        let Some(place) = self.obstacle(&pending.worker, &pending.ask, pending.is_suspect(), moment.now) else {
            self.give_to_master(seq, moment);
            return Whereabouts::Gone;
        };
        let is_same = pending.is_at(&place);
        self.keep_waiting(seq, place, moment.now);
        if is_same { Whereabouts::Same } else { Whereabouts::Gone }
    }

    fn give_to_master(&mut self, seq: Seq, moment: &mut Moment<'_>) {
        let Some(pending) = self.requests.get(seq) else { return };
        if pending.deliveries > 0 {
            let detail =
                format!("A request of {} that a former master left unanswered went to the next", pending.worker);
            moment.note(NoteKind::RequestReplayed, &pending.worker, detail);
        }
        if pending.ask == Ask::CreateIndex {
            self.indexing.begin(&pending.worker, &pending.id);
        }
        moment.post(MASTER, pending.text.clone());
        let is_suspect = pending.is_suspect();
        self.requests.deliver(seq);
        if is_suspect {
            self.begin_trial(seq, moment);
        }
    }

    /// What a worker asks about a lock of a former master needs no master: the lock lives in this hub's table only. Nor
    /// may it reach the present one, for which the number means another lock.
    pub(super) fn answer_for_former_master(&mut self, worker: &str, id: &str, ask: &Ask, now: Millis) -> Option<Bytes> {
        let (Ask::Unlock { lock } | Ask::Move { lock }) = ask else { return None };
        let Some(key) = self.meant_as_fenced(worker, *lock, now) else {
            let means_another = match self.locks.held(*lock) {
                Some(held) => held.peer != worker,
                None => self.config.follows_locks() && (self.master.began_here() || self.locks.would_know(*lock)),
            };
            return means_another.then(|| message::failed(worker, id, ask, GONE_WITH_MASTER));
        };
        if let Ask::Move { .. } = ask
            && self.locks.counts(key, now)
        {
            let parent = message::parent_path(&self.locks.get(key)?.path).to_owned();
            self.locks.set_path(key, parent);
            return self.locks.get(key).map(|lock| message::granted(worker, id, lock));
        }
        // Released; or expired, and then it cannot be moved: the client takes such a lock for gone.
        self.locks.remove(key, now);
        Some(message::failed(worker, id, ask, GONE_WITH_MASTER))
    }

    /// The lock that a worker means by a number, if that is a former master's.
    ///
    /// A worker may hold two locks with one number, of different masters, and its words do not tell which it means.
    /// Both will be released in the end, so the one that keeps others out more is kept longer; of equals the older
    /// goes first. The one that is kept keeps all others out until then; it does not keep a reading transaction
    /// from writing beside a reading one of the same worker.
    fn meant_as_fenced(&self, worker: &str, lock: u64, now: Millis) -> Option<Key> {
        let key = self.locks.fenced(worker, lock, now)?;
        let other_goes_first =
            self.locks.has_weaker_namesake(key, worker, lock, now) && !self.requests.asks_to_release(worker, lock);
        (!other_goes_first).then_some(key)
    }

    /// Sends a worker an answer on the master's behalf, or keeps it for one that is away.
    pub(super) fn reply(&mut self, worker: &str, answer: &Bytes, moment: &mut Moment<'_>) {
        if self.sessions.has(worker) {
            moment.post(worker, answer.clone());
        } else {
            self.absences.keep(worker, answer);
        }
    }

    /// Answers on the master's behalf what no master has answered in time.
    pub(super) fn fail_overdue_requests(&mut self, moment: &mut Moment<'_>) {
        while let Some(seq) = self.requests.take_due(moment.now) {
            let seconds = self.config.master_timeout as f64 / 1_000.0;
            let reason = format!("No AceBase master answered within {seconds} s (acebase-ipc-server)");
            self.fail_pending(seq, &reason, moment);
        }
    }

    /// Answers a request on the master's behalf.
    pub(super) fn fail_pending(&mut self, seq: Seq, reason: &str, moment: &mut Moment<'_>) {
        let Some(Pending { worker, id, ask, state, .. }) = self.requests.settle(seq, By::Hub, moment.now) else {
            return;
        };
        if let Ask::Unlock { lock } | Ask::Move { lock } = ask {
            let belief = if state == State::Delivered { Belief::MasterHasIt } else { Belief::NobodyHasIt };
            self.give_up_lock(&worker, lock, belief, moment);
        }
        self.reply(&worker, &message::failed(&worker, &id, &ask, reason), moment);
        moment.note(NoteKind::RequestFailed, &worker, reason.to_owned());
    }

    /// A worker takes a lock for gone, now that its release or move is answered for the master. The master may have it
    /// still; `unknown`: what to believe of one that is not in the table, for it was granted before this hub began.
    fn give_up_lock(&mut self, worker: &str, lock: u64, unknown: Belief, moment: &mut Moment<'_>) {
        let gives_up = match self.locks.held(lock) {
            Some(lock) => lock.peer == worker,
            None => unknown == Belief::MasterHasIt,
        };
        if gives_up {
            self.locks.remove_held_by(worker, lock, moment.now);
            self.release(lock, moment);
        }
    }
}
