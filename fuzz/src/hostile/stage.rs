//! A hub, the connections of some processes, and what each of them makes of what reaches it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use acebase_ipc_server::{
    acebase::Role,
    clock::{Clock, Millis, WallClock},
    coordination::{ClusterCoordinator, CoordinationConfig, message::MASTER},
    hub::{
        Hub, PeerHandle, Settings,
        coordinator::{Address, Coordinator, Decision, Loss, Verdict},
        event::Event,
        testing::{self, Answer, Caller, HandClock, Lobby, Notebook, Watch, Wire},
    },
    protocol::Text,
};
use bytes::Bytes;

use super::{IDS, LOSSES, message};
use crate::{
    input::{self, Input},
    published::{Effect, Js, Process},
};

const DB: &str = "db";

/// Bytes that may wait for a peer: more than is said in a run.
const MAX_QUEUE: usize = 1 << 30;

/// What is announced as the longest text of a frame. Nobody here heeds it.
const MAX_PAYLOAD: usize = 16_384;

/// Times that the hub may want to be called in one moment: for each of its timers, for each peer, and once more.
const MAX_TICKS_AT_ONCE: usize = 100;

/// Masters that may wait for the place of another one.
const MAX_WAITING: usize = 16;

/// Longer than anything that the hub waits for, in milliseconds.
const FOR_EVER_MS: Millis = 24 * 60 * 60 * 1_000;

/// When the first peer comes, in milliseconds: what may have been asked under a former run of the hub is not known, so
/// nobody comes from there.
const BEGIN_MS: Millis = 60_000;

/// How the server's own ids begin.
const OWN_IDS: &str = "acebase-ipc-server";

/// Who has said something: a peer, or the hub itself.
type Speaker = Option<&'static str>;

/// One connection, as its process has it.
struct Connection {
    handle: PeerHandle,
    wire: Wire,
}

/// A coordinator, and the processes that what it sends reaches.
pub(super) struct Stage {
    hub: Hub,
    clock: Arc<HandClock>,
    notebook: Arc<Notebook>,
    watch: Watch<ClusterCoordinator>,
    lobby: Lobby,
    config: CoordinationConfig,
    connections: BTreeMap<&'static str, Connection>,
    /// What peers have said that is to reach others, and has not.
    on_its_way: BTreeMap<&'static str, VecDeque<(&'static str, Bytes)>>,
    /// Processes go on when their connections are gone.
    processes: BTreeMap<&'static str, Process>,
    /// Who holds the present master's locks, as grants and releases have passed.
    holders: BTreeMap<u64, String>,
    /// What the master answers the hub, truly.
    answers: Vec<Bytes>,
    /// Masters that wait to be let in, in the order in which they came.
    waiting: Vec<Caller>,
    calls: u64,
}

impl Stage {
    pub(super) fn new(config: CoordinationConfig, wall_clock: WallClock) -> Self {
        let (clock, notebook) = (Arc::new(HandClock::default()), Arc::new(Notebook::default()));
        clock.set(BEGIN_MS);
        let of_coordinator = config.clone();
        let (watch, coordinators) = Watch::new(move || ClusterCoordinator::new(of_coordinator.clone(), wall_clock));
        let settings = Settings {
            max_queue: MAX_QUEUE,
            max_payload: MAX_PAYLOAD,
            download_large: false,
            coordinators: Some(coordinators),
        };
        Self {
            hub: Hub::new(settings, notebook.clone(), clock.clone(), Box::new(|| {})),
            clock,
            notebook,
            watch,
            lobby: Lobby::default(),
            config,
            connections: BTreeMap::new(),
            on_its_way: BTreeMap::new(),
            processes: IDS.iter().map(|id| (*id, Process::new(id))).collect(),
            holders: BTreeMap::new(),
            answers: Vec::new(),
            waiting: Vec::new(),
            calls: 0,
        }
    }

