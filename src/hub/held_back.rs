//! What is put into an outbox and must not go to its connection: a shut gate and a seal keep it.
//!
//! The gate is shut while it is unknown whether the peer that has returned is the one that left. The seal is behind the
//! last frame of a connection: what comes after that is for the next one.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::shelf::{self, Shelf};

/// What waits behind a gate, and behind a seal.
#[derive(Default)]
pub(super) struct HeldBack {
    gate: Option<Gate>,
    /// What came since the last frame of the connection.
    sealed: Option<Frames>,
}

/// What waits behind a shut gate.
#[derive(Default)]
struct Gate {
    /// What the one that left has not got.
    kept: Frames,
    /// What came since the return.
    since: Frames,
}

/// Whole frames, in order, and how many bytes they are.
#[derive(Default)]
struct Frames {
    frames: Vec<Bytes>,
    bytes: usize,
}

/// What is behind a shut gate, by its numbers on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FrozenGate {
    kept: Vec<u32>,
    since: Vec<u32>,
}

impl HeldBack {
    /// What is put in does not go to the connection now.
    pub(super) fn holds(&self) -> bool {
        self.gate.is_some() || self.sealed.is_some()
    }

    /// The connection has had its last frame.
    pub(super) fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.gate.as_ref().map_or(0, |gate| gate.kept.bytes + gate.since.bytes)
            + self.sealed.as_ref().map_or(0, |sealed| sealed.bytes)
    }

    /// Adds whole frames. Only where it [holds](HeldBack::holds) something back.
    pub(super) fn push(&mut self, frames: Bytes) {
        let place = self.gate.as_mut().map(|gate| &mut gate.since).or(self.sealed.as_mut());
        if let Some(place) = place {
            place.push(frames);
        }
    }

    /// Shuts the gate in front of what the one that left has not got.
    pub(super) fn shut_gate(&mut self, kept: Vec<Bytes>) {
        self.gate = Some(Gate { kept: kept.into(), since: Frames::default() });
    }

    /// Opens the gate. Gives what may go on: what was kept, only where the peer is the `same`, and what came since.
    pub(super) fn open_gate(&mut self, same: bool) -> Vec<Bytes> {
        let Some(Gate { kept, since }) = self.gate.take() else { return Vec::new() };
        let passed = if same { [kept.frames, since.frames].concat() } else { since.frames };
        match &mut self.sealed {
            None => passed,
            Some(sealed) => {
                passed.into_iter().for_each(|frames| sealed.push(frames));
                Vec::new()
            }
        }
    }

    /// Takes away the gate, and all that was behind it. `None`: there was none.
    pub(super) fn take_gate(&mut self) -> Option<Vec<Bytes>> {
        self.gate.take().map(|Gate { kept, since }| [kept.frames, since.frames].concat())
    }

    /// The last frame of the connection is in the stream.
    pub(super) fn seal(&mut self) {
        self.sealed = Some(Frames::default());
    }

    /// The connection is gone that had its last frame. Gives what came since.
    pub(super) fn unseal(&mut self) -> Vec<Bytes> {
        self.sealed.take().unwrap_or_default().frames
    }

    /// The gate as plain data. Nothing may be sealed any more.
    pub(super) fn freeze(self, shelf: &mut Shelf) -> Option<FrozenGate> {
        let Gate { kept, since } = self.gate?;
        Some(FrozenGate { kept: shelf.put(kept.frames), since: shelf.put(since.frames) })
    }

    /// The gate as plain data, as it is.
    pub(super) fn copy(&self, shelf: &mut Shelf) -> Option<FrozenGate> {
        let Gate { kept, since } = self.gate.as_ref()?;
        Some(FrozenGate { kept: shelf.put(kept.frames.clone()), since: shelf.put(since.frames.clone()) })
    }

    /// As it was frozen. `None`: it has what is not on the shelf.
    pub(super) fn thaw(frozen: Option<FrozenGate>, shelf: &[Bytes]) -> Option<Self> {
        let Some(FrozenGate { kept, since }) = frozen else { return Some(Self::default()) };
        let gate = Gate { kept: shelf::take(shelf, kept)?.into(), since: shelf::take(shelf, since)?.into() };
        Some(Self { gate: Some(gate), sealed: None })
    }
}

impl Frames {
    fn push(&mut self, frames: Bytes) {
        self.bytes += frames.len();
        self.frames.push(frames);
    }
}

impl From<Vec<Bytes>> for Frames {
    fn from(frames: Vec<Bytes>) -> Self {
        let bytes = frames.iter().map(Bytes::len).sum();
        Self { frames, bytes }
    }
}
