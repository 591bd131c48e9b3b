//! A worker process, as the published client behaves: what it asks, what it is answered, which locks it believes to
//! hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    super::{
        message::{Failure, MASTER},
        rig::Rig,
    },
    LOCK_TIMEOUT_MS,
};
use crate::{
    clock::Millis,
    hub::{coordinator::Loss, testing::EPOCH_MS},
};

/// What a worker has asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    Lock { tid: String, write: bool },
    Unlock,
    Move,
    Custom,
    AddKey,
    Poison,
}

/// What a lock, or anything else, is asked for whose request ends each master that reads it.
pub(super) const POISON: &str = "poison";

/// A lock that a worker believes to hold.
#[derive(Debug, Clone)]
pub(super) struct Belief {
    id: u64,
    pub(super) tid: String,
    pub(super) write: bool,
    expires: Millis,
    /// The request by which it is being moved.
    moved_by: Option<String>,
}

impl Belief {
    /// Its worker may be reading or writing under it, and rightly. While it waits for the result of a move, it does
    /// neither.
    pub(super) fn counts(&self, now: Millis) -> bool {
        self.moved_by.is_none() && now < self.expires
    }
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) id: String,
    /// How and when its connection was lost.
    pub(super) away: Option<(Loss, Millis)>,
    pub(super) pending: BTreeMap<String, Asked>,
    pub(super) beliefs: Vec<Belief>,
    /// The peers that have said hello and have not gone.
    pub(super) peers: BTreeSet<String>,
    /// It has once been away for longer than its locks wait for it, so that its releases may fail.
    pub(super) was_given_up: bool,
    /// It has held two locks with one number, of different masters, and nobody could tell which of them it released.
    pub(super) had_namesakes: bool,
    /// It was told that a request of its own ended masters, which did not.
    pub(super) was_blamed: bool,
    last_news: BTreeMap<String, u64>,
    requests: u64,
    news: u64,
}

impl Worker {
    pub(super) fn new(number: u64) -> Self {
        Self {
            id: format!("worker{number:018}"),
            away: None,
            pending: BTreeMap::new(),
            beliefs: Vec::new(),
            peers: BTreeSet::new(),
            was_given_up: false,
            had_namesakes: false,
            was_blamed: false,
            last_news: BTreeMap::new(),
            requests: 0,
            news: 0,
        }
    }

    /// Its session is over, and what it had asked and held is given up. Cut off, it writes on under its locks.
    pub(super) fn is_given_up(&mut self) {
        let (loss, _) = self.away.expect("only a worker that is away is given up");
        self.pending.clear();
        self.was_given_up = true;
        if matches!(loss, Loss::Fin | Loss::Reset | Loss::Closed | Loss::Shutdown) {
            self.beliefs.clear();
        }
        // It waits for ever for the result of a move, and does not write.
        self.beliefs.retain(|belief| belief.moved_by.is_none());
    }

    /// It connects again.
    pub(super) fn is_back(&mut self, now: Millis) {
        self.away = None;
        if self.was_given_up {
            // Of what it held while it was given up, nobody knows any more what has expired.
            self.beliefs.retain(|belief| now < belief.expires);
        }
    }

