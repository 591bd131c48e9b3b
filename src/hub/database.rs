//! One database: its peers, their joining, leaving and coming back. Routing of messages is in `turn`.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use super::{
    Office,
    coordinator::{Coordinator, Entry, Fate, Lock, Loss, Millis, Return, Status, Ticket},
    door::{Admission, Door, Tell},
    event::Event,
    leave_reason,
    outbox::{Outbox, Traffic},
    parcels::Parcels,
    snapshot::{DatabaseFigures, DatabaseSnapshot, PeerSnapshot, Totals},
    transport::{LinkId, Transport},
    turn::{Mail, Turn},
    unix_millis,
};
use crate::protocol::{self, Text, close::CloseReason};

/// No deadline.
const NEVER: Millis = Millis::MAX;

/// See the module's description.
pub(super) struct Database {
    name: Arc<str>,
    office: Arc<Office>,
    state: Mutex<State>,
    /// The state's deadline, readable without its lock.
    deadline: AtomicU64,
}

/// What a database's lock protects.
pub(super) struct State {
    pub(super) peers: HashMap<Arc<str>, Peer>,
    pub(super) coordinator: Option<Box<dyn Coordinator>>,
    pub(super) parcels: Parcels,
    pub(super) door: Door,
    /// What the peers that have left have done.
    pub(super) past: Totals,
}

/// Whether a peer is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// By this connection.
    Connected(LinkId),
    /// Its connection was lost so, and its session is kept.
    Away(Loss),
}

/// One peer's session.
pub(super) struct Peer {
    pub(super) outbox: Arc<Outbox>,
    pub(super) presence: Presence,
    /// Milliseconds since the Unix epoch.
    pub(super) connected: u64,
    /// What it has sent.
    pub(super) received: Traffic,
    /// Shared with each handle by which it is sending a message beside its connection.
    posting: Arc<()>,
}

/// One connection's hold on its session.
#[derive(Clone)]
pub struct PeerHandle {
    id: Arc<str>,
    link: Option<LinkId>,
    database: Arc<Database>,
    _posting: Option<Arc<()>>,
}

impl PeerHandle {
    /// Routes messages that the peer sent, in order, in one turn, or several where they are much work.
    pub fn receive(&self, messages: impl Iterator<Item = Text>) {
        let mut messages = messages.peekable();
        while messages.peek().is_some() {
            self.receive_some(&mut messages);
        }
    }

    /// Routes as many of the messages, in order, as one turn may do; one at least. Those of a peer that has left are dropped.
    pub fn receive_some(&self, messages: &mut impl Iterator<Item = Text>) {
        self.database.turn(|turn| {
            if !turn.is_of(&self.id, self.link) {
                return messages.for_each(drop);
            }
            let (mut received, mut large) = (Traffic::default(), 0);
            for message in messages {
                received.messages += 1;
                received.bytes += message.len() as u64;
                large += u64::from(message.len() > turn.office.settings.max_payload);
                turn.receive(&self.id, &message);
                if turn.has_done_enough() {
                    break;
                }
            }
            turn.flush_broadcast(&self.id);
            turn.count_received(&self.id, received, large);
        });
    }

    /// The connection is gone.
    pub fn lost(&self, loss: Loss) {
        let mail = self.database.turn_quietly(|turn| {
            if turn.is_of(&self.id, self.link) {
                turn.lose(&self.id, loss);
            }
        });
        mail.ring_soon();
    }
}

impl Database {
    pub(super) fn new(name: Arc<str>, office: Arc<Office>) -> Self {
        let coordinator = office.settings.coordinators.as_ref().map(|make| make());
        let state = State {
            peers: HashMap::new(),
            coordinator,
            parcels: Parcels::default(),
            door: Door::default(),
            past: Totals::default(),
        };
        Self { name, office, state: Mutex::new(state), deadline: AtomicU64::new(NEVER) }
    }

    /// May a connection come in? The returned mail must be rung once no lock is held.
    pub(super) fn admit(self: &Arc<Self>, id: &str, ticket: Ticket, tell: Tell) -> (Admission, Mail) {
        let mut entry = Entry::Open;
        let mail = self.turn_quietly(|turn| entry = turn.admit(id, ticket, tell));
        (self.admission(entry, ticket), mail)
    }

    pub(super) fn withdraw(&self, ticket: Ticket) {
        self.turn(|turn| turn.withdraw(ticket));
    }

