//! The request that is on trial: of those that were with a master when it ended, the one that the present master is
//! living through. `suspects` tells why.

use serde::{Deserialize, Serialize};

use super::waiting::Seq;
use crate::clock::Millis;

/// How many masters that ended a request may have been with. One may have ended by chance, of several requests; of a
/// second one, that got the suspects one at a time, this is unlikely.
pub(super) const MAX_STRIKES: u8 = 2;

/// A request that is on trial.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Trial {
    pub(super) seq: Seq,
    /// When the master is to be challenged to show that it lives.
    pub(super) challenge_at: Option<Millis>,
    /// The number of that challenge, once it has been made.
    pub(super) challenge: Option<u64>,
}

impl Trial {
    /// When the master is to be challenged to show that it lives.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.challenge_at
    }
}
