//! Trouble: what keeps a cluster from its work, found in one place, and told alike by the page, the command line, the
//! log, the event, the metrics and the readiness check.
//!
//! | module | knows |
//! |---|---|
//! | `find` | what counts as trouble: pure rules over figures |
//! | `words` | how it is said |
//! | `turned_away` | who was refused lately |
//! | `ledger` | what has begun and what is over since it was looked at last |

mod find;
mod ledger;
mod turned_away;
mod words;

use serde::{Deserialize, Serialize};

pub(super) use find::{Fault, Scene, find};
pub(super) use ledger::{Change, Ledger};
pub(super) use turned_away::TurnedAway;

/// How long a lock may be held or awaited, in milliseconds: AceBase's own take milliseconds, and people notice seconds.
pub const DEFAULT_SLOW_LOCK_MS: u64 = 5_000;

/// How long a master may give no sign of life while requests are with it, in milliseconds. Twice what a long
/// synchronous step of a healthy process takes.
pub const DEFAULT_SLOW_MASTER_MS: u64 = 5_000;

/// How long mail may wait for a peer without its queue becoming empty, in milliseconds.
pub const DEFAULT_SLOW_CLIENT_MS: u64 = 5_000;

/// From when on something is trouble, in milliseconds; 0: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Thresholds {
    /// How long a lock that others wait for may be held, and how long one may be waited for.
    pub slow_lock: u64,
    /// How long a master that has requests may give no sign of life.
    pub slow_master: u64,
    /// How long mail may wait for a peer.
    pub slow_client: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            slow_lock: DEFAULT_SLOW_LOCK_MS,
            slow_master: DEFAULT_SLOW_MASTER_MS,
            slow_client: DEFAULT_SLOW_CLIENT_MS,
        }
    }
}
