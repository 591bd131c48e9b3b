//! The coordination layer among peers that do not behave: any messages, in anybody's name, at any time.

use std::collections::BTreeMap;

use acebase_ipc_server::{
    clock::{Millis, WallClock},
    coordination::{AceBase, CoordinationConfig, message::MASTER},
    hub::coordinator::{Action, Address, Coordinator, Decision, Entry, Fate, Incumbent, Loss, Return, Ticket},
};
use bytes::Bytes;

use crate::input::{self, Input};

/// Events of one run.
const MAX_EVENTS: usize = 300;

/// Times that the coordinator may want to be called in one moment: for each of its timers, for each peer, and once more.
const MAX_TICKS_AT_ONCE: usize = 100;

/// Masters that may wait for the place of another one.
const MAX_WAITING: usize = 16;

/// Longer than anything that the coordinator waits for, in milliseconds.
const FOR_EVER_MS: Millis = 24 * 60 * 60 * 1_000;

/// Milliseconds since the Unix epoch when the clock here is 0.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// Clocks of the hub's host: right, an hour ahead, and set back again and again.
const CLOCKS: [WallClock; 3] = [|now| EPOCH_MS + now, |now| EPOCH_MS + 3_600_000 + now, |now| EPOCH_MS + now % 20_000];

const IDS: [&str; 5] = [MASTER, "worker000000000000000001", "worker000000000000000002", "plain", "acebase-ipc-server"];

const LOSSES: [Loss; 7] =
    [Loss::Fin, Loss::Reset, Loss::Unreachable, Loss::Closed, Loss::Slow, Loss::Kicked, Loss::Violation];

const TYPES: [&str; 12] = [
    "lock-request",
    "unlock-request",
    "move-lock-request",
    "request",
    "lock-result",
    "unlock-result",
    "result",
    "hello",
    "bye",
    "subscribe",
    "notification",
    "event",
];

/// Any peers, among them two masters in turn, saying anything: broken JSON, ids that are taken, answers to what nobody asked,
/// names of others, numbers of locks out of the air.
///
/// - Requests, locks and bytes stay within their bounds.
/// - Time goes on: a deadline that has passed is dealt with, and does not come again and again.
/// - Nothing is posted but text that JSON clients can read, or a notice.
/// - Whoever waits at the door is told, once, what becomes of it; few wait.
/// - When all have left and time has passed, nothing is left of them.
pub fn hostile(data: &[u8]) {
    let mut input = Input::new(data);
    let config = CoordinationConfig {
        max_requests: input.pick(&[8, 1, 100]),
        max_request_bytes: input.pick(&[4_000, 200]),
        resume_window: input.pick(&[5_000, 0]),
        master_timeout: input.pick(&[60_000, 0]),
        lock_table: input.pick(&[true, false]),
        release_locks_after: input.pick(&[10_000, 0]),
        introductions: input.pick(&[true, false]),
        ..Default::default()
    };
    let mut stage = Stage::new(config, input.pick(&CLOCKS));
    for _ in 0..MAX_EVENTS {
        if input.is_empty() {
            break;
        }
        stage.play(&mut input);
        stage.check();
    }
    stage.clear();
}

/// The hub's part of the contract between the two: who is there, and what is done about what the coordinator wants.
struct Stage {
    coordinator: AceBase,
    config: CoordinationConfig,
    now: Millis,
    /// Those with a session: is it connected?
    peers: BTreeMap<&'static str, bool>,
    /// Masters that wait to be let in, in the order of their tickets.
    waiting: Vec<Ticket>,
    tickets: u64,
}

impl Stage {
    fn new(config: CoordinationConfig, clock: WallClock) -> Self {
        let coordinator = AceBase::new(config.clone(), clock);
        Self { coordinator, config, now: 0, peers: BTreeMap::new(), waiting: Vec::new(), tickets: 0 }
    }

