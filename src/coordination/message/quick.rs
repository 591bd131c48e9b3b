//! The quick reading: of the messages that pass all the time, in the one form in which the published clients write them.
//!
//! `JSON.stringify` leaves no choice: no white space, members in the order in which the code names them, whole numbers as digits. So
//! these messages are compared rather than parsed, and values are passed over. Whatever is otherwise, a text with an escape
//! among them, is `None` here and is read completely (`complete`), which a test holds to give the same.

use std::borrow::Cow;

use super::{
    AnswerKind,
    cursor::Cursor,
    rules,
    said::{Answer, Ask, Grant, Message, Request, Said, Wanted},
};

/// Whether this is news of this peer in their usual form: most of what passes. The id must be one that JSON writes as it is.
#[inline]
pub(super) fn is_news(text: &[u8], from: &str) -> bool {
    let mut cursor = Cursor::new(text);
    let is_sender = |cursor: &mut Cursor<'_>| {
        cursor.eat(from.as_bytes())?;
        cursor.eat(b"\"")
    };
    let found = if cursor.has(br#"{"type":"notification","from":""#) {
        is_sender(&mut cursor).and_then(|()| notification(cursor))
    } else if cursor.has(br#"{"type":"event","from":""#) {
        is_sender(&mut cursor).and_then(|()| event(cursor))
    } else {
        None
    };
    found.is_some()
}

/// Reads a message in its usual form. `None`: it must be read completely.
#[inline]
pub(super) fn read(text: &[u8]) -> Option<Said<'_>> {
    let mut cursor = Cursor::new(text);
    cursor.eat(br#"{"type":""#)?;
    match cursor.plain()? {
        b"notification" => news(cursor, notification),
        b"event" => news(cursor, event),
        b"lock-request" => request(cursor, lock),
        b"unlock-request" => request(cursor, unlock),
        b"lock-result" => answer(cursor, AnswerKind::Lock),
        b"unlock-result" => answer(cursor, AnswerKind::Unlock),
        _ => None,
    }
}

