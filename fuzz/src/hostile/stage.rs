//! The hub's part of the contract between the two, and the processes that receive what it carries.

use std::collections::{BTreeMap, VecDeque};

use acebase_ipc_server::{
    acebase::Role,
    clock::{Millis, WallClock},
    coordination::{ClusterCoordinator, CoordinationConfig, message::MASTER},
    hub::coordinator::{Action, Address, Coordinator, Decision, Entry, Fate, Incumbent, Loss, Moment, Return, Ticket, Verdict},
};
use bytes::Bytes;

use super::{IDS, LOSSES, message};
use crate::{
    input::{self, Input},
    published::{Effect, Js, Process},
};

/// Times that the coordinator may want to be called in one moment: for each of its timers, for each peer, and once
/// more.
const MAX_TICKS_AT_ONCE: usize = 100;

/// Masters that may wait for the place of another one.
const MAX_WAITING: usize = 16;

/// Longer than anything that the coordinator waits for, in milliseconds.
const FOR_EVER_MS: Millis = 24 * 60 * 60 * 1_000;

/// When the first peer comes, in milliseconds: what may have been asked under a former run of the hub is not known, so
/// nobody comes from there.
const BEGIN_MS: Millis = 60_000;

/// How the server's own ids begin.
const OWN_IDS: &str = "acebase-ipc-server";

/// Who has said something: a peer, or the hub itself.
type Speaker = Option<&'static str>;

/// What has not reached a peer yet.
#[derive(Debug, Default)]
struct Mailbox {
    is_connected: bool,
    /// Only probes pass: the peer is being identified.
    is_gated: bool,
    kept: VecDeque<(Speaker, Bytes)>,
    since_return: VecDeque<(Speaker, Bytes)>,
}

/// A coordinator, and the processes that what it sends reaches.
pub(super) struct Stage {
    coordinator: ClusterCoordinator,
    config: CoordinationConfig,
    now: Millis,
    /// Those with a session.
    peers: BTreeMap<&'static str, Mailbox>,
    /// Processes go on when their connections are gone.
    processes: BTreeMap<&'static str, Process>,
    /// Who holds the present master's locks, as grants and releases have passed.
    holders: BTreeMap<u64, String>,
    /// What the master answers the hub, truly.
    answers: Vec<Bytes>,
    /// Masters that wait to be let in, in the order of their tickets.
    waiting: Vec<Ticket>,
    tickets: u64,
}

