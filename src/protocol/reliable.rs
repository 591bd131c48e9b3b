//! The words of the extension by which a client and the hub make sure of each message: docs/extension.md. Pure
//! functions over text and bytes.
//!
//! A client *offers* it in the query of its URL, and the hub's welcome accepts. From then on the client numbers what it
//! sends, both sides count what the hub sends, and each tells the other what it has had.

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};

use super::query::Query;

/// The extension's version, as clients offer it: `reliable=1`.
pub const VERSION: &str = "1";

/// How many characters a life has: enough that no two are the same, few enough to stand before each message.
const LIFE_LEN: std::ops::RangeInclusive<usize> = 16..=64;

/// The most bytes that stand before a text: a life, and a number.
pub const MAX_ORIGIN_LEN: usize = 64 + 23;

/// The most characters of a session's name, which a hub has made.
const MAX_SESSION_LEN: usize = 64;

/// How many numbers a client may be ahead of what is acknowledged. Receivers know doubles among as many, and a hub
/// counts the receivers of so many messages for each sender. Some seconds' traffic of a busy client.
pub const MAX_UNACKNOWLEDGED: u64 = 8192;

/// No number of a client is so high: above it, JavaScript cannot tell one number from the next.
pub const MAX_NUMBER: u64 = 1 << 53;

/// What begins a message for AceBase in the hub's frames, in both directions; and nothing else that the hub writes.
pub const NUMBERED: u8 = b'#';

/// What a client's frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'a> {
    /// `#<n> <text>`, `!<n> <text>`: what a client without the extension would say from byte `body` on.
    Message {
        /// The life's number for it.
        number: u64,
        /// It was sent before, in another session, and its fate is not known.
        is_resent: bool,
        /// Where the text begins.
        body: usize,
    },
    /// `=<k>`: so many numbered frames of this session have been had.
    Had(u64),
    /// `~{…}`: what the client holds and waits for, as JSON.
    State(&'a str),
    /// `ping`
    Ping,
}

impl<'a> Word<'a> {
    /// Reads a client's frame. `None`: it is none of the extension's.
    pub fn parse(text: &'a str) -> Option<Self> {
        match text.as_bytes().first()? {
            b'#' => Self::message(text, false),
            b'!' => Self::message(text, true),
            b'=' => number(&text[1..]).map(Self::Had),
            b'~' => Some(Self::State(&text[1..])),
            _ => (text == "ping").then_some(Self::Ping),
        }
    }

    fn message(text: &'a str, is_resent: bool) -> Option<Self> {
        let (digits, _) = text[1..].split_once(' ')?;
        let number = number(digits).filter(|number| *number > 0)?;
        Some(Self::Message { number, is_resent, body: digits.len() + 2 })
    }
}

/// A number as clients write it: digits, without leading zeros.
fn number(digits: &str) -> Option<u64> {
    let is_canonical = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|number| is_canonical && *number < MAX_NUMBER)
}

/// A client wants the extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Which life it is of.
    pub life: String,
    /// The session that it was in last, if it was in one.
    pub session: Option<String>,
    /// How many numbered frames of that session it has had.
    pub had: u64,
}

impl Offer {
    /// What a client offers in its URL. `None`: nothing, or nothing that this version knows.
    pub fn of(query: &Query) -> Option<Self> {
        let is_known = query.reliable.as_deref() == Some(VERSION);
        let life = query.life.clone().filter(|life| is_known && is_word(life, LIFE_LEN))?;
        let session = query.session.clone().filter(|session| is_word(session, 1..=MAX_SESSION_LEN));
        let had = query.had.as_deref().and_then(number);
        Some(Self { life, had: had.filter(|_| session.is_some()).unwrap_or_default(), session })
    }
}

fn is_word(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What the hub accepts, in its welcome.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms<'a> {
    /// The session's name.
    pub session: &'a str,
    /// The client's highest number that this session has had; 0: none.
    pub had: u64,
    /// The session goes on: nothing was missed on either side.
    pub resumed: bool,
    /// The client has told its state in this session.
    pub told: bool,
    /// The longest frame that the client may send, in bytes.
    pub max_message: usize,
    /// A master is told which locks it must not give itself, first of all: `fence:…`.
    pub fences: bool,
}

/// `welcome:{"maxPayload":…,"reliable":{…}}`, the first frame of a connection with the extension.
pub fn welcome(max_payload: usize, terms: &Terms<'_>) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Welcome<'a> {
        max_payload: usize,
        reliable: &'a Terms<'a>,
    }
    let welcome = serde_json::to_string(&Welcome { max_payload, reliable: terms });
    // Plain words and numbers can be written.
    format!("welcome:{}", welcome.unwrap_or_default())
}

