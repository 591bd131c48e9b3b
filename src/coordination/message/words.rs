//! The words of AceBase's messages: ids, types, and how they are recognised.

/// The id of every master.
pub const MASTER: &str = "[master]";

/// The name under which the hub itself requests something of masters. No client generates it.
pub const HUB: &str = "acebase-ipc-server";

/// The number of a lock that no master ever grants.
pub const NO_SUCH_LOCK: i8 = -1;

/// The lowest number of a lock that the hub grants itself: no master counts so far. All are whole numbers of
/// JavaScript.
const FIRST_OWN_LOCK: u64 = 1 << 52;

/// Numbers for locks that the hub may grant in a millisecond: far more than it can.
const OWN_LOCKS_EACH_MS: u64 = 1 << 10;

/// Characters in an id that acebase-core generates: a cuid without its first letter.
const ID_LENGTH: usize = 24;

/// What every message of the published clients begins with.
const PREFIX: &[u8] = br#"{"type":""#;

/// The types of messages that clients know.
pub(super) const KINDS: [&str; 13] = [
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
pub(super) const NOTICES: [&[u8]; 4] = [b"welcome:", b"connect:", b"disconnect:", b"get:"];

/// The hub's own word for "I am here".
pub(super) const PONG: &[u8] = b"pong";

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

/// Whether a text begins as a message of the published clients. It costs next to nothing to ask.
pub fn resembles_acebase(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(PREFIX) else { return false };
    KINDS.iter().any(|kind| rest.strip_prefix(kind.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'"')))
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

/// Whether a lock of this number was granted by a hub, and no master.
pub fn is_own_lock(id: u64) -> bool {
    id >= FIRST_OWN_LOCK
}

/// The first number for the locks of a hub that begins at this time. No hub that began before has come so far, so that
/// each lock has a number of its own also where a hub has crashed.
pub fn first_own_lock(epoch_ms: u64) -> u64 {
    FIRST_OWN_LOCK + epoch_ms % (FIRST_OWN_LOCK / OWN_LOCKS_EACH_MS) * OWN_LOCKS_EACH_MS
}

/// The parent of a database path, as acebase-core's `PathInfo` has it, except that the root's parent is the root.
pub fn parent_path(path: &str) -> &str {
    path.rfind(['/', '[']).map_or("", |end| &path[..end])
}
