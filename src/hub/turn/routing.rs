//! What becomes of the messages that a peer has sent: read as far as the protocol demands, shown to the coordinator,
//! and put into the outboxes of those that they are for.

use std::{collections::HashSet, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::{STEP_COST, Turn};
use crate::{
    clock::Millis,
    hub::{
        coordinator::{Address, Verdict},
        event::Event,
        gathering::Departure,
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
            self.receive(from, &message, message.as_ref());
            if self.has_done_enough() {
                break;
            }
        }
        self.flush_broadcast(from);
        self.count_received(from, received, large);
        self.cost
    }

    /// Routes one message. What it broadcasts is in the outboxes only after [`Turn::flush_broadcast`].
    pub(super) fn receive(&mut self, from: &Arc<str>, message: &str, bytes: &Bytes) {
        self.cost += STEP_COST;
        let inbound = Inbound::parse(message);
        let (address, body) = match inbound {
            Inbound::Ignored => return,
            Inbound::Ping => return self.answer_ping(from),
            Inbound::ToPeer { id, body } => (Address::Peer(id), body),
            Inbound::ToOthers { body } => (Address::Others, body),
        };
        let body = if body == 0 { bytes.clone() } else { bytes.slice(body..) };
        match address {
            Address::Peer(to) if self.state.expected.has(to) => self.keep_for_expected(from, to, body),
            _ => self.judge(from, address, body),
        }
    }

    /// Does with a message what the coordinator says.
    pub(super) fn judge(&mut self, from: &Arc<str>, address: Address<'_>, body: Bytes) {
        let wanted = self.office.interest.now();
        if wanted.messages() {
            let event = Event::Message { db: self.name.clone(), id: from.clone(), text: body.clone() };
            self.office.tell(event);
        }
        let verdict = self.coordinate(|coordinator, moment| coordinator.received(from, address, &body, moment));
        if verdict == Some(Verdict::Kept) {
            self.is_kept_back();
        }
        if wanted.traces() {
            let is_taken = matches!(verdict, Some(Verdict::Taken | Verdict::Kept));
            let fate = if is_taken { MessageFate::Taken } else { MessageFate::Forwarded };
            self.trace(Some(from), address, &body, fate);
        }
        if !self.actions.is_empty() {
            self.flush_broadcast(from);
            self.carry_out();
        }
        match verdict {
            Some(Verdict::Taken | Verdict::Kept) => {}
            Some(Verdict::ForwardWithin(time)) => self.route_within(time, from, address, body),
            Some(Verdict::ForwardAgain) => self.route(from, address, body, false),
            Some(Verdict::Forward) | None => self.route(from, address, body, self.is_resent),
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

    /// `known_doubles`: only those who know doubles get it.
    fn route(&mut self, from: &Arc<str>, address: Address<'_>, body: Bytes, known_doubles: bool) {
        if self.office.settings.download_large && self.is_large(&body) {
            self.flush_broadcast(from);
            self.push_large(from, address, &body);
            if !known_doubles {
                self.announce(from, address, body);
            }
            return;
        }
        match address {
            Address::Others => self.broadcast(&body, known_doubles),
            Address::Peer(id) => {
                self.flush_broadcast(from);
                let origin = self.origin.take();
                if !known_doubles || self.is_reliable(id) {
                    self.deliver(id, &body, origin.as_ref());
                }
            }
        }
    }

    /// Routes what may wait for a while, if it is for all others. With what may not, it leaves at once.
    fn route_within(&mut self, time: Millis, from: &Arc<str>, address: Address<'_>, body: Bytes) {
        let others = self.broadcast_within;
        self.route(from, address, body, self.is_resent);
        if self.broadcast_count > 0 {
            self.broadcast_within = others.min(time);
        }
    }

    fn broadcast(&mut self, body: &Bytes, known_doubles: bool) {
        self.broadcast_count += 1;
        self.broadcast_within = 0;
        if self.state.reliable > 0 {
            self.numbered.put(self.origin.clone(), body);
            self.keep_for_all_expected(body);
        }
        if self.state.reliable < self.state.peers.len() && !known_doubles {
            frame::put_text(&mut self.broadcast, body);
        }
    }

    fn is_large(&self, body: &Bytes) -> bool {
        let limit = self.office.settings.max_payload;
        body.len() > limit && std::str::from_utf8(body).is_ok_and(|text| protocol::exceeds_utf16(text, limit))
    }

    /// Peers with the extension get large texts as all others.
    fn push_large(&mut self, from: &str, address: Address<'_>, body: &Bytes) {
        let origin = self.origin.clone();
        for id in self.addressees(from, address, true) {
            self.deliver(&id, body, origin.as_ref());
        }
    }

    /// Those that a message is for, and that have the extension, or have not.
    fn addressees(&self, from: &str, address: Address<'_>, reliable: bool) -> HashSet<Arc<str>> {
        let is_meant = |id: &str| match address {
            Address::Peer(to) => *id == *to,
            Address::Others => *id != *from,
        };
        let peers = self.state.peers.iter().filter(|(id, peer)| is_meant(id) && peer.exchange.is_some() == reliable);
        peers.map(|(id, _)| id.clone()).collect()
    }

    fn announce(&mut self, from: &str, address: Address<'_>, body: Bytes) {
        let addressees = self.addressees(from, address, false);
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
        let count = std::mem::take(&mut self.broadcast_count);
        if count == 0 {
            return;
        }
        let departure = match std::mem::replace(&mut self.broadcast_within, Millis::MAX) {
            0 => Departure::Now,
            within => self.state.gathering.depart(self.now, within),
        };
        let frames = std::mem::take(&mut self.broadcast).freeze();
        self.push_to_others(from, &frames, count, departure);
        if self.numbered.len() > 0 {
            let numbered = self.numbered.take();
            self.push_numbered_to_others(from, numbered, departure);
        }
    }

    /// Those that wait for news are told them, if it is time.
    pub(super) fn tell_gathered(&mut self) {
        if self.state.gathering.take_due(self.now) {
            let waiting = self.state.peers.values().filter(|peer| peer.outbox.asks_for_flush());
            self.touched.extend(waiting.map(|peer| peer.outbox.clone()));
        }
    }

    /// Tells all but one peer something of the protocol's own.
    pub(super) fn notify_others(&mut self, about: &str, notice: &str) {
        let mut frames = BytesMut::new();
        frame::put_text(&mut frames, notice.as_bytes());
        self.push_to_others(about, &frames.freeze(), 1, Departure::Now);
        if self.state.reliable > 0 {
            self.notify_numbered_others(about, notice);
        }
    }

    fn push_to_others(&mut self, from: &str, frames: &Bytes, count: u64, departure: Departure) {
        self.cost += self.state.peers.len() * (STEP_COST + frames.len());
        for (id, peer) in &self.state.peers {
            if **id == *from || peer.exchange.is_some() {
                continue;
            }
            match peer.outbox.push_frames(frames, count, departure) {
                Pushed::Queued => {}
                Pushed::First => self.touched.push(peer.outbox.clone()),
                Pushed::Overflow => self.slow.push(id.clone()),
            }
        }
    }

    pub(super) fn count_received(&mut self, id: &str, received: Traffic, large: u64) {
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
