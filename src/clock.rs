//! What time it is. The only module that asks the system: everybody else is handed a [`Clock`].

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Milliseconds on a monotonic clock that starts with the hub.
pub type Millis = u64;

/// The time of day at a time of the hub's own clock, in milliseconds since the Unix epoch. It is asked when it is
/// needed, for the clock of a host may be set while the hub runs.
pub type WallClock = fn(Millis) -> u64;

/// Tells a hub the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since the clock was started. Nobody sets it back.
    fn now(&self) -> Millis;

    /// The time of day, in milliseconds since the Unix epoch.
    fn unix(&self) -> u64;
}

/// The machine's clock, started when it is made.
pub struct SystemClock {
    started: Instant,
    /// What it was put forward by, in milliseconds.
    ahead: AtomicU64,
}

impl SystemClock {
    /// Starts it.
    pub fn start() -> Self {
        Self { started: Instant::now(), ahead: AtomicU64::new(0) }
    }

    /// Puts it forward by so many milliseconds: it goes on where another one stopped.
    pub fn put_forward(&self, by: Millis) {
        self.ahead.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        millis(self.started.elapsed()) + self.ahead.load(Ordering::Relaxed)
    }

    fn unix(&self) -> u64 {
        unix_millis()
    }
}

/// Milliseconds since the Unix epoch.
pub fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(millis).unwrap_or_default()
}

/// A duration in whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
