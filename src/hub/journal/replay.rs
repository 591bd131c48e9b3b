//! Plays back what a journal has recorded, in a hub of its own, so that another hub goes on where the one that wrote it
//! was killed.
//!
//! Each connection is a socket that takes as many bytes as the real one has taken: then the outbox is where it was.
//! What a connection has read is taken apart once more by whoever can do that.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{
    Kind, Provenance, Rare, Snapshot, Witness,
    record::{Head, split_first},
    replay_socket::Socket,
    snapshot::FrozenInput,
};
use crate::{
    clock::{self, Clock, Millis},
    hub::{
        FrozenHub, Outbox, PeerHandle, Settings, ThawError,
        coordinator::{Loss, Ticket},
        database::Database,
        event::Deaf,
        freeze::FrozenDatabase,
        greeting::Arrival,
        office::Office,
        shelf::Shelf,
        transport::{LinkId, Transport as _},
    },
    protocol::Text,
};

/// A journal cannot be played back.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It does not begin with a snapshot, or what follows is no record.
    #[error("the journal of what happened is damaged")]
    Damaged,
    /// What it holds is of another version.
    #[error("the journal of what happened cannot be read: {0}")]
    Unreadable(#[from] rmp_serde::decode::Error),
    /// The hub cannot go on with the snapshot.
    #[error(transparent)]
    Thaw(#[from] ThawError),
}

/// How far the kernel has come with a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Bytes that the process has read.
    pub read: u64,
    /// Bytes that it has written.
    pub written: u64,
    /// Bytes of these that the other side has acknowledged.
    pub acknowledged: u64,
}

/// Takes the bytes of one connection apart, as its session has done.
pub trait Reader {
    /// The messages that these bytes bring to their end.
    fn read(&mut self, bytes: &[u8]) -> Vec<Text>;

    /// What must be read again by another one that goes on. `None`: the connection's end was read.
    fn unread(self: Box<Self>) -> Option<Bytes>;
}

/// A connection that goes on.
#[derive(Debug, PartialEq, Eq)]
pub struct Going {
    /// The database.
    pub db: String,
    /// The peer.
    pub id: String,
    /// Its number in the hub.
    pub link: u64,
    /// What it was before it became a peer's.
    pub origin: Provenance,
    /// The longest text of a frame that the peer was told, in UTF-16 units.
    pub announced_payload: usize,
    /// What was read and is the beginning of a message.
    pub unread: Bytes,
}

/// What has come of journals.
#[derive(Default)]
pub struct Replayed {
    now: Millis,
    links: u64,
    databases: Vec<FrozenDatabase>,
    shelf: Shelf,
    /// The connections that can go on.
    pub going: Vec<Going>,
    /// Connections that the kernel knows otherwise than the journal does: they cannot go on.
    pub broken: usize,
}

/// What the one who plays back knows of the world.
pub struct Scene<'a> {
    /// How far the kernel has come with the socket of this number, where that is still open.
    pub standing: &'a dyn Fn(u64) -> Option<Standing>,
    /// Makes who takes the bytes of a connection apart.
    pub reader: &'a dyn Fn(Provenance, usize) -> Box<dyn Reader>,
    /// Is shown the bytes of each connection's stream from an offset on, as they are written.
    pub witness: &'a Witness,
}

impl Replayed {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plays back one journal: what counts of it. `settings` must be those of the hub that wrote it, but for
    /// `max_queue`.
    ///
    /// # Errors
    /// See [`ReplayError`]; nothing of this journal is used then.
    pub fn add(&mut self, journal: &[u8], settings: Settings, scene: &Scene<'_>) -> Result<(), ReplayError> {
        let mut replay = Replay::begin(journal, settings, scene)?;
        replay.play()?;
        replay.end(self);
        Ok(())
    }

    /// A hub in which all of them are.
    pub fn into_hub(self) -> (FrozenHub, Vec<Going>) {
        (FrozenHub::of(self.now, self.links, self.databases, self.shelf), self.going)
    }
}

struct Replay<'a> {
    scene: &'a Scene<'a>,
    database: Arc<Database>,
    clock: Arc<RecordedClock>,
    /// What is left of the journal.
    rest: &'a [u8],
    connections: HashMap<u64, Connection>,
    tickets: std::collections::BTreeSet<u64>,
    /// What counts as delivered of the connections that are given up in this turn.
    delivered: Arc<Mutex<VecDeque<u64>>>,
    /// Above each connection's number.
    links: u64,
}

