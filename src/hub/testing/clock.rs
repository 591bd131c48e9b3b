//! A clock that stands still until it is moved.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{
    clock::{Clock, Millis},
    hub::Hub,
};

/// The time of day when such a clock is at 0, in milliseconds since the Unix epoch.
pub const EPOCH_MS: u64 = 1_700_000_000_000;

/// A clock that shows what a test has set.
#[derive(Debug, Default)]
pub struct HandClock(AtomicU64);

impl HandClock {
    /// It is so late now. Nobody sets it back.
    pub fn set(&self, now: Millis) {
        self.0.fetch_max(now, Relaxed);
    }

    /// Moves to when the hub wants its next tick, if that is not after `end`; else to the `end`. Tells which.
    pub fn moves_to_tick(&self, hub: &Hub, end: Millis) -> bool {
        let deadline = hub.next_deadline().filter(|deadline| *deadline <= end);
        self.set(deadline.unwrap_or(end));
        deadline.is_some()
    }
}

impl Clock for HandClock {
    fn now(&self) -> Millis {
        self.0.load(Relaxed)
    }

    fn unix(&self) -> u64 {
        EPOCH_MS + self.now()
    }

    fn shows_at_least(&self, now: Millis) {
        self.0.fetch_max(now, Relaxed);
    }
}
