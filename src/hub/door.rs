//! The door: connections that have asked to come in and have not joined yet.
//!
//! Whether they may is the coordinator's to say, at once or later; the hub waits for nothing. Who asks hands over a function
//! that is told the decision, and gets a [`Place`]: it is kept, or waited for, until that is dropped.

use std::{collections::HashMap, sync::Arc};

use super::{
    Refused,
    coordinator::{Decision, Entry, Incumbent, Ticket},
    database::{Database, Peer},
    turn::Turn,
};

/// Is told what becomes of a connection that waits: to stand by, at most once; then to come in, or to stay out. Dropped without
/// the latter, the server stops. Called under locks: it must neither block nor call back.
pub type Tell = Box<dyn Fn(Decision) + Send>;

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

/// Those that wait for a decision. Their number is bounded by who makes them wait.
#[derive(Default)]
pub(super) struct Door(HashMap<Ticket, Tell>);

impl Door {
    /// Nobody is waited for any more: the server stops.
    pub(super) fn close(&mut self) {
        self.0.clear();
    }
}

impl Database {
    /// What the coordinator's answer means to the connection.
    pub(super) fn admission(self: &Arc<Self>, entry: Entry, ticket: Ticket) -> Admission {
        let place = || Place(Some((ticket, self.clone())));
        match entry {
            Entry::Open => Admission::Open(Place::anywhere()),
            Entry::Kept => Admission::Open(place()),
            Entry::Wait => Admission::Wait(place()),
            Entry::Refused(reason) => Admission::Refused(Refused::ByCoordinator(reason)),
        }
    }
}

impl Peer {
    fn as_incumbent(&self) -> Incumbent {
        match self.outbox.transport() {
            None => Incumbent::Absent,
            Some(transport) if transport.is_open() => Incumbent::Connected,
            Some(_) => Incumbent::Leaving,
        }
    }
}

impl Turn<'_> {
    pub(super) fn admit(&mut self, id: &str, ticket: Ticket, tell: Tell) -> Entry {
        let other = self.state.peers.get(id).map_or(Incumbent::Absent, Peer::as_incumbent);
        let entry = self.coordinate(|coordinator, now, actions| coordinator.admit(id, ticket, other, now, actions));
        let entry = entry.unwrap_or(Entry::Open);
        if entry == Entry::Wait {
            self.state.door.0.insert(ticket, tell);
        }
        self.carry_out();
        entry
    }

    pub(super) fn withdraw(&mut self, ticket: Ticket) {
        self.state.door.0.remove(&ticket);
        self.coordinate(|coordinator, now, actions| coordinator.withdraw(ticket, now, actions));
        self.carry_out();
    }

    pub(super) fn decide(&mut self, ticket: Ticket, decision: Decision) {
        match decision {
            Decision::StandBy(_) => {
                if let Some(tell) = self.state.door.0.get(&ticket) {
                    tell(decision);
                }
            }
            Decision::LetIn | Decision::Refuse(_) => {
                if let Some(tell) = self.state.door.0.remove(&ticket) {
                    tell(decision);
                }
            }
        }
    }
}