    /// Takes a connection, and welcomes it. The returned mail must be rung once no lock is held.
    pub(super) fn connect(
        self: &Arc<Self>,
        id: &str,
        link: LinkId,
        welcome: &str,
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
    ) -> (PeerHandle, Mail) {
        let id: Arc<str> = id.into();
        let mail = self.turn_quietly(|turn| {
            let back = turn.returning(&id);
            match back {
                Some(Return::Resume) => turn.resume(&id, link, welcome, make, false),
                Some(Return::Identify) => turn.resume(&id, link, welcome, make, true),
                Some(Return::Renew) => {
                    turn.replace(&id);
                    turn.join(&id, link, welcome, make);
                }
                None => turn.join(&id, link, welcome, make),
            }
        });
        (PeerHandle { id, link: Some(link), database: self.clone(), _posting: None }, mail)
    }

    pub(super) fn peer(self: &Arc<Self>, id: &str) -> Option<PeerHandle> {
        let state = self.state.lock();
        let (id, peer) = state.peers.get_key_value(id)?;
        let posting = Some(peer.posting.clone());
        Some(PeerHandle { id: id.clone(), link: None, database: self.clone(), _posting: posting })
    }

    pub(super) fn take_parcel(&self, id: &str, message: &str) -> Option<Text> {
        self.state.lock().parcels.take(message, id, self.office.now())
    }

    pub(super) fn snapshot(&self) -> DatabaseSnapshot {
        let state = self.state.lock();
        let coordinator = state.coordinator.as_ref();
        DatabaseSnapshot {
            name: self.name.clone(),
            peers: state.clients(),
            locks: coordinator.map(|coordinator| coordinator.locks()).unwrap_or_default(),
            status: state.status(),
            totals: state.totals(),
        }
    }

    pub(super) fn figures(&self) -> DatabaseFigures {
        let state = self.state.lock();
        DatabaseFigures {
            name: self.name.clone(),
            peers: state.peers.len(),
            queued: state.peers.values().map(|peer| peer.outbox.waiting_bytes()).sum(),
            status: state.status(),
            totals: state.totals(),
        }
    }

    pub(super) fn clients(&self) -> Vec<PeerSnapshot> {
        self.state.lock().clients()
    }

    pub(super) fn send(&self, id: &str, text: Text) -> bool {
        let mut known = false;
        self.turn(|turn| known = turn.post(id, &text));
        known
    }

    pub(super) fn kick(&self, id: &str) -> bool {
        let mut known = false;
        self.turn(|turn| known = turn.kick(id));
        known
    }

    pub(super) fn locks(&self) -> Vec<Lock> {
        self.state.lock().coordinator.as_ref().map(|coordinator| coordinator.locks()).unwrap_or_default()
    }

    pub(super) fn status(&self) -> Status {
        self.state.lock().status()
    }

    pub(super) fn deadline(&self) -> Option<Millis> {
        Some(self.deadline.load(Ordering::Relaxed)).filter(|deadline| *deadline != NEVER)
    }

    pub(super) fn tick(&self) {
        self.turn(|turn| turn.tick());
    }

    pub(super) fn trim(&self) {
        for peer in self.state.lock().peers.values() {
            peer.outbox.trim();
        }
    }

    /// No peer, and nothing outstanding.
    pub(super) fn is_forgettable(&self) -> bool {
        let state = self.state.lock();
        state.peers.is_empty()
            && state.coordinator.as_ref().is_none_or(|coordinator| coordinator.is_idle())
            && state.parcels.deadline().is_none()
    }

    /// Ends all sessions because the server stops.
    pub(super) fn close(&self) {
        let peers = {
            let mut state = self.state.lock();
            state.door.close();
            std::mem::take(&mut state.peers)
        };
        for (id, peer) in peers {
            if let Some(transport) = peer.outbox.transport() {
                transport.close(CloseReason::Shutdown);
            }
            let reason = CloseReason::Shutdown.label();
            self.office.tell(Event::Disconnect { db: self.name.clone(), id, reason });
        }
    }

