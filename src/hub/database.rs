//! One database: its lock, and what is asked of it. What happens under the lock is in `turn`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use super::{
    coordinator::{Entry, Incumbent, Ticket},
    door::Tell,
    event::Event,
    journal::{Rare, SharedInput},
    office::Office,
    peers::{Contact, Peer, State},
    snapshot::{DatabaseFigures, DatabaseSnapshot, LoopbackPeer, PeerSnapshot},
    transport::{LinkId, Transport},
    turn::{Mail, Turn},
};
use crate::{
    acebase::{Lock, Role, Status},
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
    /// It is being taken out: nobody comes in any more.
    is_shut: AtomicBool,
}

impl Database {
    pub(super) fn new(name: Arc<str>, office: Arc<Office>) -> Self {
        let mut coordinator = office.settings.coordinators.as_ref().map(|make| make());
        if let Some(coordinator) = &mut coordinator {
            coordinator.begin(office.taken_over_at());
        }
        let state = State::new(coordinator, office.now());
        Self::with_state(name, office, state)
    }

    /// A database that is in the middle of something.
    pub(super) fn with_state(name: Arc<str>, office: Arc<Office>, state: State) -> Self {
        Self {
            name,
            office,
            state: Mutex::new(state),
            deadline: AtomicU64::new(NEVER),
            is_shut: AtomicBool::new(false),
        }
    }

    /// Peers with the extension are told then what has reached its end.
    pub(super) fn acknowledges_at(&self, at: Option<Millis>) {
        self.state.lock().acknowledge_at = at;
    }

