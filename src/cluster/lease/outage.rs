//! Whether the engine answers, and what follows while it does not: when it is asked again, whether an owner may go on
//! past its lease, and that nobody claims at once when it is back. Pure.

use super::times::{Time, Times};
use crate::cluster::registry::EngineState;

/// What is known of the engine.
#[derive(Debug, Clone)]
pub struct Outage {
    times: Times,
    state: EngineState,
    ask_at: Time,
    /// Owners get until then to say that they are: the engine may have lost its records, or they their leases.
    careful_until: Time,
    answered_at: Option<Time>,
    neighbours_asked_at: Option<Time>,
    /// They have not answered yet.
    is_asking: bool,
    /// Until then the others are believed that it is down for all.
    down_for_all_until: Time,
    /// All of them have said so.
    is_unanimous: bool,
}

/// What the other hubs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// So many reach the engine.
    pub yes: usize,
    /// So many do not.
    pub no: usize,
    /// So many were asked.
    pub asked: usize,
}

impl Verdict {
    /// More than half of all hubs, the asking one among them, do not reach the engine, and none says that it does.
    fn is_down_for_all(self) -> bool {
        self.yes == 0 && 2 * (self.no + 1) > self.asked + 1
    }
}

impl Outage {
    pub fn new(times: Times) -> Self {
        Self {
            times,
            state: EngineState::Unknown,
            ask_at: Time::ZERO,
            // Nobody knows what was before.
            careful_until: times.renew_every,
            answered_at: None,
            neighbours_asked_at: None,
            is_asking: false,
            down_for_all_until: Time::ZERO,
            is_unanimous: false,
        }
    }

    pub fn state(&self) -> EngineState {
        self.state
    }

    pub fn may_ask(&self, now: Time) -> bool {
        self.ask_at <= now
    }

    pub fn ask_at(&self) -> Time {
        self.ask_at
    }

    /// It has answered. Whether it had not before.
    pub fn answered(&mut self, now: Time) -> bool {
        let was_down = self.state == EngineState::Down;
        if was_down || self.has_been_silent(now) {
            self.careful_until = now + self.times.lease;
        }
        self.answered_at = Some(now);
        self.state = EngineState::Up;
        self.ask_at = Time::ZERO;
        self.neighbours_asked_at = None;
        was_down
    }

    /// It has not answered. Whether it had before, or was not asked.
    pub fn failed(&mut self, now: Time) -> bool {
        let is_new = self.state != EngineState::Down;
        self.state = EngineState::Down;
        self.ask_at = now + self.times.retry();
        is_new
    }

    /// Databases without a record are left alone: their owners may not have had time to renew. So it is also for a
    /// question of which only the answer will tell that the engine is back.
    pub fn is_careful(&self, now: Time) -> bool {
        self.state != EngineState::Up || now < self.careful_until || self.has_been_silent(now)
    }

    /// This hub stood still for a while, and does not know what was.
    fn has_been_silent(&self, now: Time) -> bool {
        self.answered_at.is_some_and(|at| now.saturating_sub(at) >= self.times.longest_silence())
    }

    /// Until when that is so, as far as it is known.
    pub fn careful_until(&self) -> Time {
        self.careful_until
    }

    /// When the other hubs are to be asked; `None`: the engine answers, or they are being asked.
    pub fn ask_neighbours_at(&self) -> Option<Time> {
        let next = |asked| asked + self.times.ask_neighbours_every();
        (self.state == EngineState::Down && !self.is_asking).then(|| self.neighbours_asked_at.map_or(Time::ZERO, next))
    }

    pub fn neighbours_are_asked(&mut self, now: Time) {
        self.neighbours_asked_at = Some(now);
        self.is_asking = true;
    }

    /// What the others said when they were asked then. Those that do not reach the engine will claim nothing for one
    /// lease when it is back, so that what they said is good for as long: also when one of them, where all had said so,
    /// reaches it before this hub does.
    pub fn neighbours_said(&mut self, asked_at: Time, verdict: Verdict) {
        self.is_asking = false;
        if verdict.is_down_for_all() {
            self.down_for_all_until = self.times.over_at(asked_at);
            self.is_unanimous = verdict.no == verdict.asked;
        } else if !self.is_unanimous {
            self.down_for_all_until = Time::ZERO;
        }
    }

    /// An owner may go on past its lease until then, also when the engine has answered meanwhile: it renews then, and
    /// the others wait for that.
    pub fn excuses_until(&self) -> Time {
        self.down_for_all_until
    }
}
