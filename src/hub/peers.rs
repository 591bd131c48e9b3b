//! Who is in a database: its peers with their sessions, and what else its lock protects.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    coordinator::{Coordinator, Incumbent, Loss},
    door::Door,
    outbox::{Outbox, Traffic},
    parcels::Parcels,
    transport::LinkId,
};
use crate::acebase::{Lock, Role, Status};

/// What a database's lock protects.
pub(super) struct State {
    pub(super) peers: HashMap<Arc<str>, Peer>,
    pub(super) coordinator: Option<Box<dyn Coordinator>>,
    pub(super) parcels: Parcels,
    pub(super) door: Door,
    /// What the peers that have left have done.
    pub(super) past: Totals,
}

/// Whether a peer is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    /// By this connection.
    Connected(LinkId),
    /// Its connection was lost so, and its session is kept.
    Away(Loss),
}

/// One peer's session.
pub(super) struct Peer {
    pub(super) outbox: Arc<Outbox>,
    pub(super) contact: Contact,
    /// Milliseconds since the Unix epoch.
    pub(super) connected: u64,
    /// What it has sent.
    pub(super) received: Traffic,
    /// Shared with each handle by which it is sending a message beside its connection.
    pub(super) posting: Arc<()>,
}

/// What the peers of a database have done, from its first one on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// What they have sent.
    pub received: Traffic,
    /// What was put into their outboxes.
    pub sent: Traffic,
    /// Messages, among those that they have sent, of more than `maxPayload` bytes.
    pub large: u64,
}

impl State {
    /// Nobody is there yet.
    pub(super) fn new(coordinator: Option<Box<dyn Coordinator>>) -> Self {
        Self {
            peers: HashMap::new(),
            coordinator,
            parcels: Parcels::default(),
            door: Door::default(),
            past: Totals::default(),
        }
    }

    pub(super) fn role(&self, id: &str) -> Role {
        self.coordinator.as_ref().map(|coordinator| coordinator.role(id)).unwrap_or_default()
    }

    pub(super) fn locks(&self) -> Vec<Lock> {
        self.coordinator.as_ref().map(|coordinator| coordinator.locks()).unwrap_or_default()
    }

    pub(super) fn status(&self) -> Status {
        self.coordinator.as_ref().map(|coordinator| coordinator.status()).unwrap_or_default()
    }

    pub(super) fn totals(&self) -> Totals {
        self.peers.values().fold(self.past, |mut totals, peer| {
            totals.received += peer.received;
            totals.sent += peer.outbox.traffic();
            totals
        })
    }
}

impl Peer {
    /// What it is to a connection that wants its id.
    pub(super) fn as_incumbent(&self) -> Incumbent {
        match self.outbox.transport() {
            None => Incumbent::Absent,
            Some(transport) if transport.is_open() => Incumbent::Connected,
            Some(_) => Incumbent::Leaving,
        }
    }
}
