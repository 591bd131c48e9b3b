//! AceBase's own messages: recognised, read as far as the hub needs, judged by what their receivers can take, and written as
//! AceBase writes them.
//!
//! Every message of a database is read, for one that its receivers cannot take would end their processes. Those that pass all the
//! time are written in one way only by all published clients, and take `quick`; all else takes `complete`. `rules` is the
//! table of what must be there and why.

mod complete;
mod cursor;
mod quick;
mod rules;
mod said;
mod write;

pub use self::{
    said::{Answer, Ask, Due, Fault, Grant, Message, Reading, RefusalForm, Request, Said, Unsound, Wanted},
    write::{
        disconnected, failed, granted, hello, hold_request, index_question, invalidate_cache, mark_hello, refused,
        unlock_request, unlocked,
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

/// What every message of the published clients begins with.
const PREFIX: &[u8] = br#"{"type":""#;

/// The types of messages that clients know.
const KINDS: [&str; 13] = [
    "notification",
    "event",
    "lock-request",
    "unlock-request",
    "lock-result",
    "unlock-result",
    "request",
    "result",
    "move-lock-request",
    "hello",
    "bye",
    "subscribe",
    "unsubscribe",
];

/// The hub's own words, as they begin.
const NOTICES: [&[u8]; 4] = [b"welcome:", b"connect:", b"disconnect:", b"get:"];

/// The hub's own word for "I am here".
const PONG: &[u8] = b"pong";

/// How the master answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// `lock-result`, to requests and moves of locks.
    Lock,
    /// `unlock-result`
    Unlock,
    /// `result`
    Custom,
}

/// Reads a text. Whether its sender may say so is another question.
#[inline]
pub fn read(text: &[u8]) -> Reading<'_> {
    match text.first() {
        Some(b'{') => match quick::read(text) {
            Some(said) => Reading::Sound(said),
            None => complete::read(text),
        },
        _ if text == PONG || NOTICES.iter().any(|notice| text.starts_with(notice)) => Reading::Notice,
        _ => Reading::Ignored,
    }
}

/// Whether this is news of this peer, in order and in their usual form: most of what passes. The peer's id must be of AceBase's form.
#[inline]
pub fn is_usual_news(text: &[u8], from: &str) -> bool {
    quick::is_news(text, from)
}

/// Reads a text without the quick way. What the quick way takes, it takes in the same meaning.
#[cfg(any(test, feature = "model"))]
pub fn read_completely(text: &[u8]) -> Reading<'_> {
    if text.starts_with(b"{") { complete::read(text) } else { read(text) }
}

/// Whether the quick way takes a text.
#[cfg(any(test, feature = "model"))]
pub fn is_usual(text: &[u8]) -> bool {
    quick::read(text).is_some()
}

/// Whether a text begins as a message of the published clients. It costs next to nothing to ask.
pub fn resembles_acebase(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(PREFIX) else { return false };
    KINDS.iter().any(|kind| rest.strip_prefix(kind.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'"')))
}

/// Whether a text is a master's answer to somebody.
pub fn is_answer(text: &[u8]) -> bool {
    matches!(read(text), Reading::Sound(Said { message: Message::Answer(_), .. }))
}

/// Whether an id can only be an AceBase peer's: the master's, or of the form that acebase-core generates.
pub fn is_acebase_id(id: &str) -> bool {
    // All bytes, also behind a wrong one: a fixed number of them is looked at all at once.
    let generated = |id: &[u8; ID_LENGTH]| {
        id.iter().fold(true, |good, byte| good & (byte.is_ascii_digit() | byte.is_ascii_lowercase()))
    };
    <&[u8; ID_LENGTH]>::try_from(id.as_bytes()).is_ok_and(generated) || id == MASTER
}

/// Whether an id is one of those under which the hub itself speaks.
pub fn is_own_id(id: &str) -> bool {
    id.starts_with(HUB)
}

/// The parent of a database path, as acebase-core's `PathInfo` has it, except that the root's parent is the root.
pub fn parent_path(path: &str) -> &str {
    path.rfind(['/', '[']).map_or("", |end| &path[..end])
}

#[cfg(test)]
mod tests;
