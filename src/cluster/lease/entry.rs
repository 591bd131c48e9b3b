//! What one hub knows of one database, and when it asks the engine next. Pure.

use super::times::Time;
use crate::cluster::{
    member::Member,
    registry::{Owner, WhyNobody},
};

/// One database.
#[derive(Debug, Clone)]
pub struct Entry {
    pub standing: Standing,
    /// The highest epoch of it that this hub has heard of.
    pub seen: u64,
    /// When the engine is to be asked: to claim, or to renew.
    pub ask_at: Time,
    /// When it was asked last whose it is.
    pub asked_at: Option<Time>,
    /// Its owner wants this hub to have it.
    pub taking: Option<Taking>,
}

/// A database that its owner leaves to this hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taking {
    /// Under which the owner has it.
    pub epoch: u64,
    pub from: Member,
    /// After that it is not taken any more: its owner has lost patience.
    pub until: Time,
}

/// Whose a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nobody's, as far as this hub knows.
    Nobody(WhyNobody),
    /// This hub's, until then at least.
    Mine { epoch: u64, over_at: Time },
    /// This hub's still, until then at least. It does not serve it any more: another hub is to have it.
    Parting { epoch: u64, over_at: Time },
    /// Another hub's.
    Foreign(Owner),
}

impl Entry {
    /// Somebody wants it, and nothing is known.
    pub fn new(now: Time) -> Self {
        Self { standing: Standing::Nobody(WhyNobody::Asking), seen: 0, ask_at: now, asked_at: None, taking: None }
    }

    /// The epoch under which this hub serves it.
    pub fn my_epoch(&self) -> Option<u64> {
        match self.standing {
            Standing::Mine { epoch, .. } => Some(epoch),
            _ => None,
        }
    }

    /// The epoch under which it is this hub's, served or not.
    pub fn held_epoch(&self) -> Option<u64> {
        match self.standing {
            Standing::Mine { epoch, .. } | Standing::Parting { epoch, .. } => Some(epoch),
            Standing::Nobody(_) | Standing::Foreign(_) => None,
        }
    }

    /// Nobody is known to have it.
    pub fn is_nobodys(&self) -> bool {
        matches!(self.standing, Standing::Nobody(_))
    }

    pub fn is_held(&self) -> bool {
        self.held_epoch().is_some()
    }

    /// It is another's, or nobody's: the engine is asked then whose.
    pub fn claims_at(&self) -> Option<Time> {
        (!self.is_held() && self.taking.is_none()).then_some(self.ask_at)
    }

    pub fn renews_at(&self) -> Option<Time> {
        self.is_held().then_some(self.ask_at)
    }

    /// When something is to be asked.
    pub fn asks_at(&self) -> Time {
        if self.taking.is_some() { Time::ZERO } else { self.ask_at }
    }

    pub fn over_at(&self) -> Option<Time> {
        match self.standing {
            Standing::Mine { over_at, .. } | Standing::Parting { over_at, .. } => Some(over_at),
            Standing::Nobody(_) | Standing::Foreign(_) => None,
        }
    }
}
