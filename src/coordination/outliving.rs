//! Transactions that have outlived a lock: others may have written since, and what these go on with would undo that. A
//! master refuses them more locks, of those that it knows to have expired; this is for those that it does not know of,
//! or by another transaction's name: of former masters, passed on, or told of after a crash of the hub when they were
//! over.
//!
//! Such a transaction is refused at once, and not left to wait for whoever has got a lock since: within one process,
//! AceBase lets transactions wait for each other's lookups, so that the two could wait for each other.

use bytes::Bytes;

use super::{
    ClusterCoordinator,
    fences::Key,
    lock_row::{LONGEST_LOCK_MS, Row},
    locks::LockTable,
    message::{self, Ask, Failure},
};
use crate::{clock::Millis, hub::coordinator::Moment};

/// How many locks a worker may have for it to be told whether one of them still lets it write. Most have a few; the
/// locks of one that has more are not looked through, and it gets its space.
const MAX_LOCKS: usize = 64;

impl ClusterCoordinator {
    /// What a request is answered that is of a transaction that has outlived a lock. `None`: it is not.
    pub(super) fn answer_outlived(
        &mut self,
        worker: &str,
        id: &str,
        ask: &Ask,
        moment: &mut Moment<'_>,
    ) -> Option<Bytes> {
        let is_refused = match ask {
            Ask::Lock(wanted) => self.locks.has_expired(&wanted.tid),
            Ask::Move { lock } => self.locks.held_too_long(worker, *lock),
            Ask::Allocate => self.locks.may_write_no_more(worker),
            Ask::Unlock { .. } | Ask::AddKey | Ask::Free | Ask::CreateIndex | Ask::Custom => false,
        };
        if !is_refused {
            return None;
        }
        if let Ask::Move { lock } = ask {
            // The client takes a lock that could not be moved for gone.
            self.take_back(worker, *lock, moment);
        }
        Some(message::failed(worker, id, ask, &Failure::Expired))
    }
}

/// The lock table's part in that.
impl LockTable {
    /// The holder of a lock tells how much of its time is left, in milliseconds, by a clock that nobody sets.
    pub(super) fn note_time_left(&mut self, id: u64, left: i64, now: Millis) {
        let Some(key) = self.held.get(&id).copied() else { return };
        let left = Millis::try_from(left).unwrap_or_default().min(LONGEST_LOCK_MS);
        if let Some(row) = self.rows.get_mut(&key) {
            row.ends = Some(now + left);
        }
        if left == 0 {
            self.is_over(key);
        }
    }

    /// The transaction has had a lock for too long, and has not returned it. Others may have written since.
    pub(super) fn has_expired(&self, tid: &str) -> bool {
        self.expired.contains_key(tid)
    }

    /// The worker has had this lock of the present master for too long.
    fn held_too_long(&self, worker: &str, id: u64) -> bool {
        let row = self.held.get(&id).and_then(|key| self.rows.get(key));
        row.is_some_and(|row| row.has_expired && row.lock.peer == worker)
    }

    /// Whatever this worker writes, it may not go on with: all its locks to write have expired. Requests for space do
    /// not tell whose they are.
    fn may_write_no_more(&self, worker: &str) -> bool {
        if self.expired.is_empty() || self.holdings.count_of(worker) > MAX_LOCKS {
            return false;
        }
        let mut locks = self.writes_of(worker).peekable();
        locks.peek().is_some() && locks.all(|row| row.has_expired)
    }

    /// What this worker was writing then, it may not go on with: all locks to write that counted then have expired.
    pub(super) fn may_not_go_on(&self, worker: &str, since: Millis, now: Millis) -> bool {
        let counted = |row: &&Row| row.granted <= since && row.ends.is_none_or(|ends| since < ends);
        let mut locks = self.writes_of(worker).filter(counted).peekable();
        locks.peek().is_some() && locks.all(|row| row.ends.is_some_and(|ends| ends <= now))
    }

    /// A worker has a lock to write, of this master or a former one, as far as is known.
    pub(super) fn may_write(&self, worker: &str) -> bool {
        self.writes_of(worker).next().is_some()
    }

    /// A worker's locks to write.
    fn writes_of(&self, worker: &str) -> impl Iterator<Item = &Row> {
        let keys: Vec<Key> = self.holdings.of(worker);
        keys.into_iter().filter_map(|key| self.rows.get(&key)).filter(|row| row.lock.write)
    }
}
