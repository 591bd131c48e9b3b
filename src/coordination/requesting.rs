//! What workers request of the master: passed on, held, given up. The states of a request are drawn in `requests`.
//!
//! A request is held while there is no master that is known and takes requests; while its worker is away, for then
//! nobody needs the answer; if it asks for a lock, while a lock of a former master fences it off; if it needs the
//! master's tables, while a new master is still reading them; if it asks for an index, while the master creates another
//! one (`indexing`); if it was with a master when that ended, until its turn (`trial`); and if the server is about to
//! stop, while nobody needs it to end what is under way (`quiet`). All but the first two kinds
//! may be overtaken by later requests of the same worker: among them are the releases that the fence waits for.
//!
//! Whatever ends one of these looks again at those only that waited for it (`waiting`).

use bytes::Bytes;

use super::{
    ClusterCoordinator,
    bounds::Usage,
    fences::OpenTo,
    message::{Ask, Failure, MASTER, Request},
    pending::Pending,
    requests::By,
    waiting::{Patience, Place, Seq},
};
use crate::{
    acebase::NoteKind,
    clock::Millis,
    hub::coordinator::{Moment, Verdict},
};

/// What becomes of a request that is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// It waits for the same as before.
    Same,
    /// The master has it, or it waits for something else.
    Gone,
}

impl ClusterCoordinator {
    /// A worker requests something of the master.
    pub(super) fn requested(
        &mut self,
        worker: &str,
        Request { id, ask }: Request,
        text: &[u8],
        moment: &mut Moment<'_>,
    ) -> Verdict {
        self.survivors.has_requested(worker, &id);
        if matches!(ask, Ask::Lock(_)) {
            self.catches_up(worker, moment);
        }
        if let Some(verdict) = self.is_known(worker, &id, &ask, moment) {
            return verdict;
        }
        if let Some(answer) = self.answer_for_former_master(worker, &id, &ask, moment.now) {
            self.reply(worker, &answer, moment);
            self.fences_may_have_fallen(moment);
            return Verdict::Taken;
        }
        if let Ask::Unlock { lock } = ask
            && self.answers_release(worker, &id, lock, moment)
        {
            return Verdict::Taken;
        }
        if !self.has_room_for(worker, &ask, text.len()) {
            self.refuse_one_more(worker, &id, &ask, moment);
            return Verdict::Taken;
        }
        if let Some(answer) = self.answer_instead(worker, &id, &ask, moment) {
            if moment.is_resent() {
                // The master may have it from before, and its answer comes too late.
                self.requests.remember_settled(worker, &id, moment.now);
            }
            self.reply(worker, &answer, moment);
            return Verdict::Taken;
        }
        self.pass_on_or_hold(worker, &id, ask, text, moment)
    }

    /// One more request of this worker fits in. Locks that are requested count with those that there are.
    fn has_room_for(&self, worker: &str, ask: &Ask, bytes: usize) -> bool {
        let (mut own, mut all) = self.requests.demands().usage(worker, ask);
        if matches!(ask, Ask::Lock(_)) {
            own += self.locks.holdings().usage_of(worker);
            all += self.locks.holdings().usage();
        }
        self.bounds.admit(Usage::of_request(bytes), own, all)
    }

    fn pass_on_or_hold(&mut self, worker: &str, id: &str, ask: Ask, text: &[u8], moment: &mut Moment<'_>) -> Verdict {
        let place = self.dispersal(&ask, moment).or_else(|| self.obstacle(worker, &ask, false, moment.now));
        let is_for_index = ask == Ask::CreateIndex;
        let seq = self.requests.add(worker, id, ask, text, place.clone(), moment.now);
        self.requests.came_from(seq, moment.origin(), moment.is_resent());
        let Some(place) = place else {
            if is_for_index {
                self.indexing.begin(worker, id);
            }
            return self.pass_on(seq, moment);
        };
        if place.is_remarkable() {
            moment.note(NoteKind::RequestHeld, worker, format!("A request of {worker} waits {}", place.reason()));
        }
        self.keep_waiting(seq, place, moment.now);
        if moment.origin().is_some() { Verdict::Kept } else { Verdict::Taken }
    }

