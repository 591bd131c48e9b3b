//! The lock table: which worker holds which lock, and which locks of former masters still count.
//!
//! ```text
//!   granted ──> Held ──── its master is gone or replaced ────> Fenced
//!                │                                              │
//!                └── released, moved to another id, failed ─────┤
//!                                                               v
//!                      removed <── released by its holder, or its holder is gone
//! ```
//!
//! A fenced lock fences conflicting requests until it expires. Its row stays until its holder releases it all the same:
//! the new master numbers its locks from 1 again, so that a late release that went through would release a stranger's
//! lock. The rows of a holder that is gone, and whose locks are not released for it, go when they expire.
//!
//! Locks that are waited for are not here: those are the lock requests in `requests`.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{
    fences::{Fences, Key},
    holdings::Holdings,
    lock_row::{Holder, Row},
    message::{self, Grant, WantedLock},
    returned::Returned,
    timers::Timers,
    writer::Writer,
};
use crate::{
    acebase::{Lock, LockState, histogram::Histogram},
    clock::{Millis, WallClock},
};

/// A database's locks, held and fenced, by their holders.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LockTable {
    pub(super) rows: BTreeMap<Key, Row>,
    /// By the present master's number for it.
    pub(super) held: HashMap<u64, Key>,
    /// The lowest number of a lock that was requested of the present master through this hub.
    pub(super) first: Option<u64>,
    pub(super) holdings: Holdings,
    /// Locks of former masters that have not expired.
    pub(super) fences: Fences,
    /// Ends of fenced locks, and of those whose holder is gone.
    pub(super) ends: Timers<Key>,
    next: Key,
    #[serde(skip, default = "stopped_clock")]
    pub(super) wall_clock: WallClock,
    waits: Histogram,
    holds: Histogram,
    /// Whoever may write, if its lock can be passed on.
    #[serde(default)]
    pub(super) writer: Option<Writer>,
    /// Transactions whose locks have expired and are not returned, as far as masters do not know it, and how many those
    /// are.
    #[serde(default, alias = "expired_lent")]
    pub(super) expired: BTreeMap<String, usize>,
    /// The next number for a lock that the hub grants itself.
    #[serde(default)]
    pub(super) next_own: u64,
    /// How often a lock was passed on.
    #[serde(default)]
    pub(super) passes: u64,
    /// What is returned of the locks of former masters.
    #[serde(default)]
    pub(super) returned: Returned,
}

/// The clock of a table that was just read from data.
fn stopped_clock() -> WallClock {
    |_| 0
}

impl LockTable {
    /// `wall_clock`: what masters' times are compared with.
    pub(super) fn new(wall_clock: WallClock) -> Self {
        Self {
            rows: BTreeMap::new(),
            held: HashMap::new(),
            first: None,
            holdings: Holdings::default(),
            fences: Fences::default(),
            ends: Timers::new(),
            next: 0,
            wall_clock,
            waits: Histogram::default(),
            holds: Histogram::default(),
            writer: None,
            expired: BTreeMap::new(),
            next_own: message::first_own_lock(wall_clock(0)),
            passes: 0,
            returned: Returned::default(),
        }
    }

    /// What masters' times are compared with from now on.
    pub(super) fn set_wall_clock(&mut self, of: &Self) {
        self.wall_clock = of.wall_clock;
        // What comes from a version without has none. Any other number stays: what is played back must grant the same
        // ones.
        if self.next_own == 0 {
            self.next_own = of.next_own;
        }
    }

    /// These are another's, who has left them as data: what follows from them is found out again. A version that did
    /// not note of each lock that it has expired has left so many to each transaction, of locks that were lent
    /// only.
    pub(super) fn go_on(&mut self) {
        self.expired.clear();
        for row in self.rows.values_mut() {
            let was_fenced_too_late = row.ends.is_some_and(|ends| ends <= row.lock.since);
            row.has_expired |= row.lock.state == LockState::Fenced && was_fenced_too_late;
            if row.has_expired {
                *self.expired.entry(row.lock.tid.clone()).or_default() += 1;
            }
        }
    }

    /// A lock that was requested then has been granted.
    pub(super) fn note_wait(&mut self, requested: Millis, now: Millis) {
        self.waits.record(now.saturating_sub(requested));
    }

    /// From the requests for locks to their grants.
    pub(super) fn waits(&self) -> Histogram {
        self.waits
    }

    /// From the grants of locks to their ends. A lock that is moved is another one afterwards.
    pub(super) fn holds(&self) -> Histogram {
        self.holds
    }

