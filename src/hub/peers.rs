//! Who is in a database: its peers with their sessions, and what else its lock protects.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    coordinator::{Coordinator, Incumbent, Loss, Recognition},
    door::Door,
    gathering::Gathering,
    journal::{Journal, SharedInput},
    outbox::{Outbox, Traffic},
    parcels::Parcels,
    reliable::{Exchange, Expected},
    transport::LinkId,
};
use crate::{
    acebase::{Lock, Role, Status, Strain},
    clock::Millis,
    protocol::reliable::Offer,
};

/// What a database's lock protects.
pub(super) struct State {
    /// When it began, on the hub's clock: with the first that came.
    pub(super) begun: Millis,
    pub(super) peers: HashMap<Arc<str>, Peer>,
    pub(super) coordinator: Option<Box<dyn Coordinator>>,
    pub(super) parcels: Parcels,
    pub(super) door: Door,
    /// What the peers that have left have done.
    pub(super) past: Totals,
    /// How many peers have the extension.
    pub(super) reliable: usize,
    /// Who is waited for: only where others with the extension have told of them.
    pub(super) expected: Expected,
    /// When those are told what of theirs has reached its end, where some is to be told.
    pub(super) acknowledge_at: Option<Millis>,
    /// What those that are there are told a little later.
    pub(super) gathering: Gathering,
    /// What happens is written down here, if it is.
    pub(super) journal: Option<Journal>,
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
    /// The address that it is, or was last, connected from.
    pub(super) remote: Option<SocketAddr>,
    /// When it was last known to have given a sign of life, on the hub's clock.
    pub(super) heard: Millis,
    /// Since when mail for it has waited, each time that it was looked at.
    pub(super) behind: Option<Millis>,
    /// Shared with each handle by which it is sending a message beside its connection.
    pub(super) posting: Arc<()>,
    /// Where it has the extension: what it and the hub make sure of together.
    pub(super) exchange: Option<Box<Exchange>>,
    /// What its connection has read, where that is written down.
    pub(super) input: Option<SharedInput>,
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
    pub(super) fn new(coordinator: Option<Box<dyn Coordinator>>, begun: Millis) -> Self {
        Self {
            begun,
            peers: HashMap::new(),
            coordinator,
            parcels: Parcels::default(),
            door: Door::default(),
            past: Totals::default(),
            reliable: 0,
            acknowledge_at: None,
            gathering: Gathering::default(),
            expected: Expected::default(),
            journal: None,
        }
    }

    /// A peer is there from now on.
    pub(super) fn insert(&mut self, id: Arc<str>, peer: Peer) {
        self.reliable += usize::from(peer.exchange.is_some());
        self.peers.insert(id, peer);
    }

    /// A peer is not there any more.
    pub(super) fn remove(&mut self, id: &str) -> Option<Peer> {
        let peer = self.peers.remove(id)?;
        self.reliable -= usize::from(peer.exchange.is_some());
        Some(peer)
    }

    /// The session that a peer has in the extension.
    pub(super) fn exchange(&mut self, id: &str) -> Option<&mut Exchange> {
        self.peers.get_mut(id)?.exchange.as_deref_mut()
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

    pub(super) fn strain(&self, now: Millis) -> Strain {
        self.coordinator.as_ref().map(|coordinator| coordinator.strain(now)).unwrap_or_default()
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
    /// What is known of a connection that wants its id.
    pub(super) fn recognise(&self, offer: Option<&Offer>) -> Recognition {
        match (&self.exchange, offer) {
            (None, None) => Recognition::Unknown,
            (Some(exchange), Some(offer)) if exchange.goes_on_with(offer) => Recognition::Same,
            _ => Recognition::Another,
        }
    }

    /// It has a connection, from this moment on.
    pub(super) fn is_connected_by(&mut self, link: LinkId, now: Millis) {
        self.contact = Contact::Connected(link);
        self.heard = now;
        self.remote = self.outbox.transport().and_then(|transport| transport.remote());
    }

    /// Takes down whether it has given a sign of life, and whether it takes its mail.
    pub(super) fn look(&mut self, now: Millis) {
        if self.outbox.transport().is_some_and(|transport| transport.has_been_heard()) {
            self.heard = now;
        }
        self.behind = (self.outbox.waiting_bytes() > 0).then(|| self.behind.unwrap_or(now));
    }

    /// It will tell first what it holds, and has not yet.
    pub(super) fn must_tell(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.must_tell)
    }

    /// What it is to a connection that wants its id.
    pub(super) fn as_incumbent(&self) -> Incumbent {
        match self.outbox.transport() {
            None => Incumbent::Absent,
            Some(transport) if transport.is_open() => Incumbent::Connected,
            Some(_) => Incumbent::Leaving,
        }
    }
}
