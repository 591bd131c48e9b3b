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

    /// It is the lock of this number and transaction.
    pub(super) fn is(&self, id: Option<u64>, tid: &str) -> bool {
        Some(self.id) == id && self.tid == tid
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
    /// It has the extension, and this project's client: that waits for no answer to a release.
    pub(super) has_extension: bool,
    /// Requests for locks, and for moves of locks, that have failed.
    pub(super) failures: usize,
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
            has_extension: false,
            failures: 0,
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
        let id = request_id(self.requests);
        let (me, data) = (&self.id, data.to_string());
        let text = format!(r#"{{"type":"{kind}","id":"{id}","from":"{me}","to":"[master]","data":{data}}}"#);
        if !self.has_extension || asked != Asked::Unlock {
            self.pending.insert(id, asked);
        }
        rig.send(&self.id, Some(MASTER), &text);
    }

    pub(super) fn ask_lock(&mut self, rig: &mut Rig, transaction: u8, write: bool) {
        self.ask_lock_of(rig, format!("{}-{transaction}", self.id), write);
    }

    /// The id of a transaction that it begins: made after all its requests so far, as far as it tells.
    #[cfg(test)]
    pub(super) fn new_transaction(&self) -> String {
        format!("{:08}{}", self.requests + 1, &self.id[8..])
    }

    /// Asks for a lock for the transaction of this id.
    pub(super) fn ask_lock_of(&mut self, rig: &mut Rig, tid: String, write: bool) {
        let data = json!({"path": "a/b/c", "tid": tid, "write": write, "comment": "model"});
        self.ask(rig, "lock-request", Asked::Lock { tid, write }, data);
    }

    pub(super) fn release(&mut self, rig: &mut Rig, which: usize) {
        if let Some(belief) = self.pick(which) {
            self.give_back(rig, belief);
        }
    }

    fn give_back(&mut self, rig: &mut Rig, belief: usize) {
        let id = self.beliefs.remove(belief).id;
        self.ask(rig, "unlock-request", Asked::Unlock, json!({"id": id}));
    }

    /// Returns the last lock that it has got, as AceBase does: none whose transaction waits for another.
    #[cfg(test)]
    pub(super) fn return_last(&mut self, rig: &mut Rig) {
        if let Some(last) = self.last_in_hand() {
            self.give_back(rig, last);
        }
    }

    /// Moves the last lock that it has got to the parent, as AceBase does: none whose transaction waits for another.
    #[cfg(test)]
    pub(super) fn move_last(&mut self, rig: &mut Rig) {
        if let Some(last) = self.last_in_hand() {
            self.move_belief(rig, last);
        }
    }

    #[cfg(test)]
    fn last_in_hand(&self) -> Option<usize> {
        let waits_for_lock = |tid: &str| {
            self.pending.values().any(|asked| matches!(asked, Asked::Lock { tid: wanted, .. } if wanted == tid))
        };
        let moves = |tid: &str| self.beliefs.iter().any(|belief| belief.tid == tid && belief.moved_by.is_some());
        self.beliefs.iter().rposition(|belief| !waits_for_lock(&belief.tid) && !moves(&belief.tid))
    }

    /// What it tells a hub that knows nothing, as this project's client does.
    #[cfg(test)]
    pub(super) fn state(&self, fellows: &[String], now: Millis, is_unsent: impl Fn(&str) -> bool) -> String {
        let lock = |belief: &Belief| {
            let Belief { id, tid, write, expires, .. } = belief;
            let left = expires.checked_signed_diff(now);
            let expires = EPOCH_MS + expires;
            json!({"id": id, "tid": tid, "path": "a/b", "write": write, "expires": expires, "left": left})
        };
        let request = |(id, asked): (&String, &Asked)| {
            let moved = self.beliefs.iter().find(|belief| belief.moved_by.as_ref() == Some(id)).map(|belief| belief.id);
            let kind = match asked {
                Asked::Lock { .. } => "lock-request",
                Asked::Move => "move-lock-request",
                Asked::Unlock => "unlock-request",
                Asked::Custom | Asked::AddKey | Asked::Poison => "request",
            };
            json!({"id": id, "type": kind, "lock": moved})
        };
        let sent = self.pending.iter().filter(|(id, _)| !is_unsent(id));
        let (locks, requests): (Vec<_>, Vec<_>) =
            (self.beliefs.iter().map(lock).collect(), sent.map(request).collect());
        json!({"locks": locks, "requests": requests, "peers": fellows}).to_string()
    }

    pub(super) fn release_all(&mut self, rig: &mut Rig) {
        while self.pick(0).is_some() {
            self.release(rig, 0);
        }
    }

    pub(super) fn move_lock(&mut self, rig: &mut Rig, which: usize) {
        if let Some(belief) = self.pick(which) {
            self.move_belief(rig, belief);
        }
    }

    fn move_belief(&mut self, rig: &mut Rig, belief: usize) {
        let data = json!({"id": self.beliefs[belief].id, "move_to": "parent"});
        self.beliefs[belief].moved_by = Some(request_id(self.requests + 1));
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
            return if self.was_given_up || self.has_extension {
                Ok(())
            } else {
                Err("an answer to what is not asked".to_owned())
            };
        };
        let ok = message["ok"].as_bool().unwrap_or_default();
        let reason = message["reason"].as_str().or_else(|| message["data"]["reason"].as_str());
        self.was_blamed |=
            reason.is_some_and(|reason| reason == Failure::EndsMasters.to_string()) && asked != Asked::Poison;
        self.failures += usize::from(!ok && matches!(asked, Asked::Lock { .. } | Asked::Move));
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

/// The id of a request, of the form that acebase-core generates: it begins with what tells earlier from later ones.
fn request_id(number: u64) -> String {
    format!("{number:08}{:016}", 0)
}

/// The number of a request by its id, if that is one of a worker's.
pub(super) fn number_of(id: &str) -> Option<u64> {
    id.get(..8)?.parse().ok()
}

fn expiry(data: &Value, now: Millis) -> Millis {
    data["expires"].as_u64().map_or(now + LOCK_TIMEOUT_MS, |expires| expires - EPOCH_MS)
}
