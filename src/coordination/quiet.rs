//! The quiet stop: before connections are closed, nothing new is begun, so that whoever is in the middle of something
//! can end it. A process that loses its connection while it holds a lock throws, and its write is cut in two.
//!
//! Transactions that hold a lock, or have requested one of the master, are under way: they get the locks and the space
//! that they still need, or they could never end. All else waits for the next server, as for a master. A server that
//! has no next one answers what is left instead.
//!
//! What the master itself writes is not waited for: only the master knows of it. Asking it for a lock would tell, as
//! `newcomers` does, but such a request cannot be taken back: what is granted when the connection is closed already,
//! nobody ever releases, and all writing stands still until `lockTimeout`. That is worse than one write that is cut in
//! two.

use super::{
    ClusterCoordinator,
    message::{Ask, Failure},
    under_way::UnderWay,
};
use crate::hub::coordinator::Moment;

impl ClusterCoordinator {
    /// From now on only what is under way goes on.
    pub(super) fn begin_quiet(&mut self) {
        let mut under_way = UnderWay::default();
        for lock in self.locks.iter() {
            under_way.add(&lock.peer, Some(&lock.tid));
        }
        for pending in self.requests.iter().filter(|pending| pending.is_delivered()) {
            let transaction = match &pending.ask {
                Ask::Lock(wanted) => Some(&*wanted.tid),
                _ => None,
            };
            under_way.add(&pending.worker, transaction);
        }
        self.under_way = Some(under_way);
    }

    /// The request must wait for the next server.
    pub(super) fn is_too_late(&self, worker: &str, ask: &Ask) -> bool {
        self.under_way.as_ref().is_some_and(|under_way| !under_way.needs(worker, ask))
    }

    /// Nobody is in the middle of something: no lock is held, and the master owes no answer.
    pub(super) fn has_come_to_rest(&self) -> bool {
        self.requests.delivered_count() == 0 && self.locks.is_empty()
    }

    /// Answers all that nobody else will answer any more.
    pub(super) fn answer_the_rest(&mut self, moment: &mut Moment<'_>) {
        for seq in self.requests.all() {
            self.fail_pending(seq, &Failure::Stopping, moment);
        }
    }

    /// Answers what another hub would have to be told of, and will not be: the requests of clients that keep nothing.
    pub(super) fn answer_plain_clients(&mut self, moment: &mut Moment<'_>) {
        for seq in self.requests.of_plain_clients() {
            self.fail_pending(seq, &Failure::Stopping, moment);
        }
    }
}
