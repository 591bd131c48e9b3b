//! Who has a session, and what becomes of it when its connection is lost.
//!
//! ```text
//!                       lost without farewell                    window over
//!   begin ──> Up ────────────────────────────> Down (kept) ───────────────────> over
//!              ^                                   │
//!              └────────── same id returns ────────┘
//!
//!   Up ── lost after `bye`, by a close frame, or by its own or our fault ──> over
//! ```
//!
//! Only AceBase peers are kept: a plain client's session ends with its connection. Knows no messages, and nothing of
//! what a peer has left behind: that is `absences`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::timers::Timers;
use crate::{
    clock::Millis,
    hub::coordinator::{Fate, Life, Loss},
};

/// What is known of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Standing {
    /// It has not said anything that AceBase says.
    Plain,
    /// It is a process with an AceBase database.
    AceBase,
    /// It was, and said `bye`.
    Departed,
}

/// Whether a peer has its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Reach {
    Up,
    Down { loss: Loss, at: Millis },
}

/// What is known of a peer that has a session.
#[derive(Debug, Serialize, Deserialize)]
struct KnownPeer {
    /// What tells its process from others, where it has the extension.
    #[serde(default)]
    life: Option<String>,
    /// It was in another session before, and has not told what it holds.
    #[serde(default)]
    must_tell: bool,
    /// It has told of all requests whose answers it awaits from before this session.
    #[serde(default)]
    has_told: bool,
    /// It has requested a lock in this session.
    #[serde(default)]
    has_worked: bool,
    standing: Standing,
    reach: Reach,
}

