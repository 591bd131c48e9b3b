//! What a journal knows of a connection's reading: how much was read, and what of it no turn has had yet.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{
    provenance::{Provenance, Read},
    writing::Journal,
};

/// Pieces of an unfinished message that are remembered by where they lie, at most; then they are put together.
const MAX_PIECES: usize = 1024;

/// What was read from a connection, for its peer and for its session.
pub(in crate::hub) type SharedInput = Arc<Mutex<Input>>;

/// What was read from one connection.
pub(in crate::hub) struct Input {
    pub(in crate::hub) origin: Provenance,
    pub(in crate::hub) announced_payload: usize,
    /// Bytes that were read, all in all.
    pub(in crate::hub) read: u64,
    /// What was read since nothing was unfinished.
    pieces: Vec<Piece>,
    /// So many messages of the pieces were routed.
    routed: usize,
    /// Nothing is unfinished once the messages that there are have been routed.
    is_whole: bool,
}

enum Piece {
    /// In the journal.
    At {
        start: usize,
        len: usize,
    },
    Owned(Bytes),
}

impl Input {
    pub(in crate::hub) fn new(origin: Provenance, announced_payload: usize) -> Self {
        Self { origin, announced_payload, read: origin.read, pieces: Vec::new(), routed: 0, is_whole: true }
    }

    /// Of a connection that goes on: so much was read, and this is the beginning of a message.
    pub(in crate::hub) fn going_on(origin: Provenance, announced_payload: usize, unread: Bytes) -> Self {
        let mut input = Self::new(origin, announced_payload);
        if !unread.is_empty() {
            input.is_whole = false;
            input.pieces.push(Piece::Owned(unread));
        }
        input
    }

    /// Bytes were read, which are in the journal from `start` on, if they are. So many messages were routed since, and
    /// as many are left.
    pub(in crate::hub) fn add(&mut self, read: Read<'_>, start: Option<usize>, routed: usize, left: usize) {
        self.read += read.bytes.len() as u64;
        self.is_whole = read.is_whole;
        if !read.is_whole || left > 0 {
            let len = read.bytes.len();
            self.pieces.push(match start {
                Some(start) => Piece::At { start, len },
                None => Piece::Owned(Bytes::copy_from_slice(read.bytes)),
            });
        }
        self.has_routed(routed, left);
    }

    /// So many messages were routed, and as many are left.
    pub(in crate::hub) fn has_routed(&mut self, count: usize, left: usize) {
        if !self.is_whole || left > 0 {
            self.routed += count;
        } else if self.routed > 0 || !self.pieces.is_empty() {
            self.pieces.clear();
            self.routed = 0;
        }
    }

    /// The pieces are so many that they should be put together.
    pub(in crate::hub) fn is_scattered(&self) -> bool {
        self.pieces.len() >= MAX_PIECES && self.pieces.len().is_multiple_of(MAX_PIECES)
    }

    /// Takes all out of the journal, which may begin anew then. Gives it, and how many of its messages were routed.
    pub(in crate::hub) fn take_out(&mut self, journal: &mut Journal) -> (Bytes, usize) {
        let unread = match &self.pieces[..] {
            [] => Bytes::new(),
            [Piece::Owned(only)] => only.clone(),
            several => {
                let mut together = Vec::new();
                for piece in several {
                    match piece {
                        Piece::Owned(bytes) => together.extend_from_slice(bytes),
                        Piece::At { start, len } => together.extend_from_slice(journal.recorded(*start, *len)),
                    }
                }
                together.into()
            }
        };
        self.pieces.clear();
        if !unread.is_empty() {
            self.pieces.push(Piece::Owned(unread.clone()));
        }
        (unread, self.routed)
    }
}
