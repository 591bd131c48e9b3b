//! What all databases of a hub share: the settings, the clock, who is told what happens.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64},
};

use super::{
    coordinator::Coordinator,
    event::{Event, Observer},
    interest::Interest,
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
            alarm,
        }
    }

    pub(super) fn now(&self) -> Millis {
        self.clock.now()
    }

    pub(super) fn tell(&self, event: Event) {
        self.observer.event(event);
    }
}
