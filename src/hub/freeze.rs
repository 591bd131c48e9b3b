//! A hub as plain data, so that another process can go on where this one stops: peers with their outboxes, what the
//! coordinators know, large messages that wait. Knows nothing of sockets, nor how the data travels.
//!
//! ```text
//!   Hub::freeze ──> FrozenHub ──> Hub::thaw ──> Hub::reattach, for each connection that has come along ──> Hub::settle
//! ```
//!
//! What a peer's connection has read and not yet given to the hub is not here: its session has that.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{
    Hub,
    coordinator::Loss,
    database::Database,
    journal::{Input, Provenance, SharedInput},
    office::Office,
    outbox::{FrozenOutbox, Outbox, Traffic},
    parcels::{FrozenParcel, Parcels},
    peer_handle::PeerHandle,
    peers::{Contact, Peer, State, Totals},
    reliable::{Exchange, Expected},
    shelf::Shelf,
    stream::NEVER_REACHED,
    transport::{LinkId, Transport},
};
use crate::clock::Millis;

/// A hub as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenHub {
    /// What its clock showed. The clock of the hub that goes on must not show less.
    pub now: Millis,
    /// Above the number of each connection that there has been.
    links: u64,
    databases: Vec<FrozenDatabase>,
    /// What outboxes hold, by number.
    shelf: Vec<Bytes>,
}

/// One database as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FrozenDatabase {
    name: String,
    peers: Vec<FrozenPeer>,
    /// As the coordinator has written it, where there is one.
    coordinator: Option<Bytes>,
    parcels: Vec<FrozenParcel>,
    past: Totals,
    /// When it began. 0 in what was written before this was.
    #[serde(default)]
    begun: Millis,
    /// Who is waited for after a crash of the hub before.
    #[serde(default)]
    expected: Expected,
}

/// One peer's session as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FrozenPeer {
    id: String,
    contact: FrozenContact,
    connected: u64,
    received: Traffic,
    outbox: FrozenOutbox,
    /// Where it has the extension.
    #[serde(default)]
    exchange: Option<Box<Exchange>>,
}

/// Whether a peer is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum FrozenContact {
    Connected(u64),
    Away(Loss),
}

/// A hub cannot go on where another has stopped.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ThawError {
    /// No hub has such numbers.
    #[error("what the former server has left is damaged")]
    Numbers,
    /// No hub writes such data.
    #[error("what the former server has left of database \"{0}\" is damaged")]
    Damaged(String),
    /// Its times cannot be told here.
    #[error("the clocks of the two hubs are {apart} ms apart")]
    Clock {
        /// By how many milliseconds.
        apart: Millis,
    },
    /// The coordinator cannot.
    #[error("what the former server has left of database \"{db}\" cannot be used: {reason}")]
    Coordinator {
        /// The database.
        db: String,
        /// Why.
        reason: String,
    },
}

impl FrozenHub {
    /// A hub that is put together of databases. `links`: above the number of each connection.
    pub(super) fn of(now: Millis, links: u64, databases: Vec<FrozenDatabase>, shelf: Shelf) -> Self {
        Self { now, links, databases, shelf: shelf.into_bytes() }
    }

    /// Above the number of each connection that there has been.
    pub(super) fn links(&self) -> u64 {
        self.links
    }

    /// Each database, made of what is left of it.
    ///
    /// # Errors
    /// See [`ThawError`].
    pub(super) fn into_databases<T>(
        self,
        make: impl Fn(FrozenDatabase, &[Bytes]) -> Result<(Arc<str>, T), ThawError>,
    ) -> Result<HashMap<Arc<str>, T>, ThawError> {
        if !self.is_possible() {
            return Err(ThawError::Numbers);
        }
        self.databases.into_iter().map(|database| make(database, &self.shelf)).collect()
    }

    /// Time and connections are numbered as a hub does it.
    fn is_possible(&self) -> bool {
        let mut peers = self.databases.iter().flat_map(|database| &database.peers);
        let numbers_are_past = peers.all(|peer| match peer.contact {
            FrozenContact::Connected(link) => link < self.links,
            FrozenContact::Away(_) => true,
        });
        numbers_are_past && self.now.max(self.links) < NEVER_REACHED
    }
}

impl FrozenDatabase {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Hub {
    /// Takes everything out. No connection is taken afterwards, and whoever was connected is not any more, but is told
    /// nothing: its sessions must have stopped reading and writing.
    pub fn freeze(&self) -> FrozenHub {
        let mut databases = self.databases.lock();
        self.office.is_closed.store(true, Ordering::Relaxed);
        let mut shelf = Shelf::default();
        let databases = std::mem::take(&mut *databases);
        let databases = databases.into_values().map(|database| database.freeze(&mut shelf)).collect();
        FrozenHub {
            now: self.now(),
            links: self.office.links.load(Ordering::Relaxed),
            databases,
            shelf: shelf.into_bytes(),
        }
    }

    /// Goes on where another hub has stopped. For a hub that nobody has connected to. Each peer that was connected
    /// waits for [`Hub::reattach`]; [`Hub::settle`] must follow.
    ///
    /// # Errors
    /// See [`ThawError`]; the hub is as empty as before.
    pub fn thaw(&self, frozen: FrozenHub) -> Result<(), ThawError> {
        let links = frozen.links;
        let thawed = self.thawed(frozen)?;
        self.office.links.fetch_max(links, Ordering::Relaxed);
        self.databases.lock().extend(thawed);
        Ok(())
    }

    /// Gives a peer the connection back that it had when the former hub was frozen; `link`: its number then. `make`
    /// builds the transport around the outbox. `None`: no peer was connected so.
    pub fn reattach(
        &self,
        db: &str,
        id: &str,
        link: LinkId,
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
    ) -> Option<PeerHandle> {
        self.find(db)?.reattach(id, link, None, make)
    }

