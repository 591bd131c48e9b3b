//! A process with a published client, as far as messages can end, block or deceive it. Written from the published code
//! (`ipc/ipc.js`, `ipc/remote.js`, `storage/binary`, `storage/storage.js`, `data-index`), and from nothing of the
//! server's own, so that model and server check each other.
//!
//! It takes the worst case where that depends on what the process is doing: that it listens for every event, and has a
//! geo index.

mod json;

use std::collections::{BTreeMap, BTreeSet};

pub use self::json::Js;

pub const MASTER: &str = "[master]";

/// A geo index that every process has.
pub const GEO_INDEX: &str = "places-at.geo.idx";

/// The largest number that JavaScript tells from its neighbours.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

const MAX_PAGE: f64 = 4_294_967_295.0;

/// Ranges beyond which the master sorts for longer than its peers wait.
const MANY_RANGES: usize = 20_000;

/// Records beyond which the master makes pages for longer than its peers wait.
const MANY_RECORDS: f64 = 1e8;

const EVENTS: [&str; 12] = [
    "value",
    "child_added",
    "child_changed",
    "child_removed",
    "mutated",
    "mutations",
    "notify_value",
    "notify_child_added",
    "notify_child_changed",
    "notify_child_removed",
    "notify_mutated",
    "notify_mutations",
];

/// What `{}` has without having it.
const INHERITED: [&str; 12] = [
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
    "__proto__",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
];

/// What a process has asked its master for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Asked {
    Lock,
    /// By the lock's number.
    Unlock(f64),
    /// By the lock's number.
    Move(f64),
    AddKey,
    Other,
    /// For two things by one id, which is its own fault: it takes one answer for the other.
    Twice,
}

/// What happens at a process that has received something, and concerns others.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The master lets go of a lock, or moves it, because somebody says so.
    LetsGo { lock: f64, by: String },
    /// The lock that was asked to be released or moved is no longer its own.
    HasLetGo { lock: f64 },
    /// The master is asked whether it has an index.
    IsAskedForIndex { question: String, file_name: String },
}

/// A process that has a published client: what it has asked, and which indexes it knows.
#[derive(Debug)]
pub struct Process {
    id: &'static str,
    /// What it has asked and not been answered, by the id of the request.
    asked: BTreeMap<String, Asked>,
    indexes: BTreeSet<String>,
}

/// Why a process ends, stands still, or believes what is not so.
pub type Harm = String;

type Outcome = Result<Option<Effect>, Harm>;

impl Process {
    pub fn new(id: &'static str) -> Self {
        Self::with_indexes(id, BTreeSet::from(["known.idx".to_owned(), GEO_INDEX.to_owned()]))
    }

    /// One that has read these indexes from the files.
    pub fn with_indexes(id: &'static str, indexes: BTreeSet<String>) -> Self {
        Self { id, asked: BTreeMap::new(), indexes }
    }

    pub fn indexes(&self) -> &BTreeSet<String> {
        &self.indexes
    }

    fn is_master(&self) -> bool {
        self.id == MASTER
    }

    pub fn has_index(&self, file_name: &str) -> bool {
        self.indexes.contains(file_name)
    }

    /// The process has sent this, in its own name or not: a real one waits for the answer to what it asks.
    pub fn has_sent(&mut self, text: &str) {
        let Some(message) = Js::parse(text) else { return };
        let part = |name: &str| message.member(name).cloned().unwrap_or(Js::Undefined);
        let data = part("data");
        // Written as real ones write, by a real one.
        let is_own = text.starts_with("{\"type\":\"notification\",") && text.matches("\"from\":").count() == 1;
        let is_told_once = ["\"type\":\"index.deleted\"", "\"data\":", "\"fileName\":"]
            .iter()
            .all(|part| text.matches(part).count() == 1);
        if is_own
            && is_told_once
            && part("from").is(self.id)
            && let Some(file_name) = data.member("fileName").and_then(Js::text)
        {
            self.indexes.remove(&file_name);
        }
        let (Some(kind), Some(id)) = (part("type").text(), part("id").text()) else { return };
        let number = |name: &str| match data.member(name) {
            Some(Js::Number(number)) => *number,
            _ => f64::NAN,
        };
        let asked = match &*kind {
            "lock-request" => Asked::Lock,
            "unlock-request" => Asked::Unlock(number("id")),
            "move-lock-request" => Asked::Move(number("id")),
            "request" if data.member("type").is_some_and(|kind| kind.is("kit.add")) => Asked::AddKey,
            "request" => Asked::Other,
            _ => return,
        };
        let asked = if self.asked.contains_key(&id) { Asked::Twice } else { asked };
        self.asked.insert(id, asked);
    }

