//! The request that is on trial: of those that were with a master when it ended, the one that the present master is
//! living through. `suspects` tells why.

use super::waiting::Seq;
use crate::clock::Millis;

/// How many masters that ended a request may have been with. One may have ended by chance, of several requests; of a
/// second one, that got the suspects one at a time, this is unlikely.
pub(super) const MAX_STRIKES: u8 = 2;

/// What the ids of releases begin with by which a master is asked whether it lives.
pub(super) const QUESTION: &str = "trial-";

/// A request that is on trial.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) seq: Seq,
    /// When the master is to be asked whether it lives.
    pub(super) ask_at: Option<Millis>,
    /// The question that it has been asked.
    pub(super) question: Option<String>,
}

impl Trial {
    /// When the master is to be asked whether it lives.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.ask_at
    }
}
