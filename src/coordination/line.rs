//! The requests for locks that wait in line for their turn to write, or to read, in order of arrival.

use std::collections::BTreeSet;

/// A request's place in the order of arrival.
pub(super) type Seq = u64;

/// Those in line.
#[derive(Debug, Default)]
pub(super) struct Line {
    writes: BTreeSet<Seq>,
    reads: BTreeSet<Seq>,
}

impl Line {
    fn of(&mut self, write: bool) -> &mut BTreeSet<Seq> {
        if write { &mut self.writes } else { &mut self.reads }
    }

    /// A request gets in line.
    pub(super) fn insert(&mut self, write: bool, seq: Seq) {
        self.of(write).insert(seq);
    }

    /// It waits no longer.
    pub(super) fn remove(&mut self, write: bool, seq: Seq) {
        self.of(write).remove(&seq);
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.writes.len() + self.reads.len()
    }

    /// Nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first in line.
    pub(super) fn first(&self) -> Option<Seq> {
        [&self.writes, &self.reads].into_iter().filter_map(BTreeSet::first).min().copied()
    }

    /// The first of those that want to write, or to read.
    pub(super) fn first_to(&self, write: bool) -> Option<Seq> {
        if write { self.writes.first().copied() } else { self.reads.first().copied() }
    }
}
