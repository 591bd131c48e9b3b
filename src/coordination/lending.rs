//! The lock table's part in passing locks on: who may write, and what it has lent.

use super::{
    fences::Key,
    lock_row::Row,
    locks::LockTable,
    message::{self, WantedLock},
    writer::Writer,
};
use crate::{
    acebase::{Lock, LockState},
    clock::Millis,
};

/// How many locks a worker may have when one of its transactions begins to write. Most have none; the locks of one that
/// has more are not looked through, and its write lock is not passed on.
const MAX_LOCKS_BEFORE: usize = 64;

impl LockTable {
    /// Whoever may write.
    pub(super) fn writer(&self) -> Option<&Writer> {
        self.writer.as_ref()
    }

    /// Whoever may write has a lock lent, or somebody had one that has expired.
    pub(super) fn any_lent_or_expired(&self) -> bool {
        self.writer.as_ref().is_some_and(Writer::has_it_lent) || !self.expired.is_empty()
    }

    /// The present master has granted this lock. If it is to write, it may be passed on for `time` milliseconds.
    pub(super) fn begin_writing(&mut self, id: u64, time: u64) {
        let Some(row) = self.held.get(&id).and_then(|key| self.rows.get(key)) else { return };
        let Lock { peer, tid, write, .. } = &row.lock;
        if !write || self.writer.as_ref().is_some_and(|writer| writer.is(peer, tid)) {
            return;
        }
        self.writer = match self.holdings.count_of(peer) <= MAX_LOCKS_BEFORE {
            true => Writer::new(row, self.held_by(peer, tid).len(), time),
            false => None,
        };
    }

    /// A worker has told of these locks after a crash of the hub, by their numbers. The last one to write that bears a
    /// master's number and is not over may be lent: an older one has expired. What the former hub granted beside a lock
    /// that nobody has any more, keeps others out as a former master's does.
    pub(super) fn take_for_lent(&mut self, worker: &str, told: &[u64], now: Millis) {
        let may_write = |row: &Row| row.lock.write && !row.has_expired;
        let writes = |id: &&u64| !message::is_own_lock(**id) && self.row_of(**id).is_some_and(may_write);
        let last = told.iter().filter(writes).max();
        if let Some(row) = last.and_then(|id| self.row_of(*id))
            && self.writer.as_ref().and_then(Writer::lock).is_none_or(|lock| last > Some(&lock.id))
        {
            self.writer = Writer::told(row, self.held_by(worker, &row.lock.tid).len());
        }
        for id in told.iter().filter(|id| message::is_own_lock(**id)) {
            let is_beside = |lock: &Lock| self.writer.as_ref().is_some_and(|writer| writer.is(worker, &lock.tid));
            if self.held(*id).is_some_and(|lock| !is_beside(lock)) {
                self.fence_one(*id, None, now);
            }
        }
    }

    /// The row of a lock of the present master.
    fn row_of(&self, id: u64) -> Option<&Row> {
        self.rows.get(self.held.get(&id)?)
    }

    /// A worker tells anew which locks it holds.
    pub(super) fn forget_told(&mut self, worker: &str) {
        for key in self.holdings.of(worker) {
            if let Some(row) = self.rows.get_mut(&key) {
                row.is_told = false;
            }
        }
    }

    /// All that is known of a lock is an answer to this request that was sent again to a worker that is away.
    pub(super) fn note_hearsay(&mut self, id: u64, request: &str) {
        if let Some(row) = self.held.get(&id).and_then(|key| self.rows.get_mut(key)) {
            row.heard_for = Some(request.to_owned());
        }
    }

    /// A worker tells what it holds, and which requests it awaits: what was only heard of besides, it has returned.
    pub(super) fn forget_hearsay(&mut self, worker: &str, awaits: impl Fn(&str) -> bool, now: Millis) {
        for key in self.holdings.of(worker) {
            let heard_for = self.rows.get_mut(&key).and_then(|row| row.heard_for.take());
            if heard_for.is_some_and(|request| !awaits(&request)) {
                self.remove(key, now);
            }
        }
    }

    /// A worker has told that it holds a lock by this number.
    pub(super) fn note_told(&mut self, worker: &str, id: u64) {
        for key in self.named(worker, id) {
            if let Some(row) = self.rows.get_mut(&key) {
                row.is_told = true;
            }
        }
    }

    /// A worker holds a lock by this number that it has told of.
    pub(super) fn was_told(&self, worker: &str, id: u64) -> bool {
        self.named(worker, id).iter().any(|key| self.rows.get(key).is_some_and(|row| row.is_told))
    }

