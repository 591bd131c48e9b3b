//! The client's side of the extension (docs/extension.md), for tests that are about what is said by it: it numbers what
//! its process says, keeps that until it is acknowledged, and drops doubles. Each of its connections is another
//! session, as where each hub ends in a crash.

use std::collections::{BTreeSet, VecDeque};

use crate::protocol::reliable::Offer;

/// Characters of a life.
const LIFE_LEN: usize = 24;

/// A message that is not known to have reached its end.
#[derive(Debug)]
struct Said {
    number: u64,
    text: String,
    was_sent: bool,
}

/// What one life says and hears, over all hubs.
#[derive(Debug)]
pub struct Talk {
    life: String,
    /// It was in a session before.
    has_a_past: bool,
    kept: VecDeque<Said>,
    last: u64,
    /// Numbered frames of the session that it has had.
    had: u64,
    /// Whose messages, and which of them, it has had.
    seen: BTreeSet<String>,
}

impl Talk {
    /// The first life of this client.
    pub fn new(id: &str) -> Self {
        let letters: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
        let life = format!("{letters:0<LIFE_LEN$}");
        Self { life, has_a_past: false, kept: VecDeque::new(), last: 0, had: 0, seen: BTreeSet::new() }
    }

    /// What it asks for when it connects.
    pub fn offer(&self) -> Offer {
        let session = self.has_a_past.then(|| "past".to_owned());
        Offer { life: self.life.clone(), session, had: self.had }
    }

    /// It is connected. Gives what it says first, where `state` is what it tells a hub that knows nothing.
    pub fn begin(&mut self, state: &str) -> Vec<String> {
        let told = std::mem::replace(&mut self.has_a_past, true).then(|| format!("~{state}"));
        self.had = 0;
        let again = self.kept.iter_mut().map(|said| {
            let word = if std::mem::replace(&mut said.was_sent, true) { '!' } else { '#' };
            format!("{word}{} {}", said.number, said.text)
        });
        told.into_iter().chain(again).collect()
    }

    /// Its process says something. Gives the frame, if there is a connection for it.
    pub fn say(&mut self, text: String, is_connected: bool) -> Option<String> {
        self.last += 1;
        let frame = format!("#{} {text}", self.last);
        self.kept.push_back(Said { number: self.last, text, was_sent: is_connected });
        is_connected.then_some(frame)
    }

    /// What it has said with this in it was not sent yet.
    pub fn has_unsent(&self, part: &str) -> bool {
        self.kept.iter().any(|said| !said.was_sent && said.text.contains(part))
    }

    /// A frame has come. Gives what is for its process.
    pub fn hear(&mut self, frame: &str) -> Option<String> {
        if let Some(number) = frame.strip_prefix('=') {
            let number = number.parse().unwrap_or_default();
            self.kept.retain(|said| said.number > number);
            return None;
        }
        let (origin, text) = frame.strip_prefix('#')?.split_once(' ')?;
        self.had += 1;
        (origin.is_empty() || self.seen.insert(origin.to_owned())).then(|| text.to_owned())
    }

    /// It acknowledges what it has had.
    pub fn acknowledgement(&self) -> String {
        format!("={}", self.had)
    }
}
