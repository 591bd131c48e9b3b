//! Locks pass from worker to worker: while one transaction writes, those that want to be next wait in line here, and
//! when it has returned its lock, the first in line is granted the same lock, without a word to the master. It takes
//! two hops and a turn of the master less, for each write.
//!
//! ```text
//!   worker A          hub            master
//!      ├─ lock ────────>├─ lock ───────>│
//!      │<────── lock 7 ─┤<────── lock 7 ┤
//!      │    B: lock ───>│ in line       │
//!      ├─ unlock 7 ────>│               │
//!      │<──────────── ok┤               │
//!      │    B <─ lock 7 ┤               │
//!      │    B: unlock ─>├─ unlock 7 ───>│   nobody waits, or a reader does, or it is time
//! ```
//!
//! To the master it is one long transaction. So a lock is passed on for a short time only (`passLocksFor`): then the
//! master's own transactions have their turn, and those of readers. It keeps the master's number, so that after a crash
//! of the hub whoever has the lock releases it with the master itself. The next hub learns of it from workers with the
//! extension (`retelling`), and takes the lock for lent as before.
//!
//! Nothing is passed on but a write lock, and only between transactions all of whose locks are known here
//! (`survivors`), and while the master has no request for a lock: it would be overtaken, or, of the same transaction,
//! granted. What a transaction with a lent lock needs besides, the hub grants: the master would take it for another's.

use bytes::Bytes;

use super::{
    ClusterCoordinator,
    message::{self, Ask, Grant, WantedLock},
    requests::By,
    waiting::{Place, Seq},
};
use crate::{clock::Millis, hub::coordinator::Moment};

impl ClusterCoordinator {
    /// The master has granted a lock, and would not have if another transaction still had its write lock: that one has
    /// expired.
    pub(super) fn notice_grant(&mut self, worker: &str, grant: &Grant, moment: &mut Moment<'_>) {
        let Some(writer) = self.locks.writer() else { return };
        if writer.may_be_granted_more() && grant.tid.as_ref().is_some_and(|tid| writer.is(worker, tid)) {
            return;
        }
        if writer.has_it_lent() {
            self.lent_lock_expires(moment);
        } else if grant.tid.is_some() {
            self.locks.writer_has_expired();
        }
    }

    /// The master has granted this lock to a request that came through this hub.
    pub(super) fn begin_to_write(&mut self, worker: &str, lock: u64, moment: &mut Moment<'_>) {
        let Some(tid) = self.locks.held(lock).map(|lock| lock.tid.clone()) else { return };
        if self.config.passes_locks() && self.survivors.began_here(worker, &tid, self.age(moment.now)) {
            self.locks.begin_writing(lock, self.config.pass_locks_for);
            self.serve(&tid, moment);
        }
    }

    /// Requests of this transaction that wait in line need wait no longer.
    fn serve(&mut self, tid: &str, moment: &mut Moment<'_>) {
        let mut own: Vec<Seq> = Vec::new();
        for write in [true, false] {
            own.extend(self.requests.waiting().at(&Place::Line { write, tid: tid.into() }));
        }
        own.sort_unstable();
        self.look_again_at(own, moment);
    }

    /// A request for a lock must wait until others have written.
    pub(super) fn waits_in_line(&self, worker: &str, wanted: &WantedLock, now: Millis) -> bool {
        if let Some(writer) = self.locks.writer() {
            if writer.is(worker, &wanted.tid) {
                return false;
            }
            if writer.keeps_others(now) || writer.would_be_mistaken(wanted) {
                return true;
            }
        }
        self.config.passes_locks() && wanted.write && self.waits_behind_another(worker, wanted)
    }

    /// The master has, for sure, the request of another transaction that wants to write. Behind it, this one would wait
    /// there as it does here; but a worker that has a lock may have to go on before the other one can.
    fn waits_behind_another(&self, worker: &str, wanted: &WantedLock) -> bool {
        let first = self.requests.at_master().first_write().and_then(|seq| self.requests.get(seq));
        let is_another = first.is_some_and(|first| !matches!(&first.ask, Ask::Lock(lock) if lock.tid == wanted.tid));
        is_another && !self.locks.holdings().any_of(worker)
    }

    /// What a transaction requests that has a lock lent: the master knows nothing of that. `None`: it has not.
    pub(super) fn answer_borrower(&mut self, worker: &str, id: &str, ask: &Ask, now: Millis) -> Option<Bytes> {
        match ask {
            Ask::Lock(wanted) => {
                let key = self.locks.grant_beside_lent(worker, wanted, now)?;
                self.locks.get(key).map(|lock| message::granted(worker, id, lock))
            }
            Ask::Move { lock } => {
                let key = self.locks.key_of_lent(worker, *lock)?;
                let parent = message::parent_path(&self.locks.get(key)?.path).to_owned();
                self.locks.set_path(key, parent);
                self.locks.get(key).map(|lock| message::granted(worker, id, lock))
            }
            Ask::Unlock { .. } | Ask::AddKey | Ask::Free | Ask::Allocate | Ask::CreateIndex | Ask::Custom => None,
        }
    }

