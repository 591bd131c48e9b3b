//! Request targets: path, query, and what is said about them to whoever is refused.

use acebase_ipc_server::protocol::{
    MAX_DB_NAME_LEN, MAX_ID_LEN, MIN_ID_LEN,
    printable::printable,
    query::{Query, Refusal, parameter, split_path},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::input::{self, Input};

/// The longest answer to a refused client, in bytes: the fixed words, and 64 characters of what it sent, each of them
/// written out perhaps.
const MAX_REFUSAL: usize = 1024;

/// Any path and query, and any values encoded or raw.
///
/// - Values are decoded as an independent decoder does it; the first of equal names counts.
/// - What is encoded and read is what it was; raw, too, where it has no character with a meaning.
/// - A path is resolved as by reading it from its beginning; encoded, a name stays whole.
/// - A database's name is of the allowed length and has no control characters; an id likewise. Both come from the text
///   itself.
/// - A refusal's answer is short and can be shown to a person, whatever the client sent.
pub fn query(data: &[u8]) {
    let mut input = Input::new(data);
    let value = input::text(input.until(b'\n'));
    let target = input::text(input.rest());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    check_path(path);
    check_query(query);
    check_round_trip(&value);
}

fn check_path(path: &str) {
    let Some((db, action)) = split_path(path) else { return };
    assert!(is_clean(&db) && (1..=MAX_DB_NAME_LEN).contains(&db.len()), "{db:?} is no name");
    let segments = resolved(path);
    assert!(
        matches!(segments[..], ["", name, last] if decoded(name) == db && last == action),
        "{path:?} is {segments:?}"
    );
}

/// The segments of a path, from its first to its last, without those that lead nowhere.
fn resolved(path: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    for segment in path.split(['/', '\\']) {
        match segment.to_lowercase().replace("%2e", ".").as_str() {
            "." => {}
            ".." if segments.len() > 1 => drop(segments.pop()),
            ".." => {}
            _ => segments.push(segment),
        }
    }
    segments
}

fn check_query(query: &str) {
    let parsed = Query::parse(query);
    for (name, value) in [("v", &parsed.version), ("id", &parsed.id), ("t", &parsed.token), ("msg", &parsed.message)] {
        assert_eq!(value.as_ref(), first(query, name).as_ref(), "{name} of {query:?}");
        assert_eq!(value.as_ref(), parameter(query, name).as_ref());
    }
    match parsed.valid_id() {
        Ok(id) => assert!(is_clean(id) && (MIN_ID_LEN..=MAX_ID_LEN).contains(&id.len()), "{id:?} is no id"),
        Err(refusal) => check_refusal(&refusal, 500),
    }
    if let Err(refusal) = parsed.check_version() {
        check_refusal(&refusal, 409);
        let major = parsed.version.unwrap_or_default();
        assert!(major != "1" && !major.starts_with("1."), "version {major} is refused");
    }
}

fn check_refusal(refusal: &Refusal, status: u16) {
    let body = refusal.body();
    assert!(refusal.status() == status && body.starts_with(&format!("{status} ")));
    assert!(printable(&body) == body && body.len() <= MAX_REFUSAL, "the answer is {body:?}");
}

fn check_round_trip(value: &str) {
    let encoded = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    let read = |written: &str| Query::parse(&format!("v=1.0.0&id={written}&t={written}&id=second&msg=x"));
    let query = read(&encoded);
    assert_eq!((query.id.as_deref(), query.token.as_deref()), (Some(value), Some(value)));
    if !value.contains(['&', '%']) {
        assert_eq!(read(value), query, "{value:?} raw");
    }
    let is_name = is_clean(value) && (1..=MAX_DB_NAME_LEN).contains(&value.len()) && ![".", ".."].contains(&value);
    assert_eq!(split_path(&format!("/{encoded}/send")), is_name.then(|| (value.to_owned(), "send")));
    let is_id = is_clean(value) && (MIN_ID_LEN..=MAX_ID_LEN).contains(&value.len());
    assert_eq!(query.valid_id().is_ok(), is_id);
}

/// The value of the first parameter of that name, read in the plainest way.
fn first(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| match pair.find('=') {
        Some(end) => (&pair[..end] == name).then(|| decoded(&pair[end + 1..])),
        None => (pair == name).then(String::new),
    })
}

/// Percent-decoded, if that gives UTF-8; else as it stands.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((16 * high + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

fn is_clean(text: &str) -> bool {
    !text.contains(char::is_control)
}
