//! How much is kept for a database's workers at most, and how much of it for one of them.
//!
//! One rule: nobody may have more than what is still free. So one worker alone gets half of all, and there is always
//! room left for another one, however much the first asks for at once; two that ask for as much as they can get a third
//! each, and so on.

use std::ops::{Add, AddAssign, SubAssign};

use serde::{Deserialize, Serialize};

use super::{config::CoordinationConfig, rarely::Rarely};
use crate::clock::Millis;

/// What a request takes beside its text, in bytes: its row, its places in the indexes of the table, and what was read
/// from its text. Measured: 580 with the master, 720 where it waits.
const REQUEST_ROW_BYTES: usize = 768;

/// What a lock takes beside its texts, in bytes. Measured: 470, and 615 when its master is gone.
const LOCK_ROW_BYTES: usize = 640;

/// How many things are kept, and how much they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Usage {
    pub(super) count: usize,
    /// With what it takes to keep them.
    pub(super) bytes: usize,
}

impl Usage {
    /// One request with a text of so many bytes.
    pub(super) fn of_request(text: usize) -> Self {
        Self { count: 1, bytes: text.saturating_add(REQUEST_ROW_BYTES) }
    }

    /// One lock with texts of so many bytes.
    pub(super) fn of_lock(texts: usize) -> Self {
        Self { count: 1, bytes: texts.saturating_add(LOCK_ROW_BYTES) }
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self { count: self.count + more.count, bytes: self.bytes + more.bytes }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        *self = *self + more;
    }
}

impl SubAssign for Usage {
    fn sub_assign(&mut self, less: Self) {
        self.count -= less.count;
        self.bytes -= less.bytes;
    }
}

/// How much may be kept at most, and when it was last said that this was too little.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    most: Usage,
    refusals: Rarely,
}

impl Bounds {
    pub(super) fn new(config: &CoordinationConfig) -> Self {
        let most = Usage { count: config.max_requests, bytes: config.max_request_bytes };
        Self { most, refusals: Rarely::default() }
    }

    /// One thing more fits in, of somebody who has `own` of `all` that is kept.
    pub(super) fn admit(&self, more: Usage, own: Usage, all: Usage) -> bool {
        let fits = |most: usize, more: usize, own: usize, all: usize| {
            most.checked_sub(all).is_some_and(|free| own.saturating_add(more) <= free)
        };
        fits(self.most.count, more.count, own.count, all.count)
            && fits(self.most.bytes, more.bytes, own.bytes, all.bytes)
    }

    /// A request was refused. Returns how many were since the last warning, if it is time for one.
    pub(super) fn refused(&mut self, now: Millis) -> Option<u64> {
        self.refusals.caused(now)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::rarely::WARN_EVERY_MS, *};

    fn usage(count: usize, bytes: usize) -> Usage {
        Usage { count, bytes }
    }

    fn bounds() -> Bounds {
        Bounds::new(&CoordinationConfig { max_requests: 100, max_request_bytes: 1_000, ..Default::default() })
    }

    /// How many things of ten bytes somebody gets.
    fn fill(bounds: &Bounds, mut all: Usage) -> Usage {
        let mut own = Usage::default();
        while bounds.admit(usage(1, 10), own, all) {
            own += usage(1, 10);
            all += usage(1, 10);
        }
        own
    }

    #[test]
    fn who_takes_all_that_he_can_leaves_as_much_for_others() {
        let first = fill(&bounds(), Usage::default());
        assert_eq!(first, usage(50, 500));
        let second = fill(&bounds(), first);
        assert_eq!(second, usage(25, 250));
        assert!(fill(&bounds(), first + second).count > 0);
    }

    #[test]
    fn either_bound_counts() {
        assert!(bounds().admit(usage(1, 1_000), usage(0, 0), usage(0, 0)));
        assert!(!bounds().admit(usage(1, 1_001), usage(0, 0), usage(0, 0)));
        assert!(bounds().admit(usage(1, 1), usage(0, 0), usage(99, 0)));
        assert!(!bounds().admit(usage(1, 1), usage(0, 0), usage(100, 0)));
        assert!(!bounds().admit(usage(1, usize::MAX), usage(1, 1), usage(1, 1)));
    }

    #[test]
    fn warnings_are_rare_and_tell_how_many_were_refused() {
        let mut bounds = bounds();
        assert_eq!(bounds.refused(5), Some(1));
        assert_eq!(bounds.refused(6), None);
        assert_eq!(bounds.refused(5 + WARN_EVERY_MS), Some(2));
    }
}
