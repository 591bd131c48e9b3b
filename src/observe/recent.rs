//! The last events, in words for a person. What repeats itself is one entry with a count, so that it does not push out
//! the rest.

use std::{collections::VecDeque, sync::Arc};

use serde::Serialize;

use super::level::Level;
use crate::hub::event::{Event, Refusal};

/// Entries that are remembered: more than a person reads, and some hundred kilobytes.
const MAX_ENTRIES: usize = 500;

/// One event, or several in a row that differ in their text at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    /// Stays the same when the entry is counted up.
    id: u64,
    /// The last time, in milliseconds since the Unix epoch.
    at: u64,
    level: Level,
    kind: &'static str,
    pub(super) db: Option<Arc<str>>,
    peer: Option<Arc<str>>,
    text: Arc<str>,
    count: u64,
}

/// The last events, the newest last.
#[derive(Debug, Default)]
pub(super) struct Recent {
    entries: VecDeque<Entry>,
    next: u64,
}

impl Recent {
    pub(super) fn add(&mut self, at: u64, event: &Event) {
        let Some(entry) = describe(event) else { return };
        if let Some(last) = self.entries.back_mut().filter(|last| repeats(last, &entry)) {
            *last = Entry { id: last.id, at, count: last.count + entry.count, ..entry };
            return;
        }
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { id: self.next, at, ..entry });
        self.next += 1;
    }

    /// Entries of that time and later, oldest first.
    pub(super) fn since(&self, at: u64) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.at >= at)
    }
}

fn repeats(last: &Entry, entry: &Entry) -> bool {
    (last.kind, &last.db, &last.peer) == (entry.kind, &entry.db, &entry.peer)
}

/// What a person reads of an event; nothing of those that come with every message or every peer.
fn describe(event: &Event) -> Option<Entry> {
    let entry = match event {
        Event::Connect { db, id } => of_peer(Level::Info, "connect", db, id, "joined".into()),
        Event::Disconnect { db, id, reason } => of_peer(Level::Info, "disconnect", db, id, format!("left ({reason})")),
        Event::Note { db, note } => match Level::of_note(note.kind) {
            Level::Debug => return None,
            level => of_peer(level, note.kind.name(), db, &note.peer, note.detail.clone()),
        },
        Event::Refused(refusal) => {
            let Refusal { db, status, reason, remote, left_out } = refusal;
            let text = format!("A connection from {remote} was refused: {reason} ({status})");
            let entry = of_server(Level::Warning, "refused", text);
            Entry { db: Some(db.clone()), count: left_out + 1, ..entry }
        }
        Event::Warning { code, message } => of_server(Level::Warning, code, message.clone()),
        Event::Notice { code, message } => of_server(Level::Info, code, message.clone()),
        Event::Error { message } | Event::Failed { message } => of_server(Level::Error, "error", message.clone()),
        Event::Message { .. } | Event::Trace(_) => return None,
    };
    Some(entry)
}

fn of_server(level: Level, kind: &'static str, text: String) -> Entry {
    Entry { id: 0, at: 0, level, kind, db: None, peer: None, text: text.into(), count: 1 }
}

fn of_peer(level: Level, kind: &'static str, db: &Arc<str>, peer: &str, text: String) -> Entry {
    Entry { db: Some(db.clone()), peer: Some(peer.into()), ..of_server(level, kind, text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(id: &str) -> Event {
        Event::Connect { db: "db".into(), id: id.into() }
    }

    fn warning(message: &str) -> Event {
        Event::Warning { code: "code", message: message.into() }
    }

    #[test]
    fn what_repeats_itself_is_counted_and_keeps_its_number() {
        let mut recent = Recent::default();
        for (at, event) in [connect("a"), warning("one"), warning("two"), connect("a")].iter().enumerate() {
            recent.add(at as u64, event);
        }
        let entries: Vec<_> = recent.since(0).map(|entry| (entry.id, entry.at, entry.count, &*entry.text)).collect();
        assert_eq!(entries, [(0, 0, 1, "joined"), (1, 2, 2, "two"), (2, 3, 1, "joined")]);
        assert_eq!(recent.since(2).count(), 2);
    }

    #[test]
    fn the_oldest_go_first() {
        let mut recent = Recent::default();
        for number in 0..MAX_ENTRIES + 5 {
            recent.add(0, &connect(&number.to_string()));
        }
        assert_eq!(recent.entries.len(), MAX_ENTRIES);
        assert_eq!(recent.entries[0].id, 5);
    }
}