    pub(super) fn play(&mut self, input: &mut Input<'_>) {
        match input.below(8) {
            0 => self.connect(input.pick(&IDS)),
            1 => self.lose(input.pick(&IDS), input.pick(&LOSSES)),
            2 => self.pass([1, 100, 1_000, 5_000, 11_000, 61_000, 200_000][input.below(7)]),
            _ => {
                let from = input.pick(&IDS);
                let to = match input.below(IDS.len() + 1) {
                    all if all == IDS.len() => Address::Others,
                    one => Address::Peer(IDS[one]),
                };
                let text = message(input, from);
                self.send(from, to, &text);
            }
        }
        while let Some(answer) = self.answers.pop() {
            self.send(MASTER, Address::Peer(OWN_IDS), &answer);
        }
    }

    fn connect(&mut self, id: &'static str) {
        self.calls += 1;
        self.other_side_has_ended(id, self.calls.is_multiple_of(2));
        let (caller, answer) = self.lobby.ask_in(&self.hub, DB, id);
        self.other_side_has_ended(id, false);
        match answer {
            Answer::Come => self.enter(id, caller),
            Answer::Wait => self.waiting.push(caller),
            Answer::Out(_) => {}
        }
        self.hear();
    }

    /// Whether the hub can see that a connection is about to be told as lost.
    fn other_side_has_ended(&self, id: &str, has_ended: bool) {
        if let Some(connection) = self.connections.get(id) {
            connection.wire.set_hung_up(has_ended);
        }
    }

    /// One that may come in does so.
    fn enter(&mut self, id: &'static str, caller: Caller) {
        let (handle, wire) = testing::connect(&self.hub, DB, id, MAX_PAYLOAD).expect("the hub is closed");
        self.connections.insert(id, Connection { handle, wire });
        self.lobby.leave(caller);
    }

    /// What becomes of a connection that waits. Nobody else is there, or about to be, as far as can be known.
    fn decide(&mut self, caller: Caller, decision: Decision) {
        let position = self.waiting.iter().position(|waiting| *waiting == caller);
        let position = position.expect("who is told does not wait");
        match decision {
            Decision::StandBy(text) => check_posted(&text),
            Decision::LetIn => {
                self.waiting.remove(position);
                self.enter(MASTER, caller);
            }
            Decision::Refuse(_) => {
                self.waiting.remove(position);
                self.lobby.leave(caller);
            }
        }
    }

    fn new_master(&mut self) {
        let indexes = self.processes.get(MASTER).map(|former| former.indexes().clone());
        self.processes.insert(MASTER, Process::with_indexes(MASTER, indexes.unwrap_or_default()));
        self.holders.clear();
    }

    fn lose(&mut self, id: &'static str, loss: Loss) {
        if let Some(connection) = self.connections.remove(id) {
            connection.handle.lost(loss);
            self.hear();
        }
    }

    fn send(&mut self, from: &'static str, to: Address<'_>, text: &Bytes) {
        let Some(handle) = self.connections.get(from).map(|connection| connection.handle.clone()) else { return };
        let said = input::text(text);
        self.process(from).has_sent(&said);
        let to_whom = if let Address::Peer(id) = to { id } else { "all" };
        handle.receive(std::iter::once(Text::from(format!("to:{to_whom};{said}"))));
        let verdict = self.watch.look().take_verdict();
        if verdict == Some(Verdict::Forward) {
            let mut receivers = IDS.to_vec();
            receivers.retain(|id| self.has_session(id));
            match to {
                Address::Peer(addressee) => receivers.retain(|id| *id == addressee),
                Address::Others => receivers.retain(|id| *id != from),
            }
            receivers.into_iter().for_each(|id| self.is_to_reach(id, from, text));
        }
        self.hear();
    }

    /// Somebody's text goes to a peer, now or when it is back.
    fn is_to_reach(&mut self, id: &'static str, from: &'static str, text: &Bytes) {
        if from == MASTER {
            self.note_grant(id, text);
        }
        if self.role(id) != Role::Plain {
            self.check_truth(from, &input::text(text));
        }
        self.on_its_way.entry(id).or_default().push_back((from, text.clone()));
    }

