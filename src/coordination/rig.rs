//! A real hub for the tests of coordination: one database, its peers' connections, and what is said by them.
//!
//! A convenience over `hub::testing`: it drives the hub by its public face, and looks at the coordinator only for what
//! that does not show.

#[cfg(test)]
mod talking;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{ClusterCoordinator, CoordinationConfig, master::Master, message::MASTER};
#[cfg(test)]
use crate::hub::testing::Talk;
use crate::{
    acebase::{Lock, Note, Status},
    clock::{Clock, Millis},
    hub::{
        CoordinatorFactory, Hub, PeerHandle, Settings,
        coordinator::{Decision, Loss, Verdict},
        event::Event,
        testing::{self, Answer, Caller, EPOCH_MS, HandClock, Journals, Lobby, Notebook, Watch, Wire},
    },
    protocol::Text,
};

const DB: &str = "db";

/// Bytes that may wait for a peer: more than is ever said here.
const MAX_QUEUE: usize = 1 << 30;

/// What is announced as the longest text of a frame. Nobody here heeds it.
const MAX_PAYLOAD: usize = 16_384;

/// Ticks that may be due in one moment: for each timer of the coordinator, for each peer, and some more.
const MAX_TICKS_AT_ONCE: usize = 10_000;

/// One connection, as its process has it.
struct Connection {
    handle: PeerHandle,
    wire: Wire,
    /// A former hub has closed it.
    is_left_behind: bool,
}

impl Connection {
    fn new((handle, wire): (PeerHandle, Wire)) -> Self {
        Self { handle, wire, is_left_behind: false }
    }

    fn is_open(&self) -> bool {
        self.wire.closed().is_none()
    }

    /// Another hub has taken the place of the one that had it.
    fn goes_on(&mut self, hub: &Hub, id: &str) {
        match testing::reattach(hub, DB, id, &self.wire) {
            Some(connection) => *self = Self::new(connection),
            None => self.is_left_behind = true,
        }
    }
}

/// A cluster's hub, as the tests of coordination see it.
pub(super) struct Rig {
    hub: Hub,
    config: CoordinationConfig,
    /// How many coordinators there have been.
    made: Arc<AtomicU64>,
    clock: Arc<HandClock>,
    journals: Journals,
    notebook: Arc<Notebook>,
    watch: Watch<ClusterCoordinator>,
    lobby: Lobby,
    /// Those that the test has not lost.
    connections: BTreeMap<String, Connection>,
    /// What those say and hear that have the extension, and whose test speaks as if they had not.
    #[cfg(test)]
    talks: BTreeMap<String, Talk>,
    pub(super) notes: Vec<Note>,
    /// How many masters there have been, as the hub has told.
    pub(super) master_identity: u64,
    /// Nothing that they read ends masters any more.
    pub(super) masters_are_immune: bool,
    /// Whether the last returned master was taken for the one that was there, until the test takes it.
    pub(super) identified: Option<bool>,
    /// What connections that wait were told and the test has not taken, oldest first.
    pub(super) decisions: VecDeque<(Caller, Decision)>,
}

fn settings(coordinators: CoordinatorFactory) -> Settings {
    Settings { max_queue: MAX_QUEUE, max_payload: MAX_PAYLOAD, download_large: false, coordinators: Some(coordinators) }
}

impl Rig {
    pub(super) fn new(config: CoordinationConfig) -> Self {
        let (clock, notebook) = (Arc::new(HandClock::default()), Arc::new(Notebook::default()));
        let made = Arc::default();
        let (watch, coordinators) = Watch::new(maker(config.clone(), &made));
        let hub = Hub::new(settings(coordinators), notebook.clone(), clock.clone(), Box::new(|| {}));
        let journals = Journals::default();
        hub.keep_journals(journals.factory());
        Self {
            hub,
            journals,
            config,
            made,
            clock,
            notebook,
            watch,
            lobby: Lobby::default(),
            connections: BTreeMap::new(),
            #[cfg(test)]
            talks: BTreeMap::new(),
            notes: Vec::new(),
            master_identity: 0,
            masters_are_immune: false,
            identified: None,
            decisions: VecDeque::new(),
        }
    }

    /// The hub stops, and another one goes on in its place. Whoever waits at the door must ask again.
    pub(super) fn succeed(&mut self) {
        let coordinators = self.watch.factory(maker(self.config.clone(), &self.made));
        let next = Hub::new(settings(coordinators), self.notebook.clone(), self.clock.clone(), Box::new(|| {}));
        testing::pass_on(&self.hub, &next);
        self.journals = Journals::default();
        for (id, connection) in &mut self.connections {
            connection.goes_on(&next, id);
        }
        next.settle();
        next.keep_journals(self.journals.factory());
        self.hub = next;
        self.hear();
    }

