//! A warning that there may be cause for again and again, and that is told once a minute.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// Least time between two of the same kind, in milliseconds: what they are about goes on for as long as nobody reads
/// them.
pub(super) const WARN_EVERY_MS: u64 = 60_000;

/// When it was told last, and how often there was cause for it since.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Rarely {
    last: Option<Millis>,
    untold: u64,
}

impl Rarely {
    /// There is cause for it. Gives how often there was since it was told last, if it is time to tell it.
    pub(super) fn caused(&mut self, now: Millis) -> Option<u64> {
        self.untold += 1;
        if self.last.is_some_and(|last| now - last < WARN_EVERY_MS) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}
