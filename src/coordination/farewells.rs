//! Peers that have said `bye`: the published client leaves its socket open then, and its process would never end.
//!
//! ```text
//!   bye ──> Leaving ── silent for a moment, and owed nothing ──> dismissed: its connection is closed
//!            │   │  └── at last, whatever it is owed ──────────────^
//!            │   └── connection lost ──> over
//!            └── takes part again ──> over
//! ```
//!
//! What a closing database still has to tell goes out after its `bye`, so the connection stays until nothing more
//! comes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::timers::Timers;
use crate::clock::Millis;

/// For how long a peer that has said `bye` must be silent, in milliseconds: the published client tells the rest within
/// a few turns of its event loop. Short beside the 1.6 s that pm2 gives a process to end.
pub(super) const SILENCE_MS: u64 = 500;

/// How long a peer that has said `bye` stays at most for what it has requested, or others of it, in milliseconds.
pub(super) const LAST_CALL_MS: u64 = 5_000;

/// The peers that have said `bye` and are still connected, and when each is dismissed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Farewells {
    last_calls: BTreeMap<String, Millis>,
    silences: Timers<String>,
}

impl Farewells {
    pub(super) fn new() -> Self {
        Self { last_calls: BTreeMap::new(), silences: Timers::new() }
    }

    /// A peer has said `bye`.
    pub(super) fn begin(&mut self, peer: &str, now: Millis) {
        self.last_calls.insert(peer.to_owned(), now + LAST_CALL_MS);
        self.silences.set(peer.to_owned(), now + SILENCE_MS);
    }

    /// A peer has something to say still, or is to be looked at again.
    pub(super) fn put_off(&mut self, peer: &str, now: Millis) {
        if self.last_calls.contains_key(peer) {
            self.silences.set(peer.to_owned(), now + SILENCE_MS);
        }
    }

    /// The peer takes part again, or is gone.
    pub(super) fn end(&mut self, peer: &str) {
        self.last_calls.remove(peer);
        self.silences.cancel(&peer.to_owned());
    }

    /// When a peer is due next.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.silences.next()
    }

    /// A peer that has been silent for long enough, and whether it is the last call for it. It is due again later,
    /// until it is gone.
    pub(super) fn take_due(&mut self, now: Millis) -> Option<(String, bool)> {
        let peer = self.silences.take_due(now)?;
        let is_last_call = self.last_calls.get(&peer).is_none_or(|at| *at <= now);
        self.put_off(&peer, now);
        Some((peer, is_last_call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_due_when_it_has_been_silent_and_again_until_it_is_gone() {
        let mut farewells = Farewells::new();
        farewells.begin("w", 0);
        farewells.put_off("w", 100);
        farewells.put_off("other", 100);
        assert_eq!(farewells.deadline(), Some(100 + SILENCE_MS));
        assert_eq!(farewells.take_due(SILENCE_MS), None);
        assert_eq!(farewells.take_due(100 + SILENCE_MS), Some(("w".to_owned(), false)));
        assert_eq!(farewells.take_due(LAST_CALL_MS), Some(("w".to_owned(), true)));
        farewells.end("w");
        assert_eq!(farewells.deadline(), None);
    }
}