    /// The hub is killed, and another one goes on in its place. Whoever waits at the door must ask again.
    pub(super) fn survive(&mut self) {
        let coordinators = self.watch.factory(maker(self.config.clone(), &self.made));
        let next = Hub::new(settings(coordinators), self.notebook.clone(), self.clock.clone(), Box::new(|| {}));
        let played_back = || settings(boxed(maker(self.config.clone(), &Arc::default())));
        // The numbers of a former hub's connections are used again.
        let wires = self.connections.values().filter(|one| !one.is_left_behind).map(|one| &one.wire);
        testing::go_on_after_crash(&self.journals, played_back, wires, &next);
        let (status, locks) = (self.hub.status(DB), self.hub.locks(DB));
        for (id, connection) in &mut self.connections {
            connection.goes_on(&next, id);
        }
        assert_eq!((next.status(DB), next.locks(DB)), (status, locks), "what was played back is not what happened");
        next.settle();
        self.journals = Journals::default();
        next.keep_journals(self.journals.factory());
        // The former hub says nothing any more.
        let _ = self.hub.freeze();
        self.hub = next;
        self.hear();
    }

    /// The hub's process ends without a word, and another one begins that knows nothing. Nobody has a connection.
    #[cfg(test)]
    pub(super) fn crash(&mut self) {
        let coordinators = self.watch.factory(maker(self.config.clone(), &self.made));
        self.connections.clear();
        self.hub = Hub::new(settings(coordinators), self.notebook.clone(), self.clock.clone(), Box::new(|| {}));
    }

    /// The database was another hub's until now, which has ended.
    #[cfg(test)]
    pub(super) fn take_over(&self) {
        self.hub.take_over();
    }

    /// The hub is about to stop.
    pub(super) fn quiesce(&self) {
        self.hub.quiesce();
    }

    /// Nothing is under way that a stop would cut in two.
    pub(super) fn has_come_to_rest(&self) -> bool {
        self.hub.is_quiet()
    }

    /// The hub stops, and none goes on in its place.
    #[cfg(test)]
    pub(super) fn close(&mut self) {
        self.hub.close();
        self.hear();
    }

    /// A connection asks to come in under this id.
    pub(super) fn ask_in(&mut self, id: &str) -> (Caller, Answer) {
        let asked = self.lobby.ask_in(&self.hub, DB, id);
        self.hear();
        asked
    }

    /// A connection waits no longer.
    pub(super) fn withdraw(&mut self, caller: Caller) {
        self.decisions.retain(|(told, _)| *told != caller);
        self.lobby.leave(caller);
        self.hear();
    }

    /// A connection under this id, new or once more, to which the door is open.
    pub(super) fn connect(&mut self, id: &str) -> Result<(), String> {
        let (caller, answer) = self.ask_in(id);
        match answer {
            Answer::Come => self.enter(id, caller),
            Answer::Wait => {
                self.withdraw(caller);
                return Err("it would have to wait".to_owned());
            }
            Answer::Out(refused) => return Err(refused.to_string()),
        }
        Ok(())
    }

    /// A connection that was let in has come in, and has read that it is welcome.
    pub(super) fn enter(&mut self, id: &str, caller: Caller) {
        let (handle, wire) = testing::connect(&self.hub, DB, id, MAX_PAYLOAD).unwrap();
        assert!(wire.read().is_some_and(|text| text.starts_with("welcome:")), "{id} is not welcome");
        self.connections.insert(id.to_owned(), Connection::new((handle, wire)));
        self.withdraw(caller);
    }

    /// The other side has ended a connection, which the hub is not told yet.
    #[cfg(test)]
    pub(super) fn hang_up(&mut self, id: &str) {
        self.connections[id].wire.set_hung_up(true);
    }

    /// A connection breaks. What its peer has not read has not arrived.
    pub(super) fn lose(&mut self, id: &str, loss: Loss) {
        let connection = self.connections.remove(id).unwrap_or_else(|| panic!("{id} has no connection"));
        connection.handle.lost(loss);
        self.hear();
    }

    /// `id` sends a text, to one peer or to all others. What a connection says that the hub has closed, nobody gets.
    pub(super) fn send(&mut self, id: &str, to: Option<&str>, text: &str) -> Verdict {
        let said = to.map_or_else(|| text.to_owned(), |to| format!("to:{to};{text}"));
        #[cfg(test)]
        let Some(said) = self.frame_of(id, said) else { return Verdict::Taken };
        let connection = self.connections.get(id).unwrap_or_else(|| panic!("{id} has no connection"));
        connection.handle.receive(std::iter::once(Text::from(said)));
        self.hear();
        self.watch.look().take_verdict().unwrap_or(Verdict::Taken)
    }