    /// A worker no longer has a lock of the present master, which is not in the table any more. It goes back to the
    /// master, unless the next one gets it, or its transaction goes on under others.
    pub(super) fn give_back(&mut self, lock: u64, moment: &mut Moment<'_>) {
        if self.locks.goes_back_at_once(lock) {
            self.release(lock, moment);
        }
        self.writer_may_be_done(moment);
    }

    /// The master itself has taken back a lock, which is not in the table any more.
    pub(super) fn is_back(&mut self, lock: u64, moment: &mut Moment<'_>) {
        self.locks.cannot_be_passed_on(lock);
        self.writer_may_be_done(moment);
    }

    /// Whoever writes may have returned all: then it is the next one's turn.
    pub(super) fn writer_may_be_done(&mut self, moment: &mut Moment<'_>) {
        if !self.locks.writer().is_some_and(|writer| writer.is_done()) || self.passes_on(moment) {
            return;
        }
        if let Some(lock) = self.locks.end_writing() {
            self.release(lock, moment);
        }
        self.line_goes_on(moment);
    }

    /// Lends the lock to the first in line, if that is how it should be.
    fn passes_on(&mut self, moment: &mut Moment<'_>) -> bool {
        if !self.may_pass_on(moment.now) {
            return false;
        }
        while let Some(seq) = self.requests.waiting().line().first() {
            let Some(first) = self.requests.get(seq) else { return false };
            if !self.sessions.is_connected(&first.worker) {
                let place = Place::Worker(first.worker.clone());
                self.keep_waiting(seq, place, moment.now);
                continue;
            }
            return match &first.ask {
                // What was sent again, the master may have, too.
                Ask::Lock(wanted) if !first.is_resent && self.may_be_lent(&first.worker, wanted, moment.now) => {
                    self.lend(seq, moment)
                }
                _ => false,
            };
        }
        false
    }

    fn may_pass_on(&self, now: Millis) -> bool {
        let keeps_others =
            self.locks.writer().is_some_and(|writer| writer.lock().is_some() && writer.keeps_others(now));
        keeps_others
            && self.config.passes_locks()
            && self.under_way.is_none()
            && self.master.is_present()
            && !self.requests.at_master().any()
    }

    fn may_be_lent(&self, worker: &str, wanted: &WantedLock, now: Millis) -> bool {
        wanted.write
            && self.survivors.began_here(worker, &wanted.tid, self.age(now))
            && !self.locks.is_fenced_off(wanted, now)
            && !self.locks.has_expired(&wanted.tid)
    }

    fn lend(&mut self, seq: Seq, moment: &mut Moment<'_>) -> bool {
        let Some(pending) = self.requests.settle(seq, By::Hub, moment.now) else { return false };
        let Ask::Lock(wanted) = pending.ask else { return false };
        let tid = wanted.tid.clone();
        self.locks.note_wait(pending.since, moment.now);
        if let Some(lock) = self.locks.lend(&pending.worker, wanted, moment.now) {
            let answer = message::granted(&pending.worker, &pending.id, lock);
            self.reply(&pending.worker, &answer, moment);
        }
        self.serve(&tid, moment);
        true
    }

    /// Whoever has the lock lent may not go on: the master lets it expire.
    fn lent_lock_expires(&mut self, moment: &mut Moment<'_>) {
        if let Some(lock) = self.locks.expire_lent(moment.now) {
            // In the master's list it would keep out whoever was granted it.
            self.release(lock, moment);
        }
    }

    /// Gives the master what need not wait in line any longer, in order of arrival.
    pub(super) fn line_goes_on(&mut self, moment: &mut Moment<'_>) {
        if !self.master.is_present() {
            return;
        }
        let mut is_open_to = [true, true];
        while let Some((seq, write)) = self.first_in_line(is_open_to) {
            self.look_again(seq, moment);
            if self.requests.waiting().line().first_to(write) == Some(seq) {
                is_open_to[usize::from(write)] = false;
            }
        }
    }

    /// The first in line of those that want to read, or write.
    fn first_in_line(&self, is_open_to: [bool; 2]) -> Option<(Seq, bool)> {
        let line = self.requests.waiting().line();
        let kinds = [false, true].into_iter().filter(|write| is_open_to[usize::from(*write)]);
        kinds.filter_map(|write| Some((line.first_to(write)?, write))).min()
    }

    /// Those in line need not wait for ever.
    pub(super) fn writing_goes_on(&mut self, moment: &mut Moment<'_>) {
        self.locks.writer_ages(moment.now);
        if self.locks.writer().and_then(|writer| writer.ends()).is_some_and(|ends| ends <= moment.now) {
            self.lent_lock_expires(moment);
        }
        self.writer_may_be_done(moment);
    }

    /// When it is time for that.
    pub(super) fn writing_deadline(&self) -> Option<Millis> {
        let writer = self.locks.writer()?;
        let until = writer.keeps_others_until().filter(|_| !self.requests.waiting().line().is_empty());
        [until, writer.ends()].into_iter().flatten().min()
    }
}