fn news<'a>(mut cursor: Cursor<'a>, rest: impl FnOnce(Cursor<'a>) -> Option<()>) -> Option<Said<'a>> {
    let from = named(&mut cursor, br#","from":""#)?;
    rest(cursor)?;
    Some(Said { from, message: Message::News })
}

/// The rest of an event, behind its sender.
#[inline]
fn event(mut cursor: Cursor<'_>) -> Option<()> {
    if cursor.has(br#","to":""#) {
        cursor.plain()?;
    }
    cursor.eat(br#","path":""#)?;
    cursor.string()?;
    cursor.eat(br#","event":""#)?;
    cursor.plain()?;
    cursor.eat(br#","data":{"path":""#)?;
    cursor.string()?;
    if cursor.has(br#","val":"#) {
        cursor.value()?;
    }
    if cursor.has(br#","previous":"#) {
        cursor.value()?;
    }
    if cursor.has(br#","context":{"#) && !cursor.has(b"}") {
        rest_of_object(&mut cursor)?;
    }
    cursor.ends_with(b"}}")
}

/// The rest of an object that is not empty, behind its brace.
fn rest_of_object(cursor: &mut Cursor<'_>) -> Option<()> {
    loop {
        cursor.eat(b"\"")?;
        cursor.string()?;
        cursor.eat(b":")?;
        cursor.value()?;
        if !cursor.has(b",") {
            return cursor.eat(b"}");
        }
    }
}

/// The rest of a notification, behind its sender.
#[inline]
fn notification(mut cursor: Cursor<'_>) -> Option<()> {
    cursor.eat(br#","data":{"type":""#)?;
    if cursor.has(br#"cache.invalidate","path":""#) {
        invalidation(&mut cursor)?;
    } else if cursor.has(br#"cache.update","info":{"path":""#) {
        update(&mut cursor)?;
    } else {
        cursor.eat(br#"root.update","address":{"path":"""#)?;
        place(&mut cursor)?;
    }
    cursor.ends_with(b"}}")
}

#[inline]
fn invalidation(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.string()?;
    if cursor.has(br#","recursive":"#) {
        cursor.value()?;
    }
    if cursor.has(br#","reason":"#) {
        cursor.value()?;
    }
    Some(())
}

fn update(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.string()?;
    for value in [br#","type":"# as &[u8], br#","index":"#, br#","key":"#, br#","exists":"#] {
        if cursor.has(value) {
            cursor.value()?;
        }
    }
    cursor.eat(br#","address":{"path":""#)?;
    cursor.string()?;
    place(cursor)?;
    for value in [br#","value":"# as &[u8], br#","childCount":"#] {
        if cursor.has(value) {
            cursor.value()?;
        }
    }
    cursor.eat(b"}")
}

/// The rest of an address, behind its path.
fn place(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.eat(br#","pageNr":"#)?;
    let page = cursor.whole()?;
    cursor.eat(br#","recordNr":"#)?;
    let record = cursor.whole()?;
    cursor.eat(b"}")?;
    rules::is_place(page, record).then_some(())
}

fn request<'a>(mut cursor: Cursor<'a>, ask: impl FnOnce(&mut Cursor<'a>) -> Option<Ask>) -> Option<Said<'a>> {
    let id = named(&mut cursor, br#","id":""#).filter(|id| !id.is_empty())?;
    let from = named(&mut cursor, br#","from":""#)?;
    if cursor.has(br#","to":""#) {
        cursor.plain()?;
    }
    cursor.eat(br#","data":{"#)?;
    let ask = ask(&mut cursor)?;
    cursor.ends_with(b"}}")?;
    Some(Said { from, message: Message::Request(Request { id: owned(&id)?, ask }) })
}

fn lock(cursor: &mut Cursor<'_>) -> Option<Ask> {
    cursor.eat(br#""path":""#)?;
    let path = owned(cursor.plain()?)?;
    let (tid, write) = transaction(cursor)?;
    let comment = comment(cursor)?.unwrap_or_default();
    Some(Ask::Lock(Wanted { path, tid, write, comment }))
}

/// `tid` and `write`, in either order.
fn transaction(cursor: &mut Cursor<'_>) -> Option<(String, bool)> {
    let write_is_first = cursor.has(br#","write":"#);
    if !write_is_first {
        cursor.eat(br#","tid":""#)?;
        let tid = owned(cursor.plain()?)?;
        cursor.eat(br#","write":"#)?;
        return Some((tid, flag(cursor)?));
    }
    let write = flag(cursor)?;
    cursor.eat(br#","tid":""#)?;
    Some((owned(cursor.plain()?)?, write))
}

fn flag(cursor: &mut Cursor<'_>) -> Option<bool> {
    if cursor.has(b"true") {
        return Some(true);
    }
    cursor.eat(b"false")?;
    Some(false)
}

/// The comment, if there is one. `None`: it must be read completely.
fn comment(cursor: &mut Cursor<'_>) -> Option<Option<String>> {
    if !cursor.has(br#","comment":""#) {
        return Some(None);
    }
    Some(Some(owned(cursor.plain()?)?))
}

fn unlock(cursor: &mut Cursor<'_>) -> Option<Ask> {
    cursor.eat(br#""id":"#)?;
    Some(Ask::Unlock { lock: cursor.whole()? })
}

/// An answer that all is well; reasons are rare.
fn answer(mut cursor: Cursor<'_>, kind: AnswerKind) -> Option<Said<'_>> {
    let id = named(&mut cursor, br#","id":""#).filter(|id| !id.is_empty())?;
    let from = named(&mut cursor, br#","from":""#)?;
    if cursor.has(br#","to":""#) {
        cursor.plain()?;
    }
    cursor.eat(br#","ok":true,"data":{"id":"#)?;
    let lock = cursor.whole()?;
    let grant = match kind {
        AnswerKind::Lock => Some(grant(&mut cursor, lock)?),
        _ => None,
    };
    cursor.ends_with(b"}}")?;
    let answer = Answer { id: owned(&id)?, kind, grant, suits_key: true, denies_index: false };
    Some(Said { from, message: Message::Answer(answer) })
}

fn grant(cursor: &mut Cursor<'_>, id: u64) -> Option<Grant> {
    cursor.eat(br#","path":""#)?;
    let path = Some(owned(cursor.plain()?)?);
    let (tid, write) = transaction(cursor)?;
    let expires = if cursor.has(br#","expires":"#) { Some(cursor.whole()?) } else { None };
    let comment = comment(cursor)?;
    Some(Grant { id, path, tid: Some(tid), write, comment, expires })
}

/// A text without escapes, behind its name.
#[inline]
fn named<'a>(cursor: &mut Cursor<'a>, name: &[u8]) -> Option<Cow<'a, [u8]>> {
    cursor.eat(name)?;
    cursor.plain().map(Cow::Borrowed)
}

fn owned(text: &[u8]) -> Option<String> {
    std::str::from_utf8(text).ok().map(str::to_owned)
}
