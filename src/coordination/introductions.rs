//! Who knows whom: AceBase peers are introduced to each other, for none of them ever says `hello` first.
//!
//! An AceBase peer answers the `hello` of another with its own and with its subscriptions. When X joins, the hub says
//! hello to each of the others in X's name, and to X in the name of each of them; so both sides tell each other what
//! they listen to.
//!
//! ```text
//!   Plain ── id of AceBase's form, or first AceBase message ──> AceBase (introduced) ── own `bye` ──> Departed
//!                                                                  ^                                   │
//!                                                                  └──── takes part again ─────────────┘
//! ```

use super::{
    ClusterCoordinator,
    message::{self, MASTER, Message},
    sessions::Standing,
};
use crate::{
    acebase::NoteKind,
    hub::coordinator::{Moment, Verdict},
};

impl ClusterCoordinator {
    /// A peer is known as AceBase's from now on.
    pub(super) fn recognise(&mut self, peer: &str, moment: &mut Moment<'_>) {
        self.sessions.set_standing(peer, Standing::AceBase);
        self.farewells.end(peer);
        if self.config.resume_window > 0 || self.config.follows_requests() {
            moment.retain(peer);
        }
        if peer == MASTER {
            self.master_arrives(moment);
        } else {
            self.introduce(peer, moment);
        }
    }

    /// A message may show its sender to be AceBase's, or to be so again after its `bye`.
    pub(super) fn notice_sender(&mut self, from: &str, message: &Message, moment: &mut Moment<'_>) {
        let takes_part = match message {
            Message::Interest | Message::Request(_) => true,
            // What a closing database still has to tell goes out after its `bye`.
            Message::News
            | Message::RootMoved(_)
            | Message::NewKey { .. }
            | Message::IndexCreated { .. }
            | Message::IndexDeleted { .. } => {
                !self.sessions.any_departed() || self.sessions.standing(from) == Standing::Plain
            }
            Message::Bye | Message::Answer(_) => false,
        };
        let known = || message::is_acebase_id(from) && !self.sessions.any_departed();
        if !takes_part || known() || self.sessions.standing(from) == Standing::AceBase {
            return;
        }
        if self.sessions.has(from) {
            self.recognise(from, moment);
        }
    }

    /// Makes a peer and all others known to each other.
    pub(super) fn introduce(&self, peer: &str, moment: &mut Moment<'_>) {
        if !self.config.introductions {
            return;
        }
        let theirs = message::hello(peer);
        for other in self.sessions.acebase_peers_but(peer) {
            moment.post(other, theirs.clone());
        }
        let others = self.introduce_others_to(peer, moment);
        if others > 0 {
            moment.note(NoteKind::Introduced, peer, format!("{peer} was introduced to {others} other AceBase peers"));
        }
    }

    /// The same process is back. Its subscriptions and notifications may have been lost in its socket: it is asked for
    /// the former again, and the others stop to rely on the latter.
    pub(super) fn reintroduce(&self, peer: &str, moment: &mut Moment<'_>) {
        if !self.config.introductions {
            return;
        }
        self.introduce_others_to(peer, moment);
        let invalidation = message::invalidate_cache(peer);
        for other in self.sessions.acebase_peers_but(peer) {
            moment.post(other, invalidation.clone());
        }
    }

    fn introduce_others_to(&self, peer: &str, moment: &mut Moment<'_>) -> usize {
        let mut count = 0;
        for other in self.sessions.acebase_peers_but(peer) {
            moment.post(peer, message::hello(other));
            count += 1;
        }
        count
    }

    /// A peer says `bye`: for itself, or on behalf of one that it knows to be gone.
    pub(super) fn heard_bye(&mut self, from: &str, of: &[u8], moment: &mut Moment<'_>) -> Verdict {
        let Ok(of) = std::str::from_utf8(of) else { return Verdict::Taken };
        if of == from {
            self.departs(from, moment);
            return Verdict::Forward;
        }
        if from == MASTER && self.master.heard_bye(of) {
            return Verdict::Taken;
        }
        // Each peer says it to all others when one is gone. The hub itself has told everyone; and of one that is there,
        // or is there again, it is not so.
        if self.config.introductions || self.sessions.has(of) { Verdict::Taken } else { Verdict::Forward }
    }

    fn departs(&mut self, peer: &str, moment: &mut Moment<'_>) {
        if self.sessions.standing(peer) != Standing::AceBase {
            return;
        }
        self.sessions.set_standing(peer, Standing::Departed);
        self.farewells.begin(peer, moment.now);
        if peer == MASTER {
            self.master_departs(moment);
            self.let_next_in(moment);
        }
    }

    /// Those that have said `bye` need their connections no more, and their processes could not end with them.
    pub(super) fn dismiss_the_departed(&mut self, moment: &mut Moment<'_>) {
        while let Some((peer, is_last_call)) = self.farewells.take_due(moment.now) {
            let is_owed = if peer == MASTER {
                self.requests.delivered_count() > 0
            } else {
                self.requests.demands().any_of(&peer)
            };
            if !is_owed || is_last_call {
                moment.dismiss(peer);
            }
        }
    }
}
