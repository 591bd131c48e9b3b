//! Gives memory back to the system after a peak. glibc keeps for good most of what is freed, and a process manager that
//! restarts processes above a limit would see the peak for ever.
//!
//! It looks at the size of the whole process once a second: whatever has made it grow, a peak may be over when it
//! grows no more. Only glibc needs this; the allocators of other systems give back by themselves, and there it does
//! nothing.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    hub::event::{Event, Observer},
    observe,
};

/// Growth that is a peak, in bytes: less is not worth the trouble, and may be a busy process's normal size.
const PEAK: u64 = 32 * 1024 * 1024;

/// Growth from one look to the next that counts as none, in bytes.
const STEADY: u64 = 1024 * 1024;

/// Looks in a row at which the process did not grow, before the peak counts as over.
const LOOKS: u32 = 2;

/// The least time between two attempts to give memory back. The size of a process does not show how much of it is free,
/// so a process that stays large tries again and again. Shorter than pm2's 30 s between two looks at a process's
/// memory.
const PAUSE: Duration = Duration::from_secs(10);

/// The least pause after an attempt, in times as long as it took. Giving back 90 MiB took 6 ms.
const COST: u32 = 1000;

/// Looks at the process's memory, and gives back what is free.
pub struct Memory {
    observer: Arc<dyn Observer>,
    peaks: Peaks,
    giving: Arc<Mutex<Giving>>,
}

/// How giving back stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Giving {
    /// It was not needed yet.
    Never,
    /// A thread is doing it.
    Now,
    /// It ended at that time, and took so long.
    Over { at: Instant, took: Duration },
}

impl Memory {
    /// The size from which peaks rise is the process's now. `observer` is told where no thread can be had.
    pub fn new(observer: Arc<dyn Observer>) -> Self {
        let peaks = Peaks::above(observe::resident_bytes().unwrap_or(u64::MAX));
        Self { observer, peaks, giving: Arc::new(Mutex::new(Giving::Never)) }
    }

    /// Looks once; to be done once a second. Giving back may take a while, so that a thread of its own does it.
    pub fn look(&mut self) {
        let Some(size) = give_back::is_needed().then(observe::resident_bytes).flatten() else { return };
        let giving = *self.giving.lock();
        if self.peaks.is_over(size) && giving.may_begin_again(Instant::now()) {
            self.begin();
        }
    }

    fn begin(&self) {
        *self.giving.lock() = Giving::Now;
        let giving = self.giving.clone();
        let work = move || {
            let began = Instant::now();
            give_back::now();
            *giving.lock() = Giving::Over { at: Instant::now(), took: began.elapsed() };
        };
        if let Err(error) = thread::Builder::new().name("acebase-ipc-trim".into()).spawn(work) {
            *self.giving.lock() = Giving::Over { at: Instant::now(), took: Duration::ZERO };
            let message = format!("Memory cannot be given back now: {error}");
            self.observer.event(Event::Warning { code: "memory", message });
        }
    }
}

impl Giving {
    fn may_begin_again(self, now: Instant) -> bool {
        match self {
            Self::Never => true,
            Self::Now => false,
            Self::Over { at, took } => now.duration_since(at) >= PAUSE.max(took * COST),
        }
    }
}

/// What is known of the process's size.
struct Peaks {
    /// The smallest so far.
    least: u64,
    last: u64,
    steady_looks: u32,
}

impl Peaks {
    fn above(size: u64) -> Self {
        Self { least: size, last: size, steady_looks: 0 }
    }

    /// Whether the process has grown, and grows no more. `size` in bytes.
    fn is_over(&mut self, size: u64) -> bool {
        self.least = self.least.min(size);
        let is_steady = size <= self.last.saturating_add(STEADY);
        self.steady_looks = if is_steady { self.steady_looks.saturating_add(1) } else { 0 };
        self.last = size;
        size >= self.least.saturating_add(PEAK) && self.steady_looks >= LOOKS
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod give_back {
    /// glibc keeps what is free in its arenas, but for what is at their very end.
    pub(super) fn is_needed() -> bool {
        true
    }

    /// Gives back all whole pages that are free.
    pub(super) fn now() {
        // SAFETY: malloc_trim may be called by any thread at any time (it takes the allocator's own locks), and gives
        // up only memory that nobody owns.
        unsafe { libc::malloc_trim(0) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod give_back {
    /// The allocator does so by itself.
    pub(super) fn is_needed() -> bool {
        false
    }

    /// Nothing to do.
    pub(super) fn now() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    /// Looks at a process of 40 MiB that comes to these sizes, in MiB, and says at which looks a peak is over.
    fn overs(sizes: impl IntoIterator<Item = u64>) -> Vec<usize> {
        let mut peaks = Peaks::above(40 * MIB);
        sizes.into_iter().enumerate().filter(|(_, size)| peaks.is_over(size * MIB)).map(|(n, _)| n).collect()
    }

    #[test]
    fn a_peak_is_over_when_the_process_grows_no_more() {
        assert_eq!(overs([40, 100, 200, 300, 300, 299, 42, 42]), [5]);
    }

    #[test]
    fn a_peak_that_nobody_saw_rising_is_one() {
        assert_eq!(overs([300, 300, 300]), [2]);
    }

    #[test]
    fn a_process_that_hardly_grows_has_no_peak() {
        assert_eq!(overs((40..70).chain([69; 300])), [] as [usize; 0]);
    }

    #[test]
    fn giving_back_takes_a_thousandth_of_the_time_at_most() {
        let at = Instant::now();
        let after = |took: Duration, passed: Duration| Giving::Over { at, took }.may_begin_again(at + passed);
        assert!(after(Duration::from_millis(6), PAUSE));
        assert!(!after(Duration::from_millis(6), PAUSE - Duration::from_millis(1)));
        assert!(!after(Duration::from_millis(50), 3 * PAUSE));
        assert!(after(Duration::from_millis(50), 5 * PAUSE));
        assert!(!Giving::Now.may_begin_again(at + 100 * PAUSE));
    }
}