    /// A worker's locks by this number, of the present master and of former ones.
    fn named(&self, worker: &str, id: u64) -> Vec<Key> {
        let is_its = |key: &Key| self.rows.get(key).is_some_and(|row| row.lock.peer == worker);
        let held = self.held.get(&id).copied().filter(is_its);
        held.into_iter().chain(self.holdings.fenced(worker, id)).collect()
    }

    /// The locks of a worker's transaction, of the present master or under it.
    fn held_by(&self, worker: &str, tid: &str) -> Vec<Key> {
        let is_its =
            |key: &Key| self.rows.get(key).is_some_and(|row| row.lock.state == LockState::Held && row.lock.tid == tid);
        self.holdings.of(worker).into_iter().filter(is_its).collect()
    }

    /// Time passes for whoever may write.
    pub(super) fn writer_ages(&mut self, now: Millis) {
        if let Some(writer) = &mut self.writer {
            writer.time_passes(now);
        }
    }

    /// Nobody is known to write any more. Returns the number of the lock that is to go back to the master.
    pub(super) fn end_writing(&mut self) -> Option<u64> {
        self.writer.take()?.lock().map(|lock| lock.id)
    }

    /// The master has let the locks expire of whoever may write: others may write since. To it they are not lent.
    pub(super) fn writer_has_expired(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        let (worker, tid) = writer.name();
        for key in self.held_by(worker, tid) {
            if self.get(key).is_some_and(|lock| lock.write) {
                self.is_over(key);
            }
        }
    }

    /// The master has a lock back, or will have it another way.
    pub(super) fn cannot_be_passed_on(&mut self, id: u64) {
        if let Some(writer) = &mut self.writer {
            writer.give_up(id);
        }
    }

    /// A lock that is not in the table any more must go back to the master at once. One that can be passed on, when its
    /// transaction has none left; and one that is lent must not before.
    pub(super) fn goes_back_at_once(&mut self, id: u64) -> bool {
        if message::is_own_lock(id) {
            return false;
        }
        match &mut self.writer {
            Some(writer) if writer.lock().is_some_and(|lock| lock.id == id) => {
                let stays = writer.is_done() || writer.has_it_lent();
                if !stays {
                    writer.give_up(id);
                }
                !stays
            }
            _ => true,
        }
    }

    /// Lends the lock of whoever is done with it.
    pub(super) fn lend(&mut self, worker: &str, wanted: WantedLock, now: Millis) -> Option<&Lock> {
        let (id, expires) = self.writer.as_ref()?.lock().map(|lock| (lock.id, lock.expires))?;
        let key = self.add(worker, wanted, id, expires, now);
        let (writer, row) = (self.writer.as_mut()?, self.rows.get_mut(&key)?);
        writer.pass_to(&row.lock);
        row.lock.passed = writer.lock()?.passed();
        self.passes = self.passes.saturating_add(1);
        Some(&row.lock)
    }

    /// Grants one more lock to a transaction that has one lent. `None`: it has not, or that has expired.
    pub(super) fn grant_beside_lent(&mut self, worker: &str, wanted: &WantedLock, now: Millis) -> Option<Key> {
        let writer = self.writer.as_ref().filter(|writer| writer.has_it_lent() && writer.is(worker, &wanted.tid))?;
        let expires = writer.lock()?.expires;
        let id = self.next_own;
        self.next_own = self.next_own.saturating_add(1);
        Some(self.add(worker, wanted.clone(), id, expires, now))
    }

    /// The worker's lock by that number, if the master does not know that it has it.
    pub(super) fn key_of_lent(&self, worker: &str, id: u64) -> Option<Key> {
        let is_lent = |writer: &Writer| writer.has_it_lent() && writer.lock().is_some_and(|lock| lock.id == id);
        let is_unknown_to_master = message::is_own_lock(id) || self.writer.as_ref().is_some_and(is_lent);
        let key = self.held.get(&id).copied().filter(|_| is_unknown_to_master)?;
        self.rows.get(&key).filter(|row| row.lock.peer == worker).map(|_| key)
    }

    /// What is lent expires: its holder may return it, and not go on. Returns the number of the master's lock.
    pub(super) fn expire_lent(&mut self, now: Millis) -> Option<u64> {
        let writer = self.writer.take().filter(Writer::has_it_lent)?;
        let (worker, tid) = writer.name();
        let keys = self.held_by(worker, tid);
        for key in keys {
            if let Some(row) = self.rows.get_mut(&key) {
                row.ends = Some(now);
                row.lock.id.map(|id| self.held.remove(&id));
                self.fence(key, now);
            }
        }
        writer.lock().map(|lock| lock.id)
    }

    /// How often a lock was passed on.
    pub(super) fn passes(&self) -> u64 {
        self.passes
    }
}
