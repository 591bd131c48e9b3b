//! Who is there: peers join, leave, are lost and come back.

use std::sync::Arc;

use super::Turn;
use crate::{
    hub::{
        coordinator::{Fate, Loss, Return},
        event::Event,
        outbox::{Outbox, Pushed, Traffic},
        peers::{Contact, Peer},
        transport::{LinkId, Transport},
    },
    protocol::{self, close::CloseReason},
};

impl Turn<'_> {
    pub(in crate::hub) fn is_of(&self, id: &str, link: Option<LinkId>) -> bool {
        self.state.peers.get(id).is_some_and(|peer| link.is_none_or(|link| peer.contact == Contact::Connected(link)))
    }

    pub(in crate::hub) fn returning(&mut self, id: &Arc<str>) -> Option<Return> {
        self.state
            .peers
            .contains_key(id)
            .then(|| self.coordinate(|coordinator, moment| coordinator.returned(id, moment)).unwrap_or(Return::Renew))
    }

    pub(in crate::hub) fn join(
        &mut self,
        id: &Arc<str>,
        link: LinkId,
        welcome: &str,
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
    ) {
        let outbox = Arc::new(Outbox::new(self.office.settings.max_queue));
        outbox.attach(link, make(outbox.clone()), welcome, false);
        self.touch(&outbox);
        self.notify_others(id, &protocol::connect_notice(id));
        let peer = Peer {
            outbox,
            contact: Contact::Connected(link),
            connected: self.office.clock.unix(),
            received: Traffic::default(),
            posting: Arc::default(),
        };
        self.state.peers.insert(id.clone(), peer);
        self.office.tell(Event::Connect { db: self.name.clone(), id: id.clone() });
        self.coordinate(|coordinator, moment| coordinator.joined(id, moment));
        self.carry_out();
    }

    pub(in crate::hub) fn resume(
        &mut self,
        id: &Arc<str>,
        link: LinkId,
        welcome: &str,
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
        gated: bool,
    ) {
        let Some(peer) = self.state.peers.get_mut(id) else { return };
        peer.contact = Contact::Connected(link);
        let outbox = peer.outbox.clone();
        // The old connection may still look alive: its other end is gone, or another process has come in its place.
        if let Some(old) = outbox.detach() {
            old.close(CloseReason::Replaced);
        }
        outbox.attach(link, make(outbox.clone()), welcome, gated);
        self.touch(&outbox);
        self.carry_out();
    }

    /// A connection that has come from another process with its peer's session. Gives the peer's id.
    pub(in crate::hub) fn reattach(
        &mut self,
        id: &str,
        link: LinkId,
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
    ) -> Option<Arc<str>> {
        let (id, peer) = self.state.peers.get_key_value(id)?;
        peer.outbox.reattach(link, make(peer.outbox.clone()));
        Some(id.clone())
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
                    peer.outbox.detach();
                }
            }
        }
    }

    /// What a peer has not got by a connection that is gone, or is cut off, may be owed to it on its next one.
    fn take_mail_back(&self, id: &str, loss: Loss) {
        let is_still_sent = matches!(loss, Loss::Closed | Loss::Violation | Loss::Kicked);
        if let Some(peer) = self.state.peers.get(id)
            && !is_still_sent
            && peer.outbox.retains()
        {
            peer.outbox.detach();
        }
    }

    /// Removes a peer and tells the others.
    pub(super) fn end(&mut self, id: &Arc<str>, reason: &'static str) {
        let Some(peer) = self.state.peers.remove(id) else { return };
        self.state.past.received += peer.received;
        self.state.past.sent += peer.outbox.traffic();
        self.notify_others(id, &protocol::disconnect_notice(id));
        self.office.tell(Event::Disconnect { db: self.name.clone(), id: id.clone(), reason });
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
        let message = format!(
            "Client \"{id}\" of database \"{}\" does not keep up: more than maxQueue bytes wait for it. It is disconnected",
            self.name
        );
        self.office.tell(Event::Warning { code: "slow-peer", message });
        self.lose(id, Loss::Slow);
    }
}