    /// `remote.js`, on 'message'.
    pub fn receive(&mut self, text: &str) -> Outcome {
        if text == "pong" || text.starts_with("connect:") || text.starts_with("disconnect:") || text.starts_with("get:")
        {
            return Ok(None);
        }
        if let Some(config) = text.strip_prefix("welcome:") {
            let config = Js::parse(config).ok_or("the welcome cannot be parsed")?;
            return config.member("maxPayload").map(|_| None).ok_or_else(|| "the welcome is null".to_owned());
        }
        if !text.starts_with('{') {
            return Ok(None);
        }
        let message = Js::parse(text).ok_or("JSON.parse throws")?;
        self.handle(&message)
    }

    /// `ipc.js`, handleMessage.
    fn handle(&mut self, message: &Js) -> Outcome {
        let part = |name: &str| message.member(name).unwrap_or(&Js::Undefined);
        let (data, from) = (part("data"), part("from").text().unwrap_or_default());
        let kind = part("type").text().unwrap_or_default();
        match &*kind {
            "subscribe" | "unsubscribe" => subscribe(data),
            "event" => event(data),
            "notification" => self.notification(data),
            "lock-request" | "unlock-request" | "move-lock-request" | "request" if !self.is_master() => {
                Err(format!("a worker gets a {kind}"))
            }
            "lock-request" => lock(part("id"), data),
            "unlock-request" | "move-lock-request" => let_go(&kind, data, from),
            "request" => self.request(part("id"), data),
            "lock-result" | "unlock-result" | "result" => self.answer(&kind, message),
            _ => Ok(None),
        }
    }

    fn answer(&mut self, kind: &str, message: &Js) -> Outcome {
        if self.is_master() {
            return Err(format!("a master gets a {kind}"));
        }
        let part = |name: &str| message.member(name).unwrap_or(&Js::Undefined);
        let id = part("id").text().unwrap_or_default();
        let asked = self.asked.remove(&id).ok_or_else(|| format!("the answer to {id:?}, which it has not asked"))?;
        let (ok, data) = (part("ok") == &Js::Flag(true), part("data"));
        if !ok && matches!(part("reason"), Js::Object(_) | Js::Array(_)) {
            return Err("a reason that cannot be written".to_owned());
        }
        let effect = match asked {
            Asked::Unlock(lock) | Asked::Move(lock) => Some(Effect::HasLetGo { lock }),
            _ => None,
        };
        match asked {
            Asked::Lock | Asked::Move(_) if ok => {
                let has = |name: &str, is_right: fn(&Js) -> bool| data.member(name).is_some_and(is_right);
                let is_lock =
                    has("id", |id| id.is_whole(MAX_SAFE)) && has("write", |write| matches!(write, Js::Flag(_)));
                if is_lock { Ok(effect) } else { Err("it believes to have a lock that is none".to_owned()) }
            }
            Asked::AddKey if ok => {
                let index = data.member("index").ok_or("the result of kit.add is null")?;
                let is_sound = index.is_nothing() || index.is_whole(65_535.0) || *index == Js::Number(-1.0);
                if is_sound { Ok(None) } else { Err("a key in a place that is none".to_owned()) }
            }
            _ => Ok(effect),
        }
    }

    /// The listener for 'notification' in `binary-storage.js`. What it throws is caught; what its promises reject with
    /// is not.
    fn notification(&mut self, data: &Js) -> Outcome {
        let part = |name: &str| data.member(name).unwrap_or(&Js::Undefined);
        match part("type").text().as_deref() {
            Some("root.update") => {
                let address = part("address");
                let page = address.member("pageNr").ok_or("the root's address is null")?;
                let record = address.member("recordNr").unwrap_or(&Js::Undefined);
                let is_sound = page.is_whole(MAX_PAGE) && record.is_whole(65_535.0);
                if is_sound { Ok(None) } else { Err("the root is where no record can be".to_owned()) }
            }
            Some("cache.update") => {
                let address = part("info").member("address").unwrap_or(&Js::Undefined);
                let is_sound = address.member("pageNr").is_some_and(|page| page.is_whole(MAX_PAGE));
                if is_sound { Ok(None) } else { Err("an address that is none goes into the cache".to_owned()) }
            }
            Some("index.created") => {
                self.indexes.extend(part("fileName").text());
                Ok(None)
            }
            Some("index.deleted") => {
                let file_name = part("fileName").text().unwrap_or_default();
                if self.indexes.remove(&file_name) {
                    Ok(None)
                } else {
                    Err(format!("no index {file_name:?} to remove"))
                }
            }
            _ => Ok(None),
        }
    }