    /// Begins to write down what happens, if that is wanted.
    pub(super) fn begin_journal(&self) {
        self.state.lock().begin_journal(&self.office, &self.name);
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// All that there is. The database is as empty as a new one afterwards.
    pub(super) fn take_state(&self) -> State {
        std::mem::replace(&mut *self.state.lock(), State::new(None, self.office.now()))
    }

    /// What was read from a peer's connection, where that is written down.
    pub(super) fn input_of(&self, id: &str) -> Option<SharedInput> {
        self.state.lock().peers.get(id)?.input.clone()
    }

    /// The peer is connected by this connection.
    pub(super) fn is_connected_by(&self, id: &str, link: LinkId) -> bool {
        self.state.lock().peers.get(id).is_some_and(|peer| peer.contact == Contact::Connected(link))
    }

    /// May a connection come in? The returned mail must be rung once no lock is held.
    pub(super) fn admit(&self, id: &str, ticket: Ticket, tell: Tell) -> (Entry, Mail) {
        let mut entry = Entry::Open;
        let mail = self.turn_quietly(|turn| {
            let other = turn.incumbent(id);
            turn.record(None, || Rare::Admit { id: id.to_owned(), ticket: ticket.0, incumbent: other });
            entry = turn.admit(id, ticket, other, tell);
        });
        (entry, mail)
    }

    /// As [`Database::admit`], with nobody to tell, and beside whoever had the id. Whether it has a place now.
    pub(super) fn admit_beside(&self, id: &str, ticket: Ticket, other: Incumbent) -> bool {
        let mut entry = Entry::Open;
        self.turn(|turn| entry = turn.admit(id, ticket, other, Box::new(|_| {})));
        matches!(entry, Entry::Wait | Entry::Kept)
    }

    pub(super) fn withdraw(&self, ticket: Ticket) {
        self.turn(|turn| {
            turn.record(None, || Rare::Withdraw { ticket: ticket.0 });
            turn.withdraw(ticket);
        });
    }

    /// A peer that is there: its id, and what says how many messages of its are under way beside its connection.
    pub(super) fn posting_of(&self, id: &str) -> Option<(Arc<str>, Arc<()>)> {
        let state = self.state.lock();
        let (id, peer) = state.peers.get_key_value(id)?;
        Some((id.clone(), peer.posting.clone()))
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
        let now = self.office.now();
        let mut state = self.state.lock();
        state.peers.values_mut().for_each(|peer| peer.look(now));
        let strain = state.strain(now);
        let sight = |lock: Option<&Lock>| lock.and_then(|lock| state.sight_of(&lock.peer));
        let holder = sight(strain.blocker.as_ref().map(|hold| &hold.lock));
        let waiter = sight(strain.oldest_wait.as_ref());
        let (master, slowest) = (state.sight_of(strain.master_id), state.slowest());
        let figures = DatabaseFigures {
            name: self.name.clone(),
            peers: state.peers.len(),
            reliable: state.reliable,
            queued: state.peers.values().map(|peer| peer.outbox.waiting_bytes()).sum(),
            status: state.status(),
            totals: state.totals(),
            strain,
            ..DatabaseFigures::default()
        };
        drop(state);
        DatabaseFigures {
            master: master.map(PeerSnapshot::from).filter(|peer| peer.role == Role::Master),
            holder: holder.map(PeerSnapshot::from),
            waiter: waiter.map(PeerSnapshot::from),
            slowest: slowest.map(|(sight, since)| (sight.into(), since)),
            ..figures
        }
    }

    /// Its peers that are connected from an address of this machine.
    pub(super) fn loopback_peers(&self) -> Vec<LoopbackPeer> {
        let state = self.state.lock();
        let peers = state.peers.iter().filter_map(|(id, peer)| Some((id, peer.remote?)));
        let peers = peers.filter(|(_, remote)| remote.ip().is_loopback());
        peers.map(|(id, remote)| LoopbackPeer { db: self.name.clone(), id: id.clone(), remote }).collect()
    }

    /// Asks one peer for a sign of life.
    pub(super) fn ask_for_life(&self, id: &str) {
        let mut asked = None;
        self.turn(|turn| asked = turn.ask_for_life(id));
        if let Some(transport) = asked {
            transport.ask_for_life();
        }
    }

    pub(super) fn clients(&self) -> Vec<PeerSnapshot> {
        let sights = self.state.lock().sights();
        sights.into_iter().map(PeerSnapshot::from).collect()
    }

    pub(super) fn send(&self, id: &str, text: Text) -> bool {
        let mut known = false;
        self.turn(|turn| {
            turn.record(None, || Rare::Send { id: id.to_owned(), text: text.clone().into() });
            known = turn.post(id, &text);
        });
        known
    }

    pub(super) fn kick(&self, id: &str) -> bool {
        let mut known = false;
        self.turn(|turn| {
            turn.record(None, || Rare::Kick { id: id.to_owned() });
            known = turn.kick(id);
        });
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
        self.turn(|turn| {
            turn.record(None, || Rare::Tick);
            turn.tick();
        });
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

    pub(super) fn part(&self, why: CloseReason) {
        self.turn(|turn| turn.tell_all_ended());
        self.tell_transports(|transport| transport.close(why));
    }

    /// From now on nobody comes in.
    pub(super) fn shut(&self) {
        self.is_shut.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_shut(&self) -> bool {
        self.is_shut.load(Ordering::Relaxed)
    }

    /// No peer is connected, or sends something beside its connection.
    pub(super) fn has_parted(&self) -> bool {
        let state = self.state.lock();
        let has_ended = |peer: &Peer| matches!(peer.contact, Contact::Away(_)) && Arc::strong_count(&peer.posting) == 1;
        state.peers.values().all(has_ended)
    }

    /// Its peers, with the addresses that they are, or were last, connected from.
    pub(super) fn who_is_there(&self) -> Vec<(Arc<str>, Option<SocketAddr>)> {
        self.state.lock().peers.iter().map(|(id, peer)| (id.clone(), peer.remote)).collect()
    }

    pub(super) fn tell(&self, event: Event) {
        self.office.tell(event);
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
            && state.expected.is_empty()
            && state.coordinator.as_ref().is_none_or(|coordinator| coordinator.is_idle())
            && state.parcels.deadline().is_none()
    }

    /// It begins anew, should somebody come.
    pub(super) fn is_forgotten(&self) -> bool {
        self.state.lock().journal = None;
        true
    }

    /// Ends all sessions because the server stops.
    pub(super) fn close(&self) {
        self.end_all(CloseReason::Shutdown, |turn| turn.conclude());
    }

    /// Ends all sessions because another hub has the database. How many.
    pub(super) fn move_out(&self) -> usize {
        self.end_all(CloseReason::Moved, |turn| turn.forsake())
    }

    /// Ends all sessions, after these last words. How many.
    fn end_all(&self, why: CloseReason, last_words: impl FnOnce(&mut Turn<'_>)) -> usize {
        let (peers, mail) = {
            let mut state = self.state.lock();
            state.journal = None;
            let mut turn = Turn::new(&mut state, &self.office, &self.name);
            last_words(&mut turn);
            // What has reached its end needs not be sent to another server.
            turn.tell_all_ended();
            let mail = turn.finish();
            state.door.close();
            (std::mem::take(&mut state.peers), mail)
        };
        mail.ring();
        let count = peers.len();
        for (id, peer) in peers {
            if let Some(transport) = peer.outbox.transport() {
                transport.close(why);
            }
            let (reason, remote) = (why.label(), peer.remote);
            self.office.tell(Event::Disconnect { db: self.name.clone(), id, reason, remote });
        }
        count
    }

    /// Somebody is in it, or will be back.
    pub(super) fn is_occupied(&self) -> bool {
        let state = self.state.lock();
        !state.peers.is_empty() || !state.expected.is_empty()
    }

    /// One turn: what `work` does happens in one go; then the transports that got mail are told.
    pub(super) fn turn(&self, work: impl FnOnce(&mut Turn<'_>)) {
        self.turn_quietly(work).ring();
    }

    pub(super) fn turn_quietly(&self, work: impl FnOnce(&mut Turn<'_>)) -> Mail {
        let mut state = self.state.lock();
        let mut turn = Turn::new(&mut state, &self.office, &self.name);
        work(&mut turn);
        let mail = turn.finish();
        state.renew_stale_journal(&self.office, &self.name);
        self.note_deadline(&state);
        mail
    }

    fn note_deadline(&self, state: &State) {
        let coordinator = state.coordinator.as_ref().and_then(|coordinator| coordinator.deadline());
        let own =
            [state.parcels.deadline(), state.acknowledge_at, state.expected.deadline(), state.gathering.deadline()];
        let deadline = own.into_iter().chain([coordinator]).flatten().min();
        // An empty database wants one more tick, to be forgotten.
        let deadline = deadline.or_else(|| state.peers.is_empty().then_some(0)).unwrap_or(NEVER);
        if deadline < self.deadline.swap(deadline, Ordering::Relaxed) {
            (self.office.alarm)();
        }
    }
}
