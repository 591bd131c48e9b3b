//! One turn of a database: messages that were read together are routed together, and each receiver is told once.
//!
//! Consecutive messages to all others are framed once, into one piece of memory that all outboxes share; a message to
//! one peer goes after what its sender sent to all before, so that the order between two peers is the order of sending.

mod journal;
mod mail;
mod membership;
mod reliable;
mod routing;

use std::{collections::VecDeque, sync::Arc};

use bytes::{Bytes, BytesMut};

pub(super) use mail::Mail;

use super::{
    coordinator::{Action, Coordinator, Entry, Incumbent, Moment, Ticket},
    door::Tell,
    event::Event,
    gathering::Departure,
    office::Office,
    outbox::{Outbox, Pushed},
    peers::{Peer, State},
    reliable::{Broadcast, Origin},
};
use crate::{
    clock::{self, Millis, PinnedTimeOfDay},
    protocol::Text,
};

/// What the messages of one turn may cost, in bytes that are copied: some milliseconds' work, so that a peer of another
/// database, or of this one, does not feel that somebody floods many receivers.
const TURN_COST: usize = 10 << 20;

/// The same for each receiver, where they are so many that their share would be less: a system call for each must be
/// worth it.
const TURN_COST_PER_RECEIVER: usize = 8 << 10;

/// What reading a message, or putting it into an outbox, costs beside its bytes: as much as copying so many.
const STEP_COST: usize = 256;

