//! The last events, in words for a person. What repeats itself is one entry with a count, so that it does not push out
//! the rest.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc};

use serde::Serialize;

use super::level::{Level, departure};
use crate::hub::event::{Event, Refusal};

/// Entries that are remembered: more than a person reads, and some hundred kilobytes.
const MAX_ENTRIES: usize = 500;

/// Joins and departures that are remembered in any case.
const MIN_OF_PEERS: usize = 100;

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
            self.drop_one();
        }
        self.entries.push_back(Entry { id: self.next, at, ..entry });
        self.next += 1;
    }

    /// Makes room: a cluster that starts anew must not push out what went before. So joins and departures go first, as
    /// long as they are many.
    fn drop_one(&mut self) {
        let is_of_peer = |entry: &Entry| entry.level == Level::Info && matches!(entry.kind, "connect" | "disconnect");
        let of_peers = self.entries.iter().filter(|entry| is_of_peer(entry)).count();
        let first = self.entries.iter().position(is_of_peer).filter(|_| of_peers > MIN_OF_PEERS).unwrap_or(0);
        self.entries.remove(first);
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
        Event::Connect { db, id, remote } => {
            of_peer(Level::Info, "connect", db, id, format!("joined{}", from(*remote)))
        }
        Event::Disconnect { db, id, reason, remote } => {
            let text = format!("left{}: {}", from(*remote), departure(reason));
            of_peer(Level::of_departure(reason), "disconnect", db, id, text)
        }
        Event::Trouble { trouble, is_over } => {
            let entry = if *is_over {
                of_server(Level::Info, trouble.kind.name(), format!("Over: {}", trouble.text))
            } else {
                let text = format!("{}. {}", trouble.text, trouble.advice);
                of_server(Level::of_trouble(trouble.gravity), trouble.kind.name(), text)
            };
            Entry { db: trouble.db.clone(), ..entry }
        }
        Event::Note { db, note } => match Level::of_note(note.kind) {
            Level::Debug => return None,
            level => of_peer(level, note.kind.name(), db, &note.peer, note.detail.clone()),
        },
        Event::Refused(refusal) => {
            let Refusal { db, status, reason, remote, left_out, .. } = refusal;
            let text = format!("A connection from {remote} was refused: {reason} ({status})");
            let entry = of_server(Level::Warning, "refused", text);
            Entry { db: Some(db.clone()), count: left_out + 1, ..entry }
        }
        Event::Warning { code, message } => of_server(Level::Warning, code, message.clone()),
        Event::Notice { code, message } => of_server(Level::Info, code, message.clone()),
        Event::Error { message } | Event::Failed { message } => of_server(Level::Error, "error", message.clone()),
        Event::Identified { .. } | Event::Message { .. } | Event::Trace(_) => return None,
    };
    Some(entry)
}

fn from(remote: Option<SocketAddr>) -> String {
    remote.map(|remote| format!(" from {remote}")).unwrap_or_default()
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
        Event::Connect { db: "db".into(), id: id.into(), remote: None }
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
    fn joins_do_not_push_out_what_else_has_happened() {
        let mut recent = Recent::default();
        recent.add(0, &warning("early"));
        for number in 0..2 * MAX_ENTRIES {
            recent.add(1, &connect(&number.to_string()));
        }
        assert_eq!((recent.entries.len(), &*recent.entries[0].text), (MAX_ENTRIES, "early"));
        for number in 0..MAX_ENTRIES {
            recent.add(2, &warning(&number.to_string()));
            recent.add(2, &Event::Notice { code: "another", message: String::new() });
        }
        let of_peers = recent.entries.iter().filter(|entry| entry.kind == "connect").count();
        assert_eq!((recent.entries.len(), of_peers), (MAX_ENTRIES, 0));
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