    /// As [`Hub::reattach`], where the connection's reading is to be written down, too: what it was before, what its
    /// peer was announced, and what was read and is the beginning of a message.
    pub fn reattach_from(
        &self,
        db: &str,
        id: &str,
        link: LinkId,
        (origin, announced_payload, unread): (Provenance, usize, Bytes),
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
    ) -> Option<PeerHandle> {
        let input = Arc::new(Mutex::new(Input::going_on(origin, announced_payload, unread)));
        self.find(db)?.reattach(id, link, Some(input), make)
    }

    /// All connections that have come along are back. Peers whose connection has not count as lost, and what was due
    /// meanwhile is done.
    pub fn settle(&self) {
        for database in self.all() {
            database.settle();
        }
        self.tick();
    }
}

impl Database {
    pub(super) fn freeze(&self, shelf: &mut Shelf) -> FrozenDatabase {
        let mut state = self.take_state();
        FrozenDatabase {
            name: self.name().to_string(),
            peers: state.peers.iter().map(|(id, peer)| peer.freeze(id, shelf)).collect(),
            coordinator: state.coordinator.as_mut().map(|coordinator| coordinator.freeze()),
            parcels: state.parcels.freeze(),
            past: state.past,
            begun: state.begun,
            expected: state.expected,
        }
    }

    pub(super) fn thaw(frozen: FrozenDatabase, office: &Arc<Office>, shelf: &[Bytes]) -> Result<Self, ThawError> {
        let db = frozen.name.clone();
        let state = State::thaw(frozen, office, shelf)?;
        Ok(Self::with_state(db.into(), office.clone(), state))
    }

    pub(super) fn reattach(
        self: &Arc<Self>,
        id: &str,
        link: LinkId,
        input: Option<SharedInput>,
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
    ) -> Option<PeerHandle> {
        let mut handle = None;
        self.turn(|turn| {
            if turn.is_of(id, Some(link)) {
                handle = turn.reattach(id, link, input, make);
            }
        });
        handle.map(|id| self.handle_of(id, link))
    }

    pub(super) fn settle(&self) {
        self.turn(|turn| turn.settle());
    }
}

impl State {
    /// As it is, while it goes on. For a database in which nothing waits to be fetched.
    pub(super) fn copy(&self, name: &str, shelf: &mut Shelf) -> FrozenDatabase {
        FrozenDatabase {
            name: name.to_owned(),
            peers: self.peers.iter().map(|(id, peer)| peer.copy(id, shelf)).collect(),
            coordinator: self.coordinator.as_ref().map(|coordinator| coordinator.freeze()),
            parcels: Vec::new(),
            past: self.past,
            begun: self.begun,
            expected: self.expected.clone(),
        }
    }

    fn thaw(frozen: FrozenDatabase, office: &Office, shelf: &[Bytes]) -> Result<Self, ThawError> {
        let FrozenDatabase { name: db, peers, coordinator, parcels, past, begun, expected } = frozen;
        let damaged = || ThawError::Damaged(db.clone());
        let mut state = Self::new(office.settings.coordinators.as_ref().map(|make| make()), begun);
        match (&mut state.coordinator, coordinator) {
            (None, None) => {}
            (Some(made), Some(frozen)) => {
                made.thaw(&frozen).map_err(|reason| ThawError::Coordinator { db: db.clone(), reason })?;
            }
            (Some(_), None) | (None, Some(_)) => {
                let reason = "coordination was switched on or off meanwhile".to_owned();
                return Err(ThawError::Coordinator { db, reason });
            }
        }
        state.parcels = Parcels::thaw(parcels).ok_or_else(damaged)?;
        if ![past.received, past.sent].into_iter().all(Traffic::is_possible) || past.large >= NEVER_REACHED {
            return Err(damaged());
        }
        (state.past, state.expected) = (past, expected);
        for peer in peers {
            let id = peer.id.as_str().into();
            state.insert(id, Peer::thaw(peer, office.settings.max_queue, shelf).ok_or_else(damaged)?);
        }
        // What the former server has not told them, this one does.
        state.acknowledge_at = (state.reliable > 0).then_some(0);
        Ok(state)
    }
}

impl Peer {
    fn freeze(&self, id: &str, shelf: &mut Shelf) -> FrozenPeer {
        self.with_outbox(id, self.outbox.freeze(shelf))
    }

    fn copy(&self, id: &str, shelf: &mut Shelf) -> FrozenPeer {
        self.with_outbox(id, self.outbox.copy(shelf))
    }

    fn with_outbox(&self, id: &str, outbox: FrozenOutbox) -> FrozenPeer {
        FrozenPeer {
            id: id.to_owned(),
            contact: match self.contact {
                Contact::Connected(LinkId(link)) => FrozenContact::Connected(link),
                Contact::Away(loss) => FrozenContact::Away(loss),
            },
            connected: self.connected,
            received: self.received,
            outbox,
            exchange: self.exchange.clone(),
        }
    }

    fn thaw(frozen: FrozenPeer, max_queue: usize, shelf: &[Bytes]) -> Option<Self> {
        let outbox = Outbox::thaw(frozen.outbox, max_queue, shelf).filter(|_| frozen.received.is_possible())?;
        Some(Self {
            outbox: Arc::new(outbox),
            contact: match frozen.contact {
                FrozenContact::Connected(link) => Contact::Connected(LinkId(link)),
                FrozenContact::Away(loss) => Contact::Away(loss),
            },
            connected: frozen.connected,
            received: frozen.received,
            remote: None,
            heard: 0,
            behind: None,
            posting: Arc::default(),
            exchange: frozen.exchange,
            input: None,
        })
    }
}