/// What happens in a database in one go, under its lock.
pub(super) struct Turn<'a> {
    state: &'a mut State,
    office: &'a Office,
    name: &'a Arc<str>,
    now: Millis,
    /// The time of day, where that is written down: whoever asks in this turn is told this.
    unix: u64,
    _time_of_day: Option<PinnedTimeOfDay>,
    /// Frames for all but the sender, not yet in any outbox, and their number.
    broadcast: BytesMut,
    broadcast_count: u64,
    /// For how long all of them may wait, in milliseconds.
    broadcast_within: Millis,
    /// What the turn's messages have cost so far, as [`TURN_COST`] counts.
    cost: usize,
    /// The same frames, for peers with the extension.
    numbered: Broadcast,
    /// Whose message is being dealt with, where it is of a peer with the extension.
    origin: Option<Origin>,
    /// It was sent before, in another session, and its fate is not known.
    is_resent: bool,
    /// Senders of whose messages some may have reached their end.
    settled: Vec<Arc<str>>,
    touched: Vec<Arc<Outbox>>,
    actions: VecDeque<Action>,
    written_down: Vec<Action>,
    slow: Vec<Arc<str>>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(state: &'a mut State, office: &'a Office, name: &'a Arc<str>) -> Self {
        let unix = if state.journal.is_some() { office.clock.unix() } else { 0 };
        let time_of_day = state.journal.is_some().then(|| clock::pin_time_of_day(unix));
        Self {
            state,
            office,
            name,
            now: office.now(),
            unix,
            _time_of_day: time_of_day,
            broadcast: BytesMut::new(),
            broadcast_count: 0,
            broadcast_within: Millis::MAX,
            cost: 0,
            numbered: Broadcast::default(),
            origin: None,
            is_resent: false,
            settled: Vec::new(),
            touched: Mail::empty(),
            actions: VecDeque::new(),
            written_down: Vec::new(),
            slow: Vec::new(),
        }
    }

    /// Ends the turn: nothing that the coordinator wants done is left undone, and peers that do not keep up go.
    pub(super) fn finish(mut self) -> Mail {
        self.carry_out();
        self.tell_settled();
        if !self.slow.is_empty() {
            // Who is slow depends on what sockets have taken.
            self.overtakes_journal();
        }
        while let Some(id) = self.slow.pop() {
            self.drop_slow(&id);
            self.tell_settled();
        }
        Mail::new(self.touched)
    }

    /// The turn's messages have cost so much that somebody else should have one.
    fn has_done_enough(&self) -> bool {
        let receivers = self.state.peers.len();
        self.cost + receivers * self.broadcast.len().max(self.numbered.len())
            > TURN_COST.max(receivers * TURN_COST_PER_RECEIVER)
    }

    /// Puts a text into one peer's outbox. `false`: no such peer.
    pub(super) fn post(&mut self, to: &str, text: &Text) -> bool {
        self.post_bytes(to, text.as_ref())
    }

    fn post_bytes(&mut self, to: &str, text: &Bytes) -> bool {
        self.deliver(to, text, None)
    }

    /// As [`Turn::post`]. `origin`: whose message it is, where it is of a peer with the extension.
    fn deliver(&mut self, to: &str, text: &Bytes, origin: Option<&Origin>) -> bool {
        self.deliver_at(Departure::Now, to, text, origin)
    }

    /// As [`Turn::deliver`]. Who has not the extension gets it at once.
    fn deliver_at(&mut self, departure: Departure, to: &str, text: &Bytes, origin: Option<&Origin>) -> bool {
        self.cost += STEP_COST + text.len();
        let pushed = match self.state.peers.get(to) {
            None => return false,
            Some(peer) if peer.exchange.is_some() => self.push_numbered(to, text, origin.cloned(), departure),
            Some(peer) => peer.outbox.push_text(text),
        };
        let Some((id, peer)) = self.state.peers.get_key_value(to) else { return false };
        match pushed {
            Pushed::Queued => {}
            Pushed::First => self.touched.push(peer.outbox.clone()),
            Pushed::Overflow => self.slow.push(id.clone()),
        }
        true
    }

    /// Marks an outbox that already has mail.
    pub(super) fn touch(&mut self, outbox: &Arc<Outbox>) {
        self.touched.push(outbox.clone());
    }

    /// Asks the coordinator, if there is one, and takes down what it wants done.
    pub(super) fn coordinate<R>(&mut self, ask: impl FnOnce(&mut dyn Coordinator, &mut Moment<'_>) -> R) -> Option<R> {
        let coordinator = self.state.coordinator.as_deref_mut()?;
        let mut moment = Moment::new(self.now, &mut self.written_down);
        if let Some(origin) = &self.origin {
            moment = moment.of(origin, self.is_resent);
        }
        let answer = ask(coordinator, &mut moment);
        if self.state.reliable > 0 {
            let let_go = coordinator.take_let_go().into_iter();
            self.written_down.extend(let_go.map(|origin| Action::LetGo { origin }));
        }
        if !self.written_down.is_empty() {
            self.actions.extend(self.written_down.drain(..));
        }
        Some(answer)
    }

    /// Does what the coordinator wants done, in order, and what it wants because of that before what comes next: it
    /// takes for done what it has been told of, and for still to come what it has not.
    pub(super) fn carry_out(&mut self) {
        while let Some(action) = self.actions.pop_front() {
            let to_come = self.actions.len();
            match action {
                Action::Post { to, text } => {
                    self.trace_own(&to, &text);
                    self.post_bytes(&to, &text);
                }
                Action::PostWithin { time, to, text } => {
                    self.trace_own(&to, &text);
                    let departure = self.state.gathering.hold(self.now, time);
                    self.deliver_at(departure, &to, &text, None);
                }
                Action::GoOn { to, text, origin } => {
                    self.trace_own(&to, &text);
                    self.deliver(&to, &text, Some(&origin));
                }
                Action::LetGo { origin } => self.let_go(origin),
                Action::Probe { to, text } => {
                    self.trace_own(&to, &text);
                    self.probe(&to, &text);
                }
                Action::Retain { peer } => {
                    if let Some(peer) = self.state.peers.get(&*peer) {
                        peer.outbox.retain();
                    }
                }
                Action::Identified { peer, same } => self.identified(&peer, same),
                Action::End { peer } => self.end_kept(&peer),
                Action::Dismiss { peer } => self.dismiss(&peer),
                Action::Decide { ticket, decision } => self.state.door.decide(ticket, decision),
                Action::Note(note) => self.office.tell(Event::Note { db: self.name.clone(), note }),
            }
            self.actions.rotate_left(to_come);
        }
    }

    fn probe(&mut self, to: &str, text: &Bytes) {
        if let Some(peer) = self.state.peers.get(to)
            && peer.outbox.push_probe(text) == Pushed::First
        {
            self.touched.push(peer.outbox.clone());
        }
    }

    /// May a connection come in?
    pub(super) fn admit(&mut self, id: &str, ticket: Ticket, other: Incumbent, tell: Tell) -> Entry {
        let entry = self.coordinate(|coordinator, moment| coordinator.admit(id, ticket, other, moment));
        let entry = entry.unwrap_or(Entry::Open);
        if entry == Entry::Wait {
            self.state.door.admit(ticket, tell);
        }
        if matches!(entry, Entry::Wait | Entry::Kept) {
            self.takes_place(ticket.0);
        }
        self.carry_out();
        entry
    }

    /// Who has the id that a connection wants.
    pub(super) fn incumbent(&self, id: &str) -> Incumbent {
        self.state.peers.get(id).map_or(Incumbent::Absent, Peer::as_incumbent)
    }

    /// A connection waits no longer.
    pub(super) fn withdraw(&mut self, ticket: Ticket) {
        self.state.door.withdraw(ticket);
        self.gives_place_up(ticket.0);
        self.coordinate(|coordinator, moment| coordinator.withdraw(ticket, moment));
        self.carry_out();
    }

    /// Nothing new shall begin.
    pub(super) fn quiesce(&mut self) {
        // It comes to an orderly end.
        self.state.journal = None;
        self.coordinate(|coordinator, _| coordinator.quiesce());
    }

    /// What nobody else will answer any more is answered.
    pub(super) fn conclude(&mut self) {
        self.coordinate(|coordinator, moment| coordinator.conclude(moment));
        self.carry_out();
    }

    /// What the next hub will not be told of is answered.
    pub(super) fn forsake(&mut self) {
        self.coordinate(|coordinator, moment| coordinator.forsake(moment));
        self.carry_out();
    }

    /// Does what is due.
    pub(super) fn tick(&mut self) {
        self.state.parcels.expire(self.now);
        self.tell_due();
        self.tell_gathered();
        self.give_up_expected();
        self.coordinate(|coordinator, moment| coordinator.tick(moment));
        self.carry_out();
    }
}
