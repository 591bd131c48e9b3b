//! The socket that a replayed connection has: it takes as much of the stream as the real one has taken.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    hub::{
        Drain, Outbox,
        transport::{LinkId, Transport},
    },
    protocol::close::CloseReason,
};

/// Is shown the bytes of a connection's stream from an offset on, as they are written.
pub type Witness = Arc<dyn Fn(LinkId, u64, &[IoSlice<'_>]) + Send + Sync>;

/// A socket that takes what the real one has taken, and no more; everything, where that is not known.
pub(super) struct Socket {
    pub(super) link: LinkId,
    pub(super) outbox: Weak<Outbox>,
    /// Bytes of the stream that it has taken.
    pub(super) taken: AtomicU64,
    /// Those that it takes in the end.
    pub(super) takes: Option<u64>,
    pub(super) acknowledged: Option<u64>,
    pub(super) delivered: Arc<Mutex<VecDeque<u64>>>,
    pub(super) witness: Witness,
}

impl Socket {
    pub(super) fn has_taken_all(&self) -> bool {
        self.takes.is_none_or(|takes| self.taken.load(Relaxed) == takes)
    }

    pub(super) fn push_control(&self, frames: &[u8]) {
        if let Some(outbox) = self.outbox.upgrade() {
            outbox.push_control(self.link, frames);
            self.flush();
        }
    }

    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let taken = self.taken.load(Relaxed);
        let room = self.takes.map_or(u64::MAX, |takes| takes.saturating_sub(taken));
        let count = offered.min(usize::try_from(room).unwrap_or(usize::MAX));
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        (self.witness)(self.link, taken, slices);
        self.taken.store(taken + count as u64, Relaxed);
        Ok(count)
    }
}

impl Transport for Socket {
    fn flush(&self) {
        let Some(outbox) = self.outbox.upgrade() else { return };
        let _: Drain = outbox.write_with(self.link, |slices| self.write(slices));
        if self.acknowledged.is_some() {
            outbox.trim_if_due();
        }
    }

    fn close(&self, _: CloseReason) {}

    fn acknowledged(&self) -> Option<u64> {
        // What the other side has not acknowledged yet is kept.
        Some(self.acknowledged.unwrap_or(0))
    }

    fn delivered(&self) -> Option<u64> {
        self.delivered.lock().pop_front().or(self.acknowledged)
    }

    fn round_trip(&self) -> Option<Duration> {
        None
    }
}
