//! Who waits for whom, read off the lock table.

use std::collections::HashMap;

use crate::acebase::{Lock, LockState};

/// Blockers that are named for one waiting lock; a write may wait for every reader there is.
pub(super) const MAX_BLOCKERS: usize = 8;

/// The granted locks of a table that count, by transaction. Made in one pass, so that a long table does not have to be
/// searched for each of its waiting locks.
#[derive(Default)]
pub(super) struct Granted<'a> {
    transactions: Vec<Transaction<'a>>,
    by_tid: HashMap<&'a str, usize>,
    /// Those of the transactions that write something.
    writers: Vec<usize>,
    locks: usize,
    writes: usize,
}

#[derive(Default)]
struct Transaction<'a> {
    locks: Vec<&'a Lock>,
    writes: Vec<&'a Lock>,
}

/// What a lock waits for: the first few, and how many there are.
#[derive(Default)]
pub(super) struct Blockers<'a> {
    pub first: Vec<&'a Lock>,
    pub count: usize,
}

impl<'a> Granted<'a> {
    pub(super) fn of(table: &'a [Lock]) -> Self {
        let mut granted = Self::default();
        for lock in table.iter().filter(|lock| lock.state != LockState::Waiting && !lock.has_expired) {
            granted.add(lock);
        }
        granted
    }

    fn add(&mut self, lock: &'a Lock) {
        let index = *self.by_tid.entry(&lock.tid).or_insert_with(|| {
            self.transactions.push(Transaction::default());
            self.transactions.len() - 1
        });
        let transaction = &mut self.transactions[index];
        transaction.locks.push(lock);
        self.locks += 1;
        if lock.write {
            if transaction.writes.is_empty() {
                self.writers.push(index);
            }
            transaction.writes.push(lock);
            self.writes += 1;
        }
    }

    /// The locks that keep one from being granted: of another transaction, and either of the two writes. AceBase grants
    /// one write at a time in the whole database, so paths make no difference. A lock that does not wait has none.
    pub(super) fn blockers(&self, waiting: &Lock) -> Blockers<'a> {
        if waiting.state != LockState::Waiting {
            return Blockers::default();
        }
        let own = self.by_tid.get(&*waiting.tid).copied();
        let of_own = own.map(|index| &self.transactions[index]);
        let others = |index: &usize| Some(*index) != own;
        if waiting.write {
            let others = (0..self.transactions.len()).filter(others);
            Blockers {
                first: first_few(others.flat_map(|index| &self.transactions[index].locks)),
                count: self.locks - of_own.map_or(0, |own| own.locks.len()),
            }
        } else {
            let others = self.writers.iter().copied().filter(others);
            Blockers {
                first: first_few(others.flat_map(|index| &self.transactions[index].writes)),
                count: self.writes - of_own.map_or(0, |own| own.writes.len()),
            }
        }
    }
}

fn first_few<'t, 'a: 't>(locks: impl Iterator<Item = &'t &'a Lock>) -> Vec<&'a Lock> {
    locks.take(MAX_BLOCKERS).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(peer: &str, tid: &str, write: bool, state: LockState) -> Lock {
        let (peer, tid) = (peer.into(), tid.into());
        Lock {
            id: Some(1),
            peer,
            path: "a".into(),
            tid,
            write,
            comment: String::new(),
            state,
            since: 0,
            expires: None,
            passed: 0,
            has_expired: false,
        }
    }

    fn blocking(waiting: &Lock, table: &[Lock]) -> Vec<String> {
        let blockers = Granted::of(table).blockers(waiting);
        assert_eq!(blockers.first.len(), blockers.count);
        blockers.first.iter().map(|lock| lock.peer.clone()).collect()
    }

    #[test]
    fn a_write_waits_for_all_of_other_transactions_and_a_read_for_writes() {
        let table = [
            lock("reader", "1", false, LockState::Held),
            lock("writer", "2", true, LockState::Fenced),
            lock("queued", "3", true, LockState::Waiting),
        ];
        assert_eq!(blocking(&lock("w", "9", true, LockState::Waiting), &table), ["reader", "writer"]);
        assert_eq!(blocking(&lock("w", "9", false, LockState::Waiting), &table), ["writer"]);
        assert_eq!(blocking(&lock("w", "2", true, LockState::Waiting), &table), ["reader"]);
        assert!(blocking(&table[0], &table).is_empty());
    }

    #[test]
    fn nobody_waits_for_a_lock_that_has_expired() {
        let mut table = [lock("writer", "1", true, LockState::Held), lock("reader", "2", false, LockState::Fenced)];
        table[0].has_expired = true;
        assert_eq!(blocking(&lock("w", "9", true, LockState::Waiting), &table), ["reader"]);
    }
}
