//! The seam between the post office and whoever knows what its mail says.
//!
//! The hub routes texts without reading them. A [`Coordinator`] may read them, keep some back, answer some itself and
//! decide how long a lost connection's session is kept. It is asked at every step of a peer's life, never does I/O and
//! never waits. With each question it gets the [`Moment`]: what time it is, and where it writes down what it wants
//! done, as [`Action`]s, which the hub carries out in order, at once. This module knows nothing of AceBase:
//! `crate::coordination` implements it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use super::greeting::Life;
use super::reliable::Origin;
use crate::{
    acebase::{Lock, Note, NoteKind, Objection, Role, Status, Strain},
    clock::Millis,
    protocol::close::CloseReason,
};

/// Whom a message is for, as its sender addressed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address<'a> {
    /// `to:<id>;…`: one peer.
    Peer(&'a str),
    /// `to:all;…`, or no address at all: every other peer of the database.
    Others,
}

/// What becomes of a message that the coordinator has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The hub delivers it as addressed (after the actions that came with it). What its sender sends again, and may
    /// have been delivered, goes only to those who know doubles.
    Forward,
    /// As `Forward`, if it is for all others within so many milliseconds: it is of no use to them before that, unless
    /// they are told something else.
    ForwardWithin(Millis),
    /// As `Forward`, also to those who do not: it does no harm there, or they cannot have had it.
    ForwardAgain,
    /// The coordinator keeps, answers or swallows it: the hub delivers nothing itself.
    Taken,
    /// As `Taken`, of a message that it has not dealt with yet, and whose sender must keep it until the coordinator
    /// [lets go of it](Coordinator::take_let_go). Only where the message has an origin.
    Kept,
}

/// Why a peer's connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Loss {
    /// The peer sent a WebSocket close frame.
    Closed,
    /// The stream ended without a close frame (FIN): what a dying process leaves behind.
    Fin,
    /// The connection was reset (RST).
    Reset,
    /// Keepalive or user timeout: the other host does not answer. Its process may still be running.
    Unreachable,
    /// The peer did not read fast enough: its outbox passed its bound.
    Slow,
    /// The peer broke the WebSocket protocol or sent a message that is too large or not UTF-8.
    Violation,
    /// The server's own side closed it, through its API.
    Kicked,
    /// The server's own side closed it because it stops. Another server goes on in its place.
    Shutdown,
}

impl Loss {
    /// All losses.
    #[cfg(test)]
    const ALL: [Self; 8] = [
        Self::Closed,
        Self::Fin,
        Self::Reset,
        Self::Unreachable,
        Self::Slow,
        Self::Violation,
        Self::Kicked,
        Self::Shutdown,
    ];

    /// The loss in one word, for events and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Fin => "fin",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Slow => CloseReason::Slow.label(),
            Self::Violation => "violation",
            Self::Kicked => CloseReason::Kicked.label(),
            Self::Shutdown => CloseReason::Shutdown.label(),
        }
    }
}

/// What the hub does with the session of a lost connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Keep the session and its outbox: the peer may be back. The coordinator says [`Action::End`] when it must not
    /// wait on.
    Keep,
    /// The peer has left: remove it and tell the others.
    End,
}

/// What is known of a connection of an id whose session the hub still has, before the coordinator has looked at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognition {
    /// Nothing but the id: it may be the same process or another one.
    Unknown,
    /// It is the same, and nothing that either side has said is lost: both have kept it.
    Same,
    /// It is another one, or one that has nothing to do with that session any more: [`Return::Renew`] is the answer.
    Another,
}

/// What the hub does with a connection of an id whose session it still has (connected, or kept).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// The same peer is back: hand its session, with all undelivered messages, to the new connection. Nobody is told.
    Resume,
    /// It cannot be told yet whether this is the same process. The hub shuts the outbox's gate: only
    /// [`Action::Probe`]s pass until [`Action::Identified`].
    Identify,
    /// Another peer under the same id: end the old session (`disconnect:`), then begin a new one (`connect:`).
    Renew,
}

/// One connection's wish to come in, from its handshake until it has joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// Who has the id that a connection wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Incumbent {
    /// Nobody, or one whose connection is lost.
    Absent,
    /// One whose connection is open, as far as is known.
    Connected,
    /// One whose connection the other side has ended, which [`Coordinator::lost`] will tell in a moment, after what it
    /// said before.
    Leaving,
}

/// What becomes of a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The connection may come in.
    Open,
    /// It may come in, and nobody else gets its place until it has, or has given it up ([`Coordinator::withdraw`]).
    Kept,
    /// It must wait: [`Action::Decide`] will say what becomes of it.
    Wait,
    /// It stays out, for this reason.
    Refused(Objection),
}

/// What becomes of a connection that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may come in; its place is kept as with [`Entry::Kept`].
    LetIn,
    /// Take its handshake, tell it this text, and let it wait on, unheard.
    StandBy(Bytes),
    /// It stays out, for this reason.
    Refuse(Objection),
}

