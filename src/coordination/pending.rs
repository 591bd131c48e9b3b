//! One request of a worker that has not been answered, and where it is. `requests` draws its states.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{bounds::Usage, message::Ask, waiting::Place};
use crate::{
    acebase::{Lock, LockState},
    clock::Millis,
    hub::Origin,
};

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
    /// The lives of the masters that had it and are gone.
    #[serde(default)]
    pub(super) had_by: Vec<String>,
    /// The master that has it has lived through it.
    pub(super) is_survived: bool,
    /// The master that has it was away: it may never have got it, or its answer may be lost.
    #[serde(default)]
    pub(super) is_doubtful: bool,
    /// Whose message it is, where its worker has the extension.
    #[serde(default)]
    pub(super) origin: Option<Origin>,
    /// Its worker must keep the message until a master has it, or it is answered.
    #[serde(default)]
    pub(super) is_kept: bool,
    /// A master may have got it from a former run of the hub, and may have answered it.
    #[serde(default)]
    pub(super) is_resent: bool,
    /// When it must be answered, should there be no master then that has it.
    pub(super) deadline: Option<Millis>,
}

impl Pending {
    pub(super) fn is_delivered(&self) -> bool {
        self.state == State::Delivered
    }

    /// A master may answer it.
    pub(super) fn may_be_answered(&self) -> bool {
        self.is_delivered() || self.is_resent
    }

    /// Its worker has told that it waits for the answer, and not what it has requested.
    pub(super) fn is_hearsay(&self) -> bool {
        self.text.is_empty()
    }

    /// It waits there.
    pub(super) fn is_at(&self, place: &Place) -> bool {
        matches!(&self.state, State::Held(at) if at == place)
    }

    /// The message that its worker need keep no longer, if it did.
    pub(super) fn let_go(&mut self) -> Option<Origin> {
        std::mem::take(&mut self.is_kept).then(|| self.origin.clone()).flatten()
    }

    /// The row of the lock table that it is, if it asks for a lock.
    pub(super) fn as_waiting_lock(&self) -> Option<Lock> {
        let Ask::Lock(wanted) = &self.ask else { return None };
        Some(Lock {
            id: None,
            peer: (*self.worker).to_owned(),
            path: wanted.path.clone(),
            tid: wanted.tid.clone(),
            write: wanted.write,
            comment: wanted.comment.clone(),
            state: LockState::Waiting,
            since: self.since,
            expires: None,
            passed: 0,
            has_expired: false,
        })
    }

    /// What it takes up.
    pub(super) fn usage(&self) -> Usage {
        Usage::of_request(self.text.len())
    }
}
