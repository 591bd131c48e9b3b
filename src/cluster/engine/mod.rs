//! What keeps the records of who has which database, for all hubs of a cluster.

pub mod address;
pub mod memory;
pub mod records;
pub mod redis;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::member::Member;
pub use super::owner::{Lease, Owner};

/// An answer of the engine's, in its own time limit.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, EngineError>>;

/// The engine does not answer, or not as it should: why, for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EngineError(pub String);

/// A database that is to be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The database.
    pub db: Arc<str>,
    /// The highest epoch of it that the claimer knows of: an engine may have lost its last writes.
    pub seen: u64,
}

/// Whether a database that nobody has is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Take,
    /// Records that are there are read, and the claimer's own goes on: its owner may not have had time to say that it
    /// is one.
    Look,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The database is the claimer's, for one lease from when it claimed.
    Mine { epoch: u64 },
    /// Another hub has it, for so long still unless it renews.
    Foreign { owner: Owner, left: Duration },
    /// Nobody has it: it was only looked at.
    Vacant,
}

/// What became of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// It is the renewer's for another lease.
    Renewed,
    /// It is not the renewer's any more.
    Lost,
}

/// Keeps the records. Each answer comes within the engine's own time limit. What is not answered may have been done
/// all the same, also later.
pub trait Engine: Send + Sync {
    /// Takes those databases that nobody has, or that a hub of the same name has. The answers are in the same order.
    fn claim<'a>(&'a self, wanted: &'a [Wanted], mode: Mode, me: &'a Member) -> Answer<'a, Vec<Claim>>;

    /// Goes on having these. The answers are in the same order.
    fn renew<'a>(&'a self, leases: &'a [Lease], me: &'a Member) -> Answer<'a, Vec<Renewal>>;

    /// Lets go of these, so that others can take them at once.
    fn release<'a>(&'a self, leases: &'a [Lease], me: &'a Member) -> Answer<'a, ()>;

    /// Gives what a hub has to another one, under the next epoch; also again, where that was done already.
    fn pass<'a>(&'a self, lease: &'a Lease, from: &'a Member, to: &'a Member) -> Answer<'a, Renewal>;

    /// Says that this hub lives. All that do, this one among them.
    fn announce<'a>(&'a self, me: &'a Member) -> Answer<'a, Vec<Member>>;
}
