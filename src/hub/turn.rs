//! One turn of a database: messages that were read together are routed together, and each receiver is told once.
//!
//! Consecutive messages to all others are framed once, into one piece of memory that all outboxes share; a message to one
//! peer goes after what its sender sent to all before, so that the order between two peers is the order of sending.

use std::{
    cell::Cell,
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};

use super::{
    Office,
    coordinator::{Action, Address, Coordinator, Loss, Millis, Verdict},
    database::{Peer, Presence, State},
    event::Event,
    leave_reason,
    outbox::{Outbox, Pushed},
    trace::{MessageFate, Trace},
    transport::Transport,
};
use crate::protocol::{self, Inbound, PONG, Text, close::CloseReason, frame};

/// What the messages of one turn may cost, in bytes that are copied: some milliseconds' work, so that a peer of another database,
/// or of this one, does not feel that somebody floods many receivers.
const TURN_COST: usize = 4 << 20;

/// The same for each receiver, where they are so many that their share would be less: a system call for each must be worth it.
const TURN_COST_PER_RECEIVER: usize = 8 << 10;

/// What reading a message, or putting it into an outbox, costs beside its bytes: as much as copying so many.
const STEP_COST: usize = 256;

thread_local! {
    /// The list of outboxes that a turn touched, kept to save its allocation.
    static TOUCHED: Cell<Vec<Arc<Outbox>>> = const { Cell::new(Vec::new()) };
}

/// Outboxes that got mail and whose transports have not been told. Must be rung when no lock is held.
#[must_use]
pub(super) struct Mail(Vec<Arc<Outbox>>);

impl Mail {
    /// Tells the transports.
    pub(super) fn ring(self) {
        self.tell(|_, transport| transport.flush());
    }

    /// Tells the transports that more may follow within the moment.
    pub(super) fn ring_soon(self) {
        self.tell(|outbox, transport| {
            outbox.defer_flush();
            transport.flush_soon();
        });
    }

    fn tell(mut self, how: impl Fn(&Outbox, &dyn Transport)) {
        for outbox in self.0.drain(..) {
            if let Some(transport) = outbox.transport() {
                how(&outbox, &*transport);
            }
        }
        TOUCHED.set(self.0);
    }
}

