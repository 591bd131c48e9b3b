//! The lock table's part in changes of masters: which locks of former masters still count, and whom they keep out.

use std::collections::BTreeMap;

use super::{
    fences::{Key, OpenTo},
    lock_row::Row,
    locks::LockTable,
    message::WantedLock,
};
use crate::{acebase::LockState, clock::Millis};

impl LockTable {
    /// The master is gone: what it granted counts on, until released or expired. `life`: the master's, if it has one.
    pub(super) fn fence_all(&mut self, life: Option<&str>, now: Millis) {
        (self.first, self.writer) = (None, None);
        let held = std::mem::take(&mut self.held);
        for key in held.into_values() {
            self.fence(key, now);
            self.note_former(key, life);
        }
    }

    /// As [`LockTable::fence_all`], of one lock: a former master granted it.
    pub(super) fn fence_one(&mut self, id: u64, life: Option<&str>, now: Millis) {
        if let Some(key) = self.held.remove(&id) {
            self.fence(key, now);
            self.note_former(key, life);
        }
    }

    fn note_former(&mut self, key: Key, life: Option<&str>) {
        if let Some(row) = self.rows.get_mut(&key) {
            row.former = life.map(str::to_owned);
        }
    }

    pub(super) fn fence(&mut self, key: Key, now: Millis) {
        let Some(row) = self.rows.get_mut(&key) else { return };
        if let (LockState::Held, Some(writer)) = (row.lock.state, &mut self.writer) {
            writer.returns(&row.lock);
        }
        (row.lock.state, row.lock.since) = (LockState::Fenced, now);
        let ends = row.must_end(now);
        self.fences.insert(&row.lock.tid, row.lock.write, ends, key);
        self.ends.set(key, ends);
        self.holdings.fence(row, key);
        if ends <= now {
            self.note_expiry(key);
        }
    }

    /// Locks that a former master has granted are the present one's. Returns which they are, by their workers.
    pub(super) fn take_down_fences_of(&mut self, life: &str, now: Millis) -> BTreeMap<String, Vec<u64>> {
        let is_of = |row: &Row| row.lock.state == LockState::Fenced && row.former.as_deref() == Some(life);
        let keys: Vec<Key> = self.rows.iter().filter(|(_, row)| is_of(row)).map(|(key, _)| *key).collect();
        let mut by_worker = BTreeMap::<String, Vec<u64>>::new();
        for (worker, lock) in keys.into_iter().filter_map(|key| self.take_down(key, now)) {
            by_worker.entry(worker).or_default().push(lock);
        }
        by_worker
    }

    fn take_down(&mut self, key: Key, now: Millis) -> Option<(String, u64)> {
        let row = self.rows.get_mut(&key)?;
        let id = row.lock.id?;
        (row.lock.state, row.lock.since, row.former) = (LockState::Held, now, None);
        if let Some(ends) = row.ends {
            self.fences.remove(&row.lock.tid, row.lock.write, ends, key);
        }
        self.ends.cancel(&key);
        self.holdings.take_down(row, key);
        self.held.insert(id, key);
        Some((row.lock.peer.clone(), id))
    }

    /// A lock of a former master keeps this one from being granted: of another transaction, and either of them writes.
    pub(super) fn is_fenced_off(&self, wanted: &WantedLock, now: Millis) -> bool {
        !self.open_to(wanted.write, now).lets_in(&wanted.tid)
    }

    /// Whom the locks of former masters let write, or read.
    pub(super) fn open_to(&self, write: bool, now: Millis) -> OpenTo<'_> {
        self.fences.open_to(write, now)
    }

    /// The lock has not expired, as far as is known.
    pub(super) fn counts(&self, key: Key, now: Millis) -> bool {
        self.rows.get(&key).is_some_and(|row| row.is_fencing(now))
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

    /// How many locks of former masters there are.
    pub(super) fn fenced_count(&self) -> usize {
        self.rows.len() - self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            lock_row::{FENCE_LIMIT_MS, LONGEST_LOCK_MS},
            locks::tests::{EPOCH, grant, table_with, wanted},
        },
        *,
    };
    use crate::clock::WallClock;

    #[test]
    fn a_lock_fences_only_others_and_only_after_its_master() {
        let mut locks = table_with("w", 1, "t", true, Some(500));
        assert!(!locks.is_fenced_off(&wanted("u", false), 0));
        locks.fence_all(None, 10);
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
            locks.fence_all(None, 110);
            assert!(locks.is_fenced_off(&wanted("u", true), 599));
            assert!(!locks.is_fenced_off(&wanted("u", true), 600));
        }
    }

    #[test]
    fn read_locks_fence_only_writers() {
        let mut locks = table_with("w", 1, "t", false, Some(500));
        locks.fence_all(None, 0);
        assert!(!locks.is_fenced_off(&wanted("u", false), 0));
        assert!(locks.is_fenced_off(&wanted("u", true), 0));
    }

    #[test]
    fn an_unknown_or_impossible_expiry_counts_from_the_hand_over() {
        for expires in [None, Some(0)] {
            let mut locks = table_with("w", 1, "t", true, expires);
            locks.fence_all(None, 10);
            assert!(locks.is_fenced_off(&wanted("u", true), 10 + FENCE_LIMIT_MS - 1));
            assert!(!locks.is_fenced_off(&wanted("u", true), 10 + FENCE_LIMIT_MS));
        }
    }

    #[test]
    fn an_expiry_in_the_far_future_is_not_waited_for() {
        let mut locks = table_with("w", 1, "t", true, Some(u64::MAX - EPOCH));
        locks.fence_all(None, 10);
        assert!(locks.is_fenced_off(&wanted("u", true), LONGEST_LOCK_MS - 1));
        assert!(!locks.is_fenced_off(&wanted("u", true), LONGEST_LOCK_MS));
    }

    #[test]
    fn an_expired_fence_remembers_whose_number_it_was() {
        let mut locks = table_with("w", 1, "t", true, Some(500));
        locks.fence_all(None, 0);
        assert!(locks.expire(500));
        assert!(!locks.expire(500));
        let key = locks.fenced("w", 1, 0).unwrap();
        assert!(!locks.counts(key, 500));
        assert!(locks.remove(key, 500).is_some() && locks.is_empty());
    }

    #[test]
    fn a_weaker_lock_with_the_same_number_is_known() {
        let mut locks = table_with("w", 1, "t", true, None);
        locks.fence_all(None, 0);
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
        locks.fence_all(None, 0);
        assert!(locks.fenced("w", 1, 0) > Some(key));
    }
}
