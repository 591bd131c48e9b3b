//! What an owner had in mind, on its way to the next one.

use std::time::Duration;

use super::fault::Otherwise;
use crate::cluster::lease::Time;

/// How long the next owner may take, and the last one waits for it.
pub(super) const TAKE_LIMIT: Duration = Duration::from_millis(1_000);
pub(super) const GIVE_LIMIT: Duration = Duration::from_millis(1_500);

/// What an owner had in mind, on its way to the next one.
pub(super) struct Estate {
    pub(super) db: &'static str,
    /// Under which the owner had it.
    pub(super) epoch: u64,
    pub(super) from: usize,
    /// Who has died since then remembers nothing.
    pub(super) life: String,
    pub(super) to: usize,
    pub(super) given_up_at: Time,
    pub(super) otherwise: Otherwise,
    pub(super) course: Course,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    UnderWay { arrives: Time },
    AtHeir,
    Answered { is_taken: bool, arrives: Time },
    TakenBack,
    Over,
}
