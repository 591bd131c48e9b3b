//! One client, as docs/extension.md says that it behaves; or one without the extension.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use crate::{
    hub::{PeerHandle, coordinator::Loss, testing::Wire},
    protocol::{
        Text,
        close::CloseReason,
        reliable::{MAX_UNACKNOWLEDGED, Offer},
    },
};

/// A message that is not known to have reached its end.
#[derive(Debug, Clone)]
struct Unacknowledged {
    number: u64,
    text: String,
    /// How it was sent in the present session; `None`: not yet.
    word: Option<char>,
    /// It was sent in a session before.
    was_sent: bool,
}

/// One client, over all hubs.
pub(super) struct Client {
    pub(super) id: String,
    life: Option<String>,
    connection: Option<(PeerHandle, Wire)>,
    is_welcome: bool,
    session: Option<String>,
    /// It was in a session before the present one.
    has_a_past: bool,
    /// Numbered frames of the session that it has had.
    had: u64,
    /// What it has written and the hub has not read.
    uplink: VecDeque<String>,
    last: u64,
    unacknowledged: VecDeque<Unacknowledged>,
    /// The numbers that it has seen, by life.
    seen: BTreeMap<String, BTreeSet<u64>>,
    /// The numbers of what it was told, by who has said it.
    pub(super) got: BTreeMap<String, Vec<u64>>,
    /// How many doubles it has dropped.
    pub(super) doubles: usize,
    /// Its connection is gone since, in milliseconds that have passed.
    pub(super) away: Option<u64>,
    /// It was away for so long that it may have missed something.
    pub(super) may_have_missed: bool,
}

impl Client {
    pub(super) fn new(id: String, life: Option<String>) -> Self {
        Self {
            id,
            life,
            connection: None,
            is_welcome: false,
            session: None,
            has_a_past: false,
            had: 0,
            uplink: VecDeque::new(),
            last: 0,
            unacknowledged: VecDeque::new(),
            seen: BTreeMap::new(),
            got: BTreeMap::new(),
            doubles: 0,
            away: Some(0),
            may_have_missed: false,
        }
    }

