//! What becomes of a handshake, as whoever has asked learns of it.

use std::sync::Arc;

use super::{
    coordinator::{Entry, Ticket},
    database::Database,
};
use crate::acebase::Objection;

/// The hub does not take a connection.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refused {
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// The coordinator says no, and why.
    #[error("{0}")]
    ByCoordinator(Objection),
}

impl Refused {
    /// The reason in one word, for events and metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::ByCoordinator(objection) => objection.label(),
        }
    }
}

/// What becomes of a handshake.
pub enum Admission {
    /// It may come in. Its place must live until it has joined.
    Open(Place),
    /// It must wait to be told. Its place must live as long as it waits, and until it has joined.
    Wait(Place),
    /// It stays out.
    Refused(Refused),
}

/// A connection's place at the door, given up when this is dropped. Never dropped under the hub's locks.
pub struct Place(Option<(Ticket, Arc<Database>)>);

impl Admission {
    /// What the coordinator's answer means to the connection.
    pub(super) fn new(entry: Entry, ticket: Ticket, database: &Arc<Database>) -> Self {
        let place = || Place(Some((ticket, database.clone())));
        match entry {
            Entry::Open => Self::Open(Place::anywhere()),
            Entry::Kept => Self::Open(place()),
            Entry::Wait => Self::Wait(place()),
            Entry::Refused(objection) => Self::Refused(Refused::ByCoordinator(objection)),
        }
    }
}

impl Place {
    /// For a connection whose place nobody else can take.
    pub(super) fn anywhere() -> Self {
        Self(None)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((ticket, database)) = self.0.take() {
            database.withdraw(ticket);
        }
    }
}
