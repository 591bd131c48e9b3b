//! What must be true of the processes around the hub.

use super::{
    super::message::MASTER,
    master::Master,
    worker::{Belief, Worker},
    world::World,
};
use crate::{
    acebase::{Lock, LockState, Note, NoteKind},
    hub::testing::EPOCH_MS,
};

impl World {
    /// What must be true at all times.
    ///
    /// # Errors
    /// What is not so.
    pub fn check(&self) -> Result<(), String> {
        let status = self.rig.status();
        let bound = self.config.max_requests;
        if status.held_requests + status.delivered_requests > 2 * bound || self.rig.locks().len() > bound {
            return Err(format!("out of bounds: {status:?}"));
        }
        let is_excused = |note: &Note| self.is_outlived && note.peer == MASTER;
        let mut kept_back = self.rig.notes.iter().filter(|note| note.kind == NoteKind::MessageRefused);
        if let Some(note) = kept_back.find(|note| !is_excused(note)) {
            return Err(format!("what an honest process says is kept back: {}", note.detail));
        }
        self.check_conflicts()?;
        self.check_masters_own()?;
        self.check_passed()?;
        self.check_blame()
    }

    /// Where nothing but one request ends masters, that is the one that is blamed for it.
    fn check_blame(&self) -> Result<(), String> {
        let is_clear = self.poisons <= 1 && !self.is_disturbed;
        match self.workers.iter().find(|worker| is_clear && worker.was_blamed) {
            Some(worker) => Err(format!("blamed for the end of a master: {worker:?}")),
            None => Ok(()),
        }
    }

    fn check_conflicts(&self) -> Result<(), String> {
        let now = self.rig.now();
        let beliefs = self.workers.iter().flat_map(|worker| worker.beliefs.iter().map(move |belief| (worker, belief)));
        let valid: Vec<_> = beliefs.filter(|(_, belief)| belief.counts(now)).collect();
        for (worker, one) in &valid {
            let conflicts = |other: &Worker, lock: &Belief| {
                one.tid != lock.tid && one.write && !(worker.id == other.id && worker.had_namesakes)
            };
            let conflict = valid.iter().find(|(other, lock)| conflicts(other, lock));
            if let Some((other, lock)) = conflict {
                return Err(format!("{} holds {one:?}, {} holds {lock:?}", worker.id, other.id));
            }
        }
        Ok(())
    }

    /// The master itself and a worker with a lock of its do not write at the same time.
    fn check_masters_own(&self) -> Result<(), String> {
        let Some(master) = self.present_master() else { return Ok(()) };
        let now = self.rig.now();
        let Some(writes) = master.own_locks(now).max() else { return Ok(()) };
        for lock in self.rig.locks().iter().filter(|lock| lock.state == LockState::Held) {
            let holder = self.workers.iter().find(|worker| worker.id == lock.peer);
            // One of a former master may bear the same number.
            let is_same = |belief: &Belief| belief.is(lock.id, &lock.tid) && belief.write == lock.write;
            let is_meant = |belief: &&Belief| is_same(belief) && belief.counts(now);
            let belief = holder.and_then(|worker| worker.beliefs.iter().find(is_meant));
            if belief.is_some_and(|belief| belief.write || writes) {
                return Err(format!("the master itself has a lock, to write: {writes}, and there is {lock:?}"));
            }
        }
        Ok(())
    }

    /// What is passed on, the master has granted, and the hub has not known it for long.
    fn check_passed(&self) -> Result<(), String> {
        let Some(master) = self.present_master() else { return Ok(()) };
        let now = self.rig.now();
        let locks = self.rig.locks();
        let passed = locks.iter().filter(|lock| lock.state == LockState::Held && lock.passed > 0);
        for lock in passed.filter(|lock| lock.expires.is_some_and(|expires| now < expires - EPOCH_MS)) {
            let granted = lock.id.and_then(|id| master.told_of(id));
            let is_in_time = granted.is_some_and(|granted| lock.since < granted + self.config.pass_locks_for);
            if !is_in_time {
                return Err(format!("known to be granted since {granted:?}: {lock:?}"));
            }
        }
        Ok(())
    }

    /// The master whose locks the hub takes for those of the present one.
    fn present_master(&self) -> Option<&Master> {
        let mut masters = self.masters.iter();
        masters.find(|master| master.identity == self.rig.master_identity && !self.rig.master_is_asked())
    }

    /// How many requests of living workers failed on the master's behalf.
    pub(super) fn failures(&self) -> usize {
        let lives = |id: &str| self.workers.iter().any(|worker| worker.id == id);
        self.rig.notes.iter().filter(|note| note.kind == NoteKind::RequestFailed && lives(&note.peer)).count()
    }

    /// Every living worker has had its answers, and no lock is left over.
    pub(super) fn check_all_answered(&self) -> Result<(), String> {
        let waits = |worker: &&Worker| !worker.pending.is_empty() || !worker.beliefs.is_empty();
        match self.workers.iter().find(waits) {
            Some(worker) => Err(format!("unanswered: {worker:?}\n{:?}", self.rig)),
            None => self.check_no_lock_is_left(),
        }
    }

    fn check_no_lock_is_left(&self) -> Result<(), String> {
        // What was granted to a worker that was given up, it may never have heard of, and not release.
        let given_up = |lock: &Lock| self.workers.iter().any(|worker| worker.id == lock.peer && worker.was_given_up);
        match self.rig.locks().iter().find(|lock| !given_up(lock)) {
            Some(lock) => Err(format!("a lock that nobody holds: {lock:?}")),
            None => Ok(()),
        }
    }

    /// All peers know each other.
    pub(super) fn check_all_known(&self) -> Result<(), String> {
        if !self.config.introductions {
            return Ok(());
        }
        let master = self.on_air.map(|master| &self.masters[master]);
        for worker in &self.workers {
            let mut others = self.workers.iter().filter(|other| other.id != worker.id).map(|other| &*other.id);
            let stranger = others.find(|other| !worker.peers.contains(*other));
            let knows_master = worker.peers.contains(MASTER);
            let is_known = master.is_some_and(|master| master.peers.contains(&worker.id));
            if stranger.is_some() || !knows_master || !is_known {
                return Err(format!("{} does not know {stranger:?}; master: {knows_master}, {is_known}", worker.id));
            }
        }
        Ok(())
    }
}
