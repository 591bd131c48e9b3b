//! AceBase's own messages: recognised by their first bytes, read as far as the hub needs, and written as AceBase writes them.
//!
//! Every published client serialises with `type` first, so `{"type":"<type>"` decides; whatever begins otherwise is not
//! AceBase's. Recognising costs no allocation and no parsing, for it is done for every message of a database.

use std::{
    borrow::Cow,
    fmt::{Display, Write},
};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::hub::coordinator::Lock;

/// The id of every master.
pub(super) const MASTER: &str = "[master]";

/// The name under which the hub itself asks masters for something. No client generates it.
pub(super) const HUB: &str = "acebase-ipc-server";

/// Characters in an id that acebase-core generates: a cuid without its first letter.
const ID_LENGTH: usize = 24;

/// What every AceBase message begins with.
const PREFIX: &[u8] = br#"{"type":""#;

/// Bytes in the longest type that is recognised, `move-lock-request`.
const LONGEST_TYPE: usize = 17;

/// What a message is, as far as the hub cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `notification`, `event`: what a peer tells as it goes along.
    News,
    /// `hello`, `subscribe`, `unsubscribe`: only a peer that takes part says so.
    Interest,
    /// `bye`
    Bye,
    /// A worker asks the master.
    Request(RequestKind),
    /// The master answers a worker.
    Answer(AnswerKind),
}

/// What a worker may ask of the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// `lock-request`
    Lock,
    /// `unlock-request`
    Unlock,
    /// `move-lock-request`
    Move,
    /// `request`: allocation, keys, indexes.
    Custom,
}

/// How the master answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerKind {
    /// `lock-result`, to requests and moves of locks.
    Lock,
    /// `unlock-result`, `result`
    Other,
}

impl Kind {
    /// Recognises a message by its first bytes.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let rest = body.strip_prefix(PREFIX)?;
        let end = rest.iter().take(LONGEST_TYPE + 1).position(|byte| *byte == b'"')?;
        Some(match &rest[..end] {
            b"notification" | b"event" => Self::News,
            b"hello" | b"subscribe" | b"unsubscribe" => Self::Interest,
            b"bye" => Self::Bye,
            b"lock-request" => Self::Request(RequestKind::Lock),
            b"unlock-request" => Self::Request(RequestKind::Unlock),
            b"move-lock-request" => Self::Request(RequestKind::Move),
            b"request" => Self::Request(RequestKind::Custom),
            b"lock-result" => Self::Answer(AnswerKind::Lock),
            b"unlock-result" | b"result" => Self::Answer(AnswerKind::Other),
            _ => return None,
        })
    }
}

/// Whether an id can only be an AceBase peer's: the master's, or of the form that acebase-core generates.
pub(super) fn is_acebase_id(id: &str) -> bool {
    let generated = || id.len() == ID_LENGTH && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z'));
    id == MASTER || generated()
}

/// The lock that a worker asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) path: String,
    pub(super) tid: String,
    pub(super) write: bool,
    pub(super) comment: String,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// A new lock.
    Lock(Wanted),
    /// That a lock be released.
    Unlock { lock: u64 },
    /// That a lock be moved to the parent of its path.
    Move { lock: u64 },
    /// That a key be added to the key index. The client does not handle this request's rejection: it would die of it.
    AddKey,
    /// Anything else.
    Custom,
}

/// A worker's request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) id: String,
    pub(super) ask: Ask,
}

/// A lock that a master granted, as far as its answer tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) id: u64,
    pub(super) path: Option<String>,
    pub(super) tid: Option<String>,
    pub(super) write: bool,
    pub(super) comment: Option<String>,
    /// In milliseconds since the Unix epoch.
    pub(super) expires: Option<u64>,
}

/// A master's answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The id of the request that it answers.
    pub(super) id: String,
    /// The lock that it grants, if it does.
    pub(super) grant: Option<Grant>,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    from: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(default)]
    ok: bool,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl<'a> Head<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    fn data<T: Deserialize<'a>>(&self) -> Option<T> {
        serde_json::from_str(self.data?.get()).ok()
    }
}

#[derive(Deserialize)]
struct LockData<'a> {
    id: Option<u64>,
    path: Option<String>,
    #[serde(borrow)]
    tid: Option<&'a RawValue>,
    #[serde(default)]
    write: bool,
    comment: Option<String>,
    expires: Option<f64>,
}

impl LockData<'_> {
    /// The transaction id; a debugging build of AceBase numbers its transactions.
    fn tid(&self) -> Option<String> {
        let text = self.tid?.get();
        Some(serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()))
    }
}

