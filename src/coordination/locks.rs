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
    fences::{Fences, Key, OpenTo},
    holdings::Holdings,
    lock_row::{Holder, Row},
    message::{Grant, WantedLock},
    timers::Timers,
};
use crate::{
    acebase::{Lock, LockState, histogram::Histogram},
    clock::{Millis, WallClock},
};

/// A database's locks, held and fenced, by their holders.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LockTable {
    rows: BTreeMap<Key, Row>,
    /// By the present master's number for it.
    held: HashMap<u64, Key>,
    /// The lowest number of a lock that was requested of the present master through this hub.
    first: Option<u64>,
    holdings: Holdings,
    /// Locks of former masters that have not expired.
    fences: Fences,
    /// Ends of fenced locks, and of those whose holder is gone.
    ends: Timers<Key>,
    next: Key,
    #[serde(skip, default = "stopped_clock")]
    wall_clock: WallClock,
    waits: Histogram,
    holds: Histogram,
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
        }
    }

    /// What masters' times are compared with from now on.
    pub(super) fn set_wall_clock(&mut self, of: &Self) {
        self.wall_clock = of.wall_clock;
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
        if let Some(key) = self.held.get(&grant.id) {
            self.remove(*key, now);
        }
        let WantedLock { path, tid, write, comment } = wanted;
        let (id, expires) = (Some(grant.id), grant.expires);
        let lock =
            Lock { id, peer: peer.to_owned(), path, tid, write, comment, state: LockState::Held, since: now, expires };
        let row = Row::new(lock, self.wall_clock, now);
        self.holdings.add(&row, self.next);
        self.held.insert(grant.id, self.next);
        self.rows.insert(self.next, row);
        self.next += 1;
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

    /// A worker's lock of a former master by that number: of several, one that keeps others out least, and of those the
    /// oldest.
    pub(super) fn fenced(&self, worker: &str, id: u64, now: Millis) -> Option<Key> {
        let rows = self.holdings.fenced(worker, id).filter_map(|key| Some((key, self.rows.get(&key)?)));
        rows.min_by_key(|(key, row)| (row.strength(now), *key)).map(|(key, _)| key)
    }

    /// A worker holds a lock of the present master by that number, which keeps others out less than the fenced one.
    pub(super) fn has_weaker_namesake(&self, fenced: Key, worker: &str, id: u64, now: Millis) -> bool {
        let held = self.held.get(&id).and_then(|key| self.rows.get(key)).filter(|held| held.lock.peer == worker);
        let fenced = self.rows.get(&fenced);
        held.zip(fenced).is_some_and(|(held, fenced)| held.strength(now) < fenced.strength(now))
    }

    pub(super) fn get(&self, key: Key) -> Option<&Lock> {
        self.rows.get(&key).map(|row| &row.lock)
    }

    /// The lock has not expired, as far as is known.
    pub(super) fn counts(&self, key: Key, now: Millis) -> bool {
        self.rows.get(&key).is_some_and(|row| row.is_fencing(now))
    }

    /// A fenced lock is moved to another path.
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
        self.holdings.remove(&row, key);
        Some(row.lock)
    }

    /// The master is gone: what it granted counts on, until released or expired.
    pub(super) fn fence_all(&mut self, now: Millis) {
        self.first = None;
        for key in self.held.drain().map(|(_, key)| key) {
            let Some(row) = self.rows.get_mut(&key) else { continue };
            (row.lock.state, row.lock.since) = (LockState::Fenced, now);
            let ends = row.must_end(now);
            self.fences.insert(&row.lock.tid, row.lock.write, ends, key);
            self.ends.set(key, ends);
            self.holdings.fence(row, key);
        }
    }

    /// A lock of a former master keeps this one from being granted: of another transaction, and either of them writes.
    pub(super) fn is_fenced_off(&self, wanted: &WantedLock, now: Millis) -> bool {
        !self.open_to(wanted.write, now).lets_in(&wanted.tid)
    }

    /// Whom the locks of former masters let write, or read.
    pub(super) fn open_to(&self, write: bool, now: Millis) -> OpenTo<'_> {
        self.fences.open_to(write, now)
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
            if self.rows.get(&key).is_some_and(|row| row.holder == Holder::Gone) {
                self.remove(key, now);
            }
        }
        any
    }

    /// How many locks the present master granted.
    pub(super) fn held_count(&self) -> usize {
        self.held.len()
    }

    /// How many locks of former masters there are.
    pub(super) fn fenced_count(&self) -> usize {
        self.rows.len() - self.held.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lock> {
        self.rows.values().map(|row| &row.lock)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::lock_row::{FENCE_LIMIT_MS, LONGEST_LOCK_MS},
        *,
    };

    const EPOCH: u64 = 1_000_000;

    fn wanted(tid: &str, write: bool) -> WantedLock {
        WantedLock { path: "a/b".into(), tid: tid.into(), write, comment: String::new() }
    }

    fn grant(id: u64, expires: Option<u64>) -> Grant {
        let expires = expires.map(|at| at + EPOCH);
        Grant { id, path: None, tid: None, write: false, comment: None, expires }
    }

    fn table_with(peer: &str, id: u64, tid: &str, write: bool, expires: Option<u64>) -> LockTable {
        let mut locks = LockTable::new(|now| EPOCH + now);
        locks.grant(peer, wanted(tid, write), &grant(id, expires), 0);
        locks
    }

    #[test]
    fn a_lock_fences_only_others_and_only_after_its_master() {
        let mut locks = table_with("w", 1, "t", true, Some(500));
        assert!(!locks.is_fenced_off(&wanted("u", false), 0));
        locks.fence_all(10);
        assert!(locks.is_fenced_off(&wanted("u", false), 499));
        assert!(!locks.is_fenced_off(&wanted("t", true), 499));
        assert!(!locks.is_fenced_off(&wanted("u", true), 500));
        assert_eq!(locks.iter().next().map(|lock| (lock.state, lock.since)), Some((LockState::Fenced, 10)));
    }

    #[test]
    fn a_clock_that_was_set_since_the_start_makes_no_difference() {
        const HOUR: u64 = 3_600_000;
        for wall_clock in [|now| EPOCH + now, |now| EPOCH + now + HOUR] as [WallClock; 2] {
            let mut locks = LockTable::new(wall_clock);
            let expires = Some(wall_clock(100) + 500 - EPOCH);
            locks.grant("w", wanted("t", true), &grant(1, expires), 100);
            locks.fence_all(110);
            assert!(locks.is_fenced_off(&wanted("u", true), 599));
            assert!(!locks.is_fenced_off(&wanted("u", true), 600));
        }
    }

    #[test]
    fn read_locks_fence_only_writers() {
        let mut locks = table_with("w", 1, "t", false, Some(500));
        locks.fence_all(0);
        assert!(!locks.is_fenced_off(&wanted("u", false), 0));
        assert!(locks.is_fenced_off(&wanted("u", true), 0));
    }

    #[test]
    fn an_unknown_or_impossible_expiry_counts_from_the_hand_over() {
        for expires in [None, Some(0)] {
            let mut locks = table_with("w", 1, "t", true, expires);
            locks.fence_all(10);
            assert!(locks.is_fenced_off(&wanted("u", true), 10 + FENCE_LIMIT_MS - 1));
            assert!(!locks.is_fenced_off(&wanted("u", true), 10 + FENCE_LIMIT_MS));
        }
    }

    #[test]
    fn an_expiry_in_the_far_future_is_not_waited_for() {
        let mut locks = table_with("w", 1, "t", true, Some(u64::MAX - EPOCH));
        locks.fence_all(10);
        assert!(locks.is_fenced_off(&wanted("u", true), LONGEST_LOCK_MS - 1));
        assert!(!locks.is_fenced_off(&wanted("u", true), LONGEST_LOCK_MS));
    }

    #[test]
    fn an_expired_fence_remembers_whose_number_it_was() {
        let mut locks = table_with("w", 1, "t", true, Some(500));
        locks.fence_all(0);
        assert!(locks.expire(500));
        assert!(!locks.expire(500));
        let key = locks.fenced("w", 1, 0).unwrap();
        assert!(!locks.counts(key, 500));
        assert!(locks.remove(key, 500).is_some() && locks.is_empty());
    }

    #[test]
    fn a_weaker_lock_with_the_same_number_is_known() {
        let mut locks = table_with("w", 1, "t", true, None);
        locks.fence_all(0);
        let key = locks.fenced("w", 1, 0).unwrap();
        assert!(locks.fenced("other", 1, 0).is_none() && !locks.has_weaker_namesake(key, "w", 1, 0));
        locks.grant("w", wanted("t", false), &grant(1, None), 0);
        assert!(locks.has_weaker_namesake(key, "w", 1, 0) && !locks.has_weaker_namesake(key, "other", 1, 0));
        locks.remove_held_by("other", 1, 0);
        assert!(locks.held(1).is_some());
        locks.remove_held_by("w", 1, 0);
        locks.grant("w", wanted("t", true), &grant(1, None), 0);
        assert!(!locks.has_weaker_namesake(key, "w", 1, 0));
        locks.grant("w", wanted("t", false), &grant(1, None), 0);
        locks.fence_all(0);
        assert!(locks.fenced("w", 1, 0) > Some(key));
    }

    #[test]
    fn waits_and_holds_are_measured_also_through_a_change_of_masters() {
        let mut locks = LockTable::new(|now| EPOCH + now);
        locks.note_wait(70, 100);
        locks.grant("w", wanted("t", true), &grant(1, None), 100);
        locks.fence_all(300);
        locks.remove(0, 500);
        assert_eq!((locks.waits().count(), locks.waits().sum_ms), (1, 30));
        assert_eq!((locks.holds().count(), locks.holds().sum_ms), (1, 400));
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
