//! How it ends: all faults are over, everybody gets what is due, and leaves.

use super::{Ending, LOCK_TIMEOUT_MS, worker::Worker, world::World};
use crate::hub::coordinator::Loss;

/// How far the clock moves at once when all comes to rest, in milliseconds.
const REST_MS: u64 = 10_000;

/// How often everybody may have something to say because of what others said.
const ROUNDS: usize = 1_000;

impl World {
    /// All faults end; after a while everything must be answered and everyone known, and at last nothing left.
    ///
    /// # Errors
    /// What is not so.
    pub fn come_to_rest(&mut self, ending: Ending) -> Result<(), String> {
        self.rig.masters_are_immune = true;
        if ending != Ending::NewMasterFirst {
            self.return_workers();
        }
        if self.on_air.is_none() && ending == Ending::SameMaster {
            self.return_master(0)?;
        }
        let on_air = self.on_air.filter(|master| !self.masters[*master].said_bye);
        let is_new = on_air.is_none() || ending != Ending::SameMaster;
        if is_new {
            self.disturb_master(Loss::Fin, 0, 0)?;
            self.hear_decisions()?;
            self.pass(self.config.resume_window + 1)?;
            if self.on_air.is_none() {
                self.connect_master(None)?;
            }
        }
        self.return_workers();
        let failed = self.failures();
        let longest = 3 * LOCK_TIMEOUT_MS + self.config.master_timeout;
        let until = self.rig.now() + longest;
        self.settle(true)?;
        while self.rig.now() < until && self.check_all_answered().is_err() {
            self.pass(REST_MS)?;
            self.settle(true)?;
        }
        if is_new && self.failures() > failed {
            return Err("a request failed though there was a master".to_owned());
        }
        self.check_all_answered()?;
        self.check_all_known()?;
        self.leave()
    }

    fn return_workers(&mut self) {
        for worker in 0..self.workers.len() {
            if self.workers[worker].away.is_some() {
                self.return_worker(worker);
            }
        }
    }

    /// Everybody reads and answers, and releases if asked to, until there is nothing more to do.
    pub(super) fn settle(&mut self, releasing: bool) -> Result<(), String> {
        for _ in 0..ROUNDS {
            for worker in 0..self.workers.len() {
                self.worker_reads(worker, usize::MAX)?;
                if releasing {
                    self.with(worker, Worker::release_all);
                }
            }
            if releasing {
                self.with_master(|master, now| while master.releases_own(0, now) {});
            }
            self.master_reads(usize::MAX)?;
            self.master_writes(usize::MAX)?;
            self.check()?;
            if self.rig.is_quiet() {
                return Ok(());
            }
        }
        Err(format!("there is no end to it: {:?}", self.rig))
    }

    fn leave(&mut self) -> Result<(), String> {
        while !self.workers.is_empty() {
            self.end_worker(0, Loss::Fin);
        }
        self.lose_master(Loss::Closed, 0, 0)?;
        // Whoever waits for its place gets it, and leaves as well.
        self.hear_decisions()?;
        self.lose_master(Loss::Closed, 0, 0)?;
        self.pass(self.absence().max(LOCK_TIMEOUT_MS) + 1)?;
        if !self.rig.is_forgotten() || self.rig.deadline().is_some() {
            return Err(format!("something is left: {:?}", self.rig));
        }
        Ok(())
    }
}