impl Stage {
    pub(super) fn new(config: CoordinationConfig, clock: WallClock) -> Self {
        let processes = IDS.iter().map(|id| (*id, Process::new(id))).collect();
        Self {
            coordinator: ClusterCoordinator::new(config.clone(), clock),
            config,
            now: BEGIN_MS,
            peers: BTreeMap::new(),
            processes,
            holders: BTreeMap::new(),
            answers: Vec::new(),
            waiting: Vec::new(),
            tickets: 0,
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
        self.tickets += 1;
        let (ticket, mut out) = (Ticket(self.tickets), Vec::new());
        let other = match self.peers.get(id) {
            Some(mailbox) if mailbox.is_connected && self.tickets.is_multiple_of(2) => Incumbent::Leaving,
            Some(mailbox) if mailbox.is_connected => Incumbent::Connected,
            _ => Incumbent::Absent,
        };
        match self.coordinator.admit(id, ticket, other, &mut Moment::new(self.now, &mut out)) {
            Entry::Open => self.take_in(id),
            Entry::Kept => self.enter(ticket),
            Entry::Wait => self.waiting.push(ticket),
            Entry::Refused(_) => {}
        }
        self.carry_out(out);
    }

    /// One that may come in as the master does so.
    fn enter(&mut self, ticket: Ticket) {
        self.take_in(MASTER);
        self.withdraw(ticket);
    }

    fn withdraw(&mut self, ticket: Ticket) {
        let mut out = Vec::new();
        self.coordinator.withdraw(ticket, &mut Moment::new(self.now, &mut out));
        self.carry_out(out);
    }

    fn take_in(&mut self, id: &'static str) {
        let mut out = Vec::new();
        let back = self.peers.contains_key(id).then(|| self.coordinator.returned(id, &mut Moment::new(self.now, &mut out)));
        match back {
            Some(Return::Resume) => self.resume(id, false),
            Some(Return::Identify) => self.resume(id, true),
            Some(Return::Renew) => {
                self.carry_out(std::mem::take(&mut out));
                self.peers.entry(id).or_default().kept.clear();
                self.end(id);
                self.join(id, &mut out);
            }
            None => self.join(id, &mut out),
        }
        self.carry_out(out);
    }

    /// What becomes of a connection that waits. Nobody else is there, or about to be, as far as can be known.
    fn decide(&mut self, ticket: Ticket, decision: Decision) {
        let position = self.waiting.iter().position(|waiting| *waiting == ticket);
        let position = position.expect("who is told does not wait");
        match decision {
            Decision::StandBy(text) => check_posted(&text),
            Decision::LetIn => {
                self.waiting.remove(position);
                self.enter(ticket);
            }
            Decision::Refuse(_) => {
                self.waiting.remove(position);
                self.withdraw(ticket);
            }
        }
    }

    fn join(&mut self, id: &'static str, out: &mut Vec<Action>) {
        if id == MASTER {
            self.new_master();
        }
        self.peers.insert(id, Mailbox { is_connected: true, ..Mailbox::default() });
        self.coordinator.joined(id, &mut Moment::new(self.now, out));
    }

    fn new_master(&mut self) {
        let indexes = self.processes.get(MASTER).map(|former| former.indexes().clone());
        self.processes.insert(MASTER, Process::with_indexes(MASTER, indexes.unwrap_or_default()));
        self.holders.clear();
    }

    fn resume(&mut self, id: &'static str, is_gated: bool) {
        let Some(mailbox) = self.peers.get_mut(id) else { return };
        mailbox.is_connected = true;
        // Behind a gate that was shut already, all of it is kept for whom it was meant.
        let since_return = std::mem::take(&mut mailbox.since_return);
        mailbox.kept.extend(since_return);
        mailbox.is_gated = is_gated;
        self.hand_over(id);
    }

    /// Gives a peer what was kept for it.
    fn hand_over(&mut self, id: &'static str) {
        while let Some(mailbox) = self.peers.get_mut(id).filter(|mailbox| mailbox.is_connected && !mailbox.is_gated) {
            let Some((speaker, text)) = mailbox.kept.pop_front() else { break };
            self.receive(id, speaker, &text);
        }
    }

    fn identified(&mut self, id: &'static str, same: bool) {
        if !same {
            self.new_master();
        }
        let Some(mailbox) = self.peers.get_mut(id) else { return };
        if !same {
            mailbox.kept.clear();
        }
        let since_return = std::mem::take(&mut mailbox.since_return);
        mailbox.kept.extend(since_return);
        mailbox.is_gated = false;
        self.hand_over(id);
    }

    fn lose(&mut self, id: &'static str, loss: Loss) {
        let Some(mailbox) = self.peers.get_mut(id).filter(|mailbox| mailbox.is_connected) else { return };
        mailbox.is_connected = false;
        let mut out = Vec::new();
        match self.coordinator.lost(id, loss, &mut Moment::new(self.now, &mut out)) {
            Fate::Keep => {}
            Fate::End => self.end(id),
        }
        self.carry_out(out);
    }

    fn end(&mut self, id: &'static str) {
        if let Some(mailbox) = self.peers.remove(id) {
            let mut out = Vec::new();
            let undelivered = mailbox.kept.into_iter().chain(mailbox.since_return).map(|(_, text)| text).collect();
            self.coordinator.ended(id, undelivered, &mut Moment::new(self.now, &mut out));
            self.carry_out(out);
        }
    }

    fn send(&mut self, from: &'static str, to: Address<'_>, text: &Bytes) {
        if !self.peers.get(from).is_some_and(|mailbox| mailbox.is_connected) {
            return;
        }
        self.process(from).has_sent(&input::text(text));
        let mut out = Vec::new();
        let verdict = self.coordinator.received(from, to, text, &mut Moment::new(self.now, &mut out));
        self.carry_out(out);
        if verdict == Verdict::Forward {
            let receivers: Vec<&'static str> = match to {
                Address::Peer(id) => self.peers.keys().filter(|peer| **peer == id).copied().collect(),
                Address::Others => self.peers.keys().filter(|peer| **peer != from).copied().collect(),
            };
            receivers.into_iter().for_each(|id| self.deliver(id, Some(from), text));
        }
    }