    /// The present master granted a lock.
    pub(super) fn grant(&mut self, peer: &str, wanted: WantedLock, grant: &Grant, now: Millis) {
        self.add(peer, wanted, grant.id, grant.expires, now);
    }

    pub(super) fn add(&mut self, peer: &str, wanted: WantedLock, id: u64, expires: Option<u64>, now: Millis) -> Key {
        if let Some(key) = self.held.get(&id) {
            self.remove(*key, now);
        }
        let WantedLock { path, tid, write, comment } = wanted;
        let (peer, state) = (peer.to_owned(), LockState::Held);
        let lock = Lock {
            id: Some(id),
            peer,
            path,
            tid,
            write,
            comment,
            state,
            since: now,
            expires,
            passed: 0,
            has_expired: false,
        };
        let row = Row::new(lock, self.wall_clock, now);
        if let Some(writer) = &mut self.writer {
            writer.gets(&row.lock);
        }
        let key = self.insert(row);
        self.held.insert(id, key);
        key
    }

    pub(super) fn insert(&mut self, row: Row) -> Key {
        let key = self.next;
        self.holdings.add(&row, key);
        self.rows.insert(key, row);
        self.next += 1;
        key
    }

    /// The present master granted this one to a request that came through this hub. Masters number locks in the order
    /// in which they are requested, so this hub has seen the grant of every later one, but of those that the master
    /// gives itself.
    pub(super) fn requested_here(&mut self, id: u64) {
        self.first = Some(self.first.map_or(id, |first| first.min(id)));
    }

    /// A lock of this number that a worker had from the present master would be in the table.
    pub(super) fn would_know(&self, id: u64) -> bool {
        self.first.is_some_and(|first| id >= first)
    }

    /// A lock of the present master.
    pub(super) fn held(&self, id: u64) -> Option<&Lock> {
        Some(&self.rows.get(self.held.get(&id)?)?.lock)
    }

    /// A worker no longer has a lock of the present master.
    pub(super) fn remove_held_by(&mut self, worker: &str, id: u64, now: Millis) -> Option<Lock> {
        self.held(id).filter(|lock| lock.peer == worker)?;
        self.remove(*self.held.get(&id)?, now)
    }

    pub(super) fn get(&self, key: Key) -> Option<&Lock> {
        self.rows.get(&key).map(|row| &row.lock)
    }

    /// A lock of which no master is asked is moved to another path.
    pub(super) fn set_path(&mut self, key: Key, path: String) {
        if let Some(row) = self.rows.get_mut(&key) {
            row.lock.path = path;
        }
    }

    pub(super) fn remove(&mut self, key: Key, now: Millis) -> Option<Lock> {
        let row = self.rows.remove(&key)?;
        self.holds.record(now.saturating_sub(row.granted));
        self.ends.cancel(&key);
        if let (LockState::Fenced, Some(ends)) = (row.lock.state, row.ends) {
            self.fences.remove(&row.lock.tid, row.lock.write, ends, key);
        }
        if let Some(id) = row.lock.id.filter(|id| self.held.get(id) == Some(&key)) {
            self.held.remove(&id);
        }
        if let (LockState::Held, Some(writer)) = (row.lock.state, &mut self.writer) {
            writer.returns(&row.lock);
        }
        if row.has_expired {
            self.forget_expired(&row.lock.tid);
        }
        self.holdings.remove(&row, key);
        if let (LockState::Fenced, Some(life), Some(id)) = (row.lock.state, row.former, row.lock.id) {
            self.returned.add(life, id);
        }
        Some(row.lock)
    }

    /// Who holds which locks.
    pub(super) fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    /// The holder is gone for good, but may be writing still: the lock goes when it expires.
    pub(super) fn leave_to_expire(&mut self, key: Key, now: Millis) {
        if let Some(row) = self.rows.get_mut(&key) {
            row.holder = Holder::Gone;
            let ends = row.must_end(now);
            self.ends.set(key, ends);
        }
    }

    /// A holder that seemed gone for good is back.
    pub(super) fn reclaim(&mut self, worker: &str) {
        for key in self.holdings.of(worker) {
            if let Some(row) = self.rows.get_mut(&key) {
                row.holder = Holder::Around;
            }
        }
    }