/// What a peer tells of its state cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a peer's state is not what it must be")]
pub struct StateError;

/// What a coordinator asks of the hub.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Put a text into a peer's outbox. A peer that the hub does not have is no error.
    Post { to: String, text: Bytes },
    /// As `Post`, of what the peer does not wait for: it leaves with what comes next, or within so many milliseconds.
    /// Only for peers with the extension.
    PostWithin { time: Millis, to: String, text: Bytes },
    /// Put a text into a peer's outbox that another one has sent, and that was kept.
    GoOn { to: String, text: Bytes, origin: Origin },
    /// The coordinator needs a message no more that it has kept: the hub does not go on before what it wants done else.
    LetGo { origin: Origin },
    /// As `Post`, past the shut gate of a peer that is being identified.
    Probe { to: String, text: Bytes },
    /// From now on keep what this peer was sent until its kernel has acknowledged it, so that a resumed session loses
    /// nothing.
    Retain { peer: String },
    /// The peer behind a shut gate is known. `same`: it gets all that was kept for it, then what came since its return.
    /// Otherwise what was kept is dropped, the others are told `disconnect:`, `connect:`, and it gets what came since
    /// its return.
    Identified { peer: String, same: bool },
    /// A kept session is over: remove the peer and tell the others.
    End { peer: String },
    /// A connected peer has said farewell and is owed nothing more: close its connection, once what it is sending
    /// beside it has come.
    Dismiss { peer: String },
    /// What becomes of a connection that waits at the door.
    Decide { ticket: Ticket, decision: Decision },
    /// Something that the server's owner may want to see.
    Note(Note),
}

/// The moment at which something happens: its time, and what the coordinator wants done because of it.
#[derive(Debug)]
pub struct Moment<'a> {
    /// The time, on the hub's clock.
    pub now: Millis,
    out: &'a mut Vec<Action>,
    origin: Option<&'a Origin>,
    is_resent: bool,
}

impl<'a> Moment<'a> {
    /// A moment of this time. What is wanted done is written at the end of `out`.
    pub fn new(now: Millis, out: &'a mut Vec<Action>) -> Self {
        Self { now, out, origin: None, is_resent: false }
    }

    /// The same moment, in which a message of a peer with the extension comes. `is_resent`: it was sent before, in
    /// another session, and its fate is not known.
    pub fn of(self, origin: &'a Origin, is_resent: bool) -> Self {
        Self { origin: Some(origin), is_resent, ..self }
    }

    /// Whose message it is that comes, where its sender has the extension.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin
    }

    /// The message that comes was sent before, in another session, and its fate is not known.
    pub fn is_resent(&self) -> bool {
        self.is_resent
    }

    /// What is wanted done so far.
    pub fn written_down(&self) -> &[Action] {
        self.out
    }

    /// [`Action::Post`]
    pub fn post(&mut self, to: &str, text: Bytes) {
        self.out.push(Action::Post { to: to.to_owned(), text });
    }

    /// [`Action::PostWithin`]
    pub fn post_within(&mut self, time: Millis, to: &str, text: Bytes) {
        self.out.push(Action::PostWithin { time, to: to.to_owned(), text });
    }

    /// [`Action::GoOn`]
    pub fn go_on(&mut self, to: &str, text: Bytes, origin: Origin) {
        self.out.push(Action::GoOn { to: to.to_owned(), text, origin });
    }

    /// [`Action::Probe`]
    pub fn probe(&mut self, to: &str, text: Bytes) {
        self.out.push(Action::Probe { to: to.to_owned(), text });
    }

    /// [`Action::Retain`]
    pub fn retain(&mut self, peer: &str) {
        self.out.push(Action::Retain { peer: peer.to_owned() });
    }

    /// [`Action::Identified`]
    pub fn identified(&mut self, peer: &str, same: bool) {
        self.out.push(Action::Identified { peer: peer.to_owned(), same });
    }

    /// [`Action::End`]
    pub fn end(&mut self, peer: String) {
        self.out.push(Action::End { peer });
    }

    /// [`Action::Dismiss`]
    pub fn dismiss(&mut self, peer: String) {
        self.out.push(Action::Dismiss { peer });
    }

    /// [`Action::Decide`]
    pub fn decide(&mut self, ticket: Ticket, decision: Decision) {
        self.out.push(Action::Decide { ticket, decision });
    }

    /// [`Action::Note`]. `detail`: one sentence for a person.
    pub fn note(&mut self, kind: NoteKind, peer: &str, detail: String) {
        self.out.push(Action::Note(Note { kind, peer: peer.to_owned(), detail }));
    }
}

