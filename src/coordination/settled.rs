//! Requests that may be answered once more: a second answer would kill the client that gets it.
//!
//! That is so where a request went to more than one master, or was answered or given up here while a master had it.
//! Only a fingerprint is kept of each, for a while and up to a number, so this needs neither timers nor cleaning up
//! after peers.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher, Hasher, RandomState},
};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use crate::clock::Millis;

/// How long a late answer is expected, in milliseconds: several times AceBase's lock timeout of 120 s, for a lock
/// request may wait behind several locks that have to expire.
const MEMORY_MS: u64 = 600_000;

/// How many are remembered; the oldest is forgotten first. As many as one worker may have outstanding at once by
/// default, in 6 MB at most.
const MEMORY_ENTRIES: usize = 131_072;

/// Fingerprints of the requests whose next answer must be swallowed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Settled {
    /// What makes fingerprints that nobody can foresee.
    seed: u64,
    known: HashSet<u64>,
    oldest_first: VecDeque<(Millis, u64)>,
}

impl Settled {
    pub(super) fn new() -> Self {
        Self { seed: RandomState::new().hash_one(()), known: HashSet::new(), oldest_first: VecDeque::new() }
    }

    /// Remembers a request.
    pub(super) fn insert(&mut self, worker: &str, id: &str, now: Millis) {
        self.forget_old(now);
        let fingerprint = self.fingerprint(worker, id);
        if self.known.insert(fingerprint) {
            self.oldest_first.push_back((now, fingerprint));
        }
    }

    /// The request has had its answer.
    pub(super) fn contains(&self, worker: &str, id: &str) -> bool {
        self.known.contains(&self.fingerprint(worker, id))
    }

    fn fingerprint(&self, worker: &str, id: &str) -> u64 {
        // Not the standard library's hasher, which another version of it may replace: fingerprints outlive the process.
        let mut hasher = SipHasher13::new_with_keys(self.seed, 0);
        hasher.write(worker.as_bytes());
        // No byte of UTF-8.
        hasher.write_u8(0xff);
        hasher.write(id.as_bytes());
        hasher.finish()
    }

    fn forget_old(&mut self, now: Millis) {
        while let Some((at, fingerprint)) = self.oldest_first.front() {
            if self.oldest_first.len() < MEMORY_ENTRIES && now.saturating_sub(*at) < MEMORY_MS {
                break;
            }
            self.known.remove(fingerprint);
            self.oldest_first.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_remembered_for_a_while() {
        let mut settled = Settled::new();
        settled.insert("w", "r", 0);
        settled.insert("w", "other", MEMORY_MS - 1);
        assert!(settled.contains("w", "r") && !settled.contains("x", "r"));
        settled.insert("w", "another", MEMORY_MS);
        assert!(!settled.contains("w", "r") && settled.contains("w", "other"));
    }

    #[test]
    fn memory_is_bounded() {
        let mut settled = Settled::new();
        for request in 0..2 * MEMORY_ENTRIES {
            settled.insert("w", &request.to_string(), 0);
        }
        assert_eq!((settled.known.len(), settled.oldest_first.len()), (MEMORY_ENTRIES, MEMORY_ENTRIES));
    }
}
