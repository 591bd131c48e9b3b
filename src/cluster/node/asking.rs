//! What a node asks the other hubs while it does not reach the engine: whether they do, and who has a database.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::timeout;

use super::{
    Node,
    neighbours::{Asking, Neighbours, Seeking},
};
use crate::cluster::{
    lease::{Time, Verdict, Word},
    member::Member,
};

/// How long the other hubs may take to say whether they reach the engine, or who has a database.
const NEIGHBOURS_LIMIT: Duration = Duration::from_millis(500);

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
