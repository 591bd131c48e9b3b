//! What the server's owner wants to see of the traffic. Asked for every message, so that nothing wanted costs nothing:
//! one word is read.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU8, Ordering},
};

use parking_lot::Mutex;

use super::coordinator::Address;

/// `Message` events.
const MESSAGES: u8 = 1;

/// `Trace` events of some databases or peers.
const TRACES: u8 = 2;

/// Who wants to see messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asker {
    /// The server's owner, by its program.
    Owner,
    /// Somebody who looks from outside.
    Visitor,
}

/// A database, and a peer of it or all; and for whom.
type Subject = (String, Option<String>, Asker);

/// Which messages the owner wants to see: all as events, and those of traced peers and databases.
#[derive(Default)]
pub(super) struct Interest {
    word: AtomicU8,
    traced: Mutex<BTreeSet<Subject>>,
}

/// Which events are wanted at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct WantedEvents(u8);

impl WantedEvents {
    pub(super) fn messages(self) -> bool {
        self.0 & MESSAGES != 0
    }

    pub(super) fn traces(self) -> bool {
        self.0 & TRACES != 0
    }
}

impl Interest {
    pub(super) fn now(&self) -> WantedEvents {
        WantedEvents(self.word.load(Ordering::Relaxed))
    }

    pub(super) fn set_messages(&self, wanted: bool) {
        self.set(MESSAGES, wanted);
    }

    pub(super) fn set_trace(&self, asker: Asker, db: &str, peer: Option<&str>, wanted: bool) {
        let subject = (db.to_owned(), peer.map(str::to_owned), asker);
        let mut traced = self.traced.lock();
        if wanted {
            traced.insert(subject);
        } else {
            traced.remove(&subject);
        }
        self.set(TRACES, !traced.is_empty());
    }

    /// Is a message from this peer (`None`: from the hub itself) to that one in a trace? What goes to all concerns each
    /// peer.
    pub(super) fn is_in_trace_of(&self, db: &str, from: Option<&str>, to: Address<'_>) -> bool {
        let traced = self.traced.lock();
        traced.iter().filter(|(name, ..)| name == db).any(|(_, peer, _)| match (peer.as_deref(), to) {
            (None, _) | (Some(_), Address::Others) => true,
            (peer, Address::Peer(to)) => peer == from || peer == Some(to),
        })
    }

    fn set(&self, bit: u8, on: bool) {
        if on {
            self.word.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.word.fetch_and(!bit, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_wanted_until_it_is_and_again_when_it_is_not() {
        let interest = Interest::default();
        interest.set_messages(true);
        interest.set_trace(Asker::Owner, "db", None, true);
        interest.set_trace(Asker::Owner, "db", Some("peer"), true);
        interest.set_messages(false);
        interest.set_trace(Asker::Owner, "db", None, false);
        assert!(!interest.now().messages() && interest.now().traces());
        interest.set_trace(Asker::Owner, "db", Some("peer"), false);
        assert!(!interest.now().traces());
    }

    #[test]
    fn a_peer_is_traced_with_what_it_sends_and_what_it_gets() {
        let interest = Interest::default();
        interest.set_trace(Asker::Owner, "db", Some("peer"), true);
        let is_traced = |from, to| interest.is_in_trace_of("db", from, to);
        assert!(is_traced(Some("peer"), Address::Peer("other")));
        assert!(is_traced(Some("other"), Address::Peer("peer")));
        assert!(is_traced(Some("other"), Address::Others));
        assert!(is_traced(None, Address::Peer("peer")));
        assert!(!is_traced(Some("other"), Address::Peer("third")));
        assert!(!is_traced(None, Address::Peer("third")));
        assert!(!interest.is_in_trace_of("elsewhere", Some("peer"), Address::Others));
    }
}