    fn process(&mut self, id: &'static str) -> &mut Process {
        self.processes.entry(id).or_insert_with(|| Process::new(id))
    }

    fn deliver(&mut self, id: &'static str, speaker: Speaker, text: &Bytes) {
        if speaker == Some(MASTER) {
            self.note_grant(id, text);
        }
        if let Some(from) = speaker.filter(|_| self.coordinator.role(id) != Role::Plain) {
            self.check_truth(from, &input::text(text));
        }
        match self.peers.get_mut(id) {
            Some(mailbox) if mailbox.is_gated => mailbox.since_return.push_back((speaker, text.clone())),
            Some(mailbox) if !mailbox.is_connected => mailbox.kept.push_back((speaker, text.clone())),
            Some(_) => self.receive(id, speaker, text),
            None => {}
        }
    }

    fn note_grant(&mut self, worker: &str, text: &[u8]) {
        let Some(message) = Js::parse(&input::text(text)) else { return };
        let is_grant = message.member("type").is_some_and(|kind| kind.is("lock-result"));
        let lock = message.member("data").and_then(|data| data.member("id"));
        if let (true, Some(Js::Number(lock))) = (is_grant, lock) {
            self.holders.insert(*lock as u64, worker.to_owned());
        }
    }

    /// A text reaches a process, which lives on.
    fn receive(&mut self, id: &'static str, speaker: Speaker, text: &Bytes) {
        let text = input::text(text);
        if self.coordinator.role(id) == Role::Plain {
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
            "bye" => assert!(named == from || !self.peers.contains_key(&*named), "{from} says bye for {named}"),
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
        let end = self.now + millis;
        let mut ticks = 0;
        while let Some(deadline) = self.coordinator.deadline().filter(|deadline| *deadline <= end) {
            ticks = if deadline > self.now { 0 } else { ticks + 1 };
            assert!(ticks < MAX_TICKS_AT_ONCE, "time stands still: {:?}", self.coordinator);
            self.now = self.now.max(deadline);
            let mut out = Vec::new();
            self.coordinator.tick(&mut Moment::new(self.now, &mut out));
            self.carry_out(out);
        }
        self.now = end;
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Post { to, text } => {
                    check_posted(&text);
                    if let Some(id) = self.own(&to) {
                        self.deliver(id, None, &text);
                    }
                }
                Action::Probe { to, text } => {
                    check_posted(&text);
                    if let Some(id) = self.own(&to) {
                        self.receive(id, None, &text);
                    }
                }
                Action::End { peer } => {
                    let id = self.own(&peer).expect("who is ended is not there");
                    let is_connected = self.peers.get(id).is_some_and(|mailbox| mailbox.is_connected);
                    assert!(!is_connected, "{peer} is connected, and its kept session is over");
                    self.end(id);
                }
                Action::Identified { peer, same } => {
                    if let Some(id) = self.own(&peer) {
                        self.identified(id, same);
                    }
                }
                Action::Dismiss { peer } => {
                    let id = self.own(&peer).expect("who is dismissed is not there");
                    self.lose(id, Loss::Closed);
                }
                Action::Decide { ticket, decision } => self.decide(ticket, decision),
                Action::Retain { .. } | Action::Note(_) => {}
            }
        }
    }

    fn own(&self, id: &str) -> Option<&'static str> {
        self.peers.get_key_value(id).map(|(id, _)| *id)
    }

    pub(super) fn check(&self) {
        let status = self.coordinator.status();
        let requests = status.held_requests + status.delivered_requests;
        let (most, most_bytes) = (self.config.max_requests, self.config.max_request_bytes);
        assert!(requests <= 2 * most && status.request_bytes <= 2 * most_bytes, "out of bounds: {status:?}");
        assert!(self.coordinator.locks().len() <= 2 * most, "too many locks: {status:?}");
        assert!(status.kept_sessions <= self.peers.len());
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
            assert!(!self.peers.contains_key(id), "{id} is kept for ever");
        }
        assert!(self.coordinator.is_idle(), "something is left: {:?}", self.coordinator);
    }
}

fn check_posted(text: &[u8]) {
    let is_json = serde_json::from_slice::<serde_json::Value>(text).is_ok();
    let is_notice = text.starts_with(b"disconnect:");
    assert!(is_json || is_notice || text.starts_with(b"{\"type\":"), "{:?} is posted", input::text(text));
}