    /// Lets time pass, with a tick whenever the hub wants one.
    pub(super) fn advance(&mut self, millis: u64) {
        let end = self.now() + millis;
        let (mut ticks, mut ticked_at) = (0, self.now());
        while self.clock.moves_to_tick(&self.hub, end) {
            ticks = if self.now() == ticked_at { ticks + 1 } else { 0 };
            ticked_at = self.now();
            assert!(ticks < MAX_TICKS_AT_ONCE, "time stands still: {self:?}");
            self.hub.tick();
            self.hear();
        }
    }

    /// Takes note of what the hub has told.
    fn hear(&mut self) {
        for event in self.notebook.take() {
            match event {
                Event::Note { note, .. } => self.notes.push(note),
                Event::Connect { id, .. } => self.master_identity += u64::from(*id == *MASTER),
                _ => {}
            }
        }
        self.decisions.extend(std::iter::from_fn(|| self.lobby.next_decision()));
        self.identified = self.watch.look().take_identified().or(self.identified);
    }

    /// The next text that reaches a connected peer.
    pub(super) fn read(&mut self, id: &str) -> Option<String> {
        #[cfg(test)]
        if self.talks.contains_key(id) {
            return self.read_in_talk(id);
        }
        self.read_frame(id)
    }

    fn read_frame(&self, id: &str) -> Option<String> {
        self.connections.get(id).filter(|connection| connection.is_open())?.wire.read()
    }

    /// All that reaches a peer now, without the hub's own notices.
    #[cfg(test)]
    pub(super) fn read_all(&mut self, id: &str) -> Vec<String> {
        std::iter::from_fn(|| self.read(id)).filter(|text| !text.starts_with("connect:")).collect()
    }

    /// All that reaches a peer whose connection the hub has closed.
    #[cfg(test)]
    pub(super) fn read_all_to_the_end(&mut self, id: &str) -> Vec<String> {
        std::iter::from_fn(|| self.connections.get(id)?.wire.read()).collect()
    }

    /// Nothing is there to be read by a connected peer.
    pub(super) fn is_quiet(&self) -> bool {
        let mut open = self.connections.values().filter(|connection| connection.is_open());
        open.all(|connection| !connection.wire.has_news())
    }

    pub(super) fn now(&self) -> Millis {
        self.clock.now()
    }

    pub(super) fn is_connected(&self, id: &str) -> bool {
        self.connections.get(id).is_some_and(Connection::is_open)
    }

    #[cfg(test)]
    pub(super) fn has_session(&self, id: &str) -> bool {
        self.hub.clients(DB).iter().any(|client| *client.id == *id)
    }

    pub(super) fn locks(&self) -> Vec<Lock> {
        self.hub.locks(DB)
    }

    #[cfg(test)]
    pub(super) fn strain(&self) -> crate::acebase::Strain {
        self.hub.figures_of(DB).unwrap_or_default().strain
    }

    pub(super) fn status(&self) -> Status {
        self.hub.status(DB).unwrap_or_default()
    }

    /// When the hub wants its next tick.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.hub.next_deadline()
    }

    /// The hub has forgotten the database: nobody is there, and nothing is outstanding.
    pub(super) fn is_forgotten(&self) -> bool {
        self.hub.snapshot().is_empty()
    }

    /// Nothing is outstanding, whoever is there.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.watch.look().is_idle()
    }

    /// It is not known yet whether the master that is connected is the one that was there.
    pub(super) fn master_is_asked(&self) -> bool {
        self.watch.look().is_identifying(MASTER)
    }

    /// The request was given to a master before the one that has it.
    pub(super) fn was_with_another_master(&self, worker: &str, id: &str) -> bool {
        let requests = &self.watch.look().coordinator.requests;
        let seq = requests.demands().find(worker, id);
        seq.and_then(|seq| requests.get(seq)).is_some_and(|pending| pending.deliveries > 1)
    }
}

impl fmt::Debug for Rig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections: Vec<&String> = self.connections.keys().collect();
        let watched = self.watch.look();
        f.debug_struct("Rig")
            .field("now", &self.now())
            .field("connections", &connections)
            .field("watched", &*watched)
            .finish()
    }
}

fn boxed(make: impl Fn() -> ClusterCoordinator + Send + Sync + 'static) -> CoordinatorFactory {
    Box::new(move || Box::new(make()))
}

/// Makes the coordinators of one hub, as others before. The hub forgets its database when nobody is left,
/// and the next one begins, as each does, at another time of the day: so masters are marked by another name.
fn maker(config: CoordinationConfig, made: &Arc<AtomicU64>) -> impl Fn() -> ClusterCoordinator + Send + Sync + use<> {
    let made = made.clone();
    move || ClusterCoordinator {
        master: Master::new(EPOCH_MS + made.fetch_add(1, Relaxed)),
        ..ClusterCoordinator::new(config.clone(), |now| EPOCH_MS + now)
    }
}
