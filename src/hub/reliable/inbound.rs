//! What a client has sent: which of its numbers have come, and which have reached their end at all receivers.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::protocol::reliable::MAX_UNACKNOWLEDGED;

/// What a number is to the session that gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hub) enum Taken {
    /// It has come for the first time.
    New,
    /// It has come before.
    Had,
    /// It is further ahead of what is acknowledged than a client may be.
    TooFar,
}

/// The client's numbers, in the window between what is at its end and what has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::hub) struct Inbound {
    /// All up to this number have reached their end.
    ended: u64,
    /// What the numbers above that still wait for: one for each receiver that has not acknowledged it.
    open: VecDeque<u32>,
    /// The client was told so far.
    told: u64,
}

impl Inbound {
    /// The highest number that has come; 0: none.
    pub(in crate::hub) fn had(&self) -> u64 {
        self.ended + self.open.len() as u64
    }

    /// A number comes. It waits for nothing yet.
    pub(in crate::hub) fn take(&mut self, number: u64) -> Taken {
        let had = self.had();
        if number <= had {
            return Taken::Had;
        }
        if self.open.is_empty() {
            // Numbers that are left out, or of sessions before this one, have reached their end.
            self.ended = number - 1;
        }
        if number - self.ended > MAX_UNACKNOWLEDGED {
            return Taken::TooFar;
        }
        // It fits, for the window has no more than `MAX_UNACKNOWLEDGED`.
        self.open.resize((number - self.ended) as usize, 0);
        Taken::New
    }

    /// So many more must acknowledge a number, or hold it back.
    pub(in crate::hub) fn waits_for(&mut self, number: u64, more: u32) {
        if let Some(open) = self.slot(number) {
            *open = open.saturating_add(more);
        }
    }

    /// One of those has.
    pub(in crate::hub) fn settle(&mut self, number: u64) {
        if let Some(open) = self.slot(number) {
            *open = open.saturating_sub(1);
        }
    }

    /// Moves on to the first number that has not reached its end. How many there are that the client was not told of.
    pub(in crate::hub) fn advance(&mut self) -> u64 {
        while self.open.front() == Some(&0) {
            self.open.pop_front();
            self.ended += 1;
        }
        self.ended.saturating_sub(self.told)
    }

    /// All up to this number have reached their end. The client is told now.
    pub(in crate::hub) fn tell(&mut self) -> u64 {
        self.told = self.ended;
        self.ended
    }

    /// The client may not have heard what it was told.
    pub(in crate::hub) fn tell_again(&mut self) {
        self.told = 0;
    }

    fn slot(&mut self, number: u64) -> Option<&mut u32> {
        let at = number.checked_sub(self.ended + 1)?;
        self.open.get_mut(usize::try_from(at).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_once() {
        let mut inbound = Inbound::default();
        assert_eq!((inbound.take(5), inbound.had()), (Taken::New, 5));
        assert_eq!(inbound.take(5), Taken::Had);
        assert_eq!(inbound.take(4), Taken::Had);
        assert_eq!((inbound.take(6), inbound.had()), (Taken::New, 6));
    }

    #[test]
    fn what_is_at_its_end_is_told_in_order() {
        let mut inbound = Inbound::default();
        for number in [1, 2, 4] {
            inbound.take(number);
        }
        inbound.waits_for(1, 2);
        inbound.waits_for(4, 1);
        inbound.settle(1);
        assert_eq!(inbound.advance(), 0);
        inbound.settle(1);
        assert_eq!((inbound.advance(), inbound.tell(), inbound.advance()), (3, 3, 0));
        inbound.settle(4);
        assert_eq!((inbound.advance(), inbound.tell()), (1, 4));
        // What nobody waits for changes nothing.
        inbound.settle(4);
        inbound.settle(9);
        assert_eq!((inbound.advance(), inbound.had()), (0, 4));
    }

    #[test]
    fn nobody_is_further_ahead_than_receivers_remember() {
        let mut inbound = Inbound::default();
        inbound.take(1);
        inbound.waits_for(1, 1);
        assert_eq!(inbound.take(MAX_UNACKNOWLEDGED), Taken::New);
        assert_eq!(inbound.take(MAX_UNACKNOWLEDGED + 1), Taken::TooFar);
        inbound.settle(1);
        inbound.advance();
        assert_eq!(inbound.take(MAX_UNACKNOWLEDGED + 1), Taken::New);
        // What is left out is at its end, also much of it.
        inbound.advance();
        assert_eq!(inbound.take(u64::from(u32::MAX) * 2), Taken::New);
    }
}
