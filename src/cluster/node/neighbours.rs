//! The other hubs, as a node asks and tells them without the engine.

use futures_util::future::BoxFuture;

use crate::cluster::{
    lease::{Time, Verdict, Word},
    member::Member,
    owner::{Lease, Owner},
};

/// What they say of the engine, asked then.
pub type Asking = BoxFuture<'static, (Time, Verdict)>;

/// What they say of databases.
pub type Seeking = BoxFuture<'static, Vec<Word>>;

/// Whether another hub reaches the engine; `None`: that hub was not reached, or does not say.
pub type Sees<'a> = BoxFuture<'a, Option<bool>>;

/// Which hub has a database; `None`: that hub was not reached, or knows of none.
pub type Knows<'a> = BoxFuture<'a, Option<Owner>>;

/// Something is told; nobody waits for an answer.
pub type Tells<'a> = BoxFuture<'a, ()>;

/// Asks the other hubs, not by way of the engine.
pub trait Neighbours: Send + Sync {
    /// Whether that hub reaches the engine.
    fn sees_engine<'a>(&'a self, member: &'a Member) -> Sees<'a>;

    /// Which hub has this database, as far as that hub knows.
    fn knows_owner<'a>(&'a self, member: &'a Member, db: &'a str) -> Knows<'a>;

    /// Tells that hub that whoever has had this database under this epoch has it no longer.
    fn tell_moved<'a>(&'a self, member: &'a Member, lease: &'a Lease) -> Tells<'a>;
}

/// Reaches nobody.
pub struct NoNeighbours;

impl Neighbours for NoNeighbours {
    fn sees_engine<'a>(&'a self, _: &'a Member) -> Sees<'a> {
        Box::pin(async { None })
    }

    fn knows_owner<'a>(&'a self, _: &'a Member, _: &'a str) -> Knows<'a> {
        Box::pin(async { None })
    }

    fn tell_moved<'a>(&'a self, _: &'a Member, _: &'a Lease) -> Tells<'a> {
        Box::pin(async {})
    }
}
