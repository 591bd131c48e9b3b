//! The messages of a run, and how a receiver knows that it got exactly those: every message carries a running number
//! at fixed places, the first and the last of its content, so that a lost, doubled, late, cut or mixed one shows. Pure.

use std::rc::Rc;

use crate::frame::{self, MaskKey};

/// Digits of a running number: more than any run can send.
const DIGITS: usize = 10;
/// Stands for the running number in the text a template is made from. `#` appears nowhere else in it.
const STAMP: &str = "##########";
/// What fills a message up to its size. The sender's position shifts it, so that senders' contents differ.
const FILLER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// In whose name a hub asks a master for something.
const HUB: &str = "acebase-ipc-server";
/// How much of an unexpected text a report shows, in bytes.
const SHOWN: usize = 160;

/// Which sort of clients and messages a run imitates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Style {
    /// Any program that speaks the wire protocol.
    Plain,
    /// AceBase processes: ids and messages in their form, so that a hub which knows AceBase has to look at them.
    AceBase,
}

impl Style {
    /// The id of client `index` of a run.
    pub fn id(self, index: usize) -> String {
        match self {
            Style::Plain => format!("peer-{index:06}"),
            // Time, counter, fingerprint and random part, as acebase-core's ID.generate lays them out.
            Style::AceBase => format!("mib3xk2w{index:04}p7q1rz{index:06}"),
        }
    }