    /// When the first fenced or left lock ends.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.ends.next()
    }

    /// Ends what is due. `true`: some fence may have fallen.
    pub(super) fn expire(&mut self, now: Millis) -> bool {
        let mut any = false;
        while let Some(key) = self.ends.take_due(now) {
            any = true;
            self.note_expiry(key);
            if let Some(row) = self.rows.get(&key).filter(|row| row.holder == Holder::Gone) {
                if let (LockState::Held, Some(id)) = (row.lock.state, row.lock.id) {
                    // The master lets it expire by itself.
                    self.cannot_be_passed_on(id);
                }
                self.remove(key, now);
            }
        }
        any
    }

    /// A lock of which no master is asked counts no longer. Of the present master's it is that which knows.
    pub(super) fn note_expiry(&mut self, key: Key) {
        if self.rows.get(&key).is_some_and(|row| row.lock.state == LockState::Fenced) {
            self.is_over(key);
        }
    }

    /// A lock counts no longer. It stays until its holder returns it, and its transaction gets no other.
    pub(super) fn is_over(&mut self, key: Key) {
        if let Some(row) = self.rows.get_mut(&key).filter(|row| !row.has_expired) {
            row.has_expired = true;
            *self.expired.entry(row.lock.tid.clone()).or_default() += 1;
        }
    }

    fn forget_expired(&mut self, tid: &str) {
        if let Some(count) = self.expired.get_mut(tid) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.expired.remove(tid);
            }
        }
    }

    /// How many locks the present master granted.
    pub(super) fn held_count(&self) -> usize {
        self.held.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All that have not expired, in the order of their grants, each with its time.
    pub(super) fn by_age(&self, now: Millis) -> impl Iterator<Item = (&Lock, Millis)> {
        let rows = self.rows.values().filter(move |row| row.ends.is_none_or(|ends| now < ends));
        rows.map(|row| (&row.lock, row.granted))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lock> {
        self.rows.values().map(|row| &row.lock)
    }

    /// All of them, as they are shown.
    pub(super) fn shown(&self) -> impl Iterator<Item = Lock> {
        self.rows.values().map(|row| Lock { has_expired: row.has_expired, ..row.lock.clone() })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const EPOCH: u64 = 1_000_000;

    pub(in super::super) fn wanted(tid: &str, write: bool) -> WantedLock {
        WantedLock { path: "a/b".into(), tid: tid.into(), write, comment: String::new() }
    }

    pub(in super::super) fn grant(id: u64, expires: Option<u64>) -> Grant {
        let expires = expires.map(|at| at + EPOCH);
        Grant { id, path: None, tid: None, write: false, comment: None, expires }
    }

    pub(in super::super) fn table_with(peer: &str, id: u64, tid: &str, write: bool, expires: Option<u64>) -> LockTable {
        let mut locks = LockTable::new(|now| EPOCH + now);
        locks.grant(peer, wanted(tid, write), &grant(id, expires), 0);
        locks
    }

    #[test]
    fn waits_and_holds_are_measured_also_through_a_change_of_masters() {
        let mut locks = LockTable::new(|now| EPOCH + now);
        locks.note_wait(70, 100);
        locks.grant("w", wanted("t", true), &grant(1, None), 100);
        locks.fence_all(None, 300);
        locks.remove(0, 500);
        assert_eq!((locks.waits().count(), locks.waits().sum_ms), (1, 30));
        assert_eq!((locks.holds().count(), locks.holds().sum_ms), (1, 400));
    }

    #[test]
    fn an_expiry_that_a_former_version_has_noted_is_forgotten_when_its_lock_is_returned() {
        let mut locks = table_with("w", 1, "t", true, Some(500));
        locks.grant("w", wanted("t", false), &grant(2, Some(500)), 0);
        locks.fence_all(None, 500);
        // As that one has left it.
        locks.rows.values_mut().for_each(|row| row.has_expired = false);
        locks.go_on();
        assert!(locks.expire(500) && locks.has_expired("t"));
        locks.remove(0, 500);
        assert!(locks.has_expired("t"));
        locks.remove(1, 500);
        assert!(!locks.has_expired("t") && locks.expired.is_empty());
    }

    #[test]
    fn locks_of_a_holder_that_is_gone_end_with_their_expiry() {
        let mut locks = table_with("w", 1, "t", true, Some(500));
        locks.leave_to_expire(0, 100);
        assert_eq!(locks.deadline(), Some(500));
        assert!(!locks.expire(499));
        locks.reclaim("w");
        locks.expire(500);
        assert_eq!(locks.rows.len(), 1);
        locks.leave_to_expire(0, 600);
        locks.expire(600);
        assert!(locks.is_empty() && locks.held(1).is_none());
    }
}
