//! Who holds which locks: the lock table by worker, and how much each worker's locks take.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::{bounds::Usage, fences::Key, lock_row::Row};

/// One worker's locks.
#[derive(Debug, Default, Serialize, Deserialize)]
struct LocksOfWorker {
    keys: BTreeSet<Key>,
    /// Those of former masters, by their number.
    fenced: BTreeSet<(u64, Key)>,
    usage: Usage,
}

/// The locks of all workers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Holdings {
    by_worker: HashMap<String, LocksOfWorker>,
    usage: Usage,
}

impl Holdings {
    /// A lock is granted.
    pub(super) fn add(&mut self, row: &Row, key: Key) {
        let of_worker = self.by_worker.entry(row.lock.peer.clone()).or_default();
        of_worker.keys.insert(key);
        of_worker.usage += row.usage;
        self.usage += row.usage;
    }

    /// The master that granted a lock is gone.
    pub(super) fn fence(&mut self, row: &Row, key: Key) {
        if let Some(of_worker) = self.by_worker.get_mut(&row.lock.peer) {
            of_worker.fenced.insert((row.lock.id.unwrap_or_default(), key));
        }
    }

    /// The same master is back.
    pub(super) fn take_down(&mut self, row: &Row, key: Key) {
        if let Some(of_worker) = self.by_worker.get_mut(&row.lock.peer) {
            of_worker.fenced.remove(&(row.lock.id.unwrap_or_default(), key));
        }
    }

    /// A lock is gone.
    pub(super) fn remove(&mut self, row: &Row, key: Key) {
        self.usage -= row.usage;
        let Some(of_worker) = self.by_worker.get_mut(&row.lock.peer) else { return };
        of_worker.keys.remove(&key);
        of_worker.fenced.remove(&(row.lock.id.unwrap_or_default(), key));
        of_worker.usage -= row.usage;
        if of_worker.keys.is_empty() {
            self.by_worker.remove(&row.lock.peer);
        }
    }

    /// A worker's locks of former masters by that number, in order of granting.
    pub(super) fn fenced(&self, worker: &str, id: u64) -> impl Iterator<Item = Key> {
        let of_worker = self.by_worker.get(worker).into_iter();
        of_worker
            .flat_map(move |of_worker| of_worker.fenced.range((id, Key::MIN)..=(id, Key::MAX)).map(|(_, key)| *key))
    }

    /// A worker's locks, in order of granting.
    pub(super) fn of(&self, worker: &str) -> Vec<Key> {
        self.by_worker.get(worker).into_iter().flat_map(|of_worker| of_worker.keys.iter().copied()).collect()
    }

    /// How many locks a worker has.
    pub(super) fn count_of(&self, worker: &str) -> usize {
        self.by_worker.get(worker).map_or(0, |of_worker| of_worker.keys.len())
    }

    /// The worker has locks.
    pub(super) fn any_of(&self, worker: &str) -> bool {
        self.by_worker.contains_key(worker)
    }

    /// What a worker's locks take up.
    pub(super) fn usage_of(&self, worker: &str) -> Usage {
        self.by_worker.get(worker).map(|of_worker| of_worker.usage).unwrap_or_default()
    }

    /// What all locks take up.
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }
}
