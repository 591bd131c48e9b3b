//! What weighs on a cluster at the moment: who keeps whom waiting, and since when. The oldest of each only, so that it
//! can be asked for every second, however much there is.

use super::Lock;
use crate::clock::Millis;

/// What is known of the master's place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MasterState {
    /// No process has it.
    #[default]
    Absent,
    /// Its process's connection is lost, and may come back.
    Away,
    /// A process has connected, and it is not known yet whether it is the one that was there.
    Returning,
    /// Its process takes requests.
    Present,
    /// Its process has said goodbye, and is still connected.
    Leaving,
}

/// A lock that was granted, and that others wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The lock.
    pub lock: Lock,
    /// When it was granted, by whichever master.
    pub granted: Millis,
}

/// How much of what may be kept is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fill {
    /// Requests and locks.
    pub count: usize,
    /// How many there may be.
    pub max_count: usize,
    /// Bytes that they take.
    pub bytes: usize,
    /// How many they may take.
    pub max_bytes: usize,
}

/// What weighs on a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strain {
    /// Some process of AceBase is connected, or may come back.
    pub any_acebase: bool,
    /// The id under which a master connects; none has an empty one.
    pub master_id: &'static str,
    /// What is known of the master's place.
    pub master: MasterState,
    /// Since when it is so.
    pub master_since: Millis,
    /// When the master has answered a request last.
    pub answered: Option<Millis>,
    /// Since when the oldest request is unanswered.
    pub oldest_request: Option<Millis>,
    /// The lock that has been waited for longest.
    pub oldest_wait: Option<Lock>,
    /// When the oldest of all granted locks was granted.
    pub longest_hold: Option<Millis>,
    /// The oldest lock of those that the former waits for.
    pub blocker: Option<Hold>,
    /// Requests and locks, and how many there may be.
    pub fill: Fill,
}