    fn play(&mut self, input: &mut Input<'_>) {
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
                self.send(from, to, text);
            }
        }
    }

    fn connect(&mut self, id: &'static str) {
        self.tickets += 1;
        let (ticket, mut out) = (Ticket(self.tickets), Vec::new());
        let other = match self.peers.get(id) {
            Some(true) if self.tickets.is_multiple_of(2) => Incumbent::Leaving,
            Some(true) => Incumbent::Connected,
            _ => Incumbent::Absent,
        };
        match self.coordinator.admit(id, ticket, other, self.now, &mut out) {
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
        self.coordinator.withdraw(ticket, self.now, &mut out);
        self.carry_out(out);
    }

    fn take_in(&mut self, id: &'static str) {
        let mut out = Vec::new();
        if self.peers.contains_key(id) {
            let back = self.coordinator.returned(id, self.now, &mut out);
            if back == Return::Renew {
                self.carry_out(std::mem::take(&mut out));
                self.end(id);
            }
        }
        if self.peers.insert(id, true).is_none() {
            self.coordinator.joined(id, self.now, &mut out);
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

    fn lose(&mut self, id: &'static str, loss: Loss) {
        if self.peers.get(id) != Some(&true) {
            return;
        }
        let mut out = Vec::new();
        let fate = self.coordinator.lost(id, loss, self.now, &mut out);
        match fate {
            Fate::Keep => drop(self.peers.insert(id, false)),
            Fate::End => self.end(id),
        }
        self.carry_out(out);
    }

    fn end(&mut self, id: &'static str) {
        if self.peers.remove(id).is_some() {
            let mut out = Vec::new();
            let undelivered =
                vec![Bytes::from_static(br#"{"type":"lock-result","id":"1","from":"[master]","ok":true}"#)];
            self.coordinator.ended(id, undelivered, self.now, &mut out);
            self.carry_out(out);
        }
    }

    fn send(&mut self, from: &'static str, to: Address<'_>, text: Bytes) {
        if self.peers.get(from) == Some(&true) {
            let mut out = Vec::new();
            self.coordinator.received(from, to, &text, self.now, &mut out);
            self.carry_out(out);
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
            self.coordinator.tick(self.now, &mut out);
            self.carry_out(out);
        }
        self.now = end;
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Post { text, .. } | Action::Probe { text, .. } => check_posted(&text),
                Action::End { peer } => {
                    let (id, is_connected) = self.peers.get_key_value(&*peer).expect("who is ended is not there");
                    assert!(!is_connected, "{peer} is connected, and its kept session is over");
                    self.end(id);
                }
                Action::Dismiss { peer } => {
                    let (id, _) = self.peers.get_key_value(&*peer).expect("who is dismissed is not there");
                    self.lose(id, Loss::Closed);
                }
                Action::Decide { ticket, decision } => self.decide(ticket, decision),
                Action::Retain { .. } | Action::Identified { .. } | Action::Note(_) => {}
            }
        }
    }

    fn check(&self) {
        let status = self.coordinator.status();
        let requests = status.held_requests + status.delivered_requests;
        let (most, most_bytes) = (self.config.max_requests, self.config.max_request_bytes);
        assert!(requests <= 2 * most && status.request_bytes <= 2 * most_bytes, "out of bounds: {status:?}");
        assert!(self.coordinator.locks().len() <= 2 * most, "too many locks: {status:?}");
        assert!(status.kept_sessions <= self.peers.len());
        assert!(self.waiting.len() <= MAX_WAITING, "{} wait for the master's place", self.waiting.len());
    }

    /// All leave, and time passes.
    fn clear(&mut self) {
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

/// A message: of AceBase's form with odd contents, or any text.
fn message(input: &mut Input<'_>, sender: &str) -> Bytes {
    if input.below(8) == 7 {
        return Bytes::from(input::text(input.until(b'\n')));
    }
    let kind = input.pick(&TYPES);
    let from = if input.below(8) == 7 { input.pick(&IDS) } else { sender };
    let (id, ok) = (input.below(6), input.below(4) > 0);
    let data = match input.below(6) {
        0 => String::from("null"),
        1 => format!(r#"{{"type":"{}"}}"#, input.pick(&["kit.add", "fst.release", "fst.allocate", "index.create"])),
        2 => input::text(input.until(b'\n')),
        _ => lock(input),
    };
    Bytes::from(format!(r#"{{"type":"{kind}","id":"{id}","from":"{from}","to":"[master]","ok":{ok},"data":{data}}}"#))
}

fn lock(input: &mut Input<'_>) -> String {
    let id = input.pick(&["1", "2", "3", "0", "18446744073709551615", "-1", "1.5", "null"]);
    let path = input.pick(&["a", "a/b", "a/b[3]", "", "c"]);
    let tid = input.pick(&["\"t1\"", "\"t2\"", "3", "null"]);
    let expires = input.pick(&["1700000040000", "1700000000001", "0", "-5", "1e300", "null"]);
    let write = input.flag();
    format!(r#"{{"id":{id},"path":"{path}","tid":{tid},"write":{write},"expires":{expires},"comment":"c"}}"#)
}
