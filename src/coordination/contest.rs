//! Two processes that both believe to be the master.
//!
//! ```text
//!               takes the id from a connected master        again within the window
//!   peace ──────────────────────────────────────> warned ───────────────────────────> closed
//!     ^                                             │                                  │   │
//!     └──────────────── window over ────────────────┴──────────────────────────────────┘   └─ each attempt
//!                                                                                             begins the window anew
//! ```
//!
//! The first newcomer wins: it may be the only living one, with the other's connection half open. When the loser takes the id
//! back in turn, there are two; the one that is in stays in, for as long as the other tries.

use crate::hub::coordinator::Millis;

/// How long two take-overs count as one fight, and the loser is kept out after its last attempt, in milliseconds. A client tries
/// again every second; a process manager restarts a crashing process within seconds.
pub(super) const CONTEST_WINDOW_MS: u64 = 30_000;

/// Least time between two warnings, in milliseconds: a contest goes on for as long as nobody reads them.
const WARN_EVERY_MS: u64 = 60_000;

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Contest {
    last_take_over: Option<Millis>,
    closed_until: Option<Millis>,
    last_warning: Option<Millis>,
}

impl Contest {
    /// A new process took the id from a connected master. `true`: time for a warning.
    pub(super) fn taken_over(&mut self, now: Millis) -> bool {
        let is_fight = self.last_take_over.is_some_and(|last| now - last < CONTEST_WINDOW_MS);
        self.last_take_over = Some(now);
        if is_fight {
            self.closed_until = Some(now + CONTEST_WINDOW_MS);
        }
        let warn = self.last_warning.is_none_or(|last| now - last >= WARN_EVERY_MS);
        if warn {
            self.last_warning = Some(now);
        }
        warn
    }

    /// Somebody wants in while the present master is connected. `true`: it must stay out.
    pub(super) fn keeps_out(&mut self, now: Millis) -> bool {
        let closed = self.closed_until.is_some_and(|until| now < until);
        if closed {
            self.closed_until = Some(now + CONTEST_WINDOW_MS);
        }
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_take_over_closes_the_door_until_the_loser_gives_up() {
        let mut contest = Contest::default();
        assert!(!contest.keeps_out(0));
        assert!(contest.taken_over(0));
        assert!(!contest.keeps_out(1));
        assert!(!contest.taken_over(CONTEST_WINDOW_MS - 1));
        let closed = CONTEST_WINDOW_MS - 1;
        assert!(contest.keeps_out(closed + CONTEST_WINDOW_MS - 1));
        assert!(contest.keeps_out(closed + 2 * CONTEST_WINDOW_MS - 2));
        assert!(!contest.keeps_out(closed + 3 * CONTEST_WINDOW_MS));
    }

    #[test]
    fn take_overs_far_apart_are_no_fight() {
        let mut contest = Contest::default();
        contest.taken_over(0);
        assert!(!contest.taken_over(CONTEST_WINDOW_MS));
        assert!(!contest.keeps_out(CONTEST_WINDOW_MS));
        assert!(contest.taken_over(2 * WARN_EVERY_MS));
    }
}
