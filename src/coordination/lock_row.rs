//! One row of the lock table: a lock, and how long and how much it keeps others out.

use serde::{Deserialize, Serialize};

use super::bounds::Usage;
use crate::{
    acebase::{DEFAULT_LOCK_TIMEOUT_MS, Lock},
    clock::{Millis, WallClock},
};

/// How long a lock counts after its master, or its holder, is gone, where its own expiry is not known, in milliseconds.
pub(super) const FENCE_LIMIT_MS: u64 = DEFAULT_LOCK_TIMEOUT_MS;

/// The longest time after its grant that a lock is believed to count, in milliseconds. Thirty times AceBase's default
/// lock timeout; a later expiry tells of clocks that differ, and must not keep a database locked for as much.
pub(super) const LONGEST_LOCK_MS: u64 = 60 * 60 * 1_000;

/// Whether its holder may still release it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Holder {
    Around,
    Gone,
}

/// One lock that was granted, and how long it counts.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) lock: Lock,
    /// When it was granted; a fenced lock's `since` is when it was fenced.
    pub(super) granted: Millis,
    pub(super) holder: Holder,
    /// When the lock stops to count, on the hub's clock.
    pub(super) ends: Option<Millis>,
    /// What it takes to keep the row.
    pub(super) usage: Usage,
    /// Its holder has told of it when it told last what it holds, after a crash of the hub.
    #[serde(default)]
    pub(super) is_told: bool,
    /// The request that it was granted for, by an answer that was sent again while its worker was away: that may have
    /// had it before, and returned the lock since.
    #[serde(default)]
    pub(super) heard_for: Option<String>,
    /// It counts no longer, and its transaction may not go on.
    #[serde(default)]
    pub(super) has_expired: bool,
    /// The life of the former master that granted it, where that is known.
    #[serde(default)]
    pub(super) former: Option<String>,
}

/// How much a lock keeps others out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    Expired,
    Reads,
    Writes,
}

impl Row {
    /// A lock that the present master granted, and that it lets expire at the lock's `expires`, by the wall clock.
    pub(super) fn new(lock: Lock, wall_clock: WallClock, now: Millis) -> Self {
        // A lock that is granted when it has expired tells of clocks that differ: then its expiry tells nothing.
        let left = lock.expires.and_then(|expires| expires.checked_sub(wall_clock(now))).filter(|left| *left > 0);
        // From here on it is the hub's own clock that counts: nobody sets that.
        let ends = left.map(|left| now + left.min(LONGEST_LOCK_MS));
        let usage = Usage::of_lock(lock.peer.len() + lock.path.len() + lock.tid.len() + lock.comment.len());
        Self {
            lock,
            granted: now,
            holder: Holder::Around,
            ends,
            usage,
            is_told: false,
            heard_for: None,
            has_expired: false,
            former: None,
        }
    }

    /// Its master, or its holder, is gone: from now on it ends at some time. Tells when.
    pub(super) fn must_end(&mut self, now: Millis) -> Millis {
        *self.ends.get_or_insert(now + FENCE_LIMIT_MS)
    }

    /// How much it keeps others out.
    pub(super) fn strength(&self, now: Millis) -> Strength {
        match self.ends {
            Some(ends) if ends <= now => Strength::Expired,
            _ if self.lock.write => Strength::Writes,
            _ => Strength::Reads,
        }
    }

    /// It has not expired, as far as is known.
    pub(super) fn is_fencing(&self, now: Millis) -> bool {
        self.ends.is_some_and(|ends| now < ends)
    }
}
