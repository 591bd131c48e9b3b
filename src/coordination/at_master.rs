//! Which requests that concern locks the master has and has not answered.

use std::collections::BTreeSet;

use super::{message::Ask, waiting::Seq};

/// The requests for locks, and for moves of locks, that the master has.
#[derive(Debug, Default)]
pub(super) struct AtMaster {
    locks: usize,
    writes: BTreeSet<Seq>,
    moves: usize,
}

impl AtMaster {
    /// The master is given a request.
    pub(super) fn add(&mut self, seq: Seq, ask: &Ask) {
        match ask {
            Ask::Lock(wanted) => {
                self.locks += 1;
                if wanted.write {
                    self.writes.insert(seq);
                }
            }
            Ask::Move { .. } => self.moves += 1,
            Ask::Unlock { .. } | Ask::AddKey | Ask::Free | Ask::Allocate | Ask::CreateIndex | Ask::Custom => {}
        }
    }

    /// The same request is answered, or waits for another master.
    pub(super) fn remove(&mut self, seq: Seq, ask: &Ask) {
        match ask {
            Ask::Lock(_) => {
                self.locks -= 1;
                self.writes.remove(&seq);
            }
            Ask::Move { .. } => self.moves -= 1,
            Ask::Unlock { .. } | Ask::AddKey | Ask::Free | Ask::Allocate | Ask::CreateIndex | Ask::Custom => {}
        }
    }

    /// Whether the master has this one is not known any more.
    pub(super) fn doubt(&mut self, seq: Seq) {
        self.writes.remove(&seq);
    }

    /// Some lock is being requested, or moved.
    pub(super) fn any(&self) -> bool {
        self.locks > 0 || self.moves > 0
    }

    /// Some lock is being moved.
    pub(super) fn any_move(&self) -> bool {
        self.moves > 0
    }

    /// The first request for a lock to write, of those that the master has for sure.
    pub(super) fn first_write(&self) -> Option<Seq> {
        self.writes.first().copied()
    }
}