    /// A message to one peer, of `size` bytes.
    pub fn direct(self, from: usize, to: usize, size: usize) -> Result<Template, TooSmall> {
        let (head, tail) = match self {
            Style::Plain => (String::new(), ""),
            Style::AceBase => {
                let (from, to) = (self.id(from), self.id(to));
                let head = format!(r#"{{"type":"event","from":"{from}","to":"{to}","path":"b","event":"value""#);
                (head + r#","data":{"path":"b","val":"#, "}}")
            }
        };
        Template::filled(from, &head, tail, size)
    }

    /// A message to every other peer, of `size` bytes.
    pub fn broadcast(self, from: usize, size: usize) -> Result<Template, TooSmall> {
        let (head, tail) = match self {
            Style::Plain => (String::new(), ""),
            Style::AceBase => {
                let head = format!(r#"{{"type":"notification","from":"{}","data":"#, self.id(from));
                (head + r#"{"type":"cache.invalidate","path":"b","recursive":"#, "}}")
            }
        };
        Template::filled(from, &head, tail, size)
    }
}

/// The conversation about one lock. Each number is one lock, asked for and given back.
impl Style {
    /// The id that every AceBase master has.
    pub const MASTER: &str = "[master]";

    /// What a worker sends to its master.
    pub fn lock_requests(self, worker: usize) -> Vec<Template> {
        let (from, to) = (self.id(worker), Self::MASTER);
        vec![
            Template::new(&format!(
                r#"{{"type":"lock-request","id":"a{STAMP}","from":"{from}","to":"{to}","data":{{"path":"bench/{worker}","write":true,"tid":"t{STAMP}","comment":"update"}}}}"#
            )),
            Template::new(&format!(
                r#"{{"type":"unlock-request","id":"b{STAMP}","from":"{from}","to":"{to}","data":{{"id":1{STAMP}}}}}"#
            )),
        ]
    }

    /// What the master answers.
    pub fn lock_results(self, worker: usize) -> Vec<Template> {
        let (from, to) = (Self::MASTER, self.id(worker));
        vec![
            Template::new(&format!(
                r#"{{"type":"lock-result","id":"a{STAMP}","from":"{from}","to":"{to}","ok":true,"data":{{"id":1{STAMP},"path":"bench/{worker}","tid":"t{STAMP}","write":true,"expires":4102444800000,"comment":"update"}}}}"#
            )),
            Template::new(&format!(
                r#"{{"type":"unlock-result","id":"b{STAMP}","from":"{from}","to":"{to}","ok":true,"data":{{"id":1{STAMP}}}}}"#
            )),
        ]
    }

    /// How a hub that has answered a worker's release itself asks the master for it: in its own name, under a number of
    /// its own, which stands between the two. What is behind it is the same for every lock but for the lock's number.
    fn release() -> (&'static str, Template) {
        let behind = format!(r#"","from":"{HUB}","to":"{}","data":{{"id":1{STAMP}}}}}"#, Self::MASTER);
        (r#"{"type":"unlock-request","id":""#, Template::new(&behind))
    }

    /// What the master answers to a hub's release.
    fn released(id: &str) -> Template {
        let from = Self::MASTER;
        Template::new(&format!(
            r#"{{"type":"unlock-result","id":"{id}","from":"{from}","to":"{HUB}","ok":true,"data":{{"id":1{STAMP}}}}}"#
        ))
    }
}

/// A message of the wanted size has no room for what it must hold.
#[derive(Debug, thiserror::Error)]
#[error("a message of this form needs at least {least} bytes")]
pub struct TooSmall {
    pub least: usize,
}

/// A running number as text, counted up in place: cheaper than formatting it for every message.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Number([u8; DIGITS]);

impl Number {
    const ZERO: Number = Number([b'0'; DIGITS]);

    fn increment(&mut self) {
        for digit in self.0.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
    }
}

/// A text in which the running number appears at fixed places.
#[derive(Debug, Clone)]
pub struct Template {
    text: Vec<u8>,
    stamps: Vec<usize>,
}

impl Template {
    /// Takes a text in which ten `#` stand wherever the number belongs.
    pub fn new(text: &str) -> Self {
        let stamps = text.match_indices(STAMP).map(|(at, _)| at).collect();
        Self { text: text.as_bytes().to_vec(), stamps }
    }

    /// The same message as a client frame, addressed to one peer where `to` names one. It is masked when written.
    pub fn framed(&self, to: Option<&str>, key: MaskKey) -> FrameTemplate {
        let prefix = to.map(|id| format!("to:{id};")).unwrap_or_default();
        let mut text = Vec::new();
        frame::write_text_header(&mut text, prefix.len() + self.text.len(), key);
        let payload = text.len();
        text.extend_from_slice(prefix.as_bytes());
        let shift = text.len();
        text.extend_from_slice(&self.text);
        let stamps = self.stamps.iter().map(|at| at + shift).collect();
        FrameTemplate { template: Template { text, stamps }, payload, key }
    }

    fn filled(sender: usize, head: &str, tail: &str, size: usize) -> Result<Self, TooSmall> {
        let head = format!(r#"{head}{{"seq":"{STAMP}","pad":""#);
        let tail = format!(r#"{STAMP}"}}{tail}"#);
        let least = head.len() + tail.len();
        let room = size.checked_sub(least).ok_or(TooSmall { least })?;
        let filler: String =
            FILLER.iter().cycle().skip(sender % FILLER.len()).take(room).copied().map(char::from).collect();
        Ok(Self::new(&format!("{head}{filler}{tail}")))
    }

    fn write(&self, number: Number, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.text);
        for stamp in &self.stamps {
            let at = start + stamp;
            out[at..at + DIGITS].copy_from_slice(&number.0);
        }
    }

    fn matches(&self, number: Number, text: &[u8]) -> bool {
        if text.len() != self.text.len() {
            return false;
        }
        let mut from = 0;
        for &stamp in &self.stamps {
            let after = stamp + DIGITS;
            if text[from..stamp] != self.text[from..stamp] || text[stamp..after] != number.0 {
                return false;
            }
            from = after;
        }
        text[from..] == self.text[from..]
    }
}

/// A template with its frame around it.
#[derive(Debug, Clone)]
pub struct FrameTemplate {
    template: Template,
    payload: usize,
    key: MaskKey,
}

impl FrameTemplate {
    fn write(&self, number: Number, out: &mut Vec<u8>) {
        let start = out.len();
        self.template.write(number, out);
        frame::mask(&mut out[start + self.payload..], self.key);
    }
}

/// Where in its messages a sender or a receiver is. A script of several messages repeats with the next number.
#[derive(Debug, Clone)]
struct Cursor {
    number: Number,
    step: usize,
    count: u64,
}

impl Cursor {
    const START: Cursor = Cursor { number: Number::ZERO, step: 0, count: 0 };

    #[inline]
    fn advance(&mut self, steps: usize) {
        self.count += 1;
        self.step += 1;
        if self.step == steps {
            self.step = 0;
            self.number.increment();
        }
    }
}

/// What one peer sends to one address, message after message.
#[derive(Debug)]
pub struct Outgoing {
    script: Vec<FrameTemplate>,
    cursor: Cursor,
}

impl Outgoing {
    pub fn new(script: Vec<FrameTemplate>) -> Self {
        Self { script, cursor: Cursor::START }
    }

    /// Appends the next message's frame.
    pub fn write_next(&mut self, out: &mut Vec<u8>) {
        self.script[self.cursor.step].write(self.cursor.number, out);
        self.cursor.advance(self.script.len());
    }

    /// As [`Outgoing::write_next`], but as the answer to a hub's release of that id, instead of to a worker's.
    pub fn write_released(&mut self, id: &str, key: MaskKey, out: &mut Vec<u8>) {
        Style::released(id).framed(Some(HUB), key).write(self.cursor.number, out);
        self.cursor.advance(self.script.len());
    }

    pub fn sent(&self) -> u64 {
        self.cursor.count
    }

    /// Whether a script of several messages has been begun and not finished.
    pub fn is_mid_script(&self) -> bool {
        self.cursor.step > 0
    }
}

/// What one peer must receive, message after message.
#[derive(Debug)]
pub struct Incoming {
    script: Rc<[Template]>,
    cursor: Cursor,
    /// Of a master: what a hub may say instead of the script's last message.
    release: Option<(&'static str, Template)>,
}

/// What a received text was.
#[derive(Debug, PartialEq)]
pub enum Received {
    /// The message that was due.
    Message,
    /// The release that was due, from the hub: it has answered the worker itself.
    Release { id: String },
    /// A word of the server itself: not part of the load.
    Notice,
}

/// A message that was lost, doubled, reordered or damaged.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Violation {
    #[error("message {position} was due, with the number {number}, but this came: {seen}")]
    NotTheDueOne { position: u64, number: String, seen: String },
    #[error("no message was due, but this came: {seen}")]
    NoneDue { seen: String },
}

impl Incoming {
    pub fn new(script: Rc<[Template]>) -> Self {
        Self { script, cursor: Cursor::START, release: None }
    }

    /// What a master must receive of its worker, whose releases the hub may have answered, and ask for itself.
    pub fn of_master(script: Rc<[Template]>) -> Self {
        Self { release: Some(Style::release()), ..Self::new(script) }
    }

    /// Checks a text against the message that is due, byte by byte.
    ///
    /// # Errors
    /// A violation: the text is neither that message nor a notice of the server.
    #[inline]
    pub fn accept(&mut self, text: &[u8]) -> Result<Received, Violation> {
        if self.script[self.cursor.step].matches(self.cursor.number, text) {
            self.cursor.advance(self.script.len());
            return Ok(Received::Message);
        }
        if is_notice(text) {
            return Ok(Received::Notice);
        }
        if let Some(id) = self.released_by_hub(text) {
            self.cursor.advance(self.script.len());
            return Ok(Received::Release { id });
        }
        Err(self.violation(text))
    }

    /// The id of a hub's release of the lock whose release is due.
    fn released_by_hub(&self, text: &[u8]) -> Option<String> {
        let (before, behind) = &self.release.as_ref()?;
        let id_and_behind = text.strip_prefix(before.as_bytes())?;
        let (id, rest) = id_and_behind.split_at_checked(id_and_behind.len().checked_sub(behind.text.len())?)?;
        let is_due = self.cursor.step + 1 == self.script.len() && behind.matches(self.cursor.number, rest);
        let is_id = id.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        (is_due && is_id).then(|| String::from_utf8_lossy(id).into_owned())
    }

    pub fn received(&self) -> u64 {
        self.cursor.count
    }

    fn violation(&self, text: &[u8]) -> Violation {
        Violation::NotTheDueOne { position: self.cursor.count, number: shown(&self.cursor.number.0), seen: shown(text) }
    }
}

/// Checks a text for a peer that is to receive nothing but notices.
///
/// # Errors
/// A violation: the text is a message.
pub fn accept_notice(text: &[u8]) -> Result<(), Violation> {
    if is_notice(text) { Ok(()) } else { Err(Violation::NoneDue { seen: shown(text) }) }
}

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(SHOWN)]).into_owned()
}

/// Whether a text is one of the server's own: a greeting, a peer that came or went, or an introduction.
fn is_notice(text: &[u8]) -> bool {
    const NOTICES: [&[u8]; 4] = [b"welcome:", b"connect:", b"disconnect:", br#"{"type":"hello""#];
    NOTICES.iter().any(|word| text.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(template: &Template, number: u64) -> Vec<u8> {
        let mut counted = Number::ZERO;
        (0..number).for_each(|_| counted.increment());
        let mut out = Vec::new();
        template.write(counted, &mut out);
        out
    }

    #[test]
    fn messages_have_their_size_and_number() {
        for (style, size) in [(Style::Plain, 150), (Style::AceBase, 200)] {
            let template = style.direct(1, 2, size).unwrap();
            let text = String::from_utf8(text(&template, 12)).unwrap();
            assert_eq!(text.len(), size);
            assert_eq!(text.matches("0000000012").count(), 2);
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
            assert!(style.direct(1, 2, 20).is_err());
        }
    }

    #[test]
    fn acebase_ids_have_their_form() {
        let id = Style::AceBase.id(77);
        assert_eq!(id.len(), 24);
        assert!(id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()));
    }

    #[test]
    fn takes_the_due_message_and_nothing_else() {
        let template = Style::Plain.broadcast(3, 150).unwrap();
        let mut incoming = Incoming::new(Rc::from([template.clone()]));
        assert_eq!(incoming.accept(&text(&template, 0)), Ok(Received::Message));
        assert_eq!(incoming.accept(b"connect:peer-000001"), Ok(Received::Notice));
        assert!(incoming.accept(&text(&template, 0)).is_err(), "doubled");
        assert!(incoming.accept(&text(&template, 2)).is_err(), "lost or reordered");
        let mut damaged = text(&template, 1);
        damaged[60] ^= 1;
        assert!(incoming.accept(&damaged).is_err(), "damaged");
        let mut mixed = text(&template, 1);
        mixed[75..].copy_from_slice(&text(&template, 2)[75..]);
        assert!(incoming.accept(&mixed).is_err(), "mixed");
        assert!(incoming.accept(&text(&template, 1)[..149]).is_err(), "cut");
        assert_eq!(incoming.accept(&text(&template, 1)), Ok(Received::Message));
        assert_eq!(incoming.received(), 2);
    }

    #[test]
    fn a_script_of_two_counts_up_after_both() {
        let script: Rc<[Template]> = Rc::from([Template::new("a##########"), Template::new("b##########")]);
        let mut incoming = Incoming::new(script);
        for due in ["a0000000000", "b0000000000", "a0000000001", "b0000000001"] {
            assert_eq!(incoming.accept(due.as_bytes()), Ok(Received::Message));
        }
    }

    #[test]
    fn a_master_takes_a_hubs_release_of_the_lock_that_is_due() {
        let mut incoming = Incoming::of_master(Rc::from(Style::AceBase.lock_requests(0)));
        let asked = text(&Style::AceBase.lock_requests(0)[0], 0);
        let release = |lock: &str| {
            format!(
                r#"{{"type":"unlock-request","id":"release-3","from":"{HUB}","to":"[master]","data":{{"id":{lock}}}}}"#
            )
        };
        assert!(incoming.accept(release("10000000000").as_bytes()).is_err(), "before the lock is granted");
        assert_eq!(incoming.accept(&asked), Ok(Received::Message));
        assert!(incoming.accept(release("10000000001").as_bytes()).is_err(), "of another lock");
        let id = "release-3".to_owned();
        assert_eq!(incoming.accept(release("10000000000").as_bytes()), Ok(Received::Release { id }));
        assert!(incoming.accept(release("10000000000").as_bytes()).is_err(), "doubled");
    }

    #[test]
    fn a_frame_is_addressed_and_masked() {
        let template = Template::new("n##########");
        let mut outgoing = Outgoing::new(vec![template.framed(Some("peer-000002"), [7, 0, 0, 0])]);
        let mut out = Vec::new();
        outgoing.write_next(&mut out);
        frame::mask(&mut out[6..], [7, 0, 0, 0]);
        assert_eq!(&out[6..], b"to:peer-000002;n0000000000");
        assert_eq!(outgoing.sent(), 1);
    }
}
