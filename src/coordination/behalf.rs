//! What the hub says on others' behalf, where those cannot or must not say it: to workers for the master, and to the
//! master for workers.
//!
//! A worker waits for one answer to each of its requests, and only the master gives it. Where there is none, or it can
//! say only one thing, or would give an answer that the worker does not survive, the hub answers in its name, in the
//! way that the worker's client can bear (`message`). What the worker takes for gone because of that, the master must
//! let go, too: the hub requests it in its own name.

use std::fmt::Display;

use bytes::Bytes;

use super::{
    ClusterCoordinator,
    fences::Key,
    message::{self, Ask, Failure, MASTER, OwnRequest, RefusalForm},
    offence::Offence,
    pending::{Pending, State},
    requests::By,
    waiting::Seq,
};
use crate::{
    acebase::NoteKind,
    clock::Millis,
    hub::coordinator::{Address, Moment},
};

/// Whether the present master may have a lock that is not in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belief {
    MasterHasIt,
    NobodyHasIt,
}

impl ClusterCoordinator {
    /// Sends a worker an answer on the master's behalf, or keeps it for one that is away.
    pub(super) fn reply(&mut self, worker: &str, answer: &Bytes, moment: &mut Moment<'_>) {
        if self.sessions.has(worker) {
            moment.post(worker, answer.clone());
        } else {
            self.absences.keep(worker, answer);
        }
    }

    /// Answers a worker at once that a lock is released which it has of the present master, and requests it of that in
    /// the hub's own name: the master cannot say no, and nobody needs to wait for its word. `false`: it is not known to
    /// be the worker's, or is being moved, and the master must say what becomes of it.
    pub(super) fn answers_release(&mut self, worker: &str, id: &str, lock: u64, moment: &mut Moment<'_>) -> bool {
        let is_its_own = self.locks.held(lock).is_some_and(|held| held.peer == worker);
        if !is_its_own || self.requests.at_master().any_move() {
            return false;
        }
        self.locks.remove_held_by(worker, lock, moment.now);
        // First the master, and then the worker: a lock that its worker takes for released must not be forgotten if
        // the server ends in between.
        self.give_back(lock, moment);
        self.reply_at_leisure(worker, &message::unlocked(worker, id, lock), moment);
        true
    }

    /// As [`Self::reply`], of what a client with the extension does not wait for.
    fn reply_at_leisure(&mut self, worker: &str, answer: &Bytes, moment: &mut Moment<'_>) {
        match self.config.gather_notifications {
            time @ 1.. if self.sessions.life(worker).is_some() => moment.post_within(time, worker, answer.clone()),
            _ => self.reply(worker, answer, moment),
        }
    }

    /// The master has answered, to the hub, what it may have answered its worker in vain.
    pub(super) fn release_is_confirmed(&mut self, seq: Seq, moment: &mut Moment<'_>) {
        if self.is_delivered(seq)
            && let Some(pending) = self.requests.settle(seq, By::Hub, moment.now)
            && let Ask::Unlock { lock } = pending.ask
        {
            self.locks.remove_held_by(&pending.worker, lock, moment.now);
            self.is_back(lock, moment);
            self.reply(&pending.worker, &message::unlocked(&pending.worker, &pending.id, lock), moment);
        }
    }

    /// The answer to a request for a release, which is always that the lock is released: a client does not handle any
    /// other and its process would end, though all that a master can say is that it does not know the lock (any
    /// more).
    pub(super) fn as_released(&self, seq: Seq, id: &str) -> Option<Bytes> {
        match self.requests.get(seq)? {
            Pending { worker, ask: Ask::Unlock { lock }, .. } => Some(message::unlocked(worker, id, *lock)),
            _ => None,
        }
    }

