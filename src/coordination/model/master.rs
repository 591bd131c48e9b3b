//! A master process, as the published client behaves: its lock queue (one writing transaction at a time), its list of
//! peers, and a socket that takes time and may break.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Display,
};

use serde_json::{Value, json};

use super::{
    super::{DEFAULT_MASTER_WARM_UP_MS, message::MASTER, rig::Rig},
    LOCK_TIMEOUT_MS,
    worker::{POISON, number_of},
};
use crate::{clock::Millis, hub::testing::EPOCH_MS};

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Pending,
    Locked { until: Millis },
    Expired,
}

#[derive(Debug)]
struct Lock {
    id: u64,
    worker: String,
    request: String,
    tid: String,
    write: bool,
    state: State,
}

/// What overtakes what else: requests of one line come in the order in which their worker sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Line {
    /// Nothing but the master's absence holds these back.
    Locks,
    /// These wait for a new master's tables.
    Tables,
    /// These wait for each other too.
    Indexes,
}

#[derive(Debug, Default)]
pub(super) struct Master {
    /// As which master it was connected last, in the coordinator's view.
    pub(super) identity: u64,
    /// When it became that master.
    arrived: Millis,
    pub(super) said_bye: bool,
    /// How many of the marks that it was given as this master it has read.
    pub(super) marks_read: u32,
    /// How many of the marks that came with the question who it is it has read.
    pub(super) fresh_marks_read: u32,
    pub(super) peers: BTreeSet<String>,
    /// What it has written and has not reached the hub.
    wire: VecDeque<(Option<String>, String)>,
    locks: Vec<Lock>,
    last_lock: u64,
    /// When the hub got to know that it had granted each lock.
    told: BTreeMap<u64, Millis>,
    /// What it has read has ended it: this request of this worker.
    pub(super) ended_by: Option<(String, String)>,
    /// The requests for indexes that it has and has not answered.
    creating: VecDeque<(String, String)>,
    /// Requests that it has got, and as which master.
    seen: BTreeSet<(String, u64, u64)>,
    /// It has the extension: what is sent again may be overtaken.
    pub(super) has_extension: bool,
    /// Per worker, identity and line, the last request.
    last_in_order: BTreeMap<(String, u64, Line), u64>,
}

impl Master {
    pub(super) fn is_free(&self) -> bool {
        self.locks.is_empty()
    }

    /// It is another master from now on, in the coordinator's view.
    pub(super) fn begins(&mut self, identity: u64, now: Millis) {
        (self.identity, self.marks_read, self.arrived) = (identity, 0, now);
        while self.has_created_index() {}
    }

    /// Its connection is broken: what it has written is lost.
    pub(super) fn loses_what_it_wrote(&mut self) {
        self.wire.clear();
    }

    /// One text of its own reaches the hub.
    pub(super) fn flush(&mut self, rig: &mut Rig) -> bool {
        let Some((to, text)) = self.wire.pop_front() else { return false };
        self.note_grant(&text, rig.now());
        rig.send(MASTER, to.as_deref(), &text);
        true
    }

    fn note_grant(&mut self, text: &str, now: Millis) {
        let Ok(message) = serde_json::from_str::<Value>(text) else { return };
        if message["type"] == "lock-result"
            && let Some(lock) = message["data"]["id"].as_u64()
        {
            self.told.entry(lock).or_insert(now);
        }
    }