/// Reads a database's traffic and keeps its promises. One instance a database.
///
/// The hub guarantees: calls come one at a time; `joined` comes before anything else about a peer; after `lost` with
/// [`Fate::Keep`] comes `returned`, `ended`, or `lost` once more, where the server's side gives the session up; after
/// [`Fate::End`], [`Action::End`] or [`Return::Renew`] comes `ended`; after [`Entry::Kept`] and [`Entry::Wait`] comes
/// `withdraw`. Whatever is written down at any of these is carried out, with [`Entry::Wait`] once the connection waits.
pub trait Coordinator: Send {
    /// It begins, and has not been frozen before. `since`: how long the hub has had the database, on its clock; before,
    /// another hub or none had it, and peers of then may come.
    fn begin(&mut self, _since: Millis) {}

    /// May a connection with this id come in?
    fn admit(&mut self, _peer: &str, _ticket: Ticket, _other: Incumbent, _moment: &mut Moment<'_>) -> Entry {
        Entry::Open
    }

    /// The connection with this ticket waits no longer: it is gone, or it has come in. It is no error if nothing is
    /// known of it.
    fn withdraw(&mut self, _ticket: Ticket, _moment: &mut Moment<'_>) {}

    /// A new session has begun; the others have been told `connect:` and the peer its `welcome:`. `life`: of a peer
    /// with the extension.
    fn joined(&mut self, peer: &str, life: Option<Life<'_>>, moment: &mut Moment<'_>);

    /// A peer sent `body` (valid UTF-8, the address taken off).
    fn received(&mut self, from: &str, to: Address<'_>, body: &Bytes, moment: &mut Moment<'_>) -> Verdict;

    /// A peer with the extension, which has been in another session before this one, tells what it holds and waits for:
    /// a JSON object. It says so before anything else.
    ///
    /// # Errors
    /// It is not what it must be.
    fn retold(&mut self, _peer: &str, _state: &str, _moment: &mut Moment<'_>) -> Result<(), StateError> {
        Ok(())
    }

    /// All peers have told what they hold that others know of, or have had the time to.
    fn reunited(&mut self, _moment: &mut Moment<'_>) {}

    /// The messages of those that were kept ([`Verdict::Kept`]) that have been dealt with since this was asked last.
    fn take_let_go(&mut self) -> Vec<Origin> {
        Vec::new()
    }

    /// A peer's connection is gone.
    fn lost(&mut self, peer: &str, loss: Loss, moment: &mut Moment<'_>) -> Fate;

    /// An id whose session the hub still has connected again. Who is [`Recognition::Same`] needs not be identified.
    fn returned(&mut self, peer: &str, recognition: Recognition, moment: &mut Moment<'_>) -> Return;

    /// A session is over and the others have been told. `undelivered`: texts that were in its outbox, oldest first.
    fn ended(&mut self, peer: &str, undelivered: Vec<Bytes>, moment: &mut Moment<'_>);

    /// When `tick` wants to be called next, if at all.
    fn deadline(&self) -> Option<Millis>;

    /// Does what is due.
    fn tick(&mut self, moment: &mut Moment<'_>);

    /// Who holds and who waits for which lock.
    fn locks(&self) -> Vec<Lock>;

    /// Counts for a status page.
    fn status(&self) -> Status;

    /// What weighs on the cluster at this time.
    fn strain(&self, _now: Millis) -> Strain {
        Strain::default()
    }

    /// What a peer is, for a status page.
    fn role(&self, _peer: &str) -> Role {
        Role::Plain
    }

    /// Nothing is outstanding: the database may be forgotten once its last peer has left.
    fn is_idle(&self) -> bool;

    /// The server is about to stop: nothing new shall begin, and what is under way shall come to its end.
    fn quiesce(&mut self) {}

    /// Nothing is under way that a stop would cut in two.
    fn is_quiet(&self) -> bool {
        true
    }

    /// The server stops, and none goes on in its place: what nobody else will answer any more is answered.
    fn conclude(&mut self, _moment: &mut Moment<'_>) {}

    /// Another hub goes on with the database, without what is known here: answers what nobody else will answer any
    /// more. Who keeps what it has sent will tell the other hub.
    fn forsake(&mut self, _moment: &mut Moment<'_>) {}

    /// All that it knows, for a coordinator in another process that goes on in its place. It is not asked any more.
    fn freeze(&self) -> Bytes {
        Bytes::new()
    }

    /// Knows from now on what another has known; nobody has joined yet.
    ///
    /// # Errors
    /// Why that cannot be used: it is of another version, say.
    fn thaw(&mut self, _frozen: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_name_every_reason_to_leave_and_no_other() {
        let (_, rest) = include_str!("../../index.d.ts").split_once("type AceBaseIPCDisconnectReason =").unwrap();
        let (words, _) = rest.split_once(';').unwrap();
        let mut named: Vec<_> = words.split('|').map(|word| word.trim().trim_matches('\'')).skip(1).collect();
        let mut told: Vec<_> = Loss::ALL.iter().map(|loss| loss.label()).collect();
        // A session also ends by another one that takes its id, and by another hub that takes its database.
        told.extend([CloseReason::Replaced, CloseReason::Moved].map(CloseReason::label));
        named.sort_unstable();
        told.sort_unstable();
        assert_eq!(named, told);
    }
}