    /// Answers a request past the bounds. A release is not refused: the hub requests it in its own name, and keeps
    /// nothing of it.
    pub(super) fn refuse_one_more(&mut self, worker: &str, id: &str, ask: &Ask, moment: &mut Moment<'_>) {
        if let Ask::Unlock { lock } | Ask::Move { lock } = ask {
            self.give_up_lock(worker, *lock, Belief::MasterHasIt, moment);
        }
        self.reply(worker, &message::failed(worker, id, ask, &Failure::TooMany), moment);
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

    /// Answers a request for the master. A master waits for no answer, and nobody gets two.
    pub(super) fn refuse(
        &mut self,
        from: &str,
        id: &str,
        form: RefusalForm,
        offence: &Offence,
        moment: &mut Moment<'_>,
    ) {
        if from == MASTER || self.requests.demands().find(from, id).is_some() {
            return;
        }
        let why = Failure::Refused(offence.to_string());
        self.reply(from, &message::refused(from, id, form, &why), moment);
    }

    /// A master's answer that its worker cannot take: the request has failed.
    pub(super) fn fail_answered(&mut self, to: Address<'_>, id: &str, offence: &Offence, moment: &mut Moment<'_>) {
        let Address::Peer(worker) = to else { return };
        let Some(seq) = self.requests.demands().find(worker, id).filter(|seq| self.is_delivered(*seq)) else { return };
        let Some(pending) = self.requests.settle(seq, By::Master, moment.now) else { return };
        let why = Failure::BadAnswer(offence.to_string());
        self.reply(worker, &message::failed(worker, id, &pending.ask, &why), moment);
        self.follow_lock(pending, None, moment);
        self.next_turns(moment);
    }

    /// Answers on the master's behalf what no master has answered in time.
    pub(super) fn fail_overdue_requests(&mut self, moment: &mut Moment<'_>) {
        while let Some(seq) = self.requests.take_due(moment.now) {
            let is_hearsay = self.requests.get(seq).is_some_and(Pending::is_hearsay);
            let why = if is_hearsay { Failure::UnknownFate } else { Failure::NoAnswer(self.config.master_timeout) };
            self.fail_pending(seq, &why, moment);
        }
    }

    /// Answers a request on the master's behalf.
    pub(super) fn fail_pending(&mut self, seq: Seq, why: &Failure, moment: &mut Moment<'_>) {
        let Some(Pending { worker, id, ask, state, .. }) = self.requests.settle(seq, By::Hub, moment.now) else {
            return;
        };
        if let Ask::Unlock { lock } | Ask::Move { lock } = ask {
            let belief = if state == State::Delivered { Belief::MasterHasIt } else { Belief::NobodyHasIt };
            self.give_up_lock(&worker, lock, belief, moment);
        }
        self.reply(&worker, &message::failed(&worker, &id, &ask, why), moment);
        moment.note(NoteKind::RequestFailed, &worker, why.to_string());
    }

    /// What a worker requests about a lock of a former master needs no master: the lock lives in this hub's table only.
    /// Nor may it reach the present one, for which the number means another lock.
    pub(super) fn answer_for_former_master(&mut self, worker: &str, id: &str, ask: &Ask, now: Millis) -> Option<Bytes> {
        let (Ask::Unlock { lock } | Ask::Move { lock }) = ask else { return None };
        let Some(key) = self.meant_as_fenced(worker, *lock, now) else {
            let means_another = match self.locks.held(*lock) {
                Some(held) => held.peer != worker,
                // Of a former run of the hub: no master knows it.
                None if message::is_own_lock(*lock) => true,
                None => self.config.follows_locks() && (self.master.began_here() || self.locks.would_know(*lock)),
            };
            return means_another.then(|| message::failed(worker, id, ask, &Failure::GoneWithMaster));
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
        Some(message::failed(worker, id, ask, &Failure::Expired))
    }

    /// The lock that a worker means by a number, if that is a former master's.
    ///
    /// A worker may hold two locks with one number, of different masters, and its words do not tell which it means.
    /// Both will be released in the end, so the one that keeps others out more is kept longer; of equals the older
    /// goes first. The one that is kept keeps all others out until then; it does not keep a reading transaction
    /// from writing beside a reading one of the same worker.
    fn meant_as_fenced(&self, worker: &str, lock: u64, now: Millis) -> Option<Key> {
        let key = self.locks.fenced(worker, lock, now)?;
        let other_goes_first = self.locks.has_weaker_namesake(key, worker, lock, now)
            && !self.requests.demands().has_requested_release(worker, lock);
        (!other_goes_first).then_some(key)
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
            self.give_back(lock, moment);
        }
    }

    /// A worker takes a lock of the present master for gone, which the hub has refused it to move.
    pub(super) fn take_back(&mut self, worker: &str, lock: u64, moment: &mut Moment<'_>) {
        self.give_up_lock(worker, lock, Belief::NobodyHasIt, moment);
    }

    /// Requests of the master that it release a lock, once it is known to be the one that granted it.
    pub(super) fn release(&mut self, lock: u64, moment: &mut Moment<'_>) {
        if self.master.releases_at_once(lock) {
            let request = OwnRequest::Release(self.master.next_number());
            self.post_release(request, lock, moment);
        } else if self.master.is_absent() {
            self.owe_to_former_master(lock);
        }
    }

    /// Requests of the same master, back after a blip, once more a release that it has not answered: its answer may be
    /// lost. Releasing a lock twice does no harm, for a master never uses a number again.
    pub(super) fn confirm_release(&self, seq: Seq, lock: u64, moment: &mut Moment<'_>) {
        self.post_release(OwnRequest::Confirm(seq), lock, moment);
    }

    /// Requests of the master that it release a lock.
    pub(super) fn post_release(&self, request: OwnRequest, lock: impl Display, moment: &mut Moment<'_>) {
        moment.post(MASTER, message::unlock_request(request, lock));
    }
}