    /// What has come of it: processes read, those who wait are told, a new master begins.
    fn hear(&mut self) {
        loop {
            for event in self.notebook.take() {
                if matches!(event, Event::Connect { id, .. } if *id == *MASTER) {
                    self.new_master();
                }
            }
            if let Some((caller, decision)) = self.lobby.next_decision() {
                self.decide(caller, decision);
            } else if let Some((id, text)) =
                self.connections.iter().find_map(|(id, open)| Some((*id, open.wire.read()?)))
            {
                self.reaches(id, &text.into());
            } else {
                break;
            }
        }
        self.connections.retain(|_, connection| connection.wire.closed().is_none());
    }

    /// A text reaches a connection: what somebody has said, or else a word of the hub's.
    fn reaches(&mut self, id: &'static str, text: &Bytes) {
        let on_its_way = self.on_its_way.entry(id).or_default();
        let said = on_its_way.iter().position(|(_, said)| said == text).and_then(|said| on_its_way.remove(said));
        let speaker = said.map(|(from, _)| from);
        if speaker.is_none() && !is_notice_of_hub(text) {
            check_posted(text);
        }
        self.receive(id, speaker, text);
    }

    fn has_session(&self, id: &str) -> bool {
        self.hub.clients(DB).iter().any(|client| *client.id == *id)
    }

    fn role(&self, id: &str) -> Role {
        self.watch.look().coordinator.role(id)
    }

    fn process(&mut self, id: &'static str) -> &mut Process {
        self.processes.entry(id).or_insert_with(|| Process::new(id))
    }

    fn note_grant(&mut self, worker: &str, text: &[u8]) {
        let Some(message) = Js::parse(&input::text(text)) else { return };
        let is_grant = message.member("type").is_some_and(|kind| kind.is("lock-result"))
            && message.member("ok") == Some(&Js::Flag(true));
        let lock = message.member("data").and_then(|data| data.member("id"));
        if let (true, Some(Js::Number(lock))) = (is_grant, lock) {
            self.holders.insert(*lock as u64, worker.to_owned());
        }
    }

    /// A text reaches a process, which lives on.
    fn receive(&mut self, id: &'static str, speaker: Speaker, text: &Bytes) {
        let text = input::text(text);
        if self.role(id) == Role::Plain {
            return;
        }
        match self.process(id).receive(&text) {
            Ok(Some(effect)) => self.take_effect(id, speaker, effect),
            Ok(None) => {}
            Err(_) if self.is_excused(&text) => {}
            Err(harm) => panic!("{id} is harmed by {speaker:?}: {harm}: {text}"),
        }
    }

    /// What is beyond the hub's knowledge: which requests there are where it does not follow them, and what a master
    /// says of indexes.
    fn is_excused(&self, text: &str) -> bool {
        let Some(message) = Js::parse(text) else { return false };
        let kind = message.member("type").and_then(Js::text).unwrap_or_default();
        let told = message.member("data").and_then(|data| data.member("type"));
        let is_index_gone = kind == "notification" && told.is_some_and(|told| told.is("index.deleted"));
        let is_masters = message.member("from").is_some_and(|from| from.is(MASTER));
        let is_answer = matches!(&*kind, "result" | "lock-result" | "unlock-result");
        let is_followed = self.config.master_timeout > 0;
        is_masters && (is_index_gone || is_answer && !is_followed)
    }

    /// What a peer says to AceBase peers, it may say.
    fn check_truth(&self, from: &str, text: &str) {
        let words = ["welcome:", "connect:", "disconnect:", "get:"];
        assert!(text != "pong" && !words.iter().any(|word| text.starts_with(word)), "{from} says {text}");
        let Some(message) = Js::parse(text).filter(|_| text.starts_with('{')) else { return };
        let part = |name: &str| message.member(name).and_then(Js::text).unwrap_or_default();
        let named = part("from");
        match &*part("type") {
            "bye" => assert!(named == from || !self.has_session(&named), "{from} says bye for {named}"),
            "hello" | "subscribe" | "unsubscribe" | "event" | "notification" | "lock-request" | "unlock-request"
            | "move-lock-request" | "request" | "lock-result" | "unlock-result" | "result" => {
                assert_eq!(named, from, "in another's name: {text}");
            }
            _ => {}
        }
        let told = message.member("data").and_then(|data| data.member("type")).and_then(Js::text).unwrap_or_default();
        if part("type") == "notification" && matches!(&*told, "kit.new_key" | "index.created") {
            assert_eq!(from, MASTER, "only a master knows: {text}");
        }
    }

