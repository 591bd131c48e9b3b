//! A quiet stop of the hub, as the processes around it see it.

use super::{super::message::MASTER, world::World};
use crate::hub::coordinator::Loss;

impl World {
    /// The hub lets all come to an end, closes all connections, and another one goes on.
    pub(super) fn stop_quietly(&mut self) -> Result<(), String> {
        self.rig.quiesce();
        self.settle(true)?;
        self.check_quiet()?;
        if self.on_air.is_some_and(|_| self.rig.is_connected(MASTER)) {
            self.disturb_master(Loss::Shutdown, 0, 0)?;
        }
        for worker in 0..self.workers.len() {
            self.lose_worker(worker, Loss::Shutdown);
        }
        self.hand_over();
        Ok(())
    }

    /// Where the hub takes all for quiet, nobody is in the middle of something.
    fn check_quiet(&self) -> Result<(), String> {
        let (now, is_quiet) = (self.rig.now(), self.rig.has_come_to_rest());
        let is_busy = |worker: &&super::worker::Worker| {
            !worker.was_given_up && worker.beliefs.iter().any(|belief| belief.counts(now))
        };
        match self.workers.iter().find(is_busy).filter(|_| is_quiet) {
            Some(worker) => Err(format!("all is taken for quiet, and there is {worker:?}")),
            None => Ok(()),
        }
    }
}