    /// Reads one text. Fails where the hub gives it what it must not be given.
    pub(super) fn read(&mut self, rig: &mut Rig) -> Result<bool, String> {
        let Some(text) = rig.read(MASTER) else { return Ok(false) };
        if let Some(gone) = text.strip_prefix("disconnect:") {
            if self.peers.remove(gone) {
                self.wire.push_back((None, format!(r#"{{"type":"bye","from":"{gone}"}}"#)));
            }
            return Ok(true);
        }
        if text.starts_with('{') {
            self.is_told(rig, text.as_bytes())?;
        }
        Ok(true)
    }

    /// Takes one AceBase message.
    pub(super) fn is_told(&mut self, rig: &Rig, text: &[u8]) -> Result<(), String> {
        let wrong = |wrong: &dyn Display| format!("{wrong}: the master read {}", String::from_utf8_lossy(text));
        let message: Value = serde_json::from_slice(text).map_err(|error| wrong(&error))?;
        self.handle(rig, &message).map_err(|error| wrong(&error))
    }

    fn handle(&mut self, rig: &Rig, message: &Value) -> Result<(), String> {
        let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let (from, id, lock) = (text("from"), text("id"), message["data"]["id"].as_u64());
        if matches!(&*text("type"), "lock-request" | "unlock-request" | "move-lock-request" | "request") {
            let data = &message["data"];
            let line = match &*text("type") {
                "lock-request" => None,
                "request" if data["type"] == "index.create" => Some(Line::Indexes),
                "request" => Some(Line::Tables),
                _ => Some(Line::Locks),
            };
            self.check_delivery(rig, &from, &id, line)?;
            if data["path"] == POISON || data["type"] == POISON {
                return self.takes_poison(from, id, &text("type"), rig);
            }
        }
        match &*text("type") {
            "hello" => {
                if message.get("to").is_none() {
                    let hello = format!(r#"{{"type":"hello","from":"[master]","to":"{from}"}}"#);
                    self.wire.push_back((Some(from.clone()), hello));
                } else if rig.master_is_asked() {
                    self.fresh_marks_read += 1;
                } else {
                    self.marks_read += 1;
                }
                self.peers.insert(from);
            }
            "bye" => drop(self.peers.remove(&from)),
            "lock-request" => self.lock(from, id, &message["data"], rig.now()),
            "unlock-request" => self.unlock(&from, &id, lock, rig.now()),
            "move-lock-request" => self.move_lock(&from, &id, lock),
            "request" if rig.now() < self.arrived + DEFAULT_MASTER_WARM_UP_MS => {
                return Err("a request that needs tables, too early".to_owned());
            }
            "request" if message["data"]["type"] == "index.create" => self.create_index(from, id)?,
            "request" => self.answer(&from, "result", &id, json!({"ok": true, "data": {"ok": true}})),
            "lock-result" | "unlock-result" => return Err("an answer for the master".to_owned()),
            _ => {}
        }
        Ok(())
    }

    /// No request comes twice, and those of a line come in order; a request for a lock is in none, for a fence may hold
    /// it back.
    fn check_delivery(&mut self, rig: &Rig, from: &str, id: &str, line: Option<Line>) -> Result<(), String> {
        let Some(number) = number_of(id) else { return Ok(()) };
        if !self.seen.insert((from.to_owned(), number, self.identity)) {
            return Err("a request twice".to_owned());
        }
        // What was with another master when it ended waits for its turn.
        if let Some(line) = line.filter(|_| !self.has_extension && !rig.was_with_another_master(from, id)) {
            let last = self.last_in_order.insert((from.to_owned(), self.identity, line), number);
            if last.is_some_and(|last| last > number) {
                return Err(format!("a request after request {last:?}"));
            }
        }
        Ok(())
    }

    fn answer(&mut self, to: &str, kind: &str, id: &str, rest: Value) {
        let rest = rest.to_string();
        let text = format!(r#"{{"type":"{kind}","id":"{id}","from":"[master]","to":"{to}",{}"#, &rest[1..]);
        self.wire.push_back((Some(to.to_owned()), text));
    }

    fn takes_poison(&mut self, from: String, id: String, kind: &str, rig: &Rig) -> Result<(), String> {
        match (rig.masters_are_immune, kind) {
            (false, _) => self.ended_by = Some((from, id)),
            (true, "lock-request") => self.answer(&from, "lock-result", &id, json!({"ok": false, "reason": POISON})),
            (true, _) => self.answer(&from, "result", &id, json!({"ok": false, "reason": POISON})),
        }
        Ok(())
    }

    /// It takes a while: the answer comes with the next thing that it reads, or when it is at leisure.
    fn create_index(&mut self, from: String, id: String) -> Result<(), String> {
        if !self.creating.is_empty() {
            return Err("another index before the last one is there".to_owned());
        }
        self.creating.push_back((from, id));
        Ok(())
    }

    /// The index is there.
    pub(super) fn has_created_index(&mut self) -> bool {
        let Some((from, id)) = self.creating.pop_front() else { return false };
        self.answer(&from, "result", &id, json!({"ok": true, "data": {"ok": true, "fileName": "a-b.idx"}}));
        true
    }

    fn lock(&mut self, worker: String, request: String, data: &Value, now: Millis) {
        let tid = data["tid"].as_str().unwrap_or_default().to_owned();
        let has_expired = self.locks.iter().any(|lock| lock.tid == tid && lock.state == State::Expired);
        if self.said_bye || has_expired {
            return self.answer(&worker, "lock-result", &request, json!({"ok": false, "reason": "no more"}));
        }
        let write = data["write"].as_bool().unwrap_or_default();
        self.last_lock += 1;
        self.locks.push(Lock { id: self.last_lock, worker, request, tid, write, state: State::Pending });
        self.process_queue(now);
    }

    /// It wants a lock for itself.
    pub(super) fn locks_itself(&mut self, transaction: u8, write: bool, now: Millis) {
        let tid = format!("{MASTER}-{transaction}");
        if self.locks.iter().any(|lock| lock.tid == tid && lock.state == State::Expired) {
            return;
        }
        self.last_lock += 1;
        let (worker, request) = (MASTER.to_owned(), String::new());
        self.locks.push(Lock { id: self.last_lock, worker, request, tid, write, state: State::Pending });
        self.process_queue(now);
    }

    /// It releases one of its own locks. `false`: it has none.
    pub(super) fn releases_own(&mut self, which: usize, now: Millis) -> bool {
        let is_own = |lock: &Lock| lock.worker == MASTER && lock.state != State::Pending;
        let own: Vec<usize> = (0..self.locks.len()).filter(|lock| is_own(&self.locks[*lock])).collect();
        let Some(which) = which.checked_rem(own.len()) else { return false };
        self.locks.remove(own[which]);
        self.process_queue(now);
        true
    }

    /// Whether each of its own locks that counts is one to write.
    pub(super) fn own_locks(&self, now: Millis) -> impl Iterator<Item = bool> {
        let counts = move |lock: &&Lock| matches!(lock.state, State::Locked { until } if now < until);
        self.locks.iter().filter(|lock| lock.worker == MASTER).filter(counts).map(|lock| lock.write)
    }

    /// When it told the hub that it had granted a lock by this number that it has.
    pub(super) fn told_of(&self, id: u64) -> Option<Millis> {
        let has = self.locks.iter().any(|lock| lock.id == id && matches!(lock.state, State::Locked { .. }));
        self.told.get(&id).copied().filter(|_| has)
    }

    fn unlock(&mut self, worker: &str, id: &str, lock: Option<u64>, now: Millis) {
        let granted = |held: &Lock| Some(held.id) == lock && held.state != State::Pending;
        let Some(position) = self.locks.iter().position(granted) else {
            return self.answer(worker, "unlock-result", id, json!({"ok": false, "reason": "unknown lock"}));
        };
        self.locks.remove(position);
        self.process_queue(now);
        self.answer(worker, "unlock-result", id, json!({"ok": true, "data": {"id": lock}}));
    }

    fn move_lock(&mut self, worker: &str, id: &str, lock: Option<u64>) {
        let granted = |held: &&Lock| Some(held.id) == lock && matches!(held.state, State::Locked { .. });
        let result = match self.locks.iter().find(granted) {
            Some(lock) => json!({"ok": true, "data": details(lock)}),
            None => json!({"ok": false, "reason": "unknown lock"}),
        };
        if result["ok"] == false {
            self.locks.retain(|held| Some(held.id) != lock);
        }
        self.answer(worker, "lock-result", id, result);
    }

    fn process_queue(&mut self, now: Millis) {
        for pending in 0..self.locks.len() {
            let wanted = &self.locks[pending];
            let conflicts = |other: &Lock| {
                let locked = matches!(other.state, State::Locked { .. });
                locked && other.tid != wanted.tid && (other.write || wanted.write)
            };
            if wanted.state == State::Pending && !self.locks.iter().any(conflicts) {
                let (worker, request) = (wanted.worker.clone(), wanted.request.clone());
                self.locks[pending].state = State::Locked { until: now + LOCK_TIMEOUT_MS };
                if worker == MASTER {
                    continue;
                }
                let data = details(&self.locks[pending]);
                self.answer(&worker, "lock-result", &request, json!({"ok": true, "data": data}));
            }
        }
    }

    /// Lets locks expire.
    pub(super) fn time_passes(&mut self, now: Millis) {
        let expires = |lock: &&mut Lock| matches!(lock.state, State::Locked { until } if until <= now);
        self.locks.iter_mut().filter(expires).for_each(|lock| lock.state = State::Expired);
        self.process_queue(now);
    }
}

fn details(lock: &Lock) -> Value {
    let expires = match lock.state {
        State::Locked { until } => Some(EPOCH_MS + until),
        _ => None,
    };
    json!({"id": lock.id, "path": "a/b", "tid": lock.tid, "write": lock.write, "expires": expires, "comment": "model"})
}
