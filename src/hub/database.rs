//! One database: its lock, and what is asked of it. What happens under the lock is in `turn`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;

use super::{
    coordinator::{Entry, Loss, Return, Ticket},
    door::Tell,
    event::Event,
    office::Office,
    outbox::Outbox,
    peers::State,
    snapshot::{DatabaseFigures, DatabaseSnapshot, PeerSnapshot},
    transport::{LinkId, Transport},
    turn::{Mail, Turn},
};
use crate::{
    acebase::{Lock, Status},
    clock::Millis,
    protocol::{Text, close::CloseReason},
};

/// No deadline.
const NEVER: Millis = Millis::MAX;

/// One database, behind its lock.
pub(super) struct Database {
    name: Arc<str>,
    office: Arc<Office>,
    state: Mutex<State>,
    /// The state's deadline, readable without its lock.
    deadline: AtomicU64,
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
    /// The database's name.
    pub fn db(&self) -> &str {
        &self.database.name
    }

    /// The peer's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Routes messages that the peer sent, in order, in one turn, or several where they are much work.
    pub fn receive(&self, messages: impl Iterator<Item = Text>) {
        let mut messages = messages.peekable();
        while messages.peek().is_some() {
            self.receive_some(&mut messages);
        }
    }

    /// Routes as many of the messages, in order, as one turn may do; one at least. Those of a peer that has left are
    /// dropped. Gives what it has cost, in bytes that are copied: as much time as that would take.
    pub fn receive_some(&self, messages: &mut impl Iterator<Item = Text>) -> usize {
        let mut cost = 0;
        self.database.turn(|turn| {
            if turn.is_of(&self.id, self.link) {
                cost = turn.receive_some(&self.id, messages);
            } else {
                messages.for_each(drop);
            }
        });
        cost
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
        let state = State::new(office.settings.coordinators.as_ref().map(|make| make()));
        Self::with_state(name, office, state)
    }

    /// A database that is in the middle of something.
    pub(super) fn with_state(name: Arc<str>, office: Arc<Office>, state: State) -> Self {
        Self { name, office, state: Mutex::new(state), deadline: AtomicU64::new(NEVER) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// All that there is. The database is as empty as a new one afterwards.
    pub(super) fn take_state(&self) -> State {
        std::mem::replace(&mut *self.state.lock(), State::new(None))
    }

    /// A connection's hold on the session of a peer that is there.
    pub(super) fn handle(self: &Arc<Self>, id: Arc<str>, link: LinkId) -> PeerHandle {
        PeerHandle { id, link: Some(link), database: self.clone(), _posting: None }
    }

    /// May a connection come in? The returned mail must be rung once no lock is held.
    pub(super) fn admit(&self, id: &str, ticket: Ticket, tell: Tell) -> (Entry, Mail) {
        let mut entry = Entry::Open;
        let mail = self.turn_quietly(|turn| entry = turn.admit(id, ticket, tell));
        (entry, mail)
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
        (self.handle(id, link), mail)
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
        let (sights, locks, status, totals) = {
            let state = self.state.lock();
            (state.sights(), state.locks(), state.status(), state.totals())
        };
        let peers = sights.into_iter().map(PeerSnapshot::from).collect();
        DatabaseSnapshot { name: self.name.clone(), peers, locks, status, totals }
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
        let sights = self.state.lock().sights();
        sights.into_iter().map(PeerSnapshot::from).collect()
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
        self.state.lock().locks()
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

    pub(super) fn park(&self) {
        self.tell_transports(|transport| transport.park());
    }

    pub(super) fn quiesce(&self) {
        self.turn(|turn| turn.quiesce());
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.state.lock().coordinator.as_ref().is_none_or(|coordinator| coordinator.is_quiet())
    }

    pub(super) fn part(&self) {
        self.tell_transports(|transport| transport.close(CloseReason::Shutdown));
    }

    fn tell_transports(&self, tell: impl Fn(&dyn Transport)) {
        for peer in self.state.lock().peers.values() {
            if let Some(transport) = peer.outbox.transport() {
                tell(&*transport);
            }
        }
    }

    /// Connections that wait at the door are told that the server stops.
    pub(super) fn close_door(&self) {
        self.state.lock().door.close();
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
        let (peers, mail) = {
            let mut state = self.state.lock();
            let mut turn = Turn::new(&mut state, &self.office, &self.name);
            turn.conclude();
            let mail = turn.finish();
            state.door.close();
            (std::mem::take(&mut state.peers), mail)
        };
        mail.ring();
        for (id, peer) in peers {
            if let Some(transport) = peer.outbox.transport() {
                transport.close(CloseReason::Shutdown);
            }
            let reason = CloseReason::Shutdown.label();
            self.office.tell(Event::Disconnect { db: self.name.clone(), id, reason });
        }
    }

    /// One turn: what `work` does happens in one go; then the transports that got mail are told.
    pub(super) fn turn(&self, work: impl FnOnce(&mut Turn<'_>)) {
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
