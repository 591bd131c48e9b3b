//! Which transactions the locks of former masters keep out, known without looking at each of these locks.
//!
//! A lock keeps out every transaction but its own: a write lock all of it, a read lock the writing. So all that counts
//! is which transaction's locks last longest, and which other transaction's do.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// A row's place in the order of granting.
pub(super) type Key = u64;

/// Whom locks of former masters let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenTo<'a> {
    /// There is no lock in the way of anybody.
    Everyone,
    /// All locks are of this transaction.
    Only(&'a str),
    /// The locks are of several transactions.
    Nobody,
}

impl OpenTo<'_> {
    /// A transaction is let through.
    pub(super) fn lets_in(self, tid: &str) -> bool {
        match self {
            Self::Everyone => true,
            Self::Only(only) => only == tid,
            Self::Nobody => false,
        }
    }
}

/// Which locks a master must not give itself, because of those that former ones have granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Forbidden {
    Nothing,
    Writing,
    /// Reading, too.
    Everything,
}

/// When the locks of former masters end, by transaction.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Fences {
    /// Write locks: they keep others from reading.
    writes: Ends,
    /// All locks: they keep others from writing.
    all: Ends,
}

impl Fences {
    /// A lock that counts until `ends`.
    pub(super) fn insert(&mut self, tid: &str, write: bool, ends: Millis, key: Key) {
        self.all.insert(tid, ends, key);
        if write {
            self.writes.insert(tid, ends, key);
        }
    }

    /// The same lock is gone.
    pub(super) fn remove(&mut self, tid: &str, write: bool, ends: Millis, key: Key) {
        self.all.remove(tid, ends, key);
        if write {
            self.writes.remove(tid, ends, key);
        }
    }

    /// No transaction that these locks let through is a master's own.
    pub(super) fn forbidden_to_master(&self, now: Millis) -> Forbidden {
        match (self.open_to(false, now), self.open_to(true, now)) {
            (OpenTo::Everyone, OpenTo::Everyone) => Forbidden::Nothing,
            (OpenTo::Everyone, _) => Forbidden::Writing,
            _ => Forbidden::Everything,
        }
    }

    /// There are none, not even such as have ended.
    pub(super) fn is_empty(&self) -> bool {
        self.all.last.is_empty()
    }

    /// The transaction whose locks keep others out most and for the longest time, and whether one of those is to write.
    pub(super) fn strongest(&self, now: Millis) -> Option<(&str, bool)> {
        let writes = self.writes.longest(now).map(|tid| (tid, true));
        writes.or_else(|| self.all.longest(now).map(|tid| (tid, false)))
    }

    /// A transaction has locks; where asked so, to write.
    pub(super) fn any_of(&self, tid: &str, write: bool, now: Millis) -> bool {
        if write { self.writes.any_of(tid, now) } else { self.all.any_of(tid, now) }
    }

    /// Whose locks can be granted now: locks to write, or to read.
    pub(super) fn open_to(&self, write: bool, now: Millis) -> OpenTo<'_> {
        if write { self.all.open_to(now) } else { self.writes.open_to(now) }
    }
}

/// When locks end, by transaction.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Ends {
    of: HashMap<String, BTreeSet<(Millis, Key)>>,
    /// The last end of each transaction.
    last: BTreeSet<(Millis, String)>,
}

impl Ends {
    fn insert(&mut self, tid: &str, ends: Millis, key: Key) {
        self.change(tid, |locks| locks.insert((ends, key)));
    }

    fn remove(&mut self, tid: &str, ends: Millis, key: Key) {
        self.change(tid, |locks| locks.remove(&(ends, key)));
        if self.of.get(tid).is_some_and(BTreeSet::is_empty) {
            self.of.remove(tid);
        }
    }

    fn change(&mut self, tid: &str, change: impl FnOnce(&mut BTreeSet<(Millis, Key)>) -> bool) {
        let locks = match self.of.get_mut(tid) {
            Some(locks) => locks,
            None => self.of.entry(tid.to_owned()).or_default(),
        };
        let last = |locks: &BTreeSet<(Millis, Key)>| locks.last().map(|(ends, _)| *ends);
        let before = last(locks);
        change(locks);
        let after = last(locks);
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.last.remove(&(before, tid.to_owned()));
        }
        if let Some(after) = after {
            self.last.insert((after, tid.to_owned()));
        }
    }

    fn longest(&self, now: Millis) -> Option<&str> {
        self.last.last().filter(|(ends, _)| now < *ends).map(|(_, tid)| tid.as_str())
    }

    fn any_of(&self, tid: &str, now: Millis) -> bool {
        self.of.get(tid).and_then(BTreeSet::last).is_some_and(|(ends, _)| now < *ends)
    }

    fn open_to(&self, now: Millis) -> OpenTo<'_> {
        let mut lasting = self.last.iter().rev().take_while(|(ends, _)| now < *ends);
        match (lasting.next(), lasting.next()) {
            (None, _) => OpenTo::Everyone,
            (Some((_, tid)), None) => OpenTo::Only(tid),
            (Some(_), Some(_)) => OpenTo::Nobody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_kept_out_by_others_until_the_last_of_their_locks_ends() {
        let mut fences = Fences::default();
        assert_eq!(fences.open_to(true, 0), OpenTo::Everyone);
        fences.insert("t", true, 50, 1);
        fences.insert("t", true, 70, 2);
        fences.insert("u", true, 60, 3);
        for write in [true, false] {
            assert_eq!(fences.open_to(write, 59), OpenTo::Nobody);
            assert_eq!(fences.open_to(write, 60), OpenTo::Only("t"));
            assert_eq!(fences.open_to(write, 70), OpenTo::Everyone);
        }
        fences.remove("t", true, 70, 2);
        assert_eq!(fences.open_to(true, 50), OpenTo::Only("u"));
        fences.remove("u", true, 60, 3);
        fences.remove("t", true, 50, 1);
        assert!(fences.all.of.is_empty() && fences.writes.last.is_empty());
    }

    #[test]
    fn read_locks_keep_out_only_writers() {
        let mut fences = Fences::default();
        fences.insert("t", false, 50, 1);
        assert_eq!(fences.open_to(false, 0), OpenTo::Everyone);
        assert!(fences.open_to(true, 0).lets_in("t") && !fences.open_to(true, 0).lets_in("u"));
    }
}
