//! Locks that were released for workers that were gone for good, as it seemed. Should one of them be back after all, it
//! takes a lock for its own that others have had since: so that lock is over, and its transaction gets no other.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{bounds::Usage, lock_row::Row, locks::LockTable};
use crate::{
    acebase::{Lock, LockState},
    clock::Millis,
};

/// How much is remembered, in bytes: a thousand locks or so. Of more the oldest are forgotten, whose workers are the
/// least likely to come back.
const MAX_BYTES: usize = 256 * 1024;

/// Locks that were given back on behalf of those who had them, the last one last.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct GivenBack {
    locks: VecDeque<Lock>,
    bytes: usize,
}

impl GivenBack {
    /// This lock is given back.
    pub(super) fn add(&mut self, lock: Lock) {
        self.bytes += usage_of(&lock).bytes;
        self.locks.push_back(lock);
        while self.bytes > MAX_BYTES
            && let Some(oldest) = self.locks.pop_front()
        {
            self.bytes -= usage_of(&oldest).bytes;
        }
    }

    /// The locks of a worker that were given back, which are remembered no longer.
    pub(super) fn take_of(&mut self, worker: &str) -> Vec<Lock> {
        let (own, others): (Vec<_>, Vec<_>) = self.locks.drain(..).partition(|lock| lock.peer == worker);
        self.locks = others.into();
        self.bytes -= own.iter().map(|lock| usage_of(lock).bytes).sum::<usize>();
        own
    }
}

/// What it takes to remember a lock.
pub(super) fn usage_of(lock: &Lock) -> Usage {
    Usage::of_lock(lock.peer.len() + lock.path.len() + lock.tid.len() + lock.comment.len())
}

impl LockTable {
    /// A lock that its holder has not returned, and that counts no longer: no master knows it.
    pub(super) fn add_over(&mut self, lock: Lock, now: Millis) {
        let lock = Lock { state: LockState::Fenced, since: now, ..lock };
        let row = Row { ends: Some(now), ..Row::new(lock, self.wall_clock, now) };
        let key = self.insert(row);
        if let Some(row) = self.rows.get(&key) {
            self.holdings.fence(row, key);
        }
        self.is_over(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(id: u64, peer: &str) -> Lock {
        Lock {
            id: Some(id),
            peer: peer.to_owned(),
            path: "a".repeat(1000),
            tid: "t".to_owned(),
            write: true,
            comment: String::new(),
            state: LockState::Held,
            since: 0,
            expires: None,
            passed: 0,
            has_expired: false,
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_is_forgotten() {
        let mut given_back = GivenBack::default();
        (0..1000).for_each(|id| given_back.add(lock(id, if id % 2 == 0 { "v" } else { "w" })));
        assert!(given_back.bytes <= MAX_BYTES && !given_back.locks.is_empty());
        let count = given_back.locks.len();
        let of_v = given_back.take_of("v");
        assert_eq!((of_v.len(), of_v.last().and_then(|lock| lock.id)), (count / 2, Some(998)));
        assert!(given_back.take_of("v").is_empty());
        given_back.take_of("w");
        assert_eq!(given_back.bytes, 0);
    }
}
