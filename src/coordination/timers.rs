//! Timers by name, for code that gets the time as an argument.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// One timer a key at most; the earliest is known at once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>"))]
pub(super) struct Timers<K> {
    by_key: BTreeMap<K, Millis>,
    by_time: BTreeSet<(Millis, K)>,
}

impl<K: Ord + Clone> Timers<K> {
    pub(super) fn new() -> Self {
        Self { by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    /// Sets the key's timer; an earlier setting is forgotten.
    pub(super) fn set(&mut self, key: K, at: Millis) {
        self.cancel(&key);
        self.by_time.insert((at, key.clone()));
        self.by_key.insert(key, at);
    }

    /// Stops the key's timer, if it runs.
    pub(super) fn cancel(&mut self, key: &K) {
        if let Some((key, at)) = self.by_key.remove_entry(key) {
            self.by_time.remove(&(at, key));
        }
    }

    /// The key's timer runs.
    pub(super) fn runs(&self, key: &K) -> bool {
        self.by_key.contains_key(key)
    }

    /// When the first timer is due.
    pub(super) fn next(&self) -> Option<Millis> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Stops one timer that is due, the earliest first, and tells whose it was.
    pub(super) fn take_due(&mut self, now: Millis) -> Option<K> {
        self.next().filter(|at| *at <= now)?;
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_is_due_first_and_each_only_once() {
        let mut timers = Timers::new();
        timers.set("late", 20);
        timers.set("early", 10);
        timers.set("moved", 5);
        timers.set("moved", 30);
        timers.set("cancelled", 1);
        timers.cancel(&"cancelled");
        assert_eq!(timers.next(), Some(10));
        assert_eq!(timers.take_due(9), None);
        assert_eq!(timers.take_due(20), Some("early"));
        assert_eq!(timers.take_due(20), Some("late"));
        assert_eq!(timers.take_due(20), None);
        assert!(timers.runs(&"moved"));
        assert_eq!(timers.take_due(30), Some("moved"));
        assert_eq!(timers.next(), None);
    }
}
