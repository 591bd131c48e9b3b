//! What workers leave behind that are gone for good.
//!
//! A FIN or RST, and no return since, tells of a process that has ended; no return after the server has stopped, too:
//! its locks are released. A worker that was lost otherwise may be writing still, cut off: its locks are left to
//! AceBase's own timeout. Either way its requests are given up, and locks that are granted to it too late are released,
//! for it has never heard of them.

use bytes::Bytes;

use super::{
    ClusterCoordinator,
    absences::Absence,
    fences::Key,
    given_back::usage_of,
    message::{self, Ask},
    requests::By,
};
use crate::{
    acebase::{LockState, NoteKind},
    clock::Millis,
    hub::coordinator::{Loss, Moment},
};

impl ClusterCoordinator {
    /// A worker's session is over: it is waited for if it has left something behind.
    pub(super) fn await_worker(
        &mut self,
        worker: &str,
        loss: Loss,
        lost_at: Millis,
        undelivered: &[Bytes],
        now: Millis,
    ) {
        let mut answers = undelivered.iter().filter(|text| message::is_answer(text)).peekable();
        let left_something = self.requests.demands().any_of(worker) || self.locks.holdings().any_of(worker);
        if !left_something && answers.peek().is_none() {
            return;
        }
        let until = (lost_at + self.config.absence()).max(now);
        self.absences.begin(worker, loss, now, until);
        for answer in answers {
            self.absences.keep(worker, answer);
        }
    }

    /// Deals with the workers that have been away for too long.
    pub(super) fn forget_overdue_workers(&mut self, moment: &mut Moment<'_>) {
        while let Some((worker, absence)) = self.absences.take_due(moment.now) {
            self.give_up_requests(&worker, moment);
            for key in self.locks.holdings().of(&worker) {
                self.give_up_orphan(key, &absence, moment);
            }
            self.fences_may_have_fallen(moment);
            self.next_turns(moment);
        }
    }

    fn give_up_requests(&mut self, worker: &str, moment: &mut Moment<'_>) {
        for seq in self.requests.demands().of(worker) {
            if let Some(pending) = self.requests.settle(seq, By::Hub, moment.now)
                && let Ask::Unlock { lock } = pending.ask
                // It had finished with this lock.
                && self.locks.remove_held_by(worker, lock, moment.now).is_some()
            {
                self.give_back(lock, moment);
            }
        }
    }

    fn give_up_orphan(&mut self, key: Key, absence: &Absence, moment: &mut Moment<'_>) {
        let Some(lock) = self.locks.get(key) else { return };
        let never_reached_it = lock.state == LockState::Held && lock.since > absence.since;
        if !never_reached_it && !self.releases_locks_after(absence.loss) {
            return self.locks.leave_to_expire(key, moment.now);
        }
        let Some(lock) = self.locks.remove(key, moment.now) else { return };
        if let (LockState::Held, Some(id)) = (lock.state, lock.id) {
            self.give_back(id, moment);
        }
        if !never_reached_it {
            self.given_back.add(lock.clone());
        }
        let what = if lock.write { "write" } else { "read" };
        let detail = format!("The {what} lock of {} on \"/{}\" was released, for {0} is gone", lock.peer, lock.path);
        moment.note(NoteKind::LockReleased, &lock.peer, detail);
    }

    /// A worker is back that does not tell what it holds: it believes that it has what it had.
    pub(super) fn restore_given_back(&mut self, worker: &str, now: Millis) {
        for lock in self.given_back.take_of(worker) {
            let (own, all) = (self.locks.holdings().usage_of(worker), self.locks.holdings().usage());
            if self.bounds.admit(usage_of(&lock), own, all) {
                self.locks.add_over(lock, now);
            }
        }
    }

    fn releases_locks_after(&self, loss: Loss) -> bool {
        let has_ended = match loss {
            Loss::Fin | Loss::Reset | Loss::Closed | Loss::Shutdown => true,
            Loss::Unreachable | Loss::Slow | Loss::Violation | Loss::Kicked => false,
        };
        has_ended && self.config.release_locks_after > 0
    }
}