    /// The listener for 'request' in `binary-storage.js`: what it awaits is caught.
    fn request(&mut self, id: &Js, data: &Js) -> Outcome {
        if !matches!(id, Js::Text(_)) {
            return Err("it cannot write the answer".to_owned());
        }
        let part = |name: &str| data.member(name).unwrap_or(&Js::Undefined);
        match part("type").text().as_deref() {
            Some("fst.allocate") => {
                let records = part("records");
                let is_sound = records.is_nothing() || records.is_whole(MANY_RECORDS);
                if is_sound { Ok(None) } else { Err("space that cannot be allocated".to_owned()) }
            }
            Some("fst.release") => free(part("ranges")),
            Some("kit.add") => match part("key") {
                Js::Text(key) if key.is_empty() => Err("an empty key ends the table of keys".to_owned()),
                Js::Undefined | Js::Null | Js::Number(_) | Js::Text(_) => Ok(None),
                _ => Err("a key that cannot be written".to_owned()),
            },
            Some("index.update") => {
                let file_name = part("fileName").text().unwrap_or_default();
                if file_name == GEO_INDEX && !leads_to_a_key(part("path")) {
                    return Err("a geo index rejects, and nobody waits for it".to_owned());
                }
                let question = id.text().unwrap_or_default();
                Ok(Some(Effect::IsAskedForIndex { question, file_name }))
            }
            _ => Ok(None),
        }
    }
}

/// `ipc.js`, addRemoteSubscription and cancelRemoteSubscription, and what each later write does with the path.
fn subscribe(data: &Js) -> Outcome {
    let event = data.member("event").ok_or("a subscription without data")?;
    if !EVENTS.iter().any(|name| event.is(name)) {
        return Err("Invalid event type".to_owned());
    }
    let path = data.member("path").and_then(Js::text).ok_or("a subscription to what is no path")?;
    if INHERITED.contains(&&*path) {
        return Err(format!("{path} is a function, and has no push"));
    }
    let is_normal = !path.starts_with('/') && !path.ends_with('/') && !path.contains("//") && !path.contains("/[");
    let keys = path.split(['/', '[']).map(|key| key.trim_end_matches(']'));
    let are_keys = path.is_empty() || keys.into_iter().all(|key| !key.is_empty() && !key.contains([']', '\\', '\0']));
    if is_normal && are_keys { Ok(None) } else { Err(format!("each write fails at the subscription to {path:?}")) }
}

fn event(data: &Js) -> Outcome {
    let context = data.member("context").ok_or("an event without data")?;
    let is_falsy = match context {
        Js::Undefined | Js::Null | Js::Flag(false) => true,
        Js::Number(number) => *number == 0.0,
        Js::Text(text) => text.is_empty(),
        _ => false,
    };
    if !is_falsy && !matches!(context, Js::Object(_) | Js::Array(_)) {
        return Err("Cannot create property 'acebase_ipc'".to_owned());
    }
    let path = data.member("path").unwrap_or(&Js::Undefined);
    if matches!(path, Js::Text(_)) { Ok(None) } else { Err("an event at what is no path".to_owned()) }
}

/// The master's lock(), and the answer that it writes.
fn lock(id: &Js, data: &Js) -> Outcome {
    let part = |name: &str| data.member(name).unwrap_or(&Js::Undefined);
    if !matches!(id, Js::Text(_)) || matches!(part("comment"), Js::Object(_) | Js::Array(_)) {
        return Err("it cannot write the answer".to_owned());
    }
    let is_sound = matches!(part("path"), Js::Text(_))
        && matches!(part("tid"), Js::Text(_) | Js::Number(_))
        && matches!(part("write"), Js::Flag(_));
    // Without data it throws where that is caught.
    if is_sound || data.is_nothing() { Ok(None) } else { Err("a lock that nobody follows".to_owned()) }
}

fn let_go(kind: &str, data: &Js, by: String) -> Outcome {
    match data.member("id") {
        None if kind == "unlock-request" => Err("a release without data".to_owned()),
        Some(Js::Number(lock)) => Ok(Some(Effect::LetsGo { lock: *lock, by })),
        _ => Ok(None),
    }
}

/// `FST.release`, which is not awaited.
fn free(ranges: &Js) -> Outcome {
    let Js::Array(ranges) = ranges else { return Err("ranges.forEach is not a function".to_owned()) };
    if ranges.len() > MANY_RANGES {
        return Err("ranges to be compared for ever".to_owned());
    }
    for range in ranges {
        let part = |name: &str| range.member(name).unwrap_or(&Js::Undefined);
        range.member("pageNr").ok_or("a range that is null")?;
        let (page, record, length) = (part("pageNr"), part("recordNr"), part("length"));
        let is_sound = page.is_whole(MAX_PAGE) && record.is_whole(65_535.0) && length.is_whole(65_536.0);
        if !is_sound || *length == Js::Number(0.0) {
            return Err("a range that is none goes into the file".to_owned());
        }
    }
    Ok(None)
}

fn leads_to_a_key(path: &Js) -> bool {
    let Some(path) = path.text() else { return false };
    let keys = path.replace('[', "/[");
    let last = keys.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    !last.is_empty() && !last.starts_with('[')
}
