//! How a journal is written: records one behind the other, and a new snapshot where they become too many.

use std::collections::BTreeSet;

use super::record::{HEAD, Head, Kind, padded};
use crate::clock::Millis;

/// Records that are written before a new snapshot, in bytes, however small that is: so many that snapshots cost little,
/// so few that they stay in the processor's cache, and are soon replayed.
const RECORDS_AT_LEAST: usize = 256 << 10;

/// As many times the snapshot's bytes may come in records before there is a new one, so that a large one costs little
/// of what the records do.
const RECORDS_PER_SNAPSHOT: usize = 4;

/// Bytes at an area's end for what is recorded in the middle of a turn, when there can be no snapshot.
const RESERVE: usize = 64 << 10;

/// The largest snapshot, in bytes: it is written under the database's lock, some ten milliseconds long. A database that
/// takes more is not journalled any more.
pub const MAX_SNAPSHOT: usize = 16 << 20;

/// One of the two halves of a journal's memory.
pub type Area = usize;

/// Memory that outlives the process: two areas of one length, of which one counts.
pub trait Memory: Send {
    /// An area, 0 or 1.
    fn area(&mut self, area: Area) -> &mut [u8];

    /// From now on so many bytes of this area count. Whatever was written to it before this is in it before this.
    fn commit(&mut self, area: Area, length: usize);

    /// Nothing counts any more: the database has come to an orderly end.
    fn close(&mut self);
}

/// Makes the memory of a database's journal. `None`: there is none.
pub type MemoryFactory = Box<dyn Fn() -> Option<Box<dyn Memory>> + Send + Sync>;

/// A database's journal.
pub(in crate::hub) struct Journal {
    memory: Box<dyn Memory>,
    active: Area,
    /// What counts of the active area.
    end: usize,
    /// Where records become too many.
    full_at: usize,
    /// Something has happened that no record tells: a snapshot must follow before anything is sent.
    is_stale: bool,
    /// Connections that have a place at the door.
    tickets: BTreeSet<u64>,
}

impl Journal {
    /// A journal that says nothing yet.
    pub(in crate::hub) fn new(memory: Box<dyn Memory>) -> Self {
        Self { memory, active: 0, end: 0, full_at: 0, is_stale: true, tickets: BTreeSet::new() }
    }

    /// A snapshot must be written before anything is sent.
    pub(in crate::hub) fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// What happens now cannot be told by records.
    pub(in crate::hub) fn is_overtaken(&mut self) {
        self.is_stale = true;
    }

    /// Records of so many bytes are too many.
    pub(in crate::hub) fn is_full_for(&self, bytes: usize) -> bool {
        self.end + HEAD + bytes > self.full_at
    }

    /// Begins anew with a snapshot. `false`: it is too large.
    pub(in crate::hub) fn begin(&mut self, snapshot: &[u8]) -> bool {
        if snapshot.len() > MAX_SNAPSHOT {
            return false;
        }
        let next = 1 - self.active;
        let area = self.memory.area(next);
        let (start, capacity) = (padded(HEAD + snapshot.len()), area.len());
        if start + RESERVE > capacity {
            return false;
        }
        Head { kind: Kind::Snapshot, len: snapshot.len(), now: 0, unix: 0, link: 0 }.write(area);
        area[HEAD..HEAD + snapshot.len()].copy_from_slice(snapshot);
        self.memory.commit(next, start);
        let records = RECORDS_AT_LEAST.max(RECORDS_PER_SNAPSHOT * snapshot.len());
        (self.active, self.end, self.is_stale) = (next, start, false);
        self.full_at = (start + records).min(capacity - RESERVE);
        true
    }

    /// Writes a record. What finds no room makes the journal stale. Gives where the payload lies, if it does.
    pub(in crate::hub) fn append(&mut self, kind: Kind, link: u64, at: (Millis, u64), payload: &[u8]) -> Option<usize> {
        let start = self.end + HEAD;
        let end = padded(start + payload.len());
        let area = self.memory.area(self.active);
        if self.is_stale || end > area.len() {
            self.is_stale = true;
            return None;
        }
        Head { kind, len: payload.len(), now: at.0, unix: at.1, link }.write(&mut area[self.end..]);
        area[start..start + payload.len()].copy_from_slice(payload);
        self.end = end;
        self.memory.commit(self.active, end);
        Some(start)
    }

    /// Bytes that were recorded.
    pub(in crate::hub) fn recorded(&mut self, start: usize, len: usize) -> &[u8] {
        self.memory.area(self.active).get(start..start + len).unwrap_or_default()
    }

    /// A connection has a place at the door.
    pub(in crate::hub) fn takes_place(&mut self, ticket: u64) {
        self.tickets.insert(ticket);
    }

    /// It has given that up.
    pub(in crate::hub) fn gives_place_up(&mut self, ticket: u64) {
        self.tickets.remove(&ticket);
    }

    /// Connections that have a place at the door.
    pub(in crate::hub) fn tickets(&self) -> Vec<u64> {
        self.tickets.iter().copied().collect()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.memory.close();
    }
}
