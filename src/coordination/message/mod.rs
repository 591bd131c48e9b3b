//! AceBase's own messages: recognised, read as far as the hub needs, judged by what their receivers can take, and
//! written as AceBase writes them.
//!
//! Every message of a database is read, for one that its receivers cannot take would end their processes. Those that
//! pass all the time are written in one way only by all published clients, and take `quick`; all else takes `complete`.
//! `rules` is the table of what must be there and why.

mod complete;
mod cursor;
mod failure;
mod own;
mod places;
mod quick;
mod rules;
mod said;
mod scan;
mod value;
mod words;
mod write;

pub use self::{
    failure::Failure,
    own::{OwnRequest, own_release},
    said::{Answer, Ask, Due, Fault, Grant, Message, Place, Reading, RefusalForm, Request, Said, Unsound, WantedLock},
    words::{
        AnswerKind, HUB, MASTER, NO_SUCH_LOCK, first_own_lock, is_acebase_id, is_own_id, is_own_lock, parent_path,
        resembles_acebase,
    },
    write::{
        disconnected, failed, fence_request, granted, hello, hold_request, index_challenge, invalidate_cache,
        mark_hello, refused, unlock_request, unlocked,
    },
};

use words::{NOTICES, PONG};

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

/// Whether this is news of this peer, in order and in their usual form: most of what passes. The peer's id must be of
/// AceBase's form.
#[inline]
pub fn is_usual_news(text: &[u8], from: &str) -> bool {
    quick::is_news(text, from)
}

/// Whether usual news are a notification: of what its receiver's cache of addresses has, and needs before it may write.
/// The others are events.
#[inline]
pub fn is_notification(news: &[u8]) -> bool {
    quick::is_notification(news)
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

/// Whether a text is a master's answer to somebody.
pub fn is_answer(text: &[u8]) -> bool {
    matches!(read(text), Reading::Sound(Said { message: Message::Answer(_), .. }))
}

#[cfg(test)]
mod tests;
