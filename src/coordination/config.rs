//! What the owner of a server may choose about coordination, with every default and the reason for it.

use serde::{Deserialize, Serialize};

/// How long a lost connection's session is kept. The published client reconnects at once, then every second: this is
/// room for a few attempts, and still short beside the 10 s after which a client gives up.
pub const DEFAULT_RESUME_WINDOW_MS: u64 = 5_000;

/// How long a request waits for a master. Longer than a master's process takes to restart and open a large database.
pub const DEFAULT_MASTER_TIMEOUT_MS: u64 = 60_000;

/// How long a worker that vanished may be away before its locks are released. Longer than the resume window, so that a
/// worker that is slow to reconnect finds its locks still its own.
pub const DEFAULT_RELEASE_LOCKS_AFTER_MS: u64 = 10_000;

/// How long a write lock is passed on from worker to worker before the master has it back. What the master itself wants
/// to write, and whoever else is queued there, waits so long: less than a person notices, and a hundred writes.
pub const DEFAULT_PASS_LOCKS_FOR_MS: u64 = 100;

/// How long notifications may wait for others like them, or for whatever else is for their receiver. Each costs every
/// process a wake, and they are of no use before its next lock, which they go ahead of. A tenth of what a person
/// notices; where processes write all the time, a longer one saves next to nothing more.
pub const DEFAULT_GATHER_NOTIFICATIONS_MS: u64 = 5;

/// How long a new master gets nothing that needs its tables of keys, free space and indexes. The published client
/// connects, and answers, some 20 ms before it has read them: with empty tables it gives away, and overwrites, the
/// beginning of the database. They are small, so this is ample also on a busy machine.
pub const DEFAULT_MASTER_WARM_UP_MS: u64 = 1_000;

/// How many requests of one database may be outstanding; as many locks may be waited for and held. A busy cluster has
/// hundreds, and one that writes an object of many children at once has one for each child: no honest process comes
/// near.
pub const DEFAULT_MAX_REQUESTS: usize = 1_000_000;

/// Bytes that the outstanding requests of one database may take. One takes about 1 KB with all that is kept of it, and
/// one worker may have half: so it may write an object of 130,000 children at once.
pub const DEFAULT_MAX_REQUEST_BYTES: usize = 256 * 1024 * 1024;

/// What the hub does for AceBase peers beyond carrying their mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CoordinationConfig {
    /// Introduce AceBase peers to each other, and keep back the farewells that they send on each other's behalf.
    pub introductions: bool,
    /// How long a lost connection's session is kept, in milliseconds; 0: not at all.
    pub resume_window: u64,
    /// How long a request waits for a master, in milliseconds; 0: requests are passed on as they come, neither held
    /// nor followed, and there is no lock table.
    pub master_timeout: u64,
    /// How long a new master gets no requests that need its tables, in milliseconds; 0: it gets them at once.
    pub master_warm_up: u64,
    /// Follow who holds which lock: release those of dead workers, and let those of a former master count on.
    pub lock_table: bool,
    /// How long a write lock is passed on from worker to worker before the master has it back, in milliseconds; 0: not
    /// at all.
    pub pass_locks_for: u64,
    /// How long notifications of what was written may wait to be told together, in milliseconds; 0: not at all.
    pub gather_notifications: u64,
    /// How long a vanished worker may be away before its locks are released, in milliseconds; 0: never.
    pub release_locks_after: u64,
    /// Outstanding requests of one database, with its locks; releases have as many again for themselves. No worker may
    /// have more than is still free.
    pub max_requests: usize,
    /// Bytes that the outstanding requests and the locks of one database may take, with what it takes to keep them;
    /// releases have as many again for themselves, and so have answers that wait for a worker that is away. No
    /// worker may have more than is still free.
    pub max_request_bytes: usize,
}

impl Default for CoordinationConfig {
    fn default() -> Self {
        Self {
            introductions: true,
            resume_window: DEFAULT_RESUME_WINDOW_MS,
            master_timeout: DEFAULT_MASTER_TIMEOUT_MS,
            master_warm_up: DEFAULT_MASTER_WARM_UP_MS,
            lock_table: true,
            pass_locks_for: DEFAULT_PASS_LOCKS_FOR_MS,
            gather_notifications: DEFAULT_GATHER_NOTIFICATIONS_MS,
            release_locks_after: DEFAULT_RELEASE_LOCKS_AFTER_MS,
            max_requests: DEFAULT_MAX_REQUESTS,
            max_request_bytes: DEFAULT_MAX_REQUEST_BYTES,
        }
    }
}

impl CoordinationConfig {
    /// There is something to do.
    pub fn is_on(&self) -> bool {
        self.introductions || self.resume_window > 0 || self.follows_requests()
    }

    /// Requests are held, given to the next master and answered.
    pub(super) fn follows_requests(&self) -> bool {
        self.master_timeout > 0
    }

    /// Locks are followed, which only works by following requests.
    pub(super) fn follows_locks(&self) -> bool {
        self.lock_table && self.follows_requests()
    }

    /// Write locks are passed on from worker to worker.
    pub(super) fn passes_locks(&self) -> bool {
        self.pass_locks_for > 0 && self.follows_locks()
    }

    /// How long after its loss a worker that is away may come back to its requests, answers and locks, in milliseconds.
    /// Never shorter than its session is kept: a worker whose session goes on must find its locks.
    pub(super) fn absence(&self) -> u64 {
        self.release_locks_after.max(self.resume_window)
    }
}
