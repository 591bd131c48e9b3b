//! Who is at this hub without a reason: clients of databases that it has not, databases that nobody uses, and such as
//! it has parted with and nobody has taken. Looked at now and then.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Node, PARTED_LIMIT};
use crate::cluster::{
    lease::Time,
    registry::{Whereabouts, WhyNobody},
};

impl Node {
    /// Clients may come in while their database is lost, and be there from before a hand-over.
    pub(super) fn look_for_homeless(&mut self) {
        let occupied = self.around.hub.occupied();
        self.homeless.retain(|db, _| occupied.contains(db));
        for db in occupied {
            match self.registry().look(&db) {
                Whereabouts::Here { .. } => {
                    self.homeless.remove(&db);
                }
                Whereabouts::At(_) => self.close_homeless(&db),
                // Its sessions are about to be taken out, or brought back.
                Whereabouts::Nobody(WhyNobody::Leaving) => {}
                Whereabouts::Nobody(_) => {
                    let since = *self.homeless.entry(db.clone()).or_insert_with(Instant::now);
                    if since.elapsed() >= self.times.lease {
                        self.close_homeless(&db);
                    }
                }
            }
        }
    }

    pub(super) fn look_for_parted(&mut self, now: Time) {
        let is_forsaken = |_: &Arc<str>, (_, since): &mut (u64, Instant)| since.elapsed() >= PARTED_LIMIT;
        for (db, (epoch, _)) in self.parted.extract_if(is_forsaken) {
            self.around.hub.close_database(&db);
            self.leases.give_up(now, &(db, epoch));
        }
    }

    fn close_homeless(&mut self, db: &str) {
        self.homeless.remove(db);
        self.around.hub.close_database(db);
    }

    pub(super) fn forget_unused(&mut self) {
        let occupied = self.around.hub.occupied();
        for db in self.registry().take_unused(|db| occupied.contains(db)) {
            self.leases.forget(&db);
        }
    }
}
