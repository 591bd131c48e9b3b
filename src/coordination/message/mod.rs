//! AceBase's own messages: recognised by their first bytes, read as far as the hub needs, and written as AceBase writes them.
//!
//! Every published client serialises with `type` first, so `{"type":"<type>"` decides; whatever begins otherwise is not
//! AceBase's. Recognising costs no allocation and no parsing, for it is done for every message of a database.

mod read;
mod write;

pub use self::{
    read::{Answer, Ask, Grant, Request, Wanted, read_answer, read_request, sender},
    write::{
        disconnected, failed, granted, hello, hold_request, invalidate_cache, mark_hello, unlock_request, unlocked,
    },
};

/// The id of every master.
pub const MASTER: &str = "[master]";

/// The name under which the hub itself asks masters for something. No client generates it.
pub const HUB: &str = "acebase-ipc-server";

/// The number of a lock that no master ever grants.
pub const NO_SUCH_LOCK: i8 = -1;

/// Characters in an id that acebase-core generates: a cuid without its first letter.
const ID_LENGTH: usize = 24;

/// What every AceBase message begins with.
const PREFIX: &[u8] = br#"{"type":""#;

/// Bytes in the longest type that is recognised, `move-lock-request`.
const LONGEST_TYPE: usize = 17;

/// What a message is, as far as the hub cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
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
pub enum RequestKind {
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
pub enum AnswerKind {
    /// `lock-result`, to requests and moves of locks.
    Lock,
    /// `unlock-result`, `result`
    Other,
}

impl Kind {
    /// Recognises a message by its first bytes.
    pub fn of(body: &[u8]) -> Option<Self> {
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
pub fn is_acebase_id(id: &str) -> bool {
    // All bytes, also behind a wrong one: a fixed number of them is looked at all at once.
    let generated = |id: &[u8; ID_LENGTH]| {
        id.iter().fold(true, |good, byte| good & (byte.is_ascii_digit() | byte.is_ascii_lowercase()))
    };
    <&[u8; ID_LENGTH]>::try_from(id.as_bytes()).is_ok_and(generated) || id == MASTER
}

/// The parent of a database path, as acebase-core's `PathInfo` has it, except that the root's parent is the root.
pub fn parent_path(path: &str) -> &str {
    path.rfind(['/', '[']).map_or("", |end| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn paths_have_the_parents_that_acebase_gives_them() {
        for (path, parent) in [("a/b/c", "a/b"), ("a/b[3]", "a/b"), ("a[3]/b", "a[3]"), ("a", ""), ("", "")] {
            assert_eq!(parent_path(path), parent, "{path}");
        }
    }
}