    /// One turn: what `work` does happens in one go; then the transports that got mail are told.
    fn turn(&self, work: impl FnOnce(&mut Turn<'_>)) {
        self.turn_quietly(work).ring();
    }

    fn turn_quietly(&self, work: impl FnOnce(&mut Turn<'_>)) -> Mail {
        let mut state = self.state.lock();
        let mut turn = Turn::new(&mut state, &self.office, &self.name);
        work(&mut turn);
        let mail = turn.finish();
        self.note_deadline(&state);
        mail
    }

    fn note_deadline(&self, state: &State) {
        let coordinator = state.coordinator.as_ref().and_then(|coordinator| coordinator.deadline());
        let deadline = [coordinator, state.parcels.deadline()].into_iter().flatten().min();
        // An empty database wants one more tick, to be forgotten.
        let deadline = deadline.or_else(|| state.peers.is_empty().then_some(0)).unwrap_or(NEVER);
        if deadline < self.deadline.swap(deadline, Ordering::Relaxed) {
            (self.office.alarm)();
        }
    }
}

impl Turn<'_> {
    fn count_received(&mut self, id: &str, received: Traffic, large: u64) {
        self.state.past.large += large;
        // A peer that was ended by its own message has left already.
        match self.state.peers.get_mut(id) {
            Some(peer) => peer.received += received,
            None => self.state.past.received += received,
        }
    }

    fn is_of(&self, id: &str, link: Option<LinkId>) -> bool {
        self.state.peers.get(id).is_some_and(|peer| link.is_none_or(|link| peer.presence == Presence::Connected(link)))
    }

    fn returning(&mut self, id: &Arc<str>) -> Option<Return> {
        self.state.peers.contains_key(id).then(|| {
            self.coordinate(|coordinator, now, actions| coordinator.returned(id, now, actions)).unwrap_or(Return::Renew)
        })
    }

    fn join(
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
            presence: Presence::Connected(link),
            connected: unix_millis(),
            received: Traffic::default(),
            posting: Arc::default(),
        };
        self.state.peers.insert(id.clone(), peer);
        self.office.tell(Event::Connect { db: self.name.clone(), id: id.clone() });
        self.coordinate(|coordinator, now, actions| coordinator.joined(id, now, actions));
        self.carry_out();
    }

    fn resume(
        &mut self,
        id: &Arc<str>,
        link: LinkId,
        welcome: &str,
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
        gated: bool,
    ) {
        let Some(peer) = self.state.peers.get_mut(id) else { return };
        peer.presence = Presence::Connected(link);
        let outbox = peer.outbox.clone();
        // The old connection may still look alive: its other end is gone, or another process has come in its place.
        if let Some(old) = outbox.detach() {
            old.close(CloseReason::Replaced);
        }
        outbox.attach(link, make(outbox.clone()), welcome, gated);
        self.touch(&outbox);
        self.carry_out();
    }

    fn replace(&mut self, id: &Arc<str>) {
        let Some(peer) = self.state.peers.get(id) else { return };
        if let Some(transport) = peer.outbox.transport() {
            transport.close(CloseReason::Replaced);
        }
        self.end(id, CloseReason::Replaced.label());
        self.carry_out();
    }

    fn kick(&mut self, id: &str) -> bool {
        let Some((id, peer)) = self.state.peers.get_key_value(id) else { return false };
        let (id, transport) = (id.clone(), peer.outbox.transport());
        if let Some(transport) = transport {
            transport.close(CloseReason::Kicked);
        }
        self.lose(&id, Loss::Kicked);
        true
    }

    /// Closes the connection of a peer that has said farewell, unless it is still sending something beside it. Then it is asked
    /// again.
    pub(super) fn dismiss(&mut self, id: &str) {
        let Some((id, peer)) = self.state.peers.get_key_value(id) else { return };
        if Arc::strong_count(&peer.posting) > 1 {
            return;
        }
        let (id, transport) = (id.clone(), peer.outbox.transport());
        if let Some(transport) = transport {
            transport.close(CloseReason::Farewell);
        }
        self.lose(&id, Loss::Closed);
    }

    /// A peer's connection is gone: its session is kept or ends.
    pub(super) fn lose(&mut self, id: &Arc<str>, loss: Loss) {
        let fate =
            self.coordinate(|coordinator, now, actions| coordinator.lost(id, loss, now, actions)).unwrap_or(Fate::End);
        match fate {
            Fate::End => self.end(id, leave_reason(loss)),
            Fate::Keep => {
                if let Some(peer) = self.state.peers.get_mut(id) {
                    peer.presence = Presence::Away(loss);
                    peer.outbox.detach();
                }
            }
        }
        self.carry_out();
    }

    /// Removes a peer and tells the others.
    pub(super) fn end(&mut self, id: &Arc<str>, reason: &'static str) {
        let Some(peer) = self.state.peers.remove(id) else { return };
        self.state.past.received += peer.received;
        self.state.past.sent += peer.outbox.traffic();
        self.notify_others(id, &protocol::disconnect_notice(id));
        self.office.tell(Event::Disconnect { db: self.name.clone(), id: id.clone(), reason });
        // What is left of a connection that is being closed is still sent; of a kept session it goes to the coordinator.
        let undelivered = match peer.presence {
            Presence::Away(_) => peer.outbox.take_undelivered(),
            Presence::Connected(_) => Vec::new(),
        };
        self.coordinate(|coordinator, now, actions| coordinator.ended(id, undelivered, now, actions));
    }

    fn tick(&mut self) {
        self.state.parcels.expire(self.now);
        self.coordinate(|coordinator, now, actions| coordinator.tick(now, actions));
        self.carry_out();
    }
}
