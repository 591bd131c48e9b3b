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
use serde::{Deserialize, Serialize};

use super::{
    Hub,
    coordinator::Loss,
    database::{Database, PeerHandle},
    office::Office,
    outbox::{FrozenOutbox, Outbox, Traffic},
    parcels::{FrozenParcel, Parcels},
    peers::{Contact, Peer, State, Totals},
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
struct FrozenDatabase {
    name: String,
    peers: Vec<FrozenPeer>,
    /// As the coordinator has written it, where there is one.
    coordinator: Option<Bytes>,
    parcels: Vec<FrozenParcel>,
    past: Totals,
}

/// One peer's session as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FrozenPeer {
    id: String,
    contact: FrozenContact,
    connected: u64,
    received: Traffic,
    outbox: FrozenOutbox,
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
        if !frozen.is_possible() {
            return Err(ThawError::Numbers);
        }
        let thawed = frozen.databases.into_iter().map(|database| {
            let name: Arc<str> = database.name.as_str().into();
            Ok((name, Arc::new(Database::thaw(database, &self.office, &frozen.shelf)?)))
        });
        let thawed = thawed.collect::<Result<HashMap<_, _>, ThawError>>()?;
        self.office.links.fetch_max(frozen.links, Ordering::Relaxed);
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
        self.find(db)?.reattach(id, link, make)
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
    fn freeze(&self, shelf: &mut Shelf) -> FrozenDatabase {
        let mut state = self.take_state();
        FrozenDatabase {
            name: self.name().to_string(),
            peers: state.peers.iter().map(|(id, peer)| peer.freeze(id, shelf)).collect(),
            coordinator: state.coordinator.as_mut().map(|coordinator| coordinator.freeze()),
            parcels: state.parcels.freeze(),
            past: state.past,
        }
    }

    fn thaw(frozen: FrozenDatabase, office: &Arc<Office>, shelf: &[Bytes]) -> Result<Self, ThawError> {
        let db = frozen.name.clone();
        let state = State::thaw(frozen, office, shelf)?;
        Ok(Self::with_state(db.into(), office.clone(), state))
    }

    fn reattach(
        self: &Arc<Self>,
        id: &str,
        link: LinkId,
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
    ) -> Option<PeerHandle> {
        let mut handle = None;
        self.turn(|turn| {
            if turn.is_of(id, Some(link)) {
                handle = turn.reattach(id, link, make);
            }
        });
        handle.map(|id| self.handle(id, link))
    }

    fn settle(&self) {
        self.turn(|turn| turn.settle());
    }
}

impl State {
    fn thaw(frozen: FrozenDatabase, office: &Office, shelf: &[Bytes]) -> Result<Self, ThawError> {
        let FrozenDatabase { name: db, peers, coordinator, parcels, past } = frozen;
        let damaged = || ThawError::Damaged(db.clone());
        let mut state = Self::new(office.settings.coordinators.as_ref().map(|make| make()));
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
        state.past = past;
        for peer in peers {
            let id = peer.id.as_str().into();
            state.peers.insert(id, Peer::thaw(peer, office.settings.max_queue, shelf).ok_or_else(damaged)?);
        }
        Ok(state)
    }
}

impl Peer {
    fn freeze(&self, id: &str, shelf: &mut Shelf) -> FrozenPeer {
        FrozenPeer {
            id: id.to_owned(),
            contact: match self.contact {
                Contact::Connected(LinkId(link)) => FrozenContact::Connected(link),
                Contact::Away(loss) => FrozenContact::Away(loss),
            },
            connected: self.connected,
            received: self.received,
            outbox: self.outbox.freeze(shelf),
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
            posting: Arc::default(),
        })
    }
}
