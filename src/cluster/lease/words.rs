//! What goes in and out of the leases.

use std::sync::Arc;

use crate::cluster::{
    engine::{Claim, Lease, Mode, Renewal, Wanted},
    member::Member,
    registry::{Owner, WhyNobody},
};

/// A question to the engine. There is one at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Renew(Vec<Lease>),
    Claim(Vec<Wanted>, Mode),
    Release(Vec<Lease>),
    /// What that hub has, it leaves to this one.
    Take(Lease, Member),
    Announce,
}

/// The engine's answer, of the kind of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Renewed(Vec<Renewal>),
    Claimed(Vec<Claim>),
    Taken(Renewal),
    /// To all questions of which no more is to be known.
    Done,
}

/// What another hub says of who has a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub db: Arc<str>,
    pub owner: Owner,
    /// The hub says so of itself.
    pub is_own: bool,
}

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The database is this hub's from now on.
    Won { db: Arc<str>, epoch: u64 },
    /// It is this hub's no longer: its clients must go.
    Lost { db: Arc<str>, epoch: u64, why: WhyLost },
    /// It is this hub's from now on, as its last owner has left it.
    Taken { db: Arc<str>, epoch: u64 },
    /// What its owner has left is not to be used: somebody else has it, or it took too long.
    NotTaken { db: Arc<str> },
    /// It is another's.
    At { db: Arc<str>, owner: Owner },
    /// It is nobody's, as far as is known.
    Nobody { db: Arc<str>, why: WhyNobody },
    /// The engine does not answer.
    EngineLost,
    /// It answers again.
    EngineBack,
}

/// Why a database is this hub's no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyLost {
    /// Another hub has it.
    Replaced,
    /// The lease could not be renewed in time, and the engine may be there for others.
    Expired,
    /// It was let go of.
    Released,
}
