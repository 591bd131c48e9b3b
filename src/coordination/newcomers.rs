//! What is said to processes that want the master's place, and to the master about them. `succession` draws their
//! states.

use super::{
    ClusterCoordinator,
    message::{self, Ask, Grant, MASTER, NO_SUCH_LOCK, OwnRequest},
    succession::Word,
};
use crate::{
    acebase::{NoteKind, Objection},
    hub::coordinator::{Decision, Entry, Incumbent, Moment, Ticket},
};

/// What the server's owner is told of newcomers that were refused.
const CONTEST_ADVICE: &str = "A second process with role \"master\" was refused, for the master of this database is connected \
     and alive, and two of them would damage the files. Give exactly one process role \"master\", or stop the old one before \
     the new one starts";

impl ClusterCoordinator {
    /// May a process come in as the master?
    pub(super) fn admit_master(&mut self, ticket: Ticket, other: Incumbent, moment: &mut Moment<'_>) -> Entry {
        if self.master_place_is_free() {
            self.succession.expect(ticket, moment.now);
            return Entry::Kept;
        }
        if self.succession.comes_back(ticket, moment.now) {
            return Entry::Wait;
        }
        let Some(challenge) = self.succession.arrive(ticket, moment.now) else {
            return Entry::Refused(Objection::SecondMaster);
        };
        // One whose connection has ended a moment ago is this one, most likely, and must not be disturbed.
        if other == Incumbent::Connected {
            let word = self.succession.stand_by(ticket);
            self.tell_newcomers(word, moment);
        }
        // A release that it cannot refuse to answer: there is no such lock.
        let text = message::unlock_request(OwnRequest::Alive(challenge), NO_SUCH_LOCK);
        moment.probe(MASTER, text);
        Entry::Wait
    }

    fn master_place_is_free(&self) -> bool {
        !self.master.is_connected() && !self.succession.is_expecting()
    }

    /// The place may have become free.
    pub(super) fn let_next_in(&mut self, moment: &mut Moment<'_>) {
        if self.master_place_is_free() {
            let word = self.succession.next(moment.now);
            self.tell_newcomers(word, moment);
        }
    }

    /// A process has connected as the master.
    pub(super) fn master_place_is_taken(&mut self, moment: &mut Moment<'_>) {
        let words = self.succession.place_is_taken(moment.now);
        self.tell_newcomers(words, moment);
    }

    /// The master has answered this challenge: it is alive.
    pub(super) fn master_shows_life(&mut self, challenge: u64, moment: &mut Moment<'_>) {
        let words = self.succession.master_lives(challenge, moment.now);
        self.tell_newcomers(words, moment);
    }

    /// The lock was to keep a newcomer from writing. It has come in, or this would not have been heard.
    pub(super) fn free_newcomer(&mut self, grant: &Grant, moment: &mut Moment<'_>) {
        let text = message::unlock_request(OwnRequest::Free(self.master.next_number()), grant.id);
        moment.probe(MASTER, text);
    }

    /// The master has changed its tables at a worker's request.
    pub(super) fn heard_of_tables(&mut self, ask: &Ask, moment: &mut Moment<'_>) {
        if ask.needs_tables() {
            self.files_change(moment);
        }
    }

    /// Whoever writes tells it the others.
    pub(super) fn files_change(&mut self, moment: &mut Moment<'_>) {
        if !self.succession.is_empty() {
            let words = self.succession.files_change(moment.now);
            self.tell_newcomers(words, moment);
        }
    }

    /// Deals with those whose time is over.
    pub(super) fn succession_goes_on(&mut self, moment: &mut Moment<'_>) {
        let words = self.succession.pass_time(moment.now);
        self.tell_newcomers(words, moment);
        self.let_next_in(moment);
    }

    fn tell_newcomers(&mut self, words: impl IntoIterator<Item = Word>, moment: &mut Moment<'_>) {
        let mut any_refused = false;
        for word in words {
            let (ticket, decision) = match word {
                Word::LetIn(ticket) => (ticket, Decision::LetIn),
                Word::StandBy(ticket) => (ticket, Decision::StandBy(message::hold_request())),
                Word::Refuse(ticket) => (ticket, Decision::Refuse(Objection::SecondMaster)),
            };
            any_refused |= matches!(word, Word::Refuse(_));
            moment.decide(ticket, decision);
        }
        if any_refused && self.succession.warns(moment.now) {
            moment.note(NoteKind::MasterContested, MASTER, CONTEST_ADVICE.to_owned());
        }
    }
}
