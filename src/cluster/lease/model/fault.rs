//! What can happen.

use std::time::Duration;

#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// A hub stands still for so long.
    Pause(usize, Duration),
    /// A hub dies, and another process comes in its place after so long.
    Kill(usize, Duration),
    /// Nobody reaches the engine.
    Down(Duration),
    /// The engine's answers do not arrive, though it does what it is asked.
    Deaf(Duration),
    /// A hub does not reach the engine.
    CutOff(usize, Duration),
    /// The engine is back where it was when it was copied last.
    Failover,
    /// The engine is copied.
    Copy,
    /// Answers take as long.
    Slow(Duration),
    /// Nobody uses the database at this hub any more.
    Forget(usize, usize),
    /// Whoever has the database leaves it to that hub: what it has in mind arrives after so long.
    Pass(usize, usize, Duration, Otherwise),
}

/// What an owner does with a database that nobody has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Otherwise {
    TakesItBack,
    LetsGo,
}
