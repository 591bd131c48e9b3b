//! One request of a worker that has not been answered, and where it is. `requests` draws its states.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{bounds::Usage, message::Ask, waiting::Place};
use crate::clock::Millis;

/// Where a request is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    /// It waits here.
    Held(Place),
    /// A master has it.
    Delivered,
}

/// A request that has not been answered.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) worker: Arc<str>,
    /// The worker's own number for it.
    pub(super) id: Arc<str>,
    pub(super) ask: Ask,
    /// The whole message, to be given to a master.
    pub(super) text: Bytes,
    pub(super) state: State,
    /// When it arrived.
    pub(super) since: Millis,
    /// To how many masters it has been given.
    pub(super) deliveries: u32,
    /// How many masters that had it, and could have ended by it, have ended.
    pub(super) strikes: u8,
    /// The master that has it has lived through it.
    pub(super) is_survived: bool,
    /// When it must be answered, should there be no master then that has it.
    pub(super) deadline: Option<Millis>,
}

impl Pending {
    pub(super) fn is_delivered(&self) -> bool {
        self.state == State::Delivered
    }

    /// It waits there.
    pub(super) fn is_at(&self, place: &Place) -> bool {
        matches!(&self.state, State::Held(at) if at == place)
    }

    /// What it takes up.
    pub(super) fn usage(&self) -> Usage {
        Usage::of_request(self.text.len())
    }
}
