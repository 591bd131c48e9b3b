//! What all databases of a hub share: the settings, the clock, who is told what happens.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::{
    coordinator::Coordinator,
    event::{Event, Observer},
    interest::Interest,
    journal::MemoryFactory,
};
use crate::clock::{Clock, Millis};

/// Makes a coordinator for a new database.
pub type CoordinatorFactory = Box<dyn Fn() -> Box<dyn Coordinator> + Send + Sync>;

/// What the hub needs to be told.
pub struct Settings {
    /// Bytes that one peer's outbox may hold.
    pub max_queue: usize,
    /// Longest text, in UTF-16 units, that is not a large message.
    pub max_payload: usize,
    /// Announce large messages with `get:` instead of pushing them.
    pub download_large: bool,
    /// Who reads the messages, if anybody.
    pub coordinators: Option<CoordinatorFactory>,
}

/// What all databases share.
pub(super) struct Office {
    pub(super) settings: Settings,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) links: AtomicU64,
    pub(super) tickets: AtomicU64,
    pub(super) interest: Interest,
    pub(super) is_closed: AtomicBool,
    /// What the names of this hub's sessions begin with: no other hub's do.
    secret: String,
    sessions: AtomicU64,
    /// When a database became this hub's last that may have been another one's. 0: it has been alone.
    taken_over_at: AtomicU64,
    /// Makes the memory of journals, where they are kept.
    pub(super) journals: OnceLock<MemoryFactory>,
    /// Called when a deadline comes nearer.
    pub(super) alarm: Box<dyn Fn() + Send + Sync>,
}

impl Office {
    pub(super) fn new(
        settings: Settings,
        observer: Arc<dyn Observer>,
        clock: Arc<dyn Clock>,
        alarm: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        Self {
            settings,
            observer,
            clock,
            links: AtomicU64::new(0),
            tickets: AtomicU64::new(0),
            interest: Interest::default(),
            is_closed: AtomicBool::new(false),
            // Made of what the system knows at random.
            secret: format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1)),
            sessions: AtomicU64::new(0),
            taken_over_at: AtomicU64::new(0),
            journals: OnceLock::new(),
            alarm,
        }
    }

    pub(super) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Databases that begin from now on may have been another hub's until now.
    pub(super) fn take_over(&self) {
        self.taken_over_at.store(self.now(), Ordering::Relaxed);
    }

    /// When a database that begins became this hub's, at the latest.
    pub(super) fn taken_over_at(&self) -> Millis {
        self.taken_over_at.load(Ordering::Relaxed)
    }

    /// A name that no session of any hub has had.
    pub(super) fn name_session(&self) -> String {
        format!("{}-{}", self.secret, self.sessions.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn tell(&self, event: Event) {
        self.observer.event(event);
    }
}
