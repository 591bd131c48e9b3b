//! What becomes of the messages that a peer has sent: read as far as the protocol demands, shown to the coordinator,
//! and put into the outboxes of those that they are for.

use std::{collections::HashSet, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::{STEP_COST, Turn};
use crate::{
    hub::{
        coordinator::{Address, Verdict},
        event::Event,
        outbox::{Pushed, Traffic},
        trace::{MessageFate, Trace},
    },
    protocol::{self, Inbound, PONG, Text, frame},
};

impl Turn<'_> {
    /// Routes as many of a peer's messages, in order, as one turn may do; one at least. Gives what it has cost.
    pub(in crate::hub) fn receive_some(&mut self, from: &Arc<str>, messages: &mut impl Iterator<Item = Text>) -> usize {
        let (mut received, mut large) = (Traffic::default(), 0);
        for message in messages {
            received.messages += 1;
            received.bytes += message.len() as u64;
            large += u64::from(message.len() > self.office.settings.max_payload);
            self.receive(from, &message);
            if self.has_done_enough() {
                break;
            }
        }
        self.flush_broadcast(from);
        self.count_received(from, received, large);
        self.cost
    }

    /// Routes one message. What it broadcasts is in the outboxes only after [`Turn::flush_broadcast`].
    fn receive(&mut self, from: &Arc<str>, message: &Text) {
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
        let verdict = self.coordinate(|coordinator, moment| coordinator.received(from, address, &body, moment));
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
    fn flush_broadcast(&mut self, from: &str) {
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

    fn count_received(&mut self, id: &str, received: Traffic, large: u64) {
        self.state.past.large += large;
        // A peer that was ended by its own message has left already.
        match self.state.peers.get_mut(id) {
            Some(peer) => peer.received += received,
            None => self.state.past.received += received,
        }
    }

    pub(super) fn trace_own(&self, to: &str, text: &Bytes) {
        if self.office.interest.now().traces() {
            self.trace(None, Address::Peer(to), text, MessageFate::Posted);
        }
    }
}
