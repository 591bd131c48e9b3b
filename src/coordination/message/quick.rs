//! The quick reading: of the messages that pass all the time, in the one form in which the published clients write
//! them.
//!
//! `JSON.stringify` leaves no choice: no white space, members in the order in which the code names them, whole numbers
//! as digits. So these messages are compared rather than parsed, and values are passed over. Whatever is otherwise, a
//! text with an escape among them, is `None` here and is read completely (`complete`), which a test holds to give the
//! same.

use std::borrow::Cow;

use super::{
    AnswerKind,
    cursor::Cursor,
    rules,
    said::{Answer, Ask, Grant, Message, Request, Said, WantedLock},
};

/// What a notification begins with.
const NOTIFICATION: &[u8; 31] = br#"{"type":"notification","from":""#;

/// Words of eight bytes in an id that acebase-core generates.
const ID_WORDS: usize = 3;

/// Whether this is news of this peer in their usual form: most of what passes. The id must be one that JSON writes as
/// it is.
#[inline]
pub(super) fn is_news(text: &[u8], from: &str) -> bool {
    let text = Cursor::new(text);
    let found = match text.eat(NOTIFICATION) {
        Some(cursor) => behind_id(cursor, from).and_then(notification),
        None => text.eat(br#"{"type":"event","from":""#).and_then(|cursor| event(behind_id(cursor, from)?)),
    };
    found.is_some()
}

/// Whether news are a notification.
#[inline]
pub(super) fn is_notification(news: &[u8]) -> bool {
    news.starts_with(NOTIFICATION)
}

#[inline(always)]
fn behind_id<'a>(cursor: Cursor<'a>, id: &str) -> Option<Cursor<'a>> {
    cursor.eat_all(id.as_bytes())?.eat(b"\"")
}

/// Reads a message in its usual form. `None`: it must be read completely.
#[inline]
pub(super) fn read(text: &[u8]) -> Option<Said<'_>> {
    let (kind, rest) = Cursor::new(text).eat(br#"{"type":""#)?.plain()?;
    match kind {
        b"notification" => news(rest, notification),
        b"event" => news(rest, event),
        b"lock-request" => request(rest, lock),
        b"unlock-request" => request(rest, unlock),
        b"lock-result" => answer(rest, AnswerKind::Lock),
        b"unlock-result" => answer(rest, AnswerKind::Unlock),
        _ => None,
    }
}

