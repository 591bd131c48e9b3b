//! An outbox as plain data, for one that goes on where it has stopped.

use std::mem;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::state::{Custody, State, Traffic};
use crate::hub::{
    held_back::{FrozenGate, HeldBack},
    shelf::Shelf,
    stream::{FrameStream, FrozenStream},
};

/// An outbox as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenOutbox {
    stream: FrozenStream,
    has_overflowed: bool,
    gate: Option<FrozenGate>,
    traffic: Traffic,
    #[serde(default)]
    custody: Custody,
}

impl State {
    /// Takes everything out.
    pub(super) fn freeze(&mut self, shelf: &mut Shelf) -> FrozenOutbox {
        self.unseal();
        let (gate, stream) = (mem::take(&mut self.held_back).freeze(shelf), self.stream.freeze(shelf));
        self.frozen(stream, gate)
    }

    /// As it is, while it goes on.
    pub(super) fn copy(&mut self, shelf: &mut Shelf) -> FrozenOutbox {
        let (gate, stream) = (self.held_back.copy(shelf), self.stream.copy(shelf));
        self.frozen(stream, gate)
    }

    fn frozen(&self, stream: FrozenStream, gate: Option<FrozenGate>) -> FrozenOutbox {
        let Self { has_overflowed, traffic, custody, .. } = *self;
        FrozenOutbox { stream, has_overflowed, gate, traffic, custody }
    }

    /// One that goes on where another has stopped, without a transport. `None`: there never was such an outbox.
    pub(super) fn thaw(frozen: FrozenOutbox, shelf: &[Bytes]) -> Option<Self> {
        let FrozenOutbox { stream, has_overflowed, gate, traffic, custody } = frozen;
        let stream = FrameStream::thaw(stream, shelf).filter(|_| traffic.is_possible())?;
        let held_back = HeldBack::thaw(gate, shelf)?;
        Some(Self { stream, has_overflowed, held_back, traffic, custody, ..Self::default() })
    }
}