    pub(super) fn is_reliable(&self) -> bool {
        self.life.is_some()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Everything that it has sent has reached its end.
    pub(super) fn is_done(&self) -> bool {
        self.uplink.is_empty() && self.unacknowledged.is_empty()
    }

    /// What it asks for when it connects.
    pub(super) fn offer(&self) -> Option<Offer> {
        let life = self.life.clone()?;
        Some(Offer { life, session: self.session.clone(), had: self.had })
    }

    /// It has a connection.
    pub(super) fn is_taken(&mut self, connection: (PeerHandle, Wire)) {
        self.forget_connection();
        (self.connection, self.away) = (Some(connection), None);
    }

    /// Its connection, if it has one.
    pub(super) fn wire(&self) -> Option<&Wire> {
        self.connection.as_ref().map(|(_, wire)| wire)
    }

    /// Its connection goes on in another hub.
    pub(super) fn passes_on(&mut self, pass: impl FnOnce(&Wire) -> Option<(PeerHandle, Wire)>) -> Result<(), String> {
        if let Some((_, wire)) = &self.connection {
            self.connection = Some(pass(wire).ok_or_else(|| format!("the connection of {} is lost", self.id))?);
        }
        Ok(())
    }

    /// Its connection breaks, and the hub is told.
    pub(super) fn is_cut(&mut self) {
        if let Some((handle, _)) = &self.connection {
            handle.lost(Loss::Reset);
        }
        self.forget_connection();
    }

    /// Its connection is gone, with all that was on its way.
    pub(super) fn forget_connection(&mut self) {
        if let Some((_, wire)) = self.connection.take() {
            wire.release();
        }
        self.uplink.clear();
        self.is_welcome = false;
        self.away = Some(0);
    }

    /// Its number of the message that it says, which it may have no room for.
    pub(super) fn say(&mut self, to: Option<&str>) -> Option<u64> {
        self.say_as(&self.id.clone(), to)
    }

    /// As [`Client::say`], under another name.
    pub(super) fn say_as(&mut self, name: &str, to: Option<&str>) -> Option<u64> {
        let first = self.unacknowledged.front().map_or(self.last + 1, |first| first.number);
        if self.last + 1 - first >= MAX_UNACKNOWLEDGED || (!self.is_reliable() && !self.is_welcome) {
            return None;
        }
        self.last += 1;
        let said = format!("{name}/{}", self.last);
        let text = to.map_or(said.clone(), |to| format!("to:{to};{said}"));
        if !self.is_reliable() {
            self.uplink.push_back(text);
            return Some(self.last);
        }
        self.unacknowledged.push_back(Unacknowledged { number: self.last, text, word: None, was_sent: false });
        self.send_unsent();
        Some(self.last)
    }

    fn send_unsent(&mut self) {
        if !self.is_welcome {
            return;
        }
        for message in self.unacknowledged.iter_mut().filter(|message| message.word.is_none()) {
            let word = if message.was_sent { '!' } else { '#' };
            (message.word, message.was_sent) = (Some(word), true);
            self.uplink.push_back(format!("{word}{} {}", message.number, message.text));
        }
    }

    pub(super) fn acknowledges(&mut self) {
        if self.is_reliable() && self.is_welcome {
            self.uplink.push_back(format!("={}", self.had));
        }
    }

    pub(super) fn pings(&mut self) {
        if self.is_welcome {
            self.uplink.push_back("ping".to_owned());
        }
    }

    /// So many of its frames reach the hub, in one turn.
    pub(super) fn delivers(&mut self, count: usize) {
        let count = count.min(self.uplink.len());
        if let Some((handle, _)) = &self.connection {
            let handle = handle.clone();
            handle.receive(self.uplink.drain(..count).map(Text::from));
        }
    }

    /// Why the hub has closed its connection, if it has.
    pub(super) fn was_closed(&self) -> Option<CloseReason> {
        self.connection.as_ref()?.1.closed()
    }

    /// Reads so many frames. Gives how many there were.
    pub(super) fn reads(&mut self, count: usize, fellows: &[String]) -> Result<usize, String> {
        let mut read = 0;
        while read < count
            && let Some(frame) = self.connection.as_ref().and_then(|(_, wire)| wire.read())
        {
            read += 1;
            match self.is_reliable() {
                true => self.takes(&frame, fellows)?,
                false => self.takes_published(&frame)?,
            }
        }
        Ok(read)
    }

    fn takes_published(&mut self, frame: &str) -> Result<(), String> {
        if frame.starts_with("welcome:") {
            self.is_welcome = true;
            return Ok(());
        }
        if frame.starts_with(['#', '=']) {
            return Err(format!("{} has not the extension, and gets {frame}", self.id));
        }
        self.hears(frame)
    }

    fn takes(&mut self, frame: &str, fellows: &[String]) -> Result<(), String> {
        if let Some(welcome) = frame.strip_prefix("welcome:") {
            return self.is_welcomed(welcome, fellows);
        }
        if !self.is_welcome {
            return Err(format!("{} hears {frame} before its welcome", self.id));
        }
        if let Some(number) = frame.strip_prefix('=') {
            return self.is_told(number.parse().map_err(|_| format!("odd {frame}"))?);
        }
        let Some(numbered) = frame.strip_prefix('#') else {
            return if frame == "pong" { Ok(()) } else { Err(format!("odd {frame}")) };
        };
        self.had += 1;
        let (origin, text) = numbered.split_once(' ').ok_or_else(|| format!("odd {frame}"))?;
        if let Some((life, number)) = origin.split_once(',') {
            let number = number.parse::<u64>().map_err(|_| format!("odd {frame}"))?;
            if !self.seen.entry(life.to_owned()).or_default().insert(number) {
                self.doubles += 1;
                return Ok(());
            }
        }
        self.hears(text)
    }

    fn is_welcomed(&mut self, welcome: &str, fellows: &[String]) -> Result<(), String> {
        let welcome: Value = serde_json::from_str(welcome).map_err(|error| error.to_string())?;
        let terms = &welcome["reliable"];
        let (session, had) = (terms["session"].as_str(), terms["had"].as_u64());
        let (Some(session), Some(had)) = (session, had) else { return Err(format!("odd welcome {welcome}")) };
        let is_resumed = terms["resumed"].as_bool() == Some(true);
        let was_welcomed_before = self.session.replace(session.to_owned());
        if is_resumed != (was_welcomed_before.as_deref() == Some(session)) {
            return Err(format!("{} is in {session} after {was_welcomed_before:?}: {welcome}", self.id));
        }
        self.is_welcome = true;
        self.has_a_past |= was_welcomed_before.is_some_and(|before| before != session);
        if self.has_a_past && terms["told"].as_bool() == Some(false) {
            let state = serde_json::json!({ "locks": [], "requests": [], "peers": fellows });
            self.uplink.push_back(format!("~{state}"));
        }
        if is_resumed {
            // What has not come is sent again, as it was.
            for message in self.unacknowledged.iter().filter(|message| message.number > had) {
                if let Some(word) = message.word {
                    self.uplink.push_back(format!("{word}{} {}", message.number, message.text));
                }
            }
        } else {
            self.had = 0;
            self.unacknowledged.iter_mut().for_each(|message| message.word = None);
        }
        self.send_unsent();
        Ok(())
    }

    /// All up to this number have reached their end.
    fn is_told(&mut self, number: u64) -> Result<(), String> {
        let highest_sent = self.unacknowledged.iter().filter(|message| message.word.is_some()).map(|sent| sent.number);
        if highest_sent.max().unwrap_or(self.last) < number {
            return Err(format!("{} has not sent {number} yet", self.id));
        }
        self.unacknowledged.retain(|message| message.number > number);
        Ok(())
    }

    fn hears(&mut self, text: &str) -> Result<(), String> {
        let Some((from, number)) = text.split_once('/') else { return Ok(()) };
        let number = number.parse::<u64>().map_err(|_| format!("odd {text}"))?;
        let got = self.got.entry(from.to_owned()).or_default();
        // Who was away for too long may get late, after a crash, what it missed then.
        let is_late = got.last().is_some_and(|last| *last > number) && !self.may_have_missed;
        if is_late || got.contains(&number) {
            return Err(format!("{} gets {text} after {got:?}", self.id));
        }
        got.push(number);
        Ok(())
    }

    /// There is something that it has not read.
    pub(super) fn has_news(&self) -> bool {
        self.connection.as_ref().is_some_and(|(_, wire)| wire.has_news())
    }
}