fn news<'a>(cursor: Cursor<'a>, told: impl FnOnce(Cursor<'a>) -> Option<()>) -> Option<Said<'a>> {
    let (from, cursor) = cursor.eat(br#","from":""#)?.plain()?;
    told(cursor)?;
    Some(Said { from: Cow::Borrowed(from), message: Message::News })
}

/// The rest of an event, behind its sender.
#[inline]
fn event(cursor: Cursor<'_>) -> Option<()> {
    let cursor = behind_addressee(cursor)?.eat(br#","path":""#)?.string()?;
    let cursor = match cursor.eat(br#","event":"value","data":{"path":""#) {
        Some(behind) => behind,
        None => cursor.eat(br#","event":""#)?.string()?.eat(br#","data":{"path":""#)?,
    };
    let cursor = cursor.string()?.optional(br#","val":"#)?.optional(br#","previous":"#)?;
    let cursor = match cursor.eat(br#","context":"#) {
        // An object, and nothing else.
        Some(context) => context.eat(b"{").and_then(|_| context.value())?,
        None => cursor,
    };
    cursor.ends_with(b"}}")
}

/// Goes on behind `to`, if it is there.
#[inline(always)]
fn behind_addressee(cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    match cursor.eat(br#","to":""#) {
        Some(addressee) => addressee.plain_of_about::<ID_WORDS>(),
        None => Some(cursor),
    }
}

/// The rest of a notification, behind its sender.
#[inline]
fn notification(cursor: Cursor<'_>) -> Option<()> {
    let cursor = cursor.eat(br#","data":{"type":""#)?;
    let cursor = if let Some(path) = cursor.eat(br#"cache.invalidate","path":""#) {
        path.string()?.optional(br#","recursive":"#)?.optional(br#","reason":"#)?
    } else {
        info(cursor.eat(br#"cache.update","info":{"path":""#)?)?
    };
    cursor.ends_with(b"}}")
}

/// The rest of what is told of a node, from its path on.
fn info(path: Cursor<'_>) -> Option<Cursor<'_>> {
    let cursor = path.string()?.optional(br#","type":"#)?.optional(br#","index":"#)?;
    let cursor = cursor.optional(br#","key":"#)?.optional(br#","exists":"#)?;
    let cursor = place(cursor.eat(br#","address":{"path":""#)?.string()?)?;
    cursor.optional(br#","value":"#)?.optional(br#","childCount":"#)?.eat(b"}")
}

/// The rest of an address, behind its path.
fn place(cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    let (page, cursor) = cursor.eat(br#","pageNr":"#)?.whole()?;
    let (record, cursor) = cursor.eat(br#","recordNr":"#)?.whole()?;
    rules::is_place(page, record).then_some(cursor.eat(b"}")?)
}

fn request<'a>(cursor: Cursor<'a>, ask: impl FnOnce(Cursor<'a>) -> Option<(Ask, Cursor<'a>)>) -> Option<Said<'a>> {
    let (id, cursor) = cursor.eat(br#","id":""#)?.plain().filter(|(id, _)| !id.is_empty())?;
    let (from, cursor) = cursor.eat(br#","from":""#)?.plain()?;
    let (ask, cursor) = ask(behind_addressee(cursor)?.eat(br#","data":{"#)?)?;
    cursor.ends_with(b"}}")?;
    let request = Request { id: owned(id)?, ask };
    Some(Said { from: Cow::Borrowed(from), message: Message::Request(request) })
}

fn lock(cursor: Cursor<'_>) -> Option<(Ask, Cursor<'_>)> {
    let (path, cursor) = cursor.eat(br#""path":""#)?.plain()?;
    let (tid, write, cursor) = transaction(cursor)?;
    let (comment, cursor) = comment(cursor)?;
    let wanted = WantedLock { path: owned(path)?, tid, write, comment: comment.unwrap_or_default() };
    Some((Ask::Lock(wanted), cursor))
}

/// `tid` and `write`, in either order.
fn transaction(cursor: Cursor<'_>) -> Option<(String, bool, Cursor<'_>)> {
    if let Some(cursor) = cursor.eat(br#","write":"#) {
        let (write, cursor) = flag(cursor)?;
        let (tid, cursor) = cursor.eat(br#","tid":""#)?.plain()?;
        return Some((owned(tid)?, write, cursor));
    }
    let (tid, cursor) = cursor.eat(br#","tid":""#)?.plain()?;
    let (write, cursor) = flag(cursor.eat(br#","write":"#)?)?;
    Some((owned(tid)?, write, cursor))
}

fn flag(cursor: Cursor<'_>) -> Option<(bool, Cursor<'_>)> {
    match cursor.eat(b"true") {
        Some(cursor) => Some((true, cursor)),
        None => Some((false, cursor.eat(b"false")?)),
    }
}

/// The comment, if there is one.
fn comment(cursor: Cursor<'_>) -> Option<(Option<String>, Cursor<'_>)> {
    let Some(comment) = cursor.eat(br#","comment":""#) else { return Some((None, cursor)) };
    let (comment, cursor) = comment.plain()?;
    Some((Some(owned(comment)?), cursor))
}

fn unlock(cursor: Cursor<'_>) -> Option<(Ask, Cursor<'_>)> {
    let (lock, cursor) = cursor.eat(br#""id":"#)?.whole()?;
    Some((Ask::Unlock { lock }, cursor))
}

/// An answer that all is well; reasons are rare.
fn answer(cursor: Cursor<'_>, kind: AnswerKind) -> Option<Said<'_>> {
    let (id, cursor) = cursor.eat(br#","id":""#)?.plain().filter(|(id, _)| !id.is_empty())?;
    let (from, cursor) = cursor.eat(br#","from":""#)?.plain()?;
    let (lock, cursor) = behind_addressee(cursor)?.eat(br#","ok":true,"data":{"id":"#)?.whole()?;
    let (grant, cursor) = match kind {
        AnswerKind::Lock => grant(cursor, lock).map(|(grant, cursor)| (Some(grant), cursor))?,
        _ => (None, cursor),
    };
    cursor.ends_with(b"}}")?;
    let answer =
        Answer { id: owned(id)?, kind, is_ok: true, grant, suits_key: true, denies_index: false, is_leaving: false };
    Some(Said { from: Cow::Borrowed(from), message: Message::Answer(answer) })
}

fn grant(cursor: Cursor<'_>, id: u64) -> Option<(Grant, Cursor<'_>)> {
    let (path, cursor) = cursor.eat(br#","path":""#)?.plain()?;
    let (tid, write, cursor) = transaction(cursor)?;
    let (expires, cursor) = match cursor.eat(br#","expires":"#) {
        Some(expires) => expires.whole().map(|(expires, cursor)| (Some(expires), cursor))?,
        None => (None, cursor),
    };
    let (comment, cursor) = comment(cursor)?;
    Some((Grant { id, path: Some(owned(path)?), tid: Some(tid), write, comment, expires }, cursor))
}

fn owned(text: &[u8]) -> Option<String> {
    std::str::from_utf8(text).ok().map(str::to_owned)
}
