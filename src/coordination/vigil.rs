//! What happened to the master last: since when there is none that takes requests, and when one has answered.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// What happened to the master last.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Vigil {
    /// Whether a master takes requests, and since when that is so.
    serves: bool,
    since: Option<Millis>,
    /// When a master has answered a request last.
    answered: Option<Millis>,
}

impl Vigil {
    /// The master has answered a request.
    pub(super) fn master_answers(&mut self, now: Millis) {
        self.answered = Some(now);
    }

    /// A master takes requests from now on, or as before; or none does.
    pub(super) fn looks(&mut self, serves: bool, now: Millis) {
        if self.since.is_none() || self.serves != serves {
            (self.serves, self.since) = (serves, Some(now));
        }
    }

    /// Since when there is, or is not, a master that takes requests; `None`: nobody has come yet.
    pub(super) fn since(&self) -> Option<Millis> {
        self.since
    }

    /// When a master has answered a request last.
    pub(super) fn answered(&self) -> Option<Millis> {
        self.answered
    }
}
