//! Who may say what to whom: the gate that every message of a database passes.
//!
//! `message` tells what a text is to the clients that receive it; here it is weighed against who sends it. What is not
//! in order is kept back: a request gets its refusal, and the server's owner is told from whom it came and what it was.
//!
//! | sender | to AceBase peers | to plain clients |
//! |---|---|---|
//! | AceBase peer: by its id, by what it has said, also after its `bye` | what they can take | the same |
//! | plain client | what they can take; by a message of AceBase in its own name it becomes an AceBase peer | anything: the exact wire |
//!
//! What a plain client broadcasts and AceBase peers cannot take, the other plain clients still get. Where no AceBase
//! peer is connected, nothing is read of plain clients but whether it begins as a message of AceBase.
//!
//! This holds with any setting of the other promises, for it needs none of them, except what follows from what they do
//! not follow: with `masterTimeout: 0` nobody knows which requests there are, so a master's answers are judged by their
//! form and their addressee only; without the lock table nobody knows whose a lock is, so a worker may release any;
//! without introductions, a `bye` on another's behalf passes if that peer is gone. With coordination off altogether
//! nothing is read at all.

use bytes::Bytes;

use super::{
    ClusterCoordinator,
    complaints::{self, Complaint},
    message::{self, Due, MASTER, Message, Reading, Said},
    offence::Offence,
    sessions::Standing,
};
use crate::{
    acebase::NoteKind,
    hub::coordinator::{Address, Moment, Verdict},
};

impl ClusterCoordinator {
    /// Whether what a peer says must be read whose id is not of AceBase's form. Among plain clients nobody acts upon
    /// it.
    pub(super) fn must_read(&self, text: &[u8]) -> bool {
        self.sessions.any_acebase() || message::resembles_acebase(text)
    }

    /// Weighs a text: in order, with what it says if that concerns AceBase, or not.
    #[inline]
    pub(super) fn weigh<'a>(from: &str, to: Address<'_>, text: &'a [u8]) -> Result<Option<Said<'a>>, Offence> {
        match message::read(text) {
            Reading::Sound(said) => weigh_message(from, to, said).map(Some),
            Reading::Ignored | Reading::Foreign => Ok(None),
            Reading::Notice => Err(Offence::HubsWord),
            Reading::Unsound(unsound) => Err(Offence::Unsound(unsound)),
        }
    }

    /// Keeps back what is not in order, as far as it concerns AceBase peers.
    pub(super) fn keep_back(
        &mut self,
        from: &str,
        to: Address<'_>,
        text: &Bytes,
        offence: &Offence,
        moment: &mut Moment<'_>,
    ) -> Verdict {
        let is_plain = !self.is_acebase(from);
        if is_plain && !self.concerns_acebase(to) {
            return Verdict::Forward;
        }
        if is_plain && to == Address::Others {
            let others = self.sessions.plain_peers_but(from);
            others.for_each(|other| moment.post(other, text.clone()));
        }
        match offence.due() {
            Some(Due::Request { id, form }) if !(is_plain && to == Address::Others) => {
                self.refuse(from, &id, form, offence, moment);
            }
            Some(Due::Answer { id }) if from == MASTER => self.fail_answered(to, &id, offence, moment),
            _ => {}
        }
        self.complain(from, offence, moment);
        Verdict::Taken
    }

    /// Tells the server's owner, unless it was told a moment ago.
    pub(super) fn complain(&mut self, from: &str, offence: &Offence, moment: &mut Moment<'_>) {
        if let Complaint::Due { left_out } = self.complaints.about(from, moment.now) {
            moment.note(NoteKind::MessageRefused, from, complaints::detail(from, offence, left_out));
        }
    }

    fn is_acebase(&self, peer: &str) -> bool {
        message::is_acebase_id(peer) || self.sessions.standing(peer) != Standing::Plain
    }

    fn concerns_acebase(&self, to: Address<'_>) -> bool {
        match to {
            Address::Peer(peer) => self.is_acebase(peer),
            Address::Others => self.sessions.any_acebase(),
        }
    }
}

#[inline]
fn weigh_message<'a>(from: &str, to: Address<'_>, said: Said<'a>) -> Result<Said<'a>, Offence> {
    let is_own = *said.from == *from.as_bytes();
    match said.message {
        // On behalf of one that is gone, the others say it.
        Message::Bye => Ok(said),
        Message::Request(request) if !is_own => Err(Offence::AnothersName(Some(request))),
        _ if !is_own => Err(Offence::AnothersName(None)),
        Message::Request(request) if from == MASTER || to != Address::Peer(MASTER) => {
            Err(Offence::Misdirected(request))
        }
        Message::Answer(_) if from != MASTER || !matches!(to, Address::Peer(worker) if worker != MASTER) => {
            Err(Offence::NotMasters)
        }
        Message::NewKey { .. } | Message::IndexCreated { .. } if from != MASTER => Err(Offence::NotMasters),
        _ => Ok(said),
    }
}