    fn take_effect(&mut self, id: &str, speaker: Speaker, effect: Effect) {
        match effect {
            Effect::LetsGo { lock, by } => {
                let lock = lock as u64;
                let holder = self.holders.get(&lock);
                let is_followed = self.config.lock_table && self.config.master_timeout > 0;
                let is_allowed = by.starts_with(OWN_IDS) || holder.is_none_or(|holder| *holder == by);
                assert!(is_allowed || !is_followed, "the lock {lock} of {holder:?} is released by {by}");
                if by.starts_with(OWN_IDS) {
                    self.holders.remove(&lock);
                }
            }
            Effect::HasLetGo { lock } => {
                if self.holders.get(&(lock as u64)).is_some_and(|holder| holder == id) {
                    self.holders.remove(&(lock as u64));
                }
            }
            Effect::IsAskedForIndex { question, file_name } if speaker.is_none() => {
                let data = match self.process(MASTER).has_index(&file_name) {
                    true => String::from(r#"{"ok":true}"#),
                    false => format!(r#"{{"ok":false,"reason":"Index {file_name} not found"}}"#),
                };
                let head = format!(r#""id":"{question}","ok":true,"from":"{MASTER}","to":"{OWN_IDS}""#);
                self.answers.push(Bytes::from(format!(r#"{{"type":"result",{head},"data":{data}}}"#)));
            }
            Effect::IsAskedForIndex { .. } => {}
        }
    }

    fn pass(&mut self, millis: Millis) {
        let end = self.clock.now() + millis;
        let (mut ticks, mut ticked_at) = (0, None);
        while self.clock.moves_to_tick(&self.hub, end) {
            ticks = if ticked_at == Some(self.clock.now()) { ticks + 1 } else { 0 };
            ticked_at = Some(self.clock.now());
            assert!(ticks < MAX_TICKS_AT_ONCE, "time stands still: {:?}", self.watch.look());
            self.hub.tick();
            self.hear();
        }
    }

    pub(super) fn check(&self) {
        let status = self.hub.status(DB).unwrap_or_default();
        let requests = status.held_requests + status.delivered_requests;
        let (most, most_bytes) = (self.config.max_requests, self.config.max_request_bytes);
        assert!(requests <= 2 * most && status.request_bytes <= 2 * most_bytes, "out of bounds: {status:?}");
        assert!(self.hub.locks(DB).len() <= 2 * most, "too many locks: {status:?}");
        assert!(status.kept_sessions <= self.hub.clients(DB).len());
        assert!(self.waiting.len() <= MAX_WAITING, "{} wait for the master's place", self.waiting.len());
    }

    /// All leave, and time passes.
    pub(super) fn clear(&mut self) {
        for id in IDS {
            self.lose(id, Loss::Fin);
        }
        self.pass(FOR_EVER_MS);
        // Whoever waited has had the place, and leaves as well.
        assert!(self.waiting.is_empty(), "some wait for ever");
        self.lose(MASTER, Loss::Fin);
        self.pass(FOR_EVER_MS);
        for id in IDS {
            assert!(!self.has_session(id), "{id} is kept for ever");
        }
        assert!(self.watch.look().is_idle(), "something is left: {:?}", self.watch.look().coordinator);
        assert!(self.hub.snapshot().is_empty(), "the database is still there");
    }
}

/// A word of the protocol's own, which the hub says beside the coordinator.
fn is_notice_of_hub(text: &[u8]) -> bool {
    [b"welcome:".as_slice(), b"connect:", b"disconnect:"].iter().any(|word| text.starts_with(word))
}

fn check_posted(text: &[u8]) {
    let is_json = serde_json::from_slice::<serde_json::Value>(text).is_ok();
    let is_notice = text.starts_with(b"disconnect:");
    assert!(is_json || is_notice || text.starts_with(b"{\"type\":"), "{:?} is posted", input::text(text));
}
