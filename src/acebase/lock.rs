//! A lock of AceBase, as the hub has seen it.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// How long AceBase's own locks last where nobody says it (`lockTimeout`), in milliseconds.
pub const DEFAULT_LOCK_TIMEOUT_MS: Millis = 120_000;

/// The state of one lock, as far as the hub has seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LockState {
    /// Requested, not granted yet.
    Waiting,
    /// Granted by the present master.
    Held,
    /// Granted by a former master and not released yet: it still fences conflicting requests.
    Fenced,
}

impl LockState {
    /// The state in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Fenced => "fenced",
        }
    }
}

/// One row of the lock table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// The master's number for it; absent while it waits.
    pub id: Option<u64>,
    /// The peer that holds it or waits for it.
    pub peer: String,
    /// The database path, without a leading slash.
    pub path: String,
    /// AceBase's transaction id: locks of one transaction never conflict.
    pub tid: String,
    /// A write lock (else a read lock).
    pub write: bool,
    /// The client's own words on what it is for.
    pub comment: String,
    /// Waiting, held or fenced.
    pub state: LockState,
    /// When it entered this state.
    pub since: Millis,
    /// When the master lets it expire, in milliseconds since the Unix epoch, if known.
    pub expires: Option<u64>,
    /// How often it has been passed on from worker to worker since the master granted it.
    #[serde(default)]
    pub passed: u64,
    /// It counts no longer, as far as the hub knows, and its transaction may not go on before it has returned it.
    #[serde(default)]
    pub has_expired: bool,
}
