//! The post office: which databases and peers there are, and whose outbox a message goes into.
//!
//! Plain and synchronous: no I/O, no waiting, no clock but the one it is given. It routes texts without reading them;
//! who reads them implements [`coordinator::Coordinator`]. Connections are known as [`transport::Transport`]s only.
//!
//! Locks are taken in this order and held for one turn at most: the map of databases, one database, one outbox.

mod admission;
pub mod coordinator;
mod database;
mod door;
pub mod event;
mod freeze;
mod interest;
mod office;
mod outbox;
mod parcels;
mod peers;
mod shelf;
mod snapshot;
mod stream;
#[cfg(any(test, feature = "model"))]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod trace;
pub mod transport;
mod turn;

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use parking_lot::Mutex;

pub use admission::{Admission, Place, Refused};
pub use database::PeerHandle;
pub use door::Tell;
pub use freeze::{FrozenHub, ThawError};
pub use office::{CoordinatorFactory, Settings};
pub use outbox::{Drain, Outbox, Pushed, Traffic};
pub use peers::Totals;
pub use snapshot::{DatabaseFigures, DatabaseSnapshot, PeerSnapshot};

use coordinator::Ticket;
use database::Database;
use event::Observer;
use office::Office;
use transport::{LinkId, Transport};

use crate::{
    acebase::{Lock, Status},
    clock::{Clock, Millis},
    protocol::{self, Text},
};

/// All databases, and what they share.
pub struct Hub {
    office: Arc<Office>,
    databases: Mutex<HashMap<Arc<str>, Arc<Database>>>,
}

impl Hub {
    /// An empty hub. `alarm` is called (under locks; it must only set a flag) when [`Hub::next_deadline`] comes nearer.
    pub fn new(
        settings: Settings,
        observer: Arc<dyn Observer>,
        clock: Arc<dyn Clock>,
        alarm: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        Self { office: Arc::new(Office::new(settings, observer, clock, alarm)), databases: Mutex::default() }
    }

    /// Whether a connection of this id may come in. Asked before the upgrade, so that a refusal can be an HTTP
    /// response. `tell` is told what becomes of it where it must wait.
    pub fn admit(&self, db: &str, id: &str, tell: Tell) -> Admission {
        if self.office.settings.coordinators.is_none() {
            return Admission::Open(Place::anywhere());
        }
        let ticket = Ticket(self.office.tickets.fetch_add(1, Ordering::Relaxed));
        // The map stays locked until the database knows of the connection, so that it is not forgotten meanwhile.
        let mut databases = self.databases.lock();
        let Some(database) = self.open_database(&mut databases, db) else {
            return Admission::Refused(Refused::Stopping);
        };
        let (entry, mail) = database.admit(id, ticket, tell);
        drop(databases);
        mail.ring();
        Admission::new(entry, ticket, &database)
    }

    /// Takes a connection: begins a session, or hands a kept one over. `announced_payload`: the longest text of a
    /// frame of this connection, in UTF-16 units, which `welcome:` tells. `make` builds the transport around the
    /// outbox; it is not called when the hub is closed.
    pub fn connect(
        &self,
        db: &str,
        id: &str,
        announced_payload: usize,
        make: impl FnOnce(LinkId, Arc<Outbox>) -> Arc<dyn Transport>,
    ) -> Result<PeerHandle, Refused> {
        let link = LinkId(self.office.links.fetch_add(1, Ordering::Relaxed));
        // The map stays locked until the peer is in, so that the database is not forgotten meanwhile.
        let mut databases = self.databases.lock();
        let database = self.open_database(&mut databases, db).ok_or(Refused::Stopping)?;
        let (handle, mail) =
            database.connect(id, link, &protocol::welcome(announced_payload), |outbox| make(link, outbox));
        drop(databases);
        mail.ring_soon();
        Ok(handle)
    }

    /// A session that is not tied to a socket: for messages that come by `POST`. `None`: no such peer.
    pub fn peer(&self, db: &str, id: &str) -> Option<PeerHandle> {
        self.find(db)?.peer(id)
    }

    /// Takes a large message that waits for a peer.
    pub fn take_parcel(&self, db: &str, id: &str, message: &str) -> Option<Text> {
        self.find(db)?.take_parcel(id, message)
    }

    /// The connected peers of a database.
    pub fn clients(&self, db: &str) -> Vec<PeerSnapshot> {
        self.find(db).map(|database| database.clients()).unwrap_or_default()
    }

    /// Sends a text to one peer, from the server's owner. `false`: no such peer.
    pub fn send(&self, db: &str, id: &str, text: Text) -> bool {
        self.find(db).is_some_and(|database| database.send(id, text))
    }

