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
mod gathering;
mod greeting;
mod held_back;
mod interest;
pub mod journal;
mod office;
mod outbox;
mod parcels;
mod passing;
mod peer_handle;
mod peers;
mod reliable;
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
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
};

use parking_lot::Mutex;

pub use admission::{Admission, Place, Refused};
pub use door::Tell;
pub use freeze::{FrozenHub, ThawError};
pub use gathering::Departure;
pub use greeting::Greeting;
pub use office::{CoordinatorFactory, Settings};
pub use outbox::{Drain, Outbox, Pushed, Traffic};
pub use passing::Estate;
pub use peer_handle::PeerHandle;
pub use peers::Totals;
pub use reliable::Origin;
#[cfg(any(test, feature = "model"))]
pub use reliable::model as reliable_model;
pub use snapshot::{DatabaseFigures, DatabaseSnapshot, LoopbackPeer, PeerSnapshot};

use coordinator::Ticket;
use database::Database;
use event::Observer;
use greeting::Arrival;
use interest::Asker;
use journal::{MemoryFactory, Provenance};
use office::Office;
use transport::{LinkId, Transport};

use crate::{
    acebase::{Lock, Status},
    clock::{Clock, Millis},
    protocol::{Text, close::CloseReason},
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

    /// Takes a connection: begins a session, or hands a kept one over. `make` builds the transport around the outbox;
    /// it is not called when the hub is closed.
    pub fn connect(
        &self,
        db: &str,
        id: &str,
        greeting: &Greeting,
        make: impl FnOnce(LinkId, Arc<Outbox>) -> Arc<dyn Transport>,
    ) -> Result<PeerHandle, Refused> {
        self.connect_from(db, id, greeting, Provenance::default(), make)
    }

    /// As [`Hub::connect`]; `origin`: what the connection was before.
    ///
    /// # Errors
    /// As [`Hub::connect`].
    pub fn connect_from(
        &self,
        db: &str,
        id: &str,
        greeting: &Greeting,
        origin: Provenance,
        make: impl FnOnce(LinkId, Arc<Outbox>) -> Arc<dyn Transport>,
    ) -> Result<PeerHandle, Refused> {
        let link = LinkId(self.office.links.fetch_add(1, Ordering::Relaxed));
        // The map stays locked until the peer is in, so that the database is not forgotten meanwhile.
        let mut databases = self.databases.lock();
        let database = self.open_database(&mut databases, db).ok_or(Refused::Stopping)?;
        let session = greeting.offer.as_ref().map(|_| self.office.name_session());
        let arrival = Arrival { greeting: greeting.clone(), origin, session };
        let (handle, mail) = database.connect(id, link, &arrival, |outbox| make(link, outbox));
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

    /// One database in a few numbers; `None` for a database without peers.
    pub fn figures_of(&self, db: &str) -> Option<DatabaseFigures> {
        self.find(db).map(|database| database.figures())
    }

    /// Peers that are connected from an address of this machine.
    pub fn loopback_peers(&self) -> Vec<LoopbackPeer> {
        self.all().iter().flat_map(|database| database.loopback_peers()).collect()
    }

    /// Asks a peer for a sign of life: [`PeerSnapshot::heard`] tells whether it gives one. No peer is told more.
    pub fn ask_for_life(&self, db: &str, id: &str) {
        if let Some(database) = self.find(db) {
            database.ask_for_life(id);
        }
    }

    /// From now on what happens is written down, for another process to go on should this one be killed: see
    /// [`journal`]. Asked once, before anybody connects; who was there in a former hub is settled already. Nothing
    /// happens where large messages wait to be fetched: their names are made up.
    pub fn keep_journals(&self, make: MemoryFactory) {
        if self.office.settings.download_large || self.office.journals.set(make).is_err() {
            return;
        }
        for database in self.all() {
            database.begin_journal();
        }
    }

    /// Whether `Message` events are wanted. Off, they cost nothing.
    pub fn want_messages(&self, wanted: bool) {
        self.office.interest.set_messages(wanted);
    }

    /// Switches `Trace` events on or off for what one peer sends and gets, or for a whole database. The database and
    /// the peer need not be there yet. Switching a database off leaves those of its peers on that were switched on
    /// by themselves. Off, tracing costs nothing.
    pub fn trace(&self, db: &str, peer: Option<&str>, on: bool) {
        self.office.interest.set_trace(Asker::Owner, db, peer, on);
    }

    /// As [`Hub::trace`], for somebody who looks from outside: neither ends what the other has begun.
    pub fn trace_for_visitor(&self, db: &str, peer: Option<&str>, on: bool) {
        self.office.interest.set_trace(Asker::Visitor, db, peer, on);
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
        let now = self.now();
        for database in self.all() {
            if database.deadline().is_some_and(|at| at <= now) {
                database.tick();
            }
        }
        self.databases.lock().retain(|_, database| !database.is_forgettable() || !database.is_forgotten());
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
            database.part(CloseReason::Shutdown);
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

    /// A database that begins from now on may have been another hub's until now, with clients that have asked things of
    /// it. To be called before any of them can come.
    pub fn take_over(&self) {
        self.office.take_over();
    }

    /// When a database that begins became this hub's, at the latest.
    #[cfg(test)]
    pub fn taken_over_at(&self) -> Millis {
        self.office.taken_over_at()
    }

    /// Closes all connections of a database, for another hub has it, and forgets it. Who comes from now on begins it
    /// anew. How many peers it had.
    pub fn close_database(&self, db: &str) -> usize {
        let database = self.databases.lock().remove(db);
        database.map_or(0, |database| database.move_out())
    }

    /// The databases that somebody is in, or will be back in.
    pub fn occupied(&self) -> HashSet<Arc<str>> {
        let databases = self.databases.lock();
        let occupied = databases.iter().filter(|(_, database)| database.is_occupied());
        occupied.map(|(name, _)| name.clone()).collect()
    }

    /// A database, begun where there is none yet. `None`: the hub is closed, or the database is being taken out.
    fn open_database(&self, databases: &mut HashMap<Arc<str>, Arc<Database>>, db: &str) -> Option<Arc<Database>> {
        if self.office.is_closed.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(database) = databases.get(db) {
            return Some(database.clone()).filter(|database| !database.is_shut());
        }
        let name: Arc<str> = db.into();
        let database = Arc::new(Database::new(name.clone(), self.office.clone()));
        database.begin_journal();
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