/// See the module's description.
pub(super) struct Turn<'a> {
    pub(super) state: &'a mut State,
    pub(super) office: &'a Office,
    pub(super) name: &'a Arc<str>,
    pub(super) now: Millis,
    /// Frames for all but the sender, not yet in any outbox, and their number.
    broadcast: BytesMut,
    broadcast_count: u64,
    /// What the turn's messages have cost so far, as [`TURN_COST`] counts.
    cost: usize,
    touched: Vec<Arc<Outbox>>,
    actions: VecDeque<Action>,
    written_down: Vec<Action>,
    slow: Vec<Arc<str>>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(state: &'a mut State, office: &'a Office, name: &'a Arc<str>) -> Self {
        Self {
            state,
            office,
            name,
            now: office.now(),
            broadcast: BytesMut::new(),
            broadcast_count: 0,
            cost: 0,
            touched: TOUCHED.take(),
            actions: VecDeque::new(),
            written_down: Vec::new(),
            slow: Vec::new(),
        }
    }

    /// Ends the turn: peers that do not keep up go.
    pub(super) fn finish(mut self) -> Mail {
        while let Some(id) = self.slow.pop() {
            self.drop_slow(&id);
        }
        Mail(self.touched)
    }

    /// The turn's messages have cost so much that somebody else should have one.
    pub(super) fn has_done_enough(&self) -> bool {
        let receivers = self.state.peers.len();
        self.cost + receivers * self.broadcast.len() > TURN_COST.max(receivers * TURN_COST_PER_RECEIVER)
    }

    /// Routes one message. What it broadcasts is in the outboxes only after [`Turn::flush_broadcast`].
    pub(super) fn receive(&mut self, from: &Arc<str>, message: &Text) {
        self.cost += STEP_COST;
        let inbound = Inbound::parse(message);
        let (address, body) = match inbound {
            Inbound::Ignored => return,
            Inbound::Ping => return self.answer_ping(from),
            Inbound::ToPeer { id, body } => (Address::Peer(id), body),
            Inbound::ToOthers { body } => (Address::Others, body),
        };
        let bytes: &Bytes = message.as_ref();
        let body = if body == 0 { bytes.clone() } else { bytes.slice(body..) };
        let wanted = self.office.interest.now();
        if wanted.messages() {
            let event = Event::Message { db: self.name.clone(), id: from.clone(), text: body.clone() };
            self.office.tell(event);
        }
        let verdict =
            self.coordinate(|coordinator, now, actions| coordinator.received(from, address, &body, now, actions));
        if wanted.traces() {
            let fate = if verdict == Some(Verdict::Taken) { MessageFate::Taken } else { MessageFate::Forwarded };
            self.trace(Some(from), address, &body, fate);
        }
        if !self.actions.is_empty() {
            self.flush_broadcast(from);
            self.carry_out();
        }
        if verdict != Some(Verdict::Taken) {
            self.route(from, address, body);
        }
    }

    fn trace(&self, from: Option<&str>, to: Address<'_>, body: &Bytes, fate: MessageFate) {
        if self.office.interest.is_in_trace_of(self.name, from, to) {
            self.office.tell(Event::Trace(Box::new(Trace::new(self.name, from, to, body, fate))));
        }
    }

    fn answer_ping(&mut self, from: &str) {
        self.post_bytes(from, &Bytes::from_static(PONG.as_bytes()));
    }

    fn route(&mut self, from: &Arc<str>, address: Address<'_>, body: Bytes) {
        if self.office.settings.download_large && self.is_large(&body) {
            self.flush_broadcast(from);
            return self.announce(from, address, body);
        }
        match address {
            Address::Others => {
                frame::put_text(&mut self.broadcast, &body);
                self.broadcast_count += 1;
            }
            Address::Peer(id) => {
                self.flush_broadcast(from);
                self.post_bytes(id, &body);
            }
        }
    }

    fn is_large(&self, body: &Bytes) -> bool {
        let limit = self.office.settings.max_payload;
        body.len() > limit && std::str::from_utf8(body).is_ok_and(|text| protocol::exceeds_utf16(text, limit))
    }

    fn announce(&mut self, from: &str, address: Address<'_>, body: Bytes) {
        let addressees: HashSet<Arc<str>> = match address {
            Address::Peer(id) => self.state.peers.get_key_value(id).map(|(id, _)| id.clone()).into_iter().collect(),
            Address::Others => self.state.peers.keys().filter(|id| ***id != *from).cloned().collect(),
        };
        let Ok(text) = Text::try_from(body) else { return };
        if addressees.is_empty() {
            return;
        }
        let parcel = self.state.parcels.keep(text, addressees.clone(), self.now);
        let notice = Bytes::from(protocol::get_notice(&parcel));
        for id in addressees {
            self.post_bytes(&id, &notice);
        }
    }

    /// Puts what the sender has broadcast so far into the others' outboxes.
    pub(super) fn flush_broadcast(&mut self, from: &str) {
        if self.broadcast.is_empty() {
            return;
        }
        let frames = std::mem::take(&mut self.broadcast).freeze();
        let count = std::mem::take(&mut self.broadcast_count);
        self.push_to_others(from, &frames, count);
    }

    /// Tells all but one peer something of the protocol's own.
    pub(super) fn notify_others(&mut self, about: &str, notice: &str) {
        let mut frames = BytesMut::new();
        frame::put_text(&mut frames, notice.as_bytes());
        self.push_to_others(about, &frames.freeze(), 1);
    }

    fn push_to_others(&mut self, from: &str, frames: &Bytes, count: u64) {
        self.cost += self.state.peers.len() * (STEP_COST + frames.len());
        for (id, peer) in &self.state.peers {
            if **id == *from {
                continue;
            }
            match peer.outbox.push_frames(frames, count) {
                Pushed::Queued => {}
                Pushed::First => self.touched.push(peer.outbox.clone()),
                Pushed::Overflow => self.slow.push(id.clone()),
            }
        }
    }

    /// Puts a text into one peer's outbox. `false`: no such peer.
    pub(super) fn post(&mut self, to: &str, text: &Text) -> bool {
        self.post_bytes(to, text.as_ref())
    }

    fn post_bytes(&mut self, to: &str, text: &Bytes) -> bool {
        self.cost += STEP_COST + text.len();
        let Some((id, peer)) = self.state.peers.get_key_value(to) else { return false };
        match peer.outbox.push_text(text) {
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
    pub(super) fn coordinate<R>(
        &mut self,
        ask: impl FnOnce(&mut dyn Coordinator, Millis, &mut Vec<Action>) -> R,
    ) -> Option<R> {
        let coordinator = self.state.coordinator.as_deref_mut()?;
        let answer = ask(coordinator, self.now, &mut self.written_down);
        if !self.written_down.is_empty() {
            self.actions.extend(self.written_down.drain(..));
        }
        Some(answer)
    }

    /// Does what the coordinator wants done, in order, also what it wants because of that.
    pub(super) fn carry_out(&mut self) {
        while let Some(action) = self.actions.pop_front() {
            match action {
                Action::Post { to, text } => {
                    self.trace_own(&to, &text);
                    self.post_bytes(&to, &text);
                }
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
                Action::Decide { ticket, decision } => self.decide(ticket, decision),
                Action::Note(note) => self.office.tell(Event::Note { db: self.name.clone(), note }),
            }
        }
    }

    fn trace_own(&self, to: &str, text: &Bytes) {
        if self.office.interest.now().traces() {
            self.trace(None, Address::Peer(to), text, MessageFate::Posted);
        }
    }

    fn probe(&mut self, to: &str, text: &Bytes) {
        if let Some(peer) = self.state.peers.get(to)
            && peer.outbox.push_probe(text) == Pushed::First
        {
            self.touched.push(peer.outbox.clone());
        }
    }

    fn identified(&mut self, id: &str, same: bool) {
        let Some((id, peer)) = self.state.peers.get_key_value(id) else { return };
        let (id, outbox) = (id.clone(), peer.outbox.clone());
        if !same {
            self.notify_others(&id, &protocol::disconnect_notice(&id));
            self.notify_others(&id, &protocol::connect_notice(&id));
            let (db, reason) = (self.name.clone(), CloseReason::Replaced.label());
            self.office.tell(Event::Disconnect { db: db.clone(), id: id.clone(), reason });
            self.office.tell(Event::Connect { db, id });
        }
        if outbox.open_gate(same) == Pushed::First {
            self.touched.push(outbox);
        }
    }

    fn end_kept(&mut self, id: &str) {
        if let Some((id, Peer { presence: Presence::Away(loss), .. })) = self.state.peers.get_key_value(id) {
            let (id, reason) = (id.clone(), leave_reason(*loss));
            self.end(&id, reason);
        }
    }

    fn drop_slow(&mut self, id: &Arc<str>) {
        let Some(peer) = self.state.peers.get(id) else { return };
        if let Some(transport) = peer.outbox.transport() {
            transport.close(CloseReason::Slow);
        }
        let message = format!(
            "Client \"{id}\" of database \"{}\" does not keep up: more than maxQueue bytes wait for it. It is disconnected",
            self.name
        );
        self.office.tell(Event::Warning { code: "slow-peer", message });
        self.lose(id, Loss::Slow);
    }
}
