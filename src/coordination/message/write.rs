//! Writing: what the hub says in the name of peers and masters, with the members in the order in which AceBase has
//! them.

use std::fmt::{Display, Write};

use bytes::Bytes;

use super::{Ask, HUB, MASTER, OwnRequest, RefusalForm};
use crate::acebase::Lock;

/// Makes the receiver answer `from` with its own hello and its subscriptions: an AceBase peer does so when `to` is not
/// itself.
pub fn hello(from: &str) -> Bytes {
    object("hello").text("from", from).end()
}

/// Makes a master add `mark` to the peers that it knows, without a reply.
pub fn mark_hello(mark: &str) -> Bytes {
    object("hello").text("from", mark).text("to", MASTER).end()
}

/// The hub's own words for "this peer is gone"; a master that knows the peer says `bye` for it.
pub fn disconnected(peer: &str) -> Bytes {
    Bytes::from(format!("disconnect:{peer}"))
}

/// Makes the receiver forget what it has cached, because what `from` told while its connection broke may be lost.
pub fn invalidate_cache(from: &str) -> Bytes {
    let data = r#"{"type":"cache.invalidate","path":"","recursive":true,"reason":"ipc_resume"}"#;
    object("notification").text("from", from).raw("data", data).end()
}

/// The hub requests of a master that it release a lock. The answer comes to [`HUB`].
pub fn unlock_request(id: impl Display, lock: impl Display) -> Bytes {
    let data = format!(r#"{{"id":{lock}}}"#);
    object("unlock-request").text("id", &id.to_string()).text("from", HUB).text("to", MASTER).raw("data", &data).end()
}

/// The hub requests of a master the lock that keeps it from writing: AceBase has one writer at a time,
/// whatever the path.
pub fn hold_request() -> Bytes {
    own_lock_request(OwnRequest::Hold, HUB, true, "another master is still connected (acebase-ipc-server)")
}

/// The hub requests of a master a lock by the name of a transaction that has one of a former master.
pub fn fence_request(number: u64, tid: &str, write: bool) -> Bytes {
    own_lock_request(
        OwnRequest::Fence(number),
        tid,
        write,
        "a former master's lock is not returned (acebase-ipc-server)",
    )
}

/// The answer comes to [`HUB`].
fn own_lock_request(id: OwnRequest, tid: &str, write: bool, comment: &str) -> Bytes {
    let data = format!(r#"{{"path":"","tid":{},"write":{write},"comment":{}}}"#, quoted(tid), quoted(comment));
    object("lock-request").text("id", &id.to_string()).text("from", HUB).text("to", MASTER).raw("data", &data).end()
}

/// The hub challenges a master to say whether it has an index: it is told of a change that is none. The answer comes to
/// [`HUB`].
pub fn index_challenge(id: impl Display, file_name: &str) -> Bytes {
    let data = format!(
        r#"{{"type":"index.update","fileName":{},"path":"","oldValue":null,"newValue":null}}"#,
        quoted(file_name)
    );
    object("request").text("from", HUB).text("to", MASTER).text("id", &id.to_string()).raw("data", &data).end()
}

/// A lock is released, on the master's behalf.
pub fn unlocked(worker: &str, id: &str, lock: u64) -> Bytes {
    let data = format!(r#"{{"id":{lock}}}"#);
    lock_answer("unlock-result", worker, id).raw("ok", "true").raw("data", &data).end()
}

/// A lock is granted, on the master's behalf.
pub fn granted(worker: &str, id: &str, lock: &Lock) -> Bytes {
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
pub fn failed(worker: &str, id: &str, ask: &Ask, reason: impl Display) -> Bytes {
    match ask {
        Ask::Lock(_) | Ask::Move { .. } => {
            lock_answer("lock-result", worker, id).raw("ok", "false").text("reason", &reason.to_string()).end()
        }
        // A client does not handle a failed release; and a lock is gone with its master.
        Ask::Unlock { lock } => unlocked(worker, id, *lock),
        Ask::AddKey | Ask::Free => refused_by_master(worker, id, &reason.to_string()),
        Ask::Allocate | Ask::CreateIndex | Ask::Custom => {
            let object = object("result").text("id", id).raw("ok", "false");
            object.text("from", MASTER).text("to", worker).text("reason", &reason.to_string()).end()
        }
    }
}

/// A request is refused for what it is, on the master's behalf, in the way that its client can bear.
pub fn refused(worker: &str, id: &str, form: RefusalForm, reason: impl Display) -> Bytes {
    let reason = &reason.to_string();
    let kind = match form {
        RefusalForm::Lock => "lock-result",
        RefusalForm::Unlock => "unlock-result",
        RefusalForm::ByMaster => return refused_by_master(worker, id, reason),
        RefusalForm::Custom => "result",
    };
    lock_answer(kind, worker, id).raw("ok", "false").text("reason", reason).end()
}

/// As masters refuse: the request has been dealt with, and nothing came of it.
fn refused_by_master(worker: &str, id: &str, reason: &str) -> Bytes {
    let data = format!(r#"{{"ok":false,"reason":{}}}"#, quoted(reason));
    object("result").text("id", id).raw("ok", "true").text("from", MASTER).text("to", worker).raw("data", &data).end()
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
    use crate::acebase::LockState;

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
        assert_eq!(
            hold_request(),
            r#"{"type":"lock-request","id":"hold","from":"acebase-ipc-server","to":"[master]","data":{"path":"","tid":"acebase-ipc-server","write":true,"comment":"another master is still connected (acebase-ipc-server)"}}"#
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
            passed: 0,
            has_expired: false,
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
