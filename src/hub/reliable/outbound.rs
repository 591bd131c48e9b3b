//! What a client is sent: which messages wait for each numbered frame that it has not acknowledged. The frames
//! themselves are in its outbox.

use std::collections::{VecDeque, vec_deque};

use serde::{Deserialize, Serialize};

use super::Origin;

/// The numbered frames of a session, counted from its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::hub) struct Outbound {
    acknowledged: u64,
    /// Which messages wait for each frame that is not acknowledged, oldest first.
    waiting: VecDeque<Waiting>,
}

/// The messages that have not reached their end before a frame is acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::hub) struct Waiting {
    /// The one that is in the frame, where it is of a peer with the extension.
    message: Option<Origin>,
    /// Those that have brought it about.
    causes: Vec<Origin>,
}

impl Waiting {
    /// `message`: it is in the frame. `cause`: it has brought the frame about.
    pub(in crate::hub) fn new(message: Option<Origin>, cause: Option<Origin>) -> Self {
        let causes = cause.filter(|cause| message.as_ref() != Some(cause)).into_iter().collect();
        Self { message, causes }
    }

    /// All of them.
    pub(in crate::hub) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.message.iter().chain(&self.causes)
    }
}

impl Outbound {
    /// One more frame is in the outbox.
    pub(in crate::hub) fn put(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// A message waits for all that the client was sent so far. `false`: it has acknowledged that.
    pub(in crate::hub) fn wait_for_all(&mut self, origin: Origin) -> bool {
        let last = self.waiting.back_mut();
        last.map(|last| last.causes.push(origin)).is_some()
    }

    /// The client has had so many frames of this session. Gives what has waited for those that it had not acknowledged
    /// before. `None`: there were not so many.
    pub(in crate::hub) fn acknowledge(&mut self, had: u64) -> Option<vec_deque::Drain<'_, Waiting>> {
        let newly = usize::try_from(had.saturating_sub(self.acknowledged)).ok()?;
        if newly > self.waiting.len() {
            return None;
        }
        self.acknowledged += newly as u64;
        Some(self.waiting.drain(..newly))
    }

    /// A client that has had so many frames of this session can go on with it.
    pub(in crate::hub) fn can_go_on_from(&self, had: u64) -> bool {
        had.checked_sub(self.acknowledged).is_some_and(|newly| newly <= self.waiting.len() as u64)
    }

    /// The client is gone for good, and counts as having had everything.
    pub(in crate::hub) fn into_waiting(self) -> impl Iterator<Item = Waiting> {
        self.waiting.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_acknowledges_no_more_than_it_was_sent() {
        let mut outbound = Outbound::default();
        (0..3).for_each(|_| outbound.put(Waiting::default()));
        assert_eq!(outbound.acknowledge(2).map(|origins| origins.len()), Some(2));
        assert_eq!(outbound.acknowledge(1).map(|origins| origins.len()), Some(0));
        assert!(outbound.acknowledge(4).is_none());
        assert!(outbound.can_go_on_from(2) && outbound.can_go_on_from(3));
        assert!(!outbound.can_go_on_from(1) && !outbound.can_go_on_from(4));
        assert_eq!(outbound.acknowledge(3).map(|origins| origins.len()), Some(1));
        assert_eq!(outbound.into_waiting().count(), 0);
    }
}
