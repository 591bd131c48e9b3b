//! Reading: what a message says, as far as the hub must know. Strings are borrowed until they have to be kept.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{AnswerKind, MASTER, RequestKind};

/// The lock that a worker asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The database path, without a leading slash.
    pub path: String,
    /// The transaction: its own locks do not conflict.
    pub tid: String,
    /// A write lock (else a read lock).
    pub write: bool,
    /// The client's own words on what it is for.
    pub comment: String,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A new lock.
    Lock(Wanted),
    /// That a lock be released.
    Unlock {
        /// The master's number for it.
        lock: u64,
    },
    /// That a lock be moved to the parent of its path.
    Move {
        /// The master's number for it.
        lock: u64,
    },
    /// That a key be added to the key index. The client does not handle this request's rejection: it would die of it.
    AddKey,
    /// That space be freed. Freed twice it would be given away twice; not freed it is merely lost. Nor does the client handle
    /// this request's rejection.
    Free,
    /// Anything else.
    Custom,
}

impl Ask {
    /// The master needs its tables of keys, of free space or of indexes for it.
    pub fn needs_tables(&self) -> bool {
        matches!(self, Self::AddKey | Self::Free | Self::Custom)
    }
}

/// A worker's request.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The worker's id for it, which the answer repeats. Never empty.
    pub id: String,
    /// What it asks for.
    pub ask: Ask,
}

/// A lock that a master granted, as far as its answer tells.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant {
    /// The master's number for it.
    pub id: u64,
    /// The database path, without a leading slash.
    pub path: Option<String>,
    /// The transaction that it belongs to.
    pub tid: Option<String>,
    /// A write lock (else a read lock).
    pub write: bool,
    /// The client's own words on what it is for.
    pub comment: Option<String>,
    /// In milliseconds since the Unix epoch.
    pub expires: Option<u64>,
}

/// A master's answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The id of the request that it answers.
    pub id: String,
    /// The lock that it grants, if it does.
    pub grant: Option<Grant>,
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
pub fn sender(body: &[u8]) -> Option<Cow<'_, str>> {
    Head::read(body).map(|head| head.from)
}

/// Reads a request that `from` sent. `None`: it cannot be read, or names another sender.
pub fn read_request(kind: RequestKind, body: &[u8], from: &str) -> Option<Request> {
    let head = Head::read(body).filter(|head| head.from == from && !head.id.is_empty())?;
    let lock_id = || head.data::<LockData<'_>>()?.id;
    let ask = match kind {
        RequestKind::Lock => Ask::Lock(read_wanted(head.data()?)),
        RequestKind::Unlock => Ask::Unlock { lock: lock_id()? },
        RequestKind::Move => Ask::Move { lock: lock_id()? },
        RequestKind::Custom => match head.data::<CustomData<'_>>() {
            Some(data) if data.r#type == "kit.add" => Ask::AddKey,
            Some(data) if data.r#type == "fst.release" => Ask::Free,
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
pub fn read_answer(kind: AnswerKind, body: &[u8]) -> Option<Answer> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
