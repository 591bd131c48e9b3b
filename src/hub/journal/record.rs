//! How a record is written: a head of one length, and what it is about. What is frequent is bytes as they were read;
//! what is rare is MessagePack with named fields.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Millis,
    hub::{
        coordinator::{Incumbent, Loss},
        greeting::Arrival,
    },
};

/// Length of a record's head, in bytes.
pub(super) const HEAD: usize = 32;

/// Records begin at multiples of so many bytes.
const ALIGNMENT: usize = 8;

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hub) enum Kind {
    /// The database as it was.
    Snapshot = 1,
    /// Bytes were read from a connection, and one turn follows with the messages that there are then.
    Receive = 2,
    /// Bytes were read from a connection that bring no message to its end.
    Read = 3,
    /// One more turn with the messages of a connection that the last one has left.
    Route = 4,
    /// Within a turn, a connection was given up, of whose stream so much counts as delivered.
    Detached = 5,
    /// One of [`Rare`].
    Rare = 6,
}

const KINDS: [Kind; 6] = [Kind::Snapshot, Kind::Receive, Kind::Read, Kind::Route, Kind::Detached, Kind::Rare];

/// What happens seldom enough not to be written in the shortest way.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::hub) enum Rare {
    Connect { id: String, arrival: Arrival },
    Lost { loss: Loss },
    Post { id: String, texts: Vec<Bytes> },
    Admit { id: String, ticket: u64, incumbent: Incumbent },
    Withdraw { ticket: u64 },
    Send { id: String, text: Bytes },
    Kick { id: String },
    Control { frames: Bytes },
    Tick,
}

/// A record's head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) len: usize,
    pub(super) now: Millis,
    /// The time of day, in milliseconds since the Unix epoch.
    pub(super) unix: u64,
    /// The connection that it is about, if it is about one.
    pub(super) link: u64,
}

impl Head {
    /// Writes it to the beginning of `at`, which is long enough.
    pub(super) fn write(&self, at: &mut [u8]) {
        let kind_and_len = (self.kind as u64) << 56 | self.len as u64;
        let words = [kind_and_len, self.now, self.unix, self.link];
        for (place, word) in at.chunks_exact_mut(size_of::<u64>()).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut words = bytes.get(..HEAD)?.chunks_exact(size_of::<u64>()).map(|word| {
            let mut bytes = [0; size_of::<u64>()];
            bytes.copy_from_slice(word);
            u64::from_le_bytes(bytes)
        });
        let kind_and_len = words.next()?;
        let kind = KINDS.into_iter().find(|kind| *kind as u64 == kind_and_len >> 56)?;
        let len = usize::try_from(kind_and_len & ((1 << 56) - 1)).ok()?;
        Some(Self { kind, len, now: words.next()?, unix: words.next()?, link: words.next()? })
    }
}

/// Where the next record begins behind so many bytes.
pub(super) fn padded(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT)
}

/// The first record of what counts, and what is behind it. `None`: it is none.
pub(super) fn split_first(bytes: &[u8]) -> Option<(Head, &[u8], &[u8])> {
    let head = Head::read(bytes)?;
    let end = HEAD.checked_add(head.len)?;
    let payload = bytes.get(HEAD..end)?;
    Some((head, payload, bytes.get(padded(end)..)?))
}
