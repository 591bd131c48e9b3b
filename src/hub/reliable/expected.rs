//! Peers that are likely to be back after a hub has ended in a crash, and what is for them: their fellows have told
//! this hub that they were there. Each is waited for until it has joined, or the time is over.
//!
//! What is addressed to such a peer is dealt with when it has joined, as if it came then.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Origin;
use crate::{acebase::DEFAULT_LOCK_TIMEOUT_MS, clock::Millis};

/// How long peers are waited for after the first one has come, in milliseconds: they connect again within a second, and
/// ten times as long where the machine is busy.
const GRACE_MS: Millis = 10_000;

/// How long locks last, in milliseconds, of which only those that have not come could tell. Then the master has given
/// them up itself.
const LOCKS_LAST_MS: Millis = DEFAULT_LOCK_TIMEOUT_MS;

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
    /// Those that have not come in time, cut off perhaps, and at work: nobody knows what they hold.
    #[serde(default)]
    unheard: BTreeSet<Arc<str>>,
    /// When it does not matter any more what they hold. `None`: there are none.
    #[serde(default)]
    matters_until: Option<Millis>,
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

    /// It is known of all what they hold.
    pub(in crate::hub) fn all_are_heard(&self) -> bool {
        self.peers.is_empty() && self.unheard.is_empty()
    }

    /// This peer is waited for.
    pub(in crate::hub) fn has(&self, id: &str) -> bool {
        !self.peers.is_empty() && self.peers.contains_key(id)
    }

    /// When the time is over, of either kind.
    pub(in crate::hub) fn deadline(&self) -> Option<Millis> {
        [self.until, self.matters_until].into_iter().flatten().min()
    }

    /// It does not matter any more what those hold that have not come, which is told once.
    pub(in crate::hub) fn give_up_unheard(&mut self, now: Millis) -> bool {
        let is_over = self.matters_until.take_if(|until| *until <= now).is_some();
        if is_over {
            self.unheard.clear();
        }
        is_over
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

    /// The time is over, and the peer has not come: nothing waits for it any longer. This is what has.
    pub(in crate::hub) fn take_late(&mut self, id: &Arc<str>, now: Millis) -> Vec<Kept> {
        let kept = self.take(id);
        self.unheard.insert(id.clone());
        self.matters_until.get_or_insert(now + LOCKS_LAST_MS);
        kept
    }

    /// The peer is waited for no longer: this is what waited for it, oldest first.
    pub(in crate::hub) fn take(&mut self, id: &str) -> Vec<Kept> {
        self.unheard.remove(id);
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

    #[test]
    fn who_has_not_come_in_time_matters_as_long_as_locks_last() {
        let mut expected = Expected::default();
        ["v", "w"].iter().for_each(|peer| expected.add(peer, GRACE_MS));
        assert!(expected.is_over(GRACE_MS));
        ["v", "w"].iter().for_each(|peer| drop(expected.take_late(&(*peer).into(), GRACE_MS)));
        assert!(expected.is_empty() && !expected.has("v") && !expected.all_are_heard());
        expected.take("v");
        assert!(!expected.all_are_heard());
        let over = GRACE_MS + LOCKS_LAST_MS;
        assert_eq!(expected.deadline(), Some(over));
        assert!(!expected.give_up_unheard(over - 1) && expected.give_up_unheard(over));
        assert!(expected.all_are_heard() && expected.deadline().is_none());
    }
}