#[derive(Deserialize)]
struct CustomData<'a> {
    #[serde(borrow, default)]
    r#type: Cow<'a, str>,
}

/// Whom a message names as its sender, if it can be read.
pub(super) fn sender(body: &[u8]) -> Option<Cow<'_, str>> {
    Head::read(body).map(|head| head.from)
}

/// Reads a request that `from` sent. `None`: it cannot be read, or names another sender.
pub(super) fn read_request(kind: RequestKind, body: &[u8], from: &str) -> Option<Request> {
    let head = Head::read(body).filter(|head| head.from == from && !head.id.is_empty())?;
    let lock_id = || head.data::<LockData<'_>>()?.id;
    let ask = match kind {
        RequestKind::Lock => Ask::Lock(read_wanted(head.data()?)),
        RequestKind::Unlock => Ask::Unlock { lock: lock_id()? },
        RequestKind::Move => Ask::Move { lock: lock_id()? },
        RequestKind::Custom => match head.data::<CustomData<'_>>() {
            Some(data) if data.r#type == "kit.add" => Ask::AddKey,
            _ => Ask::Custom,
        },
    };
    Some(Request { id: head.id.into_owned(), ask })
}

fn read_wanted(data: LockData<'_>) -> Wanted {
    Wanted {
        tid: data.tid().unwrap_or_default(),
        path: data.path.unwrap_or_default(),
        write: data.write,
        comment: data.comment.unwrap_or_default(),
    }
}

/// Reads a master's answer. `None`: it cannot be read, or names another sender.
pub(super) fn read_answer(kind: AnswerKind, body: &[u8]) -> Option<Answer> {
    let head = Head::read(body).filter(|head| head.from == MASTER && !head.id.is_empty())?;
    let grant = match kind {
        AnswerKind::Lock if head.ok => head.data().and_then(read_grant),
        _ => None,
    };
    Some(Answer { id: head.id.into_owned(), grant })
}

fn read_grant(data: LockData<'_>) -> Option<Grant> {
    Some(Grant {
        id: data.id?,
        tid: data.tid(),
        path: data.path,
        write: data.write,
        comment: data.comment,
        // A lock timeout of a fraction of a second gives a fraction of a millisecond; the cast saturates.
        expires: data.expires.map(|expires| expires as u64),
    })
}

/// The parent of a database path, as acebase-core's `PathInfo` has it, except that the root's parent is the root.
pub(super) fn parent_path(path: &str) -> &str {
    path.rfind(['/', '[']).map_or("", |end| &path[..end])
}

/// Makes the receiver answer `from` with its own hello and its subscriptions: an AceBase peer does so when `to` is not itself.
pub(super) fn hello(from: &str) -> Bytes {
    object("hello").text("from", from).end()
}

/// Makes a master add `mark` to the peers that it knows, without a reply.
pub(super) fn mark_hello(mark: &str) -> Bytes {
    object("hello").text("from", mark).text("to", MASTER).end()
}

/// The hub's own words for "this peer is gone"; a master that knows the peer says `bye` for it.
pub(super) fn disconnected(peer: &str) -> Bytes {
    Bytes::from(format!("disconnect:{peer}"))
}

/// Makes the receiver forget what it has cached, because what `from` told while its connection broke may be lost.
pub(super) fn invalidate_cache(from: &str) -> Bytes {
    let data = r#"{"type":"cache.invalidate","path":"","recursive":true,"reason":"ipc_resume"}"#;
    object("notification").text("from", from).raw("data", data).end()
}

