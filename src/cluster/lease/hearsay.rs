//! When the other hubs are asked who has databases, and in what turn. Pure.

use std::sync::Arc;

use super::times::{Time, Times};

/// When the others are asked, and for what.
#[derive(Debug, Clone, Default)]
pub struct Hearsay {
    pub(super) asked_at: Option<Time>,
    /// They have not answered yet.
    pub(super) is_asking: bool,
    /// The last one of those that were asked for. By name: the next time is the next ones' turn.
    pub(super) last: Option<Arc<str>>,
}

impl Hearsay {
    /// When they may be asked again; `None`: they are being asked.
    pub(super) fn asks_at(&self, times: Times) -> Option<Time> {
        (!self.is_asking).then(|| self.asked_at.map_or(Time::ZERO, |at| at + times.ask_neighbours_every()))
    }
}
