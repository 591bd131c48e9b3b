//! The door: connections that have asked to come in and have not joined yet.
//!
//! Whether they may is the coordinator's to say, at once or later; the hub waits for nothing. Who asks hands over a
//! function that is told the decision, and gets a place (`admission`): it is kept, or waited for, until that is
//! dropped.

use std::collections::HashMap;

use super::coordinator::{Decision, Ticket};

/// Is told what becomes of a connection that waits: to stand by, at most once; then to come in, or to stay out. Dropped
/// without the latter, the server stops. Called under locks: it must neither block nor call back.
pub type Tell = Box<dyn Fn(Decision) + Send>;

/// Those that wait for a decision. Their number is bounded by who makes them wait.
#[derive(Default)]
pub(super) struct Door(HashMap<Ticket, Tell>);

impl Door {
    /// Nobody is waited for any more: the server stops.
    pub(super) fn close(&mut self) {
        self.0.clear();
    }

    /// A connection waits from now on.
    pub(super) fn admit(&mut self, ticket: Ticket, tell: Tell) {
        self.0.insert(ticket, tell);
    }

    /// A connection waits no longer.
    pub(super) fn withdraw(&mut self, ticket: Ticket) {
        self.0.remove(&ticket);
    }

    /// Tells a connection what becomes of it.
    pub(super) fn decide(&mut self, ticket: Ticket, decision: Decision) {
        let tell = match decision {
            Decision::StandBy(_) => self.0.get(&ticket).map(|tell| tell(decision)),
            Decision::LetIn | Decision::Refuse(_) => self.0.remove(&ticket).map(|tell| tell(decision)),
        };
        // Who is not there any more has no use for it.
        tell.unwrap_or_default();
    }
}
