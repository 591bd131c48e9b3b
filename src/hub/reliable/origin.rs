//! Whose message a message is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A life that sends, in one session: numbers that it sends again in another one are counted anew.
#[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::hub) struct Sender {
    /// Its client's id.
    pub(in crate::hub) peer: Arc<str>,
    pub(in crate::hub) life: String,
    pub(in crate::hub) session: String,
}

/// Whose message it is, and which of its sender's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    sender: Arc<Sender>,
    number: u64,
}

impl Origin {
    pub(in crate::hub) fn new(sender: Arc<Sender>, number: u64) -> Self {
        Self { sender, number }
    }

    /// The sender's id.
    pub fn peer(&self) -> &str {
        &self.sender.peer
    }

    /// The sender's number for it.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The sender's life, and its number for it: what tells it from all other messages there are.
    pub fn name(&self) -> (&str, u64) {
        (&self.sender.life, self.number)
    }

    /// It was sent in this session.
    pub(in crate::hub) fn is_of(&self, sender: &Arc<Sender>) -> bool {
        Arc::ptr_eq(&self.sender, sender) || self.sender == *sender
    }
}
