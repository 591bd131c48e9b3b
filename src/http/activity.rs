//! What a connection is doing, as far as it matters to whoever wants to take it away: between two requests nobody would
//! notice.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// What a connection is doing. Shared by its byte stream and by what answers its requests.
#[derive(Debug, Default)]
pub struct Activity {
    state: AtomicU8,
    /// What came first was no HTTP, but TLS.
    is_tls: AtomicBool,
}

/// Nothing: no request has come whole that is not answered.
const IDLE: u8 = 0;
/// It is answering a request.
const ANSWERING: u8 = 1;
/// The answer is known, and may not be written yet.
const WRITING: u8 = 2;
/// It is being closed.
const CLOSING: u8 = 3;

impl Activity {
    /// A request has come.
    pub(super) fn begins(&self) {
        self.state.store(ANSWERING, Ordering::Release);
    }

    /// It has its answer.
    pub(super) fn is_answered(&self) {
        self.state.store(WRITING, Ordering::Release);
    }

    /// All that there was to write is written.
    pub(super) fn is_flushed(&self) {
        let _ = self.state.compare_exchange(WRITING, IDLE, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The connection is being closed.
    pub(super) fn closes(&self) {
        self.state.store(CLOSING, Ordering::Release);
    }

    /// What has come is TLS.
    pub(super) fn speaks_tls(&self) {
        self.is_tls.store(true, Ordering::Relaxed);
    }

    /// What came first was TLS.
    pub(super) fn has_spoken_tls(&self) -> bool {
        self.is_tls.load(Ordering::Relaxed)
    }

    /// It is between two requests.
    pub(super) fn is_idle(&self) -> bool {
        self.state.load(Ordering::Acquire) == IDLE
    }
}