struct Connection {
    handle: PeerHandle,
    socket: Arc<Socket>,
    reader: Box<dyn Reader>,
    /// Messages that no turn has had yet.
    messages: VecDeque<Text>,
    origin: Provenance,
    announced_payload: usize,
    read: u64,
}

impl<'a> Replay<'a> {
    fn begin(journal: &'a [u8], settings: Settings, scene: &'a Scene<'a>) -> Result<Self, ReplayError> {
        let (head, payload, rest) = split_first(journal).ok_or(ReplayError::Damaged)?;
        if head.kind != Kind::Snapshot {
            return Err(ReplayError::Damaged);
        }
        let Snapshot { now, acknowledge_at, database, shelf, connections, tickets } = rmp_serde::from_slice(payload)?;
        let clock = Arc::new(RecordedClock::default());
        clock.now.store(now, Relaxed);
        // What sockets have taken is not known at each moment, so that nobody may be too slow here.
        let settings = Settings { max_queue: usize::MAX, ..settings };
        let office = Arc::new(Office::new(settings, Arc::new(Deaf), clock.clone(), Box::new(|| {})));
        let database = Arc::new(Database::thaw(database, &office, &shelf)?);
        database.acknowledges_at(acknowledge_at);
        let mut replay = Self {
            scene,
            database,
            clock,
            rest,
            connections: HashMap::new(),
            tickets: tickets.into_iter().collect(),
            delivered: Arc::default(),
            links: 0,
        };
        for input in connections {
            replay.take_up(input);
        }
        Ok(replay)
    }

    fn take_up(&mut self, input: FrozenInput) {
        let FrozenInput { id, link, origin, announced_payload, read, unread, routed } = input;
        let mut socket = None;
        let handle = self.database.reattach(&id, LinkId(link), None, |outbox| {
            let sent = outbox.sent();
            socket.insert(self.socket(link, origin, outbox, sent)).clone()
        });
        let (Some(handle), Some(socket)) = (handle, socket) else { return };
        let mut reader = (self.scene.reader)(origin, announced_payload);
        let messages = reader.read(&unread).into_iter().skip(routed).collect();
        self.add(link, Connection { handle, socket, reader, messages, origin, announced_payload, read });
    }

    fn add(&mut self, link: u64, connection: Connection) {
        self.links = self.links.max(link + 1);
        connection.socket.flush();
        self.connections.insert(link, connection);
    }

    /// A socket that has taken `sent` bytes of its stream.
    fn socket(&self, link: u64, origin: Provenance, outbox: Arc<Outbox>, sent: u64) -> Arc<Socket> {
        let standing = (self.scene.standing)(origin.socket);
        let of_stream = |bytes: u64| bytes.saturating_sub(origin.written);
        Arc::new(Socket {
            link: LinkId(link),
            outbox: Arc::downgrade(&outbox),
            taken: AtomicU64::new(sent),
            takes: standing.map(|standing| of_stream(standing.written)),
            acknowledged: standing.map(|standing| of_stream(standing.acknowledged)),
            delivered: self.delivered.clone(),
            witness: self.scene.witness.clone(),
        })
    }

    fn play(&mut self) -> Result<(), ReplayError> {
        while !self.rest.is_empty() {
            let (head, payload, rest) = split_first(self.rest).ok_or(ReplayError::Damaged)?;
            self.rest = rest;
            self.clock.now.store(head.now, Relaxed);
            self.clock.unix.store(head.unix, Relaxed);
            let _time_of_day = clock::pin_time_of_day(head.unix);
            self.look_ahead();
            self.apply(head, payload)?;
        }
        Ok(())
    }

