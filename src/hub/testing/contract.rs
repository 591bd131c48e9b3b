//! What a hub and its coordinator owe each other, as `hub::coordinator` says it: each call and each action is held
//! against it. Panics where one of them breaks it.

use std::collections::{BTreeMap, BTreeSet};

use crate::hub::coordinator::{Action, Decision, Entry, Fate, Recognition, Return, Ticket};

/// A peer's session, as both have it.
#[derive(Debug, Default)]
struct Session {
    is_away: bool,
    /// What it was sent is kept until it is acknowledged.
    is_retained: bool,
    /// It is not known yet whether the peer that has returned is the one that left.
    is_asked: bool,
}

/// What the two have done so far that says what they may do next.
#[derive(Debug, Default)]
pub(super) struct Contract {
    sessions: BTreeMap<String, Session>,
    /// Those who wait at the door and have not been told what becomes of them.
    waiting: BTreeSet<Ticket>,
}

impl Contract {
    /// It is not known yet whether the peer that has returned is the one that left.
    pub(super) fn is_asked(&self, peer: &str) -> bool {
        self.sessions.get(peer).is_some_and(|session| session.is_asked)
    }

    pub(super) fn asks_in(&mut self, ticket: Ticket) {
        self.waiting.insert(ticket);
    }

    pub(super) fn admitted(&mut self, ticket: Ticket, entry: &Entry) {
        if *entry != Entry::Wait {
            self.waiting.remove(&ticket);
        }
    }

    pub(super) fn withdrawn(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }

    pub(super) fn joined(&mut self, peer: &str) {
        let former = self.sessions.insert(peer.to_owned(), Session::default());
        assert!(former.is_none(), "{peer} joins, and is there");
    }

    pub(super) fn spoke(&mut self, peer: &str) {
        self.session(peer, "speaks");
    }

    pub(super) fn lost(&mut self, peer: &str, fate: Fate) {
        let session = self.session(peer, "is lost");
        // One that is away may be given up all the same: it is kicked, or too much waits for it.
        assert!(!session.is_away || fate == Fate::End, "{peer} is lost, and is away");
        if fate == Fate::Keep {
            assert!(session.is_retained, "the session of {peer} is kept, and its mail is not");
            session.is_away = true;
        }
    }

    pub(super) fn returned(&mut self, peer: &str, recognition: Recognition, back: Return) {
        match recognition {
            Recognition::Unknown => {}
            Recognition::Same => assert_ne!(back, Return::Identify, "{peer} is known, and is to be identified"),
            Recognition::Another => assert_eq!(back, Return::Renew, "{peer} is another one, and goes on"),
        }
        let session = self.session(peer, "returns");
        if back != Return::Renew {
            session.is_away = false;
        }
        session.is_asked |= back == Return::Identify;
    }

    pub(super) fn ended(&mut self, peer: &str) {
        assert!(self.sessions.remove(peer).is_some(), "{peer} ends, and has no session");
    }

    /// The coordinator asks for something.
    pub(super) fn wants(&mut self, action: &Action) {
        match action {
            Action::Retain { peer } => self.session(peer, "is retained").is_retained = true,
            Action::Identified { peer, .. } => {
                let session = self.session(peer, "is identified");
                assert!(std::mem::take(&mut session.is_asked), "{peer} is identified, and was known");
            }
            Action::End { peer } => {
                assert!(self.session(peer, "is ended").is_away, "the kept session of {peer} is over, who is connected");
            }
            Action::Dismiss { peer } => {
                assert!(!self.session(peer, "is dismissed").is_away, "{peer} is dismissed, and is away");
            }
            Action::Decide { ticket, decision: Decision::StandBy(_) } => {
                assert!(self.waiting.contains(ticket), "{ticket:?} is told to stand by, and does not wait");
            }
            Action::Decide { ticket, decision: Decision::LetIn | Decision::Refuse(_) } => {
                assert!(self.waiting.remove(ticket), "{ticket:?} is told what becomes of it, and does not wait");
            }
            Action::Post { .. }
            | Action::PostWithin { .. }
            | Action::GoOn { .. }
            | Action::LetGo { .. }
            | Action::Probe { .. }
            | Action::Note(_) => {}
        }
    }

    fn session(&mut self, peer: &str, does: &str) -> &mut Session {
        self.sessions.get_mut(peer).unwrap_or_else(|| panic!("{peer} {does}, and has no session"))
    }
}
