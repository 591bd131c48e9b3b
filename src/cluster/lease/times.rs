//! The times that leases keep. All are derived from two options.

use std::time::Duration;

/// Time since the node was started, on a clock that nobody sets.
pub type Time = Duration;

/// The times of a cluster's leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How long a lease lasts.
    pub lease: Duration,
    /// How often it is renewed.
    pub renew_every: Duration,
}

impl Times {
    /// When a lease that was asked for then is to be given up: a tenth of it before the engine lets others have it, for
    /// clocks that do not go at the same pace, and for what it takes to close connections.
    pub fn over_at(&self, sent: Time) -> Time {
        sent + self.lease - self.lease / 10
    }

    /// How long after an engine has failed it is asked again.
    pub fn retry(&self) -> Duration {
        self.renew_every / 4
    }

    /// How long the engine may take to answer: so that a lease can be asked for twice more before it is over.
    pub fn answer_limit(&self) -> Duration {
        self.renew_every / 2
    }

    /// How long it may be from one answer to the next while all is well: announcements come as often as renewals.
    pub fn longest_silence(&self) -> Duration {
        self.renew_every + self.answer_limit() + self.retry()
    }

    /// How often the other hubs are asked whether they reach the engine, while this one does not.
    pub fn ask_neighbours_every(&self) -> Duration {
        self.renew_every / 2
    }

    /// How much later than another hub one may ask for a database whose owner is gone, so that a dead hub's databases
    /// do not all go to the first who asks.
    pub fn stagger(&self) -> Duration {
        self.renew_every / 5
    }
}
