//! What an owner leaves to another hub, and what it asks of this hub's node about it: the lease is the node's business.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    member::Member,
    owner::{Lease, Owner},
};
use crate::hub::FrozenHub;

/// Turns what a hub had in mind of a database into what is sent to another hub, and back.
pub trait Packing: Send + Sync {
    /// As bytes.
    ///
    /// # Errors
    /// Why not, for a person.
    fn pack(&self, frozen: &FrozenHub) -> Result<Vec<u8>, String>;

    /// From bytes.
    ///
    /// # Errors
    /// Why not, for a person.
    fn unpack(&self, bytes: &[u8]) -> Result<FrozenHub, String>;
}

/// A database that its owner leaves to this hub.
pub struct Estate {
    /// The database, and the epoch under which that owner has it.
    pub lease: Lease,
    /// That owner.
    pub from: Member,
    /// What it had in mind.
    pub frozen: FrozenHub,
}

/// Why an estate is not taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It cannot be used here.
    #[error("{0}")]
    Unusable(String),
    /// This hub knows of a later owner, or takes it already, or stops.
    #[error("this hub knows of another owner, or stops")]
    Unwanted,
    /// The engine gives it to nobody, or did not answer in time.
    #[error("the engine of the cluster does not say that it is this hub's")]
    NotGiven,
}

/// What is asked of the node.
pub enum Wish {
    /// Serve it no longer, and hold it. Answered with the epoch under which this hub has it, if it has.
    Part { db: Arc<str>, answer: oneshot::Sender<Option<u64>> },
    /// That hub has taken what this one has parted with.
    Given { lease: Lease, to: Owner },
    /// Nobody has: it is anybody's.
    GiveUp { lease: Lease },
    /// Take it up. Answered with the epoch under which this hub has it then.
    Take { estate: Box<Estate>, answer: oneshot::Sender<Result<u64, NotTaken>> },
}