/// The sessions of one database.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sessions {
    sessions: BTreeMap<String, KnownPeer>,
    kept: Timers<String>,
    plain: usize,
    departed: usize,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self { sessions: BTreeMap::new(), kept: Timers::new(), plain: 0, departed: 0 }
    }

    /// A peer connected; nothing is known of it yet.
    pub(super) fn begin(&mut self, peer: &str, life: Option<Life<'_>>) {
        self.end(peer);
        self.plain += 1;
        let known = KnownPeer {
            life: life.map(|life| life.name.to_owned()),
            must_tell: life.is_some_and(|life| life.must_tell),
            has_told: false,
            has_worked: false,
            standing: Standing::Plain,
            reach: Reach::Up,
        };
        self.sessions.insert(peer.to_owned(), known);
    }

    /// What tells a peer's process from others. `None`: it has not the extension, or no session.
    pub(super) fn life(&self, peer: &str) -> Option<&str> {
        self.sessions.get(peer)?.life.as_deref()
    }

    /// A peer is about to tell what it holds.
    pub(super) fn must_tell(&self, peer: &str) -> bool {
        self.sessions.get(peer).is_some_and(|session| session.must_tell)
    }

    /// A peer has told what it holds.
    pub(super) fn tells(&mut self, peer: &str) {
        if let Some(session) = self.sessions.get_mut(peer) {
            session.must_tell = false;
        }
    }

    /// A peer has told of all requests whose answers it awaits from before this session.
    pub(super) fn tells_all(&mut self, peer: &str) {
        if let Some(session) = self.sessions.get_mut(peer) {
            session.has_told = true;
        }
    }

    /// What a peer has requested before this session, and not told of, was answered.
    pub(super) fn has_told(&self, peer: &str) -> bool {
        self.sessions.get(peer).is_some_and(|session| session.has_told)
    }

    /// A peer requests a lock. `true`: for the first time in this session.
    pub(super) fn begins_to_work(&mut self, peer: &str) -> bool {
        self.sessions.get_mut(peer).is_some_and(|session| !std::mem::replace(&mut session.has_worked, true))
    }

    /// A session is over. Tells how and when its connection was lost, if it was.
    pub(super) fn end(&mut self, peer: &str) -> Option<(Loss, Millis)> {
        self.kept.cancel(&peer.to_owned());
        let session = self.sessions.remove(peer)?;
        self.plain -= usize::from(session.standing == Standing::Plain);
        self.departed -= usize::from(session.standing == Standing::Departed);
        match session.reach {
            Reach::Up => None,
            Reach::Down { loss, at } => Some((loss, at)),
        }
    }

    /// What is known of a peer; a peer without a session is plain.
    pub(super) fn standing(&self, peer: &str) -> Standing {
        self.sessions.get(peer).map_or(Standing::Plain, |session| session.standing)
    }

    /// More is known of a peer now.
    pub(super) fn set_standing(&mut self, peer: &str, standing: Standing) {
        if let Some(session) = self.sessions.get_mut(peer) {
            self.plain -= usize::from(session.standing == Standing::Plain);
            self.plain += usize::from(standing == Standing::Plain);
            self.departed -= usize::from(session.standing == Standing::Departed);
            self.departed += usize::from(standing == Standing::Departed);
            session.standing = standing;
        }
    }

    /// Some peer is AceBase's, or was.
    pub(super) fn any_acebase(&self) -> bool {
        self.sessions.len() > self.plain
    }

    /// Some peer has said `bye` and still has its connection.
    pub(super) fn any_departed(&self) -> bool {
        self.departed > 0
    }

    /// A connection is lost. Its session is kept for `window` milliseconds, where there is hope that the peer returns.
    pub(super) fn lose(&mut self, peer: &str, loss: Loss, now: Millis, window: u64) -> Fate {
        let Some(session) = self.sessions.get_mut(peer) else { return Fate::End };
        session.reach = Reach::Down { loss, at: now };
        let may_return = matches!(loss, Loss::Fin | Loss::Reset | Loss::Unreachable | Loss::Shutdown);
        if session.standing != Standing::AceBase || !may_return || window == 0 {
            return Fate::End;
        }
        self.kept.set(peer.to_owned(), now + window);
        Fate::Keep
    }

    /// A peer whose session goes on has a connection again.
    pub(super) fn restore(&mut self, peer: &str) {
        self.kept.cancel(&peer.to_owned());
        if let Some(session) = self.sessions.get_mut(peer) {
            session.reach = Reach::Up;
        }
    }

    /// Has a session, connected or kept.
    pub(super) fn has(&self, peer: &str) -> bool {
        self.sessions.contains_key(peer)
    }

    /// Has a connection.
    pub(super) fn is_connected(&self, peer: &str) -> bool {
        self.sessions.get(peer).is_some_and(|session| session.reach == Reach::Up)
    }

    /// The AceBase peers that have not said `bye`, except one.
    pub(super) fn acebase_peers_but<'a>(&'a self, peer: &'a str) -> impl Iterator<Item = &'a str> {
        let others =
            self.sessions.iter().filter(move |(id, session)| *id != peer && session.standing == Standing::AceBase);
        others.map(|(id, _)| id.as_str())
    }

    /// The plain peers, except one.
    pub(super) fn plain_peers_but<'a>(&'a self, peer: &'a str) -> impl Iterator<Item = &'a str> {
        let others =
            self.sessions.iter().filter(move |(id, session)| *id != peer && session.standing == Standing::Plain);
        others.map(|(id, _)| id.as_str())
    }

    /// All peers.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.sessions.keys().map(String::as_str)
    }

    /// How many sessions are kept for peers that may be back.
    pub(super) fn kept(&self) -> usize {
        self.sessions.values().filter(|session| session.reach != Reach::Up).count()
    }

    /// When the first kept session is over.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.kept.next()
    }

    /// A peer whose kept session is over, once each.
    pub(super) fn take_due(&mut self, now: Millis) -> Option<String> {
        self.kept.take_due(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(standing: Standing) -> Sessions {
        let mut sessions = Sessions::new();
        sessions.begin("w", None);
        sessions.set_standing("w", standing);
        sessions
    }

    #[test]
    fn only_a_vanished_acebase_peer_is_kept() {
        for loss in [Loss::Fin, Loss::Reset, Loss::Unreachable, Loss::Shutdown] {
            assert_eq!(with(Standing::AceBase).lose("w", loss, 0, 5), Fate::Keep);
            assert_eq!(with(Standing::AceBase).lose("w", loss, 0, 0), Fate::End);
            assert_eq!(with(Standing::Departed).lose("w", loss, 0, 5), Fate::End);
            assert_eq!(with(Standing::Plain).lose("w", loss, 0, 5), Fate::End);
        }
        for loss in [Loss::Closed, Loss::Slow, Loss::Violation, Loss::Kicked] {
            assert_eq!(with(Standing::AceBase).lose("w", loss, 0, 5), Fate::End);
        }
    }

    #[test]
    fn what_peers_are_is_counted() {
        let mut sessions = with(Standing::Plain);
        assert!(!sessions.any_acebase());
        for (standing, departed) in [(Standing::AceBase, false), (Standing::Departed, true), (Standing::AceBase, false)]
        {
            sessions.set_standing("w", standing);
            assert_eq!((sessions.any_acebase(), sessions.any_departed()), (true, departed));
        }
        sessions.begin("w", None);
        assert!(!sessions.any_acebase());
        assert_eq!((sessions.plain_peers_but("x").count(), sessions.plain_peers_but("w").count()), (1, 0));
        sessions.end("w");
        assert!(!sessions.any_acebase() && sessions.all().count() == 0);
    }

    #[test]
    fn a_kept_session_ends_once_unless_its_peer_returns() {
        let mut sessions = with(Standing::AceBase);
        sessions.lose("w", Loss::Fin, 10, 5);
        assert!(sessions.has("w") && !sessions.is_connected("w"));
        assert_eq!(sessions.deadline(), Some(15));
        sessions.restore("w");
        assert_eq!(sessions.take_due(15), None);
        sessions.lose("w", Loss::Reset, 20, 5);
        assert_eq!(sessions.take_due(25).as_deref(), Some("w"));
        assert_eq!(sessions.take_due(25), None);
        assert_eq!(sessions.end("w"), Some((Loss::Reset, 20)));
        assert!(!sessions.has("w"));
    }
}
