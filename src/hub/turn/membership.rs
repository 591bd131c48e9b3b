//! Who is there: peers join, leave, are lost and come back.

use std::sync::Arc;

use bytes::Bytes;

use super::Turn;
use crate::{
    hub::{
        coordinator::{Fate, Loss, Return},
        event::Event,
        greeting::{Arrival, Greeting},
        journal::{Rare, SharedInput},
        outbox::{Outbox, Pushed, Traffic},
        peers::{Contact, Peer},
        transport::{LinkId, Transport},
    },
    protocol::{self, close::CloseReason, frame},
};

impl Turn<'_> {
    pub(in crate::hub) fn is_of(&self, id: &str, link: Option<LinkId>) -> bool {
        self.state.peers.get(id).is_some_and(|peer| link.is_none_or(|link| peer.contact == Contact::Connected(link)))
    }

    pub(in crate::hub) fn returning(&mut self, id: &Arc<str>, greeting: &Greeting) -> Option<Return> {
        let recognition = self.state.peers.get(id)?.recognise(greeting.offer.as_ref());
        let back = self.coordinate(|coordinator, moment| coordinator.returned(id, recognition, moment));
        Some(back.unwrap_or(Return::Renew))
    }

    pub(in crate::hub) fn join(
        &mut self,
        id: &Arc<str>,
        link: LinkId,
        arrival: &Arrival,
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
    ) {
        let greeting = &arrival.greeting;
        let session = greeting.offer.as_ref().zip(arrival.session.clone());
        let exchange = session.map(|(offer, session)| self.begin_exchange(id, offer, session));
        let limit = self.office.settings.max_queue;
        let outbox = Arc::new(if exchange.is_some() { Outbox::numbered(limit) } else { Outbox::new(limit) });
        let welcome = greeting.welcome(exchange.as_deref(), self.is_coordinated());
        outbox.attach(link, make(outbox.clone()), &welcome, false);
        self.touch(&outbox);
        self.notify_others(id, &protocol::connect_notice(id));
        let mut peer = Peer {
            outbox,
            contact: Contact::Connected(link),
            connected: self.office.clock.unix(),
            received: Traffic::default(),
            remote: None,
            heard: self.now,
            behind: None,
            posting: Arc::default(),
            exchange,
            input: self.new_input(arrival),
        };
        peer.is_connected_by(link, self.now);
        let remote = peer.remote;
        self.state.insert(id.clone(), peer);
        self.office.tell(Event::Connect { db: self.name.clone(), id: id.clone(), remote });
        self.coordinate(|coordinator, moment| coordinator.joined(id, greeting.life(), moment));
        self.carry_out();
        // Who has been in another session tells first what it holds: what is for it may concern that.
        if greeting.offer.as_ref().is_none_or(|offer| offer.session.is_none()) {
            self.expected_is_back(id);
        }
    }

    pub(in crate::hub) fn resume(
        &mut self,
        id: &Arc<str>,
        link: LinkId,
        arrival: &Arrival,
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
        gated: bool,
    ) {
        let greeting = &arrival.greeting;
        let input = self.new_input(arrival);
        let Some(peer) = self.state.peers.get_mut(id) else { return };
        peer.contact = Contact::Connected(link);
        peer.input = input;
        let outbox = peer.outbox.clone();
        // The old connection may still look alive: its other end is gone, or another process has come in its place.
        if let Some(old) = self.detach(&outbox) {
            old.close(CloseReason::Replaced);
        }
        let Some(peer) = self.state.peers.get(id) else { return };
        let welcome = greeting.welcome(peer.exchange.as_deref(), self.is_coordinated());
        if let (Some(offer), Some(exchange)) = (&greeting.offer, &peer.exchange) {
            let had = exchange.had_of(offer);
            self.acknowledged(id, had);
        }
        outbox.attach(link, make(outbox.clone()), &welcome, gated);
        if let Some(peer) = self.state.peers.get_mut(id) {
            peer.is_connected_by(link, self.now);
        }
        self.touch(&outbox);
        self.tell_ended_again(id);
        self.carry_out();
    }

    fn is_coordinated(&self) -> bool {
        self.state.coordinator.is_some()
    }

    /// A connection that has come from another process with its peer's session. Gives the peer's id.
    pub(in crate::hub) fn reattach(
        &mut self,
        id: &str,
        link: LinkId,
        input: Option<SharedInput>,
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
    ) -> Option<Arc<str>> {
        let id = self.state.peers.get_key_value(id)?.0.clone();
        let peer = self.state.peers.get_mut(&id)?;
        peer.input = input;
        peer.outbox.reattach(link, make(peer.outbox.clone()));
        peer.is_connected_by(link, self.now);
        Some(id)
    }

    /// Asks a peer for a sign of life, where that is written down: nothing else may come into its outbox between. Where
    /// it is not, the socket needs no turn: what is given back is to be asked after this one.
    pub(in crate::hub) fn ask_for_life(&mut self, id: &str) -> Option<Arc<dyn Transport>> {
        let peer = self.state.peers.get(id)?;
        let (transport, Contact::Connected(link)) = (peer.outbox.transport()?, peer.contact) else { return None };
        if !self.is_journalled() {
            return Some(transport);
        }
        self.record(Some(link), || Rare::Control { frames: Bytes::from_static(&frame::PING) });
        transport.ask_for_life();
        None
    }

    /// Peers whose connection has not come along from another process have lost it.
    pub(in crate::hub) fn settle(&mut self) {
        let is_lost = |peer: &Peer| matches!(peer.contact, Contact::Connected(_)) && peer.outbox.transport().is_none();
        let lost: Vec<_> =
            self.state.peers.iter().filter(|(_, peer)| is_lost(peer)).map(|(id, _)| id.clone()).collect();
        for id in lost {
            if let Some(peer) = self.state.peers.get(&id) {
                peer.outbox.abandon();
            }
            self.lose(&id, Loss::Reset);
        }
    }

    pub(in crate::hub) fn replace(&mut self, id: &Arc<str>) {
        let Some(peer) = self.state.peers.get(id) else { return };
        if let Some(transport) = peer.outbox.transport() {
            transport.close(CloseReason::Replaced);
        }
        self.end(id, CloseReason::Replaced.label());
        self.carry_out();
    }

    pub(in crate::hub) fn kick(&mut self, id: &str) -> bool {
        let Some((id, peer)) = self.state.peers.get_key_value(id) else { return false };
        let (id, transport) = (id.clone(), peer.outbox.transport());
        if let Some(transport) = transport {
            transport.close(CloseReason::Kicked);
        }
        self.lose(&id, Loss::Kicked);
        true
    }

    /// Closes the connection of a peer that has said farewell, unless it is still sending something beside it. Then it
    /// is asked again.
    pub(super) fn dismiss(&mut self, id: &str) {
        let Some((id, peer)) = self.state.peers.get_key_value(id) else { return };
        if Arc::strong_count(&peer.posting) > 1 {
            self.overtakes_journal();
            return;
        }
        let (id, transport) = (id.clone(), peer.outbox.transport());
        if let Some(transport) = transport {
            transport.close(CloseReason::Farewell);
        }
        self.tell_loss(&id, Loss::Closed);
    }

    /// A peer's connection is gone: its session is kept or ends.
    pub(in crate::hub) fn lose(&mut self, id: &Arc<str>, loss: Loss) {
        self.tell_loss(id, loss);
        self.carry_out();
    }

    /// As [`Turn::lose`], but for what the coordinator wants done about it.
    fn tell_loss(&mut self, id: &Arc<str>, loss: Loss) {
        let fate = self.coordinate(|coordinator, moment| coordinator.lost(id, loss, moment)).unwrap_or(Fate::End);
        match fate {
            Fate::End => {
                self.take_mail_back(id, loss);
                self.end(id, loss.label());
            }
            Fate::Keep => {
                if let Some(peer) = self.state.peers.get_mut(id) {
                    peer.contact = Contact::Away(loss);
                    peer.input = None;
                    let outbox = peer.outbox.clone();
                    self.detach(&outbox);
                }
            }
        }
    }

    /// What a peer has not got by a connection that is gone, or is cut off, may be owed to it on its next one.
    fn take_mail_back(&mut self, id: &str, loss: Loss) {
        let is_still_sent = matches!(loss, Loss::Closed | Loss::Violation | Loss::Kicked);
        if let Some(peer) = self.state.peers.get(id)
            && !is_still_sent
            && peer.outbox.retains()
        {
            let outbox = peer.outbox.clone();
            self.detach(&outbox);
        }
    }

    /// Removes a peer and tells the others.
    pub(super) fn end(&mut self, id: &Arc<str>, reason: &'static str) {
        let Some(mut peer) = self.state.remove(id) else { return };
        self.state.past.received += peer.received;
        self.state.past.sent += peer.outbox.traffic();
        self.notify_others(id, &protocol::disconnect_notice(id));
        let remote = peer.remote;
        self.office.tell(Event::Disconnect { db: self.name.clone(), id: id.clone(), reason, remote });
        if let Some(exchange) = peer.exchange.take() {
            self.end_exchange(*exchange);
        }
        // What is left of a connection that is being closed is still sent; else it goes to the coordinator.
        let undelivered = match peer.outbox.transport() {
            None => peer.outbox.take_undelivered(),
            Some(_) => Vec::new(),
        };
        self.coordinate(|coordinator, moment| coordinator.ended(id, undelivered, moment));
    }

    /// It is known who is behind a shut gate.
    pub(super) fn identified(&mut self, id: &str, same: bool) {
        let Some((id, peer)) = self.state.peers.get_key_value(id) else { return };
        let (id, outbox, remote) = (id.clone(), peer.outbox.clone(), peer.remote);
        if !same {
            self.notify_others(&id, &protocol::disconnect_notice(&id));
            self.notify_others(&id, &protocol::connect_notice(&id));
            let (db, reason) = (self.name.clone(), CloseReason::Replaced.label());
            // The address of the former one is not known any more.
            self.office.tell(Event::Disconnect { db: db.clone(), id: id.clone(), reason, remote: None });
            self.office.tell(Event::Connect { db, id, remote });
        }
        if outbox.open_gate(same) == Pushed::First {
            self.touched.push(outbox);
        }
    }

    /// A kept session is over.
    pub(super) fn end_kept(&mut self, id: &str) {
        if let Some((id, Peer { contact: Contact::Away(loss), .. })) = self.state.peers.get_key_value(id) {
            let (id, reason) = (id.clone(), loss.label());
            self.end(&id, reason);
        }
    }

    /// A peer that does not keep up goes.
    pub(super) fn drop_slow(&mut self, id: &Arc<str>) {
        let Some(peer) = self.state.peers.get(id) else { return };
        if let Some(transport) = peer.outbox.transport() {
            transport.close(CloseReason::Slow);
        }
        let from = peer.remote.map(|remote| format!(" at {remote}")).unwrap_or_default();
        let message = format!(
            "Client \"{id}\" of database \"{}\"{from} does not keep up: more than maxQueue bytes wait for it. It is \
             disconnected",
            self.name
        );
        self.office.tell(Event::Warning { code: "slow-peer", message });
        self.lose(id, Loss::Slow);
    }
}
