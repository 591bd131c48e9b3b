//! What weighs on the cluster, for whoever looks after it: who waits longest and for whom, what the master owes.
//! Changes nothing.

use super::{ClusterCoordinator, master::Presence, message::MASTER, pending::Pending};
use crate::{
    acebase::{Fill, Hold, Lock, MasterState, Strain},
    clock::Millis,
};

/// Rows of a table that are looked at for the oldest of a kind: the first one is it, almost always, and a table may
/// have a million.
const LOOK_THROUGH: usize = 1_000;

impl ClusterCoordinator {
    /// To be called after whatever may change who is the master.
    pub(super) fn keep_vigil(&mut self, now: Millis) {
        self.vigil.looks(self.master.is_present(), now);
    }

    /// What weighs on the cluster.
    pub(super) fn strain_at(&self, now: Millis) -> Strain {
        let oldest_wait = self.requests.iter().take(LOOK_THROUGH).find_map(Pending::as_waiting_lock);
        let blocker = oldest_wait.as_ref().and_then(|wait| self.blocker_of(wait, now));
        Strain {
            any_acebase: self.sessions.any_acebase(),
            master_id: MASTER,
            master: self.master_state(),
            master_since: self.vigil.since().unwrap_or_default(),
            answered: self.vigil.answered(),
            oldest_request: self.requests.oldest().map(|pending| pending.since),
            oldest_wait,
            longest_hold: self.locks.by_age(now).next().map(|(_, granted)| granted),
            blocker,
            fill: self.fill(),
        }
    }

    fn master_state(&self) -> MasterState {
        match self.master.presence {
            Presence::Absent => MasterState::Absent,
            Presence::Present => MasterState::Present,
            Presence::Departed => MasterState::Leaving,
            Presence::Away => MasterState::Away,
            Presence::Challenged(_) => MasterState::Returning,
        }
    }

    /// The oldest lock that keeps one from being granted: of another transaction, and either of the two writes.
    fn blocker_of(&self, wait: &Lock, now: Millis) -> Option<Hold> {
        let mut locks = self.locks.by_age(now).take(LOOK_THROUGH);
        let (lock, granted) = locks.find(|(lock, _)| lock.tid != wait.tid && (lock.write || wait.write))?;
        Some(Hold { lock: lock.clone(), granted })
    }

    fn fill(&self) -> Fill {
        let (requests, locks) = (self.requests.demands().usage_of_all(), self.locks.holdings().usage());
        Fill {
            count: requests.count + locks.count,
            max_count: self.config.max_requests,
            bytes: requests.bytes + locks.bytes,
            max_bytes: self.config.max_request_bytes,
        }
    }
}
