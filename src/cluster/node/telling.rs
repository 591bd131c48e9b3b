//! What news of the leases means: the registry knows who has which database, the hub takes in or sends away, other hubs
//! and the server's owner are told.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::{Node, TELL_LIMIT};
use crate::{
    cluster::{
        engine::Lease,
        estate::NotTaken,
        lease::{News, WhyLost},
        registry::{Whereabouts, WhyNobody},
    },
    hub::event::Event,
};

impl Node {
    pub(super) fn tell_news(&mut self) {
        for news in self.leases.take_news() {
            match news {
                News::Won { db, epoch } => {
                    self.around.hub.take_over();
                    self.registry().set(&db, Whereabouts::Here { epoch });
                    self.notice(
                        "database-owned",
                        format!("Database \"{db}\" is this hub's from now on (epoch {epoch})"),
                    );
                }
                News::Lost { db, why, .. } => self.lost(&db, why),
                News::Taken { db, epoch } => self.taken(&db, epoch),
                News::NotTaken { db } => {
                    if let Some((_, answer)) = self.takings.remove(&db) {
                        let _ = answer.send(Err(NotTaken::NotGiven));
                    }
                }
                News::At { db, owner } => self.registry().set(&db, Whereabouts::At(owner)),
                News::Nobody { db, why } => self.registry().set(&db, Whereabouts::Nobody(why)),
                News::EngineLost => self.tell_engine_lost(),
                News::EngineBack => {
                    self.notice("cluster-engine-back", "The cluster's engine answers again".into());
                }
            }
        }
    }

    /// The database is there before anybody may come in.
    fn taken(&mut self, db: &Arc<str>, epoch: u64) {
        self.parted.remove(db);
        // Where nothing has come with it, it begins anew.
        self.around.hub.take_over();
        let taking = self.takings.remove(db);
        let answer = taking.map(|(estate, answer)| {
            self.around.hub.move_in(estate);
            answer
        });
        self.registry().set(db, Whereabouts::Here { epoch });
        let message = format!("Database \"{db}\" is this hub's from now on, as its owner has left it (epoch {epoch})");
        self.notice("database-owned", message);
        // The hub that has left it may be gone by now.
        let _ = answer.map(|answer| answer.send(Ok(epoch)));
        self.tell_others((db.clone(), epoch - 1));
    }

    /// Relays need not find out by themselves that the owner is another one.
    fn tell_others(&self, lease: Lease) {
        let neighbours = self.around.neighbours.clone();
        let others = self.others();
        tokio::spawn(async move {
            join_all(others.iter().map(|other| timeout(TELL_LIMIT, neighbours.tell_moved(other, &lease)))).await
        });
    }

    /// The registry knows it first: nobody may come in while clients are sent away.
    fn lost(&self, db: &Arc<str>, why: WhyLost) {
        let why = match why {
            // Nobody uses it, or its clients have gone already.
            WhyLost::Released => return,
            WhyLost::Replaced => "Another hub has it",
            WhyLost::Expired => "Its lease could not be renewed in time, and another hub may have it",
        };
        self.registry().set(db, Whereabouts::Nobody(WhyNobody::GivenUp));
        let count = self.around.hub.close_database(db);
        let message = format!("Database \"{db}\" is this hub's no longer. {why}. {count} clients connect anew");
        self.warn("database-lost", message);
    }

    fn tell_engine_lost(&self) {
        let fault = self.registry().engine_in_words().fault.unwrap_or_default();
        let message = format!(
            "The cluster's engine does not answer: {fault}. Databases stay where they are as long as no other hub \
             reaches it, and those that nobody has wait for it"
        );
        self.warn("cluster-engine-lost", message);
    }

    fn notice(&self, code: &'static str, message: String) {
        self.around.observer.event(Event::Notice { code, message });
    }

    pub(super) fn warn(&self, code: &'static str, message: String) {
        self.around.observer.event(Event::Warning { code, message });
    }
}