/// Appends what stands before a message's text: whose it is, where it is one of a life's, by its number.
pub fn put_origin(out: &mut BytesMut, origin: Option<(&str, u64)>) {
    out.put_u8(NUMBERED);
    if let Some((life, number)) = origin {
        out.put_slice(life.as_bytes());
        out.put_u8(b',');
        put_number(out, number);
    }
    out.put_u8(b' ');
}

/// `=<n>`: all of the life's messages up to this number have reached their end.
pub fn acknowledgement(number: u64) -> String {
    format!("={number}")
}

/// The text of a numbered frame of the hub, without what stands before it.
pub fn text_behind_origin(frame: &[u8]) -> Option<usize> {
    let begins = frame.first() == Some(&NUMBERED);
    frame.iter().position(|byte| *byte == b' ').filter(|_| begins).map(|space| space + 1)
}

/// Whom a client knows, as its state says. `None`: that is no JSON, or names no peers.
pub fn fellows(state: &str) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct State {
        #[serde(default)]
        peers: Vec<String>,
    }
    serde_json::from_str::<State>(state).ok().map(|state| state.peers)
}

fn put_number(out: &mut BytesMut, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.put_slice(&digits[at..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: &str = "abcdefghijklmnopqrstuv";

    fn offer(query: &str) -> Option<Offer> {
        Offer::of(&Query::parse(query))
    }

    #[test]
    fn a_message_has_a_number_and_a_text() {
        let message = |number, is_resent, body| Some(Word::Message { number, is_resent, body });
        assert_eq!(Word::parse("#1 to:all;x"), message(1, false, 3));
        assert_eq!(Word::parse("!8192 "), message(8192, true, 6));
        for odd in ["#", "#1", "# x", "#0 x", "#01 x", "#+1 x", "#-1 x", "#1a x", "#9007199254740992 x", "x", "", "é"]
        {
            assert_eq!(Word::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn the_other_words_are_read() {
        assert_eq!(Word::parse("=0"), Some(Word::Had(0)));
        assert_eq!(Word::parse("=77"), Some(Word::Had(77)));
        assert_eq!(Word::parse("~{}"), Some(Word::State("{}")));
        assert_eq!(Word::parse("ping"), Some(Word::Ping));
        for odd in ["=", "=x", "=1 ", "pings", "to:all;x"] {
            assert_eq!(Word::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn an_offer_needs_a_version_and_a_life() {
        let plain = Offer { life: LIFE.into(), session: None, had: 0 };
        assert_eq!(offer(&format!("reliable=1&life={LIFE}")), Some(plain.clone()));
        assert_eq!(offer(&format!("reliable=1&life={LIFE}&session=&had=7")), Some(plain.clone()));
        let back = Offer { session: Some("s-1".into()), had: 7, ..plain };
        assert_eq!(offer(&format!("had=7&session=s-1&life={LIFE}&reliable=1")), Some(back));
        for none in ["", "reliable=1", "reliable=1&life=short", "reliable=2&life=abcdefghijklmnopqrstuv"] {
            assert_eq!(offer(none), None, "{none}");
        }
        assert_eq!(offer(&format!("reliable=1&life={LIFE},")), None);
    }

    #[test]
    fn the_welcome_says_what_is_agreed() {
        let terms = Terms { session: "s-1", had: 3, resumed: true, told: false, max_message: 9, fences: true };
        let agreed = r#"{"session":"s-1","had":3,"resumed":true,"told":false,"maxMessage":9,"fences":true}"#;
        assert_eq!(welcome(100, &terms), format!(r#"welcome:{{"maxPayload":100,"reliable":{agreed}}}"#));
    }

    #[test]
    fn what_stands_before_a_text_can_be_taken_off() {
        for (origin, expected) in [(None, "# hi"), (Some((LIFE, 10)), "#abcdefghijklmnopqrstuv,10 hi")] {
            let mut out = BytesMut::new();
            put_origin(&mut out, origin);
            out.put_slice(b"hi");
            assert_eq!(out, expected);
            assert_eq!(text_behind_origin(&out).map(|text| &out[text..]), Some(&b"hi"[..]));
        }
        assert_eq!(text_behind_origin(b"pong x"), None);
        let mut out = BytesMut::new();
        put_number(&mut out, u64::MAX);
        assert_eq!(out, u64::MAX.to_string());
    }
}
