//! A cluster in a few numbers.

use super::histogram::Histogram;

/// Counts for a status page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// A master is connected and identified.
    pub master_present: bool,
    /// Requests that wait for a master, or behind a fence. Those that wait only until others have written are not
    /// among them.
    pub held_requests: usize,
    /// Requests that a master has and has not answered yet.
    pub delivered_requests: usize,
    /// Bytes that both take up, with what it takes to keep them.
    pub request_bytes: usize,
    /// Sessions kept for peers that may be back.
    pub kept_sessions: usize,
    /// Locks that the present master granted.
    pub held_locks: usize,
    /// Locks of former masters that have not been released.
    pub fenced_locks: usize,
    /// Requests for locks that have not been granted.
    pub waiting_locks: usize,
    /// From the request for a lock to its grant, of all locks so far.
    pub lock_waits: Histogram,
    /// From the grant of a lock to its end, of all locks so far.
    pub lock_holds: Histogram,
    /// How often a lock was passed on from worker to worker, instead of through the master.
    pub lock_passes: u64,
}