    fn ask(&mut self, rig: &mut Rig, kind: &str, asked: Asked, data: Value) {
        self.requests += 1;
        let id = format!("{}", self.requests);
        let (me, data) = (&self.id, data.to_string());
        let text = format!(r#"{{"type":"{kind}","id":"{id}","from":"{me}","to":"[master]","data":{data}}}"#);
        self.pending.insert(id, asked);
        rig.send(&self.id, Some(MASTER), &text);
    }

    pub(super) fn ask_lock(&mut self, rig: &mut Rig, transaction: u8, write: bool) {
        let tid = format!("{}-{transaction}", self.id);
        let data = json!({"path": "a/b/c", "tid": tid, "write": write, "comment": "model"});
        self.ask(rig, "lock-request", Asked::Lock { tid, write }, data);
    }

    pub(super) fn release(&mut self, rig: &mut Rig, which: usize) {
        let Some(belief) = self.pick(which) else { return };
        let id = self.beliefs.remove(belief).id;
        self.ask(rig, "unlock-request", Asked::Unlock, json!({"id": id}));
    }

    pub(super) fn release_all(&mut self, rig: &mut Rig) {
        while self.pick(0).is_some() {
            self.release(rig, 0);
        }
    }

    pub(super) fn move_lock(&mut self, rig: &mut Rig, which: usize) {
        let Some(belief) = self.pick(which) else { return };
        let data = json!({"id": self.beliefs[belief].id, "move_to": "parent"});
        self.beliefs[belief].moved_by = Some((self.requests + 1).to_string());
        self.ask(rig, "move-lock-request", Asked::Move, data);
    }

    fn pick(&self, which: usize) -> Option<usize> {
        let free: Vec<usize> =
            (0..self.beliefs.len()).filter(|belief| self.beliefs[*belief].moved_by.is_none()).collect();
        free.get(which.checked_rem(free.len())?).copied()
    }

    pub(super) fn ask_custom(&mut self, rig: &mut Rig, add_key: bool) {
        let (asked, kind) = if add_key { (Asked::AddKey, "kit.add") } else { (Asked::Custom, "fst.allocate") };
        self.ask(rig, "request", asked, json!({"type": kind}));
    }

    pub(super) fn create_index(&mut self, rig: &mut Rig) {
        self.ask(rig, "request", Asked::Custom, json!({"type": "index.create", "path": "a", "key": "b"}));
    }

    pub(super) fn ask_poison(&mut self, rig: &mut Rig, lock: bool) {
        match lock {
            true => {
                let data =
                    json!({"path": POISON, "tid": format!("{}-{POISON}", self.id), "write": false, "comment": ""});
                self.ask(rig, "lock-request", Asked::Poison, data);
            }
            false => self.ask(rig, "request", Asked::Poison, json!({"type": POISON})),
        }
    }

    pub(super) fn tell_news(&mut self, rig: &mut Rig, to: Option<&str>) {
        self.news += 1;
        let data = json!({"path": "a", "val": self.news});
        let text = format!(r#"{{"type":"event","from":"{}","path":"a","event":"value","data":{data}}}"#, self.id);
        rig.send(&self.id, to, &text);
    }

    pub(super) fn say_bye(&self, rig: &mut Rig) {
        rig.send(&self.id, None, &format!(r#"{{"type":"bye","from":"{}"}}"#, self.id));
    }

    /// Reads one text. Fails where the real client would throw, or where order is lost.
    pub(super) fn read(&mut self, rig: &mut Rig) -> Result<bool, String> {
        let Some(text) = rig.read(&self.id) else { return Ok(false) };
        if let Some(gone) = text.strip_prefix("disconnect:") {
            if self.peers.remove(gone) {
                rig.send(&self.id, None, &format!(r#"{{"type":"bye","from":"{gone}"}}"#));
            }
            return Ok(true);
        }
        if text.starts_with('{') {
            let message: Value = serde_json::from_str(&text).map_err(|error| format!("{text}: {error}"))?;
            self.handle(rig, &message).map_err(|wrong| format!("{wrong}: {} read {text}", self.id))?;
        }
        Ok(true)
    }

    fn handle(&mut self, rig: &mut Rig, message: &Value) -> Result<(), String> {
        let from = message["from"].as_str().unwrap_or_default().to_owned();
        match message["type"].as_str().unwrap_or_default() {
            "hello" => self.greet(rig, from, message),
            "bye" => drop(self.peers.remove(&from)),
            "event" => {
                let news = message["data"]["val"].as_u64().unwrap_or_default();
                if self.last_news.insert(from, news).is_some_and(|last| last >= news) {
                    return Err("news out of order".to_owned());
                }
            }
            "lock-result" | "unlock-result" | "result" => return self.is_answered(rig.now(), message),
            _ => {}
        }
        Ok(())
    }

    fn greet(&mut self, rig: &mut Rig, from: String, message: &Value) {
        if message.get("to").is_none() {
            let hello = format!(r#"{{"type":"hello","from":"{}","to":"{from}"}}"#, self.id);
            rig.send(&self.id, Some(&from), &hello);
        }
        self.peers.insert(from);
    }

    fn is_answered(&mut self, now: Millis, message: &Value) -> Result<(), String> {
        let id = message["id"].as_str().unwrap_or_default();
        let Some(asked) = self.pending.remove(id) else {
            // Given up, it no longer waits; a real client would, and take the answer.
            return if self.was_given_up { Ok(()) } else { Err("an answer to what is not asked".to_owned()) };
        };
        let ok = message["ok"].as_bool().unwrap_or_default();
        let reason = message["reason"].as_str().or_else(|| message["data"]["reason"].as_str());
        self.was_blamed |=
            reason.is_some_and(|reason| reason == Failure::EndsMasters.to_string()) && asked != Asked::Poison;
        let data = &message["data"];
        let is_grant = ok && matches!(asked, Asked::Lock { .. });
        self.had_namesakes |= is_grant && self.beliefs.iter().any(|belief| Some(belief.id) == data["id"].as_u64());
        match (asked, ok) {
            (Asked::Lock { tid, write }, true) => self.beliefs.push(Belief {
                id: data["id"].as_u64().ok_or("a grant without a number")?,
                tid,
                write,
                expires: expiry(data, now),
                moved_by: None,
            }),
            (Asked::Move, true) => {
                let is_moved = |belief: &&mut Belief| belief.moved_by.as_deref() == Some(id);
                if let Some(belief) = self.beliefs.iter_mut().find(is_moved) {
                    belief.id = data["id"].as_u64().ok_or("a move without a number")?;
                    belief.moved_by = None;
                }
            }
            (Asked::Move, false) => self.beliefs.retain(|belief| belief.moved_by.as_deref() != Some(id)),
            (Asked::Unlock, false) if !self.was_given_up => return Err("a release that failed".to_owned()),
            (Asked::AddKey, false) => return Err("a rejection that kills the client".to_owned()),
            (Asked::Poison, true) => return Err("a master lived through what it cannot".to_owned()),
            _ => {}
        }
        Ok(())
    }
}

fn expiry(data: &Value, now: Millis) -> Millis {
    data["expires"].as_u64().map_or(now + LOCK_TIMEOUT_MS, |expires| expires - EPOCH_MS)
}
