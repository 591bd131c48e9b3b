//! News that need not be told at once: each message that a process receives wakes it, and most of what AceBase
//! processes tell each other is of no use to them before they may write. The first after a while is told at once; those
//! that come soon after it wait in the outboxes until that time is over, or until there is something else for their
//! receiver, which they go ahead of: nobody is ever told anything before what was told earlier.

use crate::clock::Millis;

/// Bytes that may wait for one peer at most, so that those that follow do not wait for their writing.
pub(super) const MAX_GATHERED: usize = 64 * 1024;

/// When mail leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// At once, with all that waits.
    Now,
    /// With what comes next, or when its time is over.
    Gathered,
}

/// What is gathered of a database's news for all.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// Until then what comes is gathered. The past: nothing is.
    until: Millis,
    /// Something waits.
    waits: bool,
}

impl Gathering {
    /// News for all have come that may wait for so long.
    pub(super) fn depart(&mut self, now: Millis, within: Millis) -> Departure {
        if now < self.until {
            self.waits = true;
            return Departure::Gathered;
        }
        if !self.waits {
            self.until = now + within;
        }
        // Else it is time already to tell whoever these are not for.
        Departure::Now
    }

    /// Something has come for one that does not wait for it: it is never worth a wake of its own before that time is
    /// over.
    pub(super) fn hold(&mut self, now: Millis, within: Millis) -> Departure {
        if !self.waits {
            self.until = self.until.max(now + within);
            self.waits = true;
        }
        Departure::Gathered
    }

    /// When what waits is to be told at the latest.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.waits.then_some(self.until)
    }

    /// It is time to tell what waits.
    pub(super) fn take_due(&mut self, now: Millis) -> bool {
        self.waits && self.until <= now && std::mem::replace(&mut self.waits, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_leaves_at_once_and_those_that_follow_soon_together() {
        let mut gathering = Gathering::default();
        assert_eq!(gathering.depart(100, 5), Departure::Now);
        assert_eq!(gathering.deadline(), None);
        assert_eq!(gathering.depart(101, 5), Departure::Gathered);
        assert_eq!(gathering.depart(104, 5), Departure::Gathered);
        assert_eq!(gathering.deadline(), Some(105));
        assert!(!gathering.take_due(104) && gathering.take_due(105) && !gathering.take_due(105));
        assert_eq!(gathering.deadline(), None);
        assert_eq!(gathering.depart(120, 5), Departure::Now);
    }

    #[test]
    fn what_nobody_waits_for_is_held_and_what_follows_leaves_with_it() {
        let mut gathering = Gathering::default();
        assert_eq!(gathering.hold(100, 5), Departure::Gathered);
        assert_eq!(gathering.hold(103, 5), Departure::Gathered);
        assert_eq!(gathering.deadline(), Some(105));
        assert_eq!(gathering.depart(104, 5), Departure::Gathered);
        assert!(gathering.take_due(105));
        assert_eq!(gathering.depart(106, 5), Departure::Now);
        assert_eq!(gathering.hold(107, 5), Departure::Gathered);
        assert_eq!(gathering.deadline(), Some(112));
    }
}