/// The hub asks a master to release a lock. The answer comes to [`HUB`].
pub(super) fn unlock_request(id: &str, lock: impl Display) -> Bytes {
    let data = format!(r#"{{"id":{lock}}}"#);
    object("unlock-request").text("id", id).text("from", HUB).text("to", MASTER).raw("data", &data).end()
}

/// A lock is released, on the master's behalf.
pub(super) fn unlocked(worker: &str, id: &str, lock: u64) -> Bytes {
    let data = format!(r#"{{"id":{lock}}}"#);
    lock_answer("unlock-result", worker, id).raw("ok", "true").raw("data", &data).end()
}

/// A lock is granted, on the master's behalf.
pub(super) fn granted(worker: &str, id: &str, lock: &Lock) -> Bytes {
    let number = |number: Option<u64>| number.map_or_else(|| "null".to_owned(), |number| number.to_string());
    let data = Object(format!(r#"{{"id":{}"#, number(lock.id)))
        .text("path", &lock.path)
        .text("tid", &lock.tid)
        .raw("write", if lock.write { "true" } else { "false" })
        .raw("expires", &number(lock.expires))
        .text("comment", &lock.comment)
        .0;
    lock_answer("lock-result", worker, id).raw("ok", "true").raw("data", &(data + "}")).end()
}

/// A request has failed, on the master's behalf, in the way that its client can bear.
pub(super) fn failed(worker: &str, id: &str, ask: &Ask, reason: &str) -> Bytes {
    match ask {
        Ask::Lock(_) | Ask::Move { .. } => {
            lock_answer("lock-result", worker, id).raw("ok", "false").text("reason", reason).end()
        }
        // A client does not handle a failed release; and a lock is gone with its master.
        Ask::Unlock { lock } => unlocked(worker, id, *lock),
        Ask::AddKey => {
            let data = format!(r#"{{"ok":false,"reason":{}}}"#, quoted(reason));
            let object = object("result").text("id", id).raw("ok", "true");
            object.text("from", MASTER).text("to", worker).raw("data", &data).end()
        }
        Ask::Custom => {
            let object = object("result").text("id", id).raw("ok", "false");
            object.text("from", MASTER).text("to", worker).text("reason", reason).end()
        }
    }
}

fn lock_answer(kind: &str, worker: &str, id: &str) -> Object {
    object(kind).text("id", id).text("from", MASTER).text("to", worker)
}

/// A JSON object in the making. Members keep their order: AceBase messages are recognised by their first.
struct Object(String);

fn object(kind: &str) -> Object {
    Object(format!(r#"{{"type":"{kind}""#))
}

impl Object {
    fn text(self, name: &str, value: &str) -> Self {
        let value = quoted(value);
        self.member(name, value)
    }

    fn raw(self, name: &str, value: &str) -> Self {
        self.member(name, value)
    }

    fn member(mut self, name: &str, value: impl Display) -> Self {
        // Writing to a string cannot fail.
        let _ = write!(self.0, r#","{name}":{value}"#);
        self
    }

    fn end(mut self) -> Bytes {
        self.0.push('}');
        Bytes::from(self.0)
    }
}

fn quoted(text: &str) -> serde_json::Value {
    serde_json::Value::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::coordinator::LockState;

    const WORKER: &str = "l8x0k2vq0000abcdef012345";

    #[test]
    fn only_the_published_key_order_is_recognised() {
        assert_eq!(Kind::of(br#"{"type":"notification","from":"x"}"#), Some(Kind::News));
        assert_eq!(Kind::of(br#"{"type":"hello"}"#), Some(Kind::Interest));
        assert_eq!(Kind::of(br#"{"type":"move-lock-request","#), Some(Kind::Request(RequestKind::Move)));
        assert_eq!(Kind::of(br#"{"type":"unlock-result","#), Some(Kind::Answer(AnswerKind::Other)));
        for other in ["", "{", "hello", r#"{"type":"#, r#"{"type":"hello"#, r#"{"type":"hellohellohellohellohello"}"#] {
            assert_eq!(Kind::of(other.as_bytes()), None, "{other}");
        }
        assert_eq!(Kind::of(br#"{ "type":"hello"}"#), None);
        assert_eq!(Kind::of(br#"{"from":"x","type":"hello"}"#), None);
    }

    #[test]
    fn ids_of_acebase_are_known_by_their_form() {
        assert!(is_acebase_id(MASTER));
        assert!(is_acebase_id(WORKER));
        for other in ["", "worker", "[master]x", "L8x0k2vq0000abcdef012345", "l8x0k2vq0000abcdef0123456"] {
            assert!(!is_acebase_id(other), "{other}");
        }
    }

    #[test]
    fn requests_are_read_as_clients_write_them() {
        let text = r#"{"type":"lock-request","id":"r1","from":"w","to":"[master]","data":{"path":"a/b","tid":"t","write":true,"comment":"\"x\""}}"#;
        let request = read_request(RequestKind::Lock, text.as_bytes(), "w").unwrap();
        let wanted = Wanted { path: "a/b".into(), tid: "t".into(), write: true, comment: "\"x\"".into() };
        assert_eq!(request, Request { id: "r1".into(), ask: Ask::Lock(wanted) });

        let text = r#"{"type":"unlock-request","id":"r2","from":"w","to":"[master]","data":{"id":7}}"#;
        let request = read_request(RequestKind::Unlock, text.as_bytes(), "w").unwrap();
        assert_eq!(request, Request { id: "r2".into(), ask: Ask::Unlock { lock: 7 } });

        let text = r#"{"type":"request","from":"w","to":"[master]","id":"r3","data":{"type":"kit.add","key":"name"}}"#;
        assert_eq!(read_request(RequestKind::Custom, text.as_bytes(), "w").unwrap().ask, Ask::AddKey);
    }

    #[test]
    fn what_cannot_be_read_or_names_another_sender_is_no_request() {
        for text in [
            r#"{"type":"lock-request","id":"r1","from":"w""#,
            r#"{"type":"lock-request","id":"r1","from":"other","data":{}}"#,
            r#"{"type":"lock-request","id":7,"from":"w","data":{}}"#,
            r#"{"type":"lock-request","from":"w","data":{}}"#,
            r#"{"type":"lock-request","id":"r1","from":"w"}"#,
            r#"{"type":"lock-request","id":"r1","from":"w","data":{"path":7}}"#,
        ] {
            assert_eq!(read_request(RequestKind::Lock, text.as_bytes(), "w"), None, "{text}");
        }
        let text = r#"{"type":"unlock-request","id":"r1","from":"w","data":{"id":"seven"}}"#;
        assert_eq!(read_request(RequestKind::Unlock, text.as_bytes(), "w"), None);
    }

    #[test]
    fn answers_are_read_as_masters_write_them() {
        let text = r#"{"type":"lock-result","id":"r1","from":"[master]","to":"w","ok":true,"data":{"id":3,"path":null,"tid":5,"write":false,"expires":1700000000000.5,"comment":"c"}}"#;
        let grant = read_answer(AnswerKind::Lock, text.as_bytes()).unwrap().grant.unwrap();
        assert_eq!((grant.id, grant.path, grant.tid.as_deref()), (3, None, Some("5")));
        assert_eq!(grant.expires, Some(1_700_000_000_000));

        let text = r#"{"type":"lock-result","id":"r1","from":"[master]","to":"w","ok":false,"reason":"no"}"#;
        assert_eq!(read_answer(AnswerKind::Lock, text.as_bytes()), Some(Answer { id: "r1".into(), grant: None }));
    }

    #[test]
    fn paths_have_the_parents_that_acebase_gives_them() {
        for (path, parent) in [("a/b/c", "a/b"), ("a/b[3]", "a/b"), ("a[3]/b", "a[3]"), ("a", ""), ("", "")] {
            assert_eq!(parent_path(path), parent, "{path}");
        }
    }

    #[test]
    fn messages_are_written_as_acebase_writes_them() {
        assert_eq!(hello("x\""), r#"{"type":"hello","from":"x\""}"#);
        assert_eq!(mark_hello("m"), r#"{"type":"hello","from":"m","to":"[master]"}"#);
        assert_eq!(
            invalidate_cache("x"),
            r#"{"type":"notification","from":"x","data":{"type":"cache.invalidate","path":"","recursive":true,"reason":"ipc_resume"}}"#
        );
        assert_eq!(
            unlock_request("u", -1),
            r#"{"type":"unlock-request","id":"u","from":"acebase-ipc-server","to":"[master]","data":{"id":-1}}"#
        );
        let lock = Lock {
            id: Some(4),
            peer: "w".into(),
            path: "a".into(),
            tid: "t".into(),
            write: true,
            comment: "c".into(),
            state: LockState::Held,
            since: 0,
            expires: Some(9),
        };
        assert_eq!(
            granted("w", "r", &lock),
            r#"{"type":"lock-result","id":"r","from":"[master]","to":"w","ok":true,"data":{"id":4,"path":"a","tid":"t","write":true,"expires":9,"comment":"c"}}"#
        );
    }

    #[test]
    fn each_request_fails_in_the_way_that_its_client_can_bear() {
        assert_eq!(
            failed("w", "r", &Ask::Move { lock: 1 }, "no"),
            r#"{"type":"lock-result","id":"r","from":"[master]","to":"w","ok":false,"reason":"no"}"#
        );
        assert_eq!(
            failed("w", "r", &Ask::Unlock { lock: 1 }, "no"),
            r#"{"type":"unlock-result","id":"r","from":"[master]","to":"w","ok":true,"data":{"id":1}}"#
        );
        assert_eq!(
            failed("w", "r", &Ask::AddKey, "no"),
            r#"{"type":"result","id":"r","ok":true,"from":"[master]","to":"w","data":{"ok":false,"reason":"no"}}"#
        );
        assert_eq!(
            failed("w", "r", &Ask::Custom, "no"),
            r#"{"type":"result","id":"r","ok":false,"from":"[master]","to":"w","reason":"no"}"#
        );
    }
}
