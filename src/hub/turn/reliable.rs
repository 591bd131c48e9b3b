//! What peers with the extension (docs/extension.md) and the hub make sure of together: their messages are taken once,
//! each frame that they are sent is known by whose it is, and senders are told what has reached its end.

use std::sync::Arc;

use bytes::Bytes;

use super::{STEP_COST, Turn};
use crate::{
    hub::{
        coordinator::{Address, Loss},
        event::Event,
        gathering::Departure,
        outbox::{Pushed, Traffic},
        peers::Peer,
        reliable::{
            ACKNOWLEDGE_AFTER_MS, ACKNOWLEDGE_AT, Broadcast, Exchange, Expected, Kept, Origin, Sender, Taken, Waiting,
            frames,
        },
    },
    protocol::{
        self, PONG, Text,
        close::CloseReason,
        reliable::{self, Offer, Word},
    },
};

impl Turn<'_> {
    /// The peer has the extension.
    pub(in crate::hub) fn is_reliable(&self, id: &str) -> bool {
        self.state.reliable > 0 && self.state.peers.get(id).is_some_and(|peer| peer.exchange.is_some())
    }

    /// As [`Turn::receive_some`], of a peer with the extension.
    pub(in crate::hub) fn receive_numbered(
        &mut self,
        from: &Arc<str>,
        messages: &mut impl Iterator<Item = Text>,
    ) -> usize {
        let (mut received, mut large) = (Traffic::default(), 0);
        for message in messages.by_ref() {
            received.messages += 1;
            received.bytes += message.len() as u64;
            large += u64::from(message.len() > self.office.settings.max_payload);
            if self.take_word(from, &message).is_err() {
                self.break_off(from);
                messages.for_each(drop);
                break;
            }
            if self.has_done_enough() {
                break;
            }
        }
        (self.origin, self.is_resent) = (None, false);
        self.flush_broadcast(from);
        self.count_received(from, received, large);
        self.settled.push(from.clone());
        self.cost
    }

    /// Does what a frame says. The error: it breaks the rules.
    fn take_word(&mut self, from: &Arc<str>, message: &Text) -> Result<(), ()> {
        match Word::parse(message).ok_or(())? {
            Word::Message { number, is_resent, body } => {
                self.is_resent = is_resent;
                self.take_message(from, number, message, body)
            }
            Word::Had(count) => self.acknowledged(from, count).then_some(()).ok_or(()),
            Word::State(state) => self.take_state(from, state),
            Word::Ping => {
                self.flush_broadcast(from);
                self.tell_ended(from);
                self.say_word(from, PONG);
                Ok(())
            }
        }
    }

    fn take_message(&mut self, from: &Arc<str>, number: u64, message: &Text, body: usize) -> Result<(), ()> {
        self.cost += STEP_COST;
        let Some(exchange) = self.state.exchange(from) else { return Ok(()) };
        match exchange.inbound.take(number) {
            Taken::Had => Ok(()),
            Taken::TooFar => Err(()),
            Taken::New => {
                self.origin = Some(exchange.origin(number));
                let whole: &Bytes = message.as_ref();
                self.receive(from, &message[body..], &whole.slice(body..));
                Ok(())
            }
        }
    }

    /// A peer that has been in another session tells what it knows.
    fn take_state(&mut self, from: &Arc<str>, state: &str) -> Result<(), ()> {
        let fellows = reliable::fellows(state).ok_or(())?;
        if let Some(exchange) = self.state.exchange(from) {
            (exchange.is_told, exchange.must_tell) = (true, false);
        }
        let until = Expected::all_are_back_at(self.state.begun);
        if self.now < until {
            for id in fellows.iter().filter(|id| ***id != **from) {
                if self.state.peers.get(&**id).is_none_or(Peer::must_tell) {
                    self.state.expected.add(id, until);
                }
            }
        }
        (self.origin, self.is_resent) = (None, false);
        self.flush_broadcast(from);
        let told = self.coordinate(|coordinator, moment| coordinator.retold(from, state, moment));
        told.unwrap_or(Ok(())).map_err(drop)?;
        self.carry_out();
        self.expected_is_back(from);
        Ok(())
    }

    /// Keeps what is addressed to a peer that is waited for.
    pub(super) fn keep_for_expected(&mut self, from: &Arc<str>, to: &str, body: Bytes) {
        let (from, is_resent) = (from.clone(), self.is_resent);
        self.keep(to, Kept::Addressed { from, body, origin: self.origin.clone(), is_resent });
    }

    /// Keeps what is for all for those, too, that are waited for.
    pub(super) fn keep_for_all_expected(&mut self, body: &Bytes) {
        if !self.state.expected.is_empty() {
            for id in self.state.expected.ids() {
                self.keep(&id, Kept::Broadcast { body: body.clone(), origin: self.origin.clone() });
            }
        }
    }

    fn keep(&mut self, id: &str, message: Kept) {
        if let Some(origin) = message.origin().cloned() {
            self.is_waited_for(&origin, 1);
        }
        if let Err(given_up) = self.state.expected.keep(id, message, self.office.settings.max_queue) {
            // Who plays a journal back knows no bound of what waits.
            self.overtakes_journal();
            self.settle_all(given_up.iter().filter_map(Kept::origin));
        }
    }

    /// A peer that may have been waited for has joined, and gets what is for it.
    pub(super) fn expected_is_back(&mut self, id: &Arc<str>) {
        for kept in self.state.expected.take(id) {
            self.deal_with_kept(id, kept);
        }
        self.may_be_reunited();
    }

    /// The coordinator is told when it is known of all what they hold, or does not matter.
    fn may_be_reunited(&mut self) {
        if self.state.reliable > 0 && self.state.expected.all_are_heard() {
            self.coordinate(|coordinator, moment| coordinator.reunited(moment));
            self.carry_out();
        }
    }

    /// Nobody is waited for any more when the time is over. Where another hub had the database, who has not come may be
    /// cut off together with that one, and at work: what it holds matters for longer.
    pub(super) fn give_up_expected(&mut self) {
        if self.state.expected.give_up_unheard(self.now) {
            self.may_be_reunited();
        }
        if !self.state.expected.is_over(self.now) {
            return;
        }
        for id in self.state.expected.ids() {
            let kept = match self.office.taken_over_at() {
                0 => self.state.expected.take(&id),
                _ => self.state.expected.take_late(&id, self.now),
            };
            if !self.state.peers.contains_key(&id) {
                self.notify_others(&id, &protocol::disconnect_notice(&id));
            }
            kept.into_iter().for_each(|kept| self.deal_with_kept(&id, kept));
        }
        self.may_be_reunited();
    }

    fn deal_with_kept(&mut self, to: &Arc<str>, kept: Kept) {
        let waited = kept.origin().cloned();
        match kept {
            Kept::Addressed { from, body, origin, is_resent } => {
                (self.origin, self.is_resent) = (origin, is_resent);
                if self.state.peers.contains_key(&from) {
                    self.judge(&from, Address::Peer(to), body);
                } else if self.is_reliable(to) {
                    // Its sender has left since.
                    let origin = self.origin.take();
                    self.deliver(to, &body, origin.as_ref());
                }
            }
            Kept::Broadcast { body, origin } if self.is_reliable(to) => {
                self.deliver(to, &body, origin.as_ref());
            }
            Kept::Broadcast { .. } => {}
        }
        (self.origin, self.is_resent) = (None, false);
        // It counts for its receiver from here on.
        self.settle_all(waited.iter());
    }

    /// A peer has had so many of its frames. `false`: it was not sent so many.
    pub(super) fn acknowledged(&mut self, id: &str, count: u64) -> bool {
        let Some(peer) = self.state.peers.get_mut(id) else { return true };
        let Some(exchange) = &mut peer.exchange else { return true };
        let Some(origins) = exchange.outbound.acknowledge(count) else { return false };
        if !peer.outbox.acknowledge(origins.len()) {
            return false;
        }
        let waiting: Vec<_> = origins.collect();
        self.settle_all(waiting.iter().flat_map(Waiting::origins));
        true
    }

    /// These have reached their end at one receiver.
    fn settle_all<'o>(&mut self, origins: impl Iterator<Item = &'o Origin>) {
        for origin in origins {
            let exchange = self.state.exchange(origin.peer()).filter(|exchange| origin.is_of(&exchange.sender));
            let Some(exchange) = exchange else { continue };
            exchange.inbound.settle(origin.number());
            let id = &exchange.sender.peer;
            if self.settled.last() != Some(id) {
                self.settled.push(id.clone());
            }
        }
    }

    /// One more receiver has to acknowledge a message.
    pub(super) fn is_waited_for(&mut self, origin: &Origin, receivers: u32) {
        if let Some(exchange) = self.state.exchange(origin.peer())
            && origin.is_of(&exchange.sender)
        {
            exchange.inbound.waits_for(origin.number(), receivers);
        }
    }

    /// Puts a text into the outbox of a peer with the extension.
    pub(super) fn push_numbered(
        &mut self,
        to: &str,
        text: &Bytes,
        origin: Option<Origin>,
        departure: Departure,
    ) -> Pushed {
        let Some(peer) = self.state.peers.get_mut(to) else { return Pushed::Queued };
        let pushed = peer.outbox.push_numbered(&frames::origin(origin.as_ref()), text, departure);
        // What the hub says because of a message would be lost with it.
        let waiting = Waiting::new(origin, self.origin.clone());
        if let Some(exchange) = &mut peer.exchange {
            exchange.outbound.put(waiting.clone());
        }
        waiting.origins().for_each(|origin| self.is_waited_for(origin, 1));
        pushed
    }

    /// The coordinator has kept the present message, and will let go of it.
    pub(super) fn is_kept_back(&mut self) {
        if let Some(origin) = self.origin.clone() {
            self.is_waited_for(&origin, 1);
        }
    }

    /// The coordinator has dealt with a message that it has kept. Its sender may have been answered, and must have had
    /// that.
    pub(super) fn let_go(&mut self, origin: Origin) {
        let sender = self.state.exchange(origin.peer()).filter(|exchange| origin.is_of(&exchange.sender));
        if !sender.is_some_and(|exchange| exchange.outbound.wait_for_all(origin.clone())) {
            self.settle_all([origin].iter());
        }
    }

    /// Puts what a peer has broadcast into the outboxes of all others with the extension. Who is waited for, and has
    /// not told yet what it holds, has it from there.
    pub(super) fn push_numbered_to_others(
        &mut self,
        from: &str,
        broadcast: (Bytes, Vec<Option<Origin>>),
        departure: Departure,
    ) {
        self.push_numbered_to(broadcast, departure, |id, expected| *id != *from && !expected.has(id));
    }

    /// As [`Turn::push_numbered_to_others`], of the hub's own words about a peer.
    pub(super) fn notify_numbered_others(&mut self, about: &str, notice: &str) {
        let notice = Broadcast::of(None, notice.as_bytes()).take();
        self.push_numbered_to(notice, Departure::Now, |id, _| *id != *about);
    }

    fn push_numbered_to(
        &mut self,
        (frames, origins): (Bytes, Vec<Option<Origin>>),
        departure: Departure,
        is_meant: impl Fn(&str, &Expected) -> bool,
    ) {
        let mut receivers = 0;
        for (id, peer) in &mut self.state.peers {
            let is_one = is_meant(id, &self.state.expected);
            let Some(exchange) = peer.exchange.as_mut().filter(|_| is_one) else { continue };
            receivers += 1;
            origins.iter().for_each(|origin| exchange.outbound.put(Waiting::new(origin.clone(), None)));
            match peer.outbox.push_frames(&frames, origins.len() as u64, departure) {
                Pushed::Queued => {}
                Pushed::First => self.touched.push(peer.outbox.clone()),
                Pushed::Overflow => self.slow.push(id.clone()),
            }
        }
        self.cost += receivers as usize * (STEP_COST + frames.len());
        for origin in origins.iter().flatten() {
            self.is_waited_for(origin, receivers);
        }
    }

    /// A session in the extension begins.
    pub(super) fn begin_exchange(&self, id: &Arc<str>, offer: &Offer, session: String) -> Box<Exchange> {
        let (peer, life) = (id.clone(), offer.life.clone());
        Box::new(Exchange::new(Sender { peer, life, session }, offer.session.is_some()))
    }

    /// The peer has left for good: it counts as having had everything.
    pub(super) fn end_exchange(&mut self, exchange: Exchange) {
        let waiting: Vec<_> = exchange.outbound.into_waiting().collect();
        self.settle_all(waiting.iter().flat_map(Waiting::origins));
    }

    /// Tells those senders what has reached its end, where it is enough to be told; the others soon.
    pub(super) fn tell_settled(&mut self) {
        for id in std::mem::take(&mut self.settled) {
            let Some(exchange) = self.state.exchange(&id) else { continue };
            match exchange.inbound.advance() {
                0 => {}
                1..ACKNOWLEDGE_AT => {
                    self.state.acknowledge_at.get_or_insert(self.now + ACKNOWLEDGE_AFTER_MS);
                }
                ACKNOWLEDGE_AT.. => self.tell_ended(&id),
            }
        }
    }

    /// Tells all senders what has reached its end, if it is time to.
    pub(super) fn tell_due(&mut self) {
        if self.state.acknowledge_at.take_if(|at| *at <= self.now).is_some() {
            self.tell_all_ended();
        }
    }

    /// Tells all senders what has reached its end.
    pub(in crate::hub) fn tell_all_ended(&mut self) {
        let reliable = self.state.peers.iter().filter(|(_, peer)| peer.exchange.is_some());
        let ids: Vec<_> = reliable.map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| self.tell_ended(id));
    }

    /// Tells a sender what of its own has reached its end, if it was not told.
    pub(super) fn tell_ended(&mut self, id: &str) {
        let Some(exchange) = self.state.exchange(id) else { return };
        if exchange.inbound.advance() > 0 {
            let word = reliable::acknowledgement(exchange.inbound.tell());
            self.say_word(id, &word);
        }
    }

    /// As [`Turn::tell_ended`], of a sender that may not have heard it, for its connection has broken since.
    pub(super) fn tell_ended_again(&mut self, id: &str) {
        if let Some(exchange) = self.state.exchange(id) {
            exchange.inbound.tell_again();
        }
        self.tell_ended(id);
    }

    fn say_word(&mut self, to: &str, word: &str) {
        let Some((id, peer)) = self.state.peers.get_key_value(to) else { return };
        match peer.outbox.push_word(&Bytes::copy_from_slice(word.as_bytes())) {
            Pushed::Queued => {}
            Pushed::First => self.touched.push(peer.outbox.clone()),
            Pushed::Overflow => self.slow.push(id.clone()),
        }
    }

    /// Ends the session of a peer that breaks the rules of the extension.
    fn break_off(&mut self, id: &Arc<str>) {
        if let Some(transport) = self.state.peers.get(id).and_then(|peer| peer.outbox.transport()) {
            transport.close(CloseReason::ProtocolError);
        }
        let message = format!(
            "Client \"{id}\" of database \"{}\" breaks the rules of the extension that it has asked for. It is disconnected",
            self.name
        );
        self.office.tell(Event::Warning { code: "protocol", message });
        self.lose(id, Loss::Violation);
    }
}
