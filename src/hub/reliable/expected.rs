//! Peers that are likely to be back after a hub has ended in a crash, and what is for them: their fellows have told
//! this hub that they were there. Each is waited for until it has joined, or the time is over.
//!
//! What is addressed to such a peer is dealt with when it has joined, as if it came then.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Origin;
use crate::clock::Millis;

/// How long peers are waited for after the first one has come, in milliseconds: they connect again within a second, and
/// ten times as long where the machine is busy.
const GRACE_MS: Millis = 10_000;

/// How many peers are waited for: many times as many as a cluster has.
const MAX_PEERS: usize = 4_096;

/// A message that waits for its receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::hub) enum Kept {
    /// It was addressed to the receiver.
    Addressed { from: Arc<str>, body: Bytes, origin: Option<Origin>, is_resent: bool },
    /// It was for all, and the others have got it.
    Broadcast { body: Bytes, origin: Option<Origin> },
}

/// Those that are waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::hub) struct Expected {
    peers: HashMap<Arc<str>, Mailbag>,
    /// What waits for all of them.
    #[serde(default)]
    bytes: usize,
    /// When the time is over. `None`: nobody is waited for.
    until: Option<Millis>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mailbag {
    kept: Vec<Kept>,
    bytes: usize,
}

impl Expected {
    /// When all are back that were in the database before this hub had it. `begun`: when the first of all came, which
    /// is not when the hub came up: it may have taken the place of another one since, or not have been reached.
    pub(in crate::hub) fn all_are_back_at(begun: Millis) -> Millis {
        begun.saturating_add(GRACE_MS)
    }

    /// Nobody is waited for.
    pub(in crate::hub) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// This peer is waited for.
    pub(in crate::hub) fn has(&self, id: &str) -> bool {
        !self.peers.is_empty() && self.peers.contains_key(id)
    }

    /// When the time is over.
    pub(in crate::hub) fn deadline(&self) -> Option<Millis> {
        self.until
    }

    /// The time is over, which is told once.
    pub(in crate::hub) fn is_over(&mut self, now: Millis) -> bool {
        self.until.take_if(|until| *until <= now).is_some()
    }

    /// This peer is waited for until then.
    pub(in crate::hub) fn add(&mut self, id: &str, until: Millis) {
        self.until = Some(until);
        if self.peers.len() < MAX_PEERS && !self.peers.contains_key(id) {
            self.peers.insert(id.into(), Mailbag::default());
        }
    }

    /// All that are waited for, in order of their ids: others are told of them one by one.
    pub(in crate::hub) fn ids(&self) -> Vec<Arc<str>> {
        let mut ids: Vec<_> = self.peers.keys().cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// Keeps a message for one that is waited for. `Err`: more than `limit` bytes wait for all, so that this one is not
    /// waited for any more; that is what waited for it, and the message.
    pub(in crate::hub) fn keep(&mut self, id: &str, message: Kept, limit: usize) -> Result<(), Vec<Kept>> {
        let Some(bag) = self.peers.get_mut(id) else { return Err(vec![message]) };
        let bytes = message.body().len() + size_of::<Kept>();
        bag.bytes += bytes;
        self.bytes += bytes;
        bag.kept.push(message);
        if self.bytes <= limit {
            return Ok(());
        }
        Err(self.take(id))
    }

    /// The peer is waited for no longer: this is what waited for it, oldest first.
    pub(in crate::hub) fn take(&mut self, id: &str) -> Vec<Kept> {
        if self.peers.is_empty() {
            return Vec::new();
        }
        let bag = self.peers.remove(id).unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(bag.bytes);
        bag.kept
    }
}

impl Kept {
    fn body(&self) -> &Bytes {
        match self {
            Self::Addressed { body, .. } | Self::Broadcast { body, .. } => body,
        }
    }

    /// Whose message it is, where it is of a peer with the extension.
    pub(in crate::hub) fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Addressed { origin, .. } | Self::Broadcast { origin, .. } => origin.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(len: usize) -> Kept {
        Kept::Broadcast { body: vec![0; len].into(), origin: None }
    }

    #[test]
    fn what_waits_for_peers_is_bounded() {
        let limit = 2 * (size_of::<Kept>() + 10);
        let mut expected = Expected::default();
        assert!(expected.keep("nobody", message(1), limit).is_err());
        ["v", "w"].iter().for_each(|peer| expected.add(peer, GRACE_MS));
        assert!(expected.keep("v", message(10), limit).is_ok());
        assert!(expected.keep("w", message(10), limit).is_ok());
        assert_eq!(expected.keep("w", message(0), limit).map_err(|kept| kept.len()), Err(2));
        assert!(expected.has("v") && !expected.has("w"));
        assert_eq!((expected.take("v").len(), expected.bytes), (1, 0));
    }
}