    /// What a request has to wait for, if for anything.
    fn obstacle(&self, worker: &str, ask: &Ask, is_suspect: bool, now: Millis) -> Option<Place> {
        if !self.master.is_present() {
            return Some(Place::Master);
        }
        if self.is_too_late(worker, ask) {
            return Some(Place::NextServer);
        }
        if !self.sessions.is_connected(worker) {
            return Some(Place::Worker(worker.into()));
        }
        match ask {
            Ask::Lock(wanted) if self.waits_for_reunion(wanted, now) => Some(Place::Reunion),
            Ask::Lock(wanted) if self.locks.is_fenced_off(wanted, now) => {
                Some(Place::Fence { write: wanted.write, tid: wanted.tid.as_str().into() })
            }
            Ask::Lock(wanted) if self.waits_in_line(worker, wanted, now) => {
                Some(Place::Line { write: wanted.write, tid: wanted.tid.as_str().into() })
            }
            ask if ask.needs_tables() && self.master.is_warming_up() => Some(Place::Tables),
            Ask::CreateIndex if self.indexing.is_busy() => Some(Place::Index),
            _ if is_suspect && self.trial.is_some() => Some(Place::Trial),
            _ => None,
        }
    }

    pub(super) fn keep_waiting(&mut self, seq: Seq, place: Place, now: Millis) {
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

    pub(super) fn look_again_at(&mut self, requests: Vec<Seq>, moment: &mut Moment<'_>) {
        for seq in requests {
            self.look_again(seq, moment);
        }
    }

    /// Gives a request to the master, or finds out what else it waits for. Returns which.
    pub(super) fn look_again(&mut self, seq: Seq, moment: &mut Moment<'_>) -> Whereabouts {
        if self.answers_held_borrower(seq, moment) {
            return Whereabouts::Gone;
        }
        let Some(pending) = self.requests.get(seq) else { return Whereabouts::Gone };
        if self.is_bound_to_reunion(pending) {
            return Whereabouts::Same;
        }
        if pending.ask == Ask::Allocate && self.locks.may_not_go_on(&pending.worker, pending.since, moment.now) {
            self.fail_pending(seq, &Failure::Expired, moment);
            return Whereabouts::Gone;
        }
        let Some(place) = self.obstacle(&pending.worker, &pending.ask, pending.is_suspect(), moment.now) else {
            self.give_to_master(seq, moment);
            return Whereabouts::Gone;
        };
        let is_same = pending.is_at(&place);
        self.keep_waiting(seq, place, moment.now);
        if is_same { Whereabouts::Same } else { Whereabouts::Gone }
    }

    /// What the hub answers because the master knows nothing of it, or not all: of who has a lock lent, and who has had
    /// one for too long.
    fn answer_instead(&mut self, worker: &str, id: &str, ask: &Ask, moment: &mut Moment<'_>) -> Option<Bytes> {
        let refusal = self.answer_outlived(worker, id, ask, moment);
        refusal.or_else(|| self.answer_borrower(worker, id, ask, moment.now))
    }

    /// A request that was held may be of a transaction that has been lent a lock meanwhile, or has outlived one.
    pub(super) fn answers_held_borrower(&mut self, seq: Seq, moment: &mut Moment<'_>) -> bool {
        if !self.locks.any_lent_or_expired() {
            return false;
        }
        let Some(Pending { worker, id, ask, .. }) = self.requests.get(seq) else { return false };
        let (worker, id, ask) = (worker.clone(), id.clone(), ask.clone());
        let Some(answer) = self.answer_instead(&worker, &id, &ask, moment) else { return false };
        self.requests.settle(seq, By::Hub, moment.now);
        self.reply(&worker, &answer, moment);
        true
    }

    pub(super) fn give_to_master(&mut self, seq: Seq, moment: &mut Moment<'_>) {
        if self.is_of_unknown_fate(seq) {
            return self.fail_pending(seq, &Failure::UnknownFate, moment);
        }
        let Some(pending) = self.requests.get(seq) else { return };
        if pending.deliveries > 0 {
            let detail =
                format!("A request of {} that a former master left unanswered went to the next", pending.worker);
            moment.note(NoteKind::RequestReplayed, &pending.worker, detail);
        }
        if pending.ask == Ask::CreateIndex {
            self.indexing.begin(&pending.worker, &pending.id);
        }
        match &pending.origin {
            Some(origin) => moment.go_on(MASTER, pending.text.clone(), origin.clone()),
            None => moment.post(MASTER, pending.text.clone()),
        }
        let is_suspect = pending.is_suspect();
        self.requests.deliver(seq);
        if is_suspect {
            self.begin_trial(seq, moment);
        }
    }
}
