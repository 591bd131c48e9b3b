//! The other hubs, asked and told without the engine: whether they reach it, and who has a database while this hub does
//! not.

use std::{sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, join_all};
use tokio::time::timeout;

use super::Node;
use crate::cluster::{
    lease::{Time, Verdict, Word},
    member::Member,
    owner::{Lease, Owner},
};

/// How long the other hubs may take to say whether they reach the engine, or who has a database.
const NEIGHBOURS_LIMIT: Duration = Duration::from_millis(500);

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

impl Node {
    pub(super) fn ask_neighbours(&self, asked_at: Time) -> Asking {
        let (neighbours, others) = (self.around.neighbours.clone(), self.others());
        Box::pin(async move {
            let answers =
                join_all(others.iter().map(|other| timeout(NEIGHBOURS_LIMIT, neighbours.sees_engine(other)))).await;
            let said = |sees| answers.iter().filter(|answer| **answer == Ok(Some(sees))).count();
            (asked_at, Verdict { yes: said(true), no: said(false), asked: others.len() })
        })
    }

    pub(super) fn neighbours_said(&mut self, asked_at: Time, verdict: Verdict) {
        self.asking = None;
        self.leases.neighbours_said(self.now(), asked_at, verdict);
    }

    /// `None`: nothing is to be asked now.
    pub(super) fn seek_owners(&mut self, now: Time) -> Option<Seeking> {
        let dbs = self.leases.asks_owners(now);
        if dbs.is_empty() {
            return None;
        }
        let (neighbours, others) = (self.around.neighbours.clone(), self.others());
        Some(Box::pin(async move {
            let questions = dbs.iter().flat_map(|db| others.iter().map(move |other| (db, other)));
            let answers = questions.map(|(db, other)| ask_owner(&*neighbours, other, db));
            join_all(answers).await.into_iter().flatten().collect()
        }))
    }

    pub(super) fn heard(&mut self, words: Vec<Word>) {
        self.seeking = None;
        self.leases.heard(words);
    }

    /// All hubs that are known but this one.
    pub(super) fn others(&self) -> Vec<Member> {
        let me = self.registry().me();
        self.registry().members().into_iter().filter(|member| member.life != me.life).collect()
    }
}

/// What one hub says of one database, if anything.
async fn ask_owner(neighbours: &dyn Neighbours, member: &Member, db: &Arc<str>) -> Option<Word> {
    let owner = timeout(NEIGHBOURS_LIMIT, neighbours.knows_owner(member, db)).await.ok().flatten()?;
    let is_own = owner.name == member.name;
    Some(Word { db: db.clone(), owner, is_own })
}
