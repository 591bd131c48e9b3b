//! What time it is. The only module that asks the system: everybody else is handed a [`Clock`].

use std::{
    cell::Cell,
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

    /// From now on it shows this at least: what happens may have begun on a clock that showed so much.
    fn shows_at_least(&self, now: Millis);
}

/// What a clock that keeps up with the time of day may gain at once, in milliseconds: a tenth of how often it is asked
/// to, so that nothing that waits for a deadline notices.
const GAIN_MS: Millis = 100;

/// A clock that is further behind, in milliseconds, has not just stood still in a hand-over: the day was set, or it is
/// no clock that shows it.
const BEHIND_MS: Millis = 60_000;

/// The machine's clock, started when it is made.
pub struct SystemClock {
    started: Instant,
    /// What it showed when it was started, and was put forward by since, in milliseconds.
    ahead: AtomicU64,
    keeps_up: bool,
}

impl SystemClock {
    /// Starts it.
    pub fn start() -> Self {
        Self { started: Instant::now(), ahead: AtomicU64::new(0), keeps_up: false }
    }

    /// Starts it at the time of day: so that what is left to another machine can go on by that one's clock.
    pub fn start_at_the_time_of_day() -> Self {
        Self { ahead: AtomicU64::new(unix_millis()), keeps_up: true, ..Self::start() }
    }

    /// It goes on where another one stopped, whatever it has shown before. For a clock that nobody has looked at.
    pub fn go_on_from(&self, now: Millis) {
        self.ahead.store(now, Ordering::Relaxed);
    }

    /// To be called every second: what has been lost of the day in hand-overs is made good, little by little.
    pub fn keep_up(&self) {
        let behind = unix_millis().saturating_sub(self.now());
        if self.keeps_up && behind <= BEHIND_MS {
            self.ahead.fetch_add(behind.min(GAIN_MS), Ordering::Relaxed);
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        millis(self.started.elapsed()) + self.ahead.load(Ordering::Relaxed)
    }

    fn unix(&self) -> u64 {
        unix_millis()
    }

    fn shows_at_least(&self, now: Millis) {
        self.ahead.fetch_add(now.saturating_sub(self.now()), Ordering::Relaxed);
    }
}

thread_local! {
    static PINNED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// As long as this lives, it is the same time of the day for whoever asks in this thread.
pub struct PinnedTimeOfDay {
    before: Option<u64>,
}

/// Lets it be this time of the day, in milliseconds since the Unix epoch: so that what depends on it can be repeated.
pub fn pin_time_of_day(unix: u64) -> PinnedTimeOfDay {
    PinnedTimeOfDay { before: PINNED.replace(Some(unix)) }
}

impl Drop for PinnedTimeOfDay {
    fn drop(&mut self) {
        PINNED.set(self.before);
    }
}

/// Milliseconds since the Unix epoch.
pub fn unix_millis() -> u64 {
    PINNED.get().unwrap_or_else(system_unix_millis)
}

fn system_unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(millis).unwrap_or_default()
}

/// Time on a clock that nobody sets, and that goes on while the machine sleeps, where the system has such a clock: for
/// those who must not believe that no time has passed.
pub fn awake_or_not() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        static STARTED: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        STARTED.get_or_init(Instant::now).elapsed()
    }
}

/// A duration in whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