    /// What the turn that comes has learned from its sockets.
    fn look_ahead(&mut self) {
        let mut delivered = self.delivered.lock();
        delivered.clear();
        while let Some((Head { kind: Kind::Detached, .. }, payload, rest)) = split_first(self.rest) {
            delivered.extend(payload.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)));
            self.rest = rest;
        }
    }

    fn apply(&mut self, head: Head, payload: &[u8]) -> Result<(), ReplayError> {
        match head.kind {
            Kind::Snapshot | Kind::Detached => return Err(ReplayError::Damaged),
            Kind::Receive | Kind::Read | Kind::Route => {
                let connection = self.connections.get_mut(&head.link).ok_or(ReplayError::Damaged)?;
                connection.read += payload.len() as u64;
                connection.messages.extend(connection.reader.read(payload));
                if head.kind != Kind::Read {
                    connection.route_some();
                }
            }
            Kind::Rare => self.apply_rare(head.link, rmp_serde::from_slice(payload)?)?,
        }
        Ok(())
    }

    fn apply_rare(&mut self, link: u64, rare: Rare) -> Result<(), ReplayError> {
        match rare {
            Rare::Connect { id, arrival } => self.connect(&id, link, &arrival),
            Rare::Lost { loss } => self.connection(link)?.handle.lost(loss),
            Rare::Post { id, texts } => {
                let texts: Result<Vec<_>, _> = texts.into_iter().map(Text::try_from).collect();
                let texts = texts.map_err(|_| ReplayError::Damaged)?;
                let handle = match self.connections.get(&link) {
                    Some(connection) => connection.handle.clone(),
                    None => self.database.peer(&id).ok_or(ReplayError::Damaged)?,
                };
                // What is left has a record of its own.
                handle.receive_some(&mut texts.into_iter());
            }
            Rare::Admit { id, ticket, incumbent } => {
                let entry = self.database.admit_beside(&id, Ticket(ticket), incumbent);
                if entry {
                    self.tickets.insert(ticket);
                }
            }
            Rare::Withdraw { ticket } => {
                self.tickets.remove(&ticket);
                self.database.withdraw(Ticket(ticket));
            }
            Rare::Send { id, text } => {
                let text = Text::try_from(text).map_err(|_| ReplayError::Damaged)?;
                self.database.send(&id, text);
            }
            Rare::Kick { id } => {
                self.database.kick(&id);
            }
            Rare::Control { frames } => self.connection(link)?.socket.push_control(&frames),
            Rare::Tick => self.database.tick(),
        }
        Ok(())
    }

    fn connection(&mut self, link: u64) -> Result<&mut Connection, ReplayError> {
        self.connections.get_mut(&link).ok_or(ReplayError::Damaged)
    }

    fn connect(&mut self, id: &str, link: u64, arrival: &Arrival) {
        let mut socket = None;
        let (origin, announced_payload) = (arrival.origin, arrival.max_payload());
        let (handle, mail) = self
            .database
            .connect(id, LinkId(link), arrival, |outbox| socket.insert(self.socket(link, origin, outbox, 0)).clone());
        mail.ring();
        if let Some(socket) = socket {
            let reader = (self.scene.reader)(origin, announced_payload);
            let messages = VecDeque::new();
            let read = origin.read;
            self.add(link, Connection { handle, socket, reader, messages, origin, announced_payload, read });
        }
    }

    /// What the process had in its hands is done, and who waited at the door has gone with it.
    fn end(mut self, replayed: &mut Replayed) {
        self.delivered.lock().clear();
        let _time_of_day = clock::pin_time_of_day(self.clock.unix());
        for ticket in std::mem::take(&mut self.tickets) {
            self.database.withdraw(Ticket(ticket));
        }
        let mut links: Vec<_> = self.connections.into_iter().collect();
        links.sort_unstable_by_key(|(link, _)| *link);
        for (_, connection) in &mut links {
            while !connection.messages.is_empty() {
                connection.route_some();
            }
        }
        for (link, connection) in links {
            connection.end(link, self.scene, replayed);
        }
        replayed.now = replayed.now.max(self.clock.now());
        replayed.links = replayed.links.max(self.links);
        replayed.databases.push(self.database.freeze(&mut replayed.shelf));
    }
}

impl Connection {
    /// One turn.
    fn route_some(&mut self) {
        let messages = &mut self.messages;
        self.handle.receive_some(&mut std::iter::from_fn(|| messages.pop_front()));
    }

    fn end(self, link: u64, scene: &Scene<'_>, replayed: &mut Replayed) {
        if !self.handle.is_connected() {
            return;
        }
        let Some(standing) = (scene.standing)(self.origin.socket) else { return };
        let Some(unread) = self.reader.unread() else {
            self.handle.lost(Loss::Closed);
            return;
        };
        if standing.read != self.read || !self.socket.has_taken_all() {
            replayed.broken += 1;
            return;
        }
        replayed.going.push(Going {
            db: self.handle.db().to_owned(),
            id: self.handle.id().to_owned(),
            link,
            origin: self.origin,
            announced_payload: self.announced_payload,
            unread,
        });
    }
}

/// Shows what the record that is played back says.
#[derive(Default)]
struct RecordedClock {
    now: AtomicU64,
    unix: AtomicU64,
}

impl Clock for RecordedClock {
    fn now(&self) -> Millis {
        self.now.load(Relaxed)
    }

    fn unix(&self) -> u64 {
        self.unix.load(Relaxed)
    }

    fn shows_at_least(&self, now: Millis) {
        self.now.fetch_max(now, Relaxed);
    }
}
