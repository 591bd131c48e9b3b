//! What is returned of the locks of former masters while those are away. Such a master may be back, as the same
//! process: it has them in its table still, and is to release them then.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::message;

/// How many are remembered: more than workers return of one master's before that is given up.
const MAX_RETURNED: usize = 10_000;

/// Locks of former masters that were returned, by the lives of those, the last one last.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Returned(VecDeque<(String, u64)>);

impl Returned {
    /// A lock of that master is returned.
    pub(super) fn add(&mut self, life: String, lock: u64) {
        if message::is_own_lock(lock) {
            // No master knows it.
            return;
        }
        self.0.push_back((life, lock));
        if self.0.len() > MAX_RETURNED {
            self.0.pop_front();
        }
    }

    /// That master is back: what it does not know to be returned.
    pub(super) fn take_of(&mut self, life: &str) -> Vec<u64> {
        let (own, others): (Vec<_>, Vec<_>) = self.0.drain(..).partition(|(of, _)| *of == life);
        self.0 = others.into();
        own.into_iter().map(|(_, lock)| lock).collect()
    }
}