    /// Closes a peer's connection, for the server's owner. `false`: no such peer.
    pub fn kick(&self, db: &str, id: &str) -> bool {
        self.find(db).is_some_and(|database| database.kick(id))
    }

    /// The lock table of a database.
    pub fn locks(&self, db: &str) -> Vec<Lock> {
        self.find(db).map(|database| database.locks()).unwrap_or_default()
    }

    /// Counts for a status page; `None` for a database without peers.
    pub fn status(&self, db: &str) -> Option<Status> {
        self.find(db).map(|database| database.status())
    }

    /// How all databases stand.
    pub fn snapshot(&self) -> Vec<DatabaseSnapshot> {
        self.all().iter().map(|database| database.snapshot()).collect()
    }

    /// How one database stands; `None` for a database without peers.
    pub fn snapshot_of(&self, db: &str) -> Option<DatabaseSnapshot> {
        self.find(db).map(|database| database.snapshot())
    }

    /// All databases in a few numbers each.
    pub fn figures(&self) -> Vec<DatabaseFigures> {
        self.all().iter().map(|database| database.figures()).collect()
    }

    /// Whether `Message` events are wanted. Off, they cost nothing.
    pub fn want_messages(&self, wanted: bool) {
        self.office.interest.set_messages(wanted);
    }

    /// Switches `Trace` events on or off for what one peer sends and gets, or for a whole database. The database and
    /// the peer need not be there yet. Switching a database off leaves those of its peers on that were switched on
    /// by themselves. Off, tracing costs nothing.
    pub fn trace(&self, db: &str, peer: Option<&str>, on: bool) {
        self.office.interest.set_trace(db, peer, on);
    }

    /// Milliseconds since the hub was made.
    pub fn now(&self) -> Millis {
        self.office.now()
    }

    /// When [`Hub::tick`] is due next.
    pub fn next_deadline(&self) -> Option<Millis> {
        self.databases.lock().values().filter_map(|database| database.deadline()).min()
    }

    /// Does what is due, and lets go of what is no longer needed.
    pub fn tick(&self) {
        for database in self.all() {
            database.tick();
        }
        self.databases.lock().retain(|_, database| !database.is_forgettable());
    }

    /// Lets outboxes drop what has been acknowledged. Called every second or so.
    pub fn trim(&self) {
        for database in self.all() {
            database.trim();
        }
    }

    /// Turns all away that wait to come in: the server stops.
    pub fn close_doors(&self) {
        for database in self.all() {
            database.close_door();
        }
    }

    /// Asks all connections that can go on in another process to stop reading: see [`Transport::park`].
    pub fn park(&self) {
        for database in self.all() {
            database.park();
        }
    }

    /// Lets coordinators begin nothing new, for the server is about to stop: see [`coordinator::Coordinator::quiesce`].
    pub fn quiesce(&self) {
        for database in self.all() {
            database.quiesce();
        }
    }

    /// Nothing is under way that a stop would cut in two.
    pub fn is_quiet(&self) -> bool {
        self.all().iter().all(|database| database.is_quiet())
    }

    /// Closes all connections, saying that the server stops, and keeps the sessions of peers that may be back, for a
    /// hub that goes on where this one stops. No connection is taken afterwards.
    pub fn part(&self) {
        self.office.is_closed.store(true, Ordering::Relaxed);
        for database in self.all() {
            database.part();
        }
    }

    /// Answers what nobody else will answer any more, ends all sessions and closes all connections, saying that the
    /// server stops. No connection is taken afterwards.
    pub fn close(&self) {
        let mut databases = self.databases.lock();
        self.office.is_closed.store(true, Ordering::Relaxed);
        let databases = std::mem::take(&mut *databases);
        for database in databases.into_values() {
            database.close();
        }
    }

    /// A database, begun where there is none yet. `None`: the hub is closed.
    fn open_database(&self, databases: &mut HashMap<Arc<str>, Arc<Database>>, db: &str) -> Option<Arc<Database>> {
        if self.office.is_closed.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(database) = databases.get(db) {
            return Some(database.clone());
        }
        let name: Arc<str> = db.into();
        let database = Arc::new(Database::new(name.clone(), self.office.clone()));
        databases.insert(name, database.clone());
        Some(database)
    }

    fn find(&self, db: &str) -> Option<Arc<Database>> {
        self.databases.lock().get(db).cloned()
    }

    fn all(&self) -> Vec<Arc<Database>> {
        self.databases.lock().values().cloned().collect()
    }
}
