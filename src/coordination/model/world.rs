//! The processes around the hub, and what happens to them, step by step.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    super::{CoordinationConfig, message::MASTER, rig::Rig, survivors::COMING_MS},
    Step,
    master::Master,
    worker::Worker,
};
use crate::{
    clock::Millis,
    hub::{coordinator::Loss, testing::Caller},
};

/// How long the clock may move, at once or step by step, before a connected master is given the time to say who it is,
/// in milliseconds.
const MASTER_IS_SILENT_MS: u64 = 1_000;

/// A master process that waits for the place of another one.
#[derive(Debug, Clone)]
pub(super) struct Rival {
    pub(super) caller: Caller,
    pub(super) since: Millis,
    /// What it was told when it was to stand by.
    pub(super) told: Option<Bytes>,
}

/// The processes of one database, the hub between them, and a clock.
#[derive(Debug)]
pub struct World {
    pub(super) rig: Rig,
    pub(super) config: CoordinationConfig,
    pub(super) workers: Vec<Worker>,
    /// Living master processes; the connected one, if any, is `on_air`.
    pub(super) masters: Vec<Master>,
    pub(super) on_air: Option<usize>,
    /// A master process that wants the place of the connected one.
    pub(super) rival: Option<Rival>,
    /// Questions since a master was last identified.
    pub(super) questions: u32,
    /// For how long the connected master has not been given the time to read all, in milliseconds.
    silence: u64,
    started: u64,
    /// How many masters each poisonous request has ended, by worker and number.
    pub(super) victims: BTreeMap<(String, String), u32>,
    pub(super) poisons: u32,
    /// A master has lost its connection, or its place, by something else than poison.
    pub(super) is_disturbed: bool,
    /// The hub has forgotten what it knew, for all were gone, and a master that was there may still answer something.
    pub(super) is_outlived: bool,
}

impl World {
    /// Nobody is there yet.
    pub fn new(config: CoordinationConfig) -> Self {
        let mut rig = Rig::new(config.clone());
        if config.introductions {
            // Nobody who comes can have requested anything under a former run of the hub.
            rig.advance(COMING_MS);
        }
        Self {
            rig,
            config,
            workers: Vec::new(),
            masters: Vec::new(),
            on_air: None,
            rival: None,
            questions: 0,
            silence: 0,
            started: 0,
            victims: BTreeMap::new(),
            poisons: 0,
            is_disturbed: false,
            is_outlived: false,
        }
    }

    /// Lets something happen.
    ///
    /// # Errors
    /// What a process was told that it must not be told.
    pub fn take(&mut self, step: &Step) -> Result<(), String> {
        self.act(step)?;
        self.hear_decisions()
    }

    fn act(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Start(slot) => self.start_worker(slot),
            Step::Lose(worker, loss) => {
                // The hub sends the rest before it closes.
                if matches!(loss, Loss::Closed | Loss::Kicked) {
                    self.worker_reads(worker, usize::MAX)?;
                }
                self.lose_worker(worker, loss);
            }
            Step::Return(worker) => {
                // Without sessions a connection that is replaced is closed in the same way.
                if self.config.resume_window == 0 {
                    self.worker_reads(worker, usize::MAX)?;
                }
                self.return_worker(worker);
            }
            Step::Die(worker, loss) => self.end_worker(worker, loss),
            Step::Bye(worker, loss) => {
                // A closing database waits for its locks.
                if let Some(worker) = self.connected(worker).filter(|worker| worker.beliefs.is_empty()) {
                    let id = worker.id.clone();
                    worker.pending.is_empty().then(|| self.say_bye(&id));
                    self.end_worker(self.position(&id), loss);
                }
            }
            Step::Lock(worker, tid, write) => self.with(worker, |worker, rig| worker.ask_lock(rig, tid, write)),
            Step::Release(worker, lock) => self.with(worker, |worker, rig| worker.release(rig, lock)),
            Step::Move(worker, lock) => self.with(worker, |worker, rig| worker.move_lock(rig, lock)),
            Step::Ask(worker, key) => self.with(worker, |worker, rig| worker.ask_custom(rig, key)),
            Step::CreateIndex(worker) => self.with(worker, Worker::create_index),
            Step::Poison(worker, lock) => {
                self.poisons += 1;
                self.with(worker, |worker, rig| worker.ask_poison(rig, lock));
            }
            Step::Tell(worker, to) => {
                let to = to.and_then(|to| self.workers.get(to)).map(|to| to.id.clone());
                self.with(worker, |worker, rig| worker.tell_news(rig, to.as_deref()));
            }
            Step::Read(worker, texts) => return self.worker_reads(worker, texts),
            Step::StartMaster if self.on_air.is_some() => {}
            Step::StartMaster => return self.connect_master(None),
            Step::HandOver => self.hand_over(),
            Step::Survive => self.survive(),
            Step::StopQuietly => return self.stop_quietly(),
            Step::Rival => self.rival_comes(),
            Step::RivalLeaves => {
                if let Some(rival) = self.rival.take() {
                    self.rig.withdraw(rival.caller);
                }
            }
            Step::TakeOver => return self.take_over(),
            Step::LoseMaster(loss, reads, writes) => return self.disturb_master(loss, reads, writes),
            Step::ReturnMaster(which) => return self.return_master(which),
            Step::KillMaster(loss, reads, writes) => {
                if let Some(master) = self.on_air {
                    let alive = self.masters.len();
                    self.disturb_master(loss, reads, writes)?;
                    if self.masters.len() == alive {
                        self.masters.remove(master);
                    }
                }
            }
            Step::MasterBye => {
                // A closing database waits for its locks.
                if let Some(master) = self.on_air.filter(|master| self.masters[*master].is_free()) {
                    self.masters[master].said_bye = true;
                    self.rig.send(MASTER, None, r#"{"type":"bye","from":"[master]"}"#);
                    return self.note_identity();
                }
            }
            Step::MasterLocks(tid, write) => self.with_master(|master, now| master.locks_itself(tid, write, now)),
            Step::MasterReleases(lock) => self.with_master(|master, now| {
                master.releases_own(lock, now);
            }),
            Step::MasterReads(texts) => return self.master_reads(texts),
            Step::MasterWrites(texts) => return self.master_writes(texts),
            Step::Flow => return self.settle(false),
            Step::Pass(millis) => return self.pass(millis),
        }
        Ok(())
    }

    fn connected(&mut self, worker: usize) -> Option<&mut Worker> {
        self.workers.get_mut(worker).filter(|worker| worker.away.is_none())
    }

    fn position(&self, id: &str) -> usize {
        self.workers.iter().position(|worker| worker.id == id).unwrap()
    }

    pub(super) fn with(&mut self, worker: usize, act: impl FnOnce(&mut Worker, &mut Rig)) {
        if let Some(worker) = self.workers.get_mut(worker).filter(|worker| worker.away.is_none()) {
            act(worker, &mut self.rig);
        }
    }

    pub(super) fn with_master(&mut self, act: impl FnOnce(&mut Master, Millis)) {
        if let Some(master) = self.on_air {
            act(&mut self.masters[master], self.rig.now());
        }
    }

    fn say_bye(&mut self, id: &str) {
        let worker = self.position(id);
        self.with(worker, |worker, rig| worker.say_bye(rig));
    }

    fn start_worker(&mut self, slot: usize) {
        if slot >= self.workers.len() {
            self.started += 1;
            let worker = Worker::new(self.started);
            self.rig.connect(&worker.id).unwrap();
            self.workers.push(worker);
        }
    }

    pub(super) fn lose_worker(&mut self, worker: usize, loss: Loss) {
        let now = self.rig.now();
        self.with(worker, |worker, rig| {
            rig.lose(&worker.id, loss);
            worker.away = Some((loss, now));
        });
        self.give_up_workers();
    }

    pub(super) fn return_worker(&mut self, worker: usize) {
        if let Some(worker) = self.workers.get_mut(worker) {
            worker.is_back(self.rig.now());
            self.rig.connect(&worker.id).unwrap();
        }
    }

    pub(super) fn end_worker(&mut self, worker: usize, loss: Loss) {
        if worker < self.workers.len() {
            self.lose_worker(worker, loss);
            let dead = self.workers.remove(worker);
            assert!(!self.rig.is_connected(&dead.id));
        }
    }

    pub(super) fn worker_reads(&mut self, worker: usize, texts: usize) -> Result<(), String> {
        let Some(worker) = self.workers.get_mut(worker) else { return Ok(()) };
        for _ in 0..texts {
            if !worker.read(&mut self.rig)? {
                break;
            }
        }
        Ok(())
    }

    /// The hub hands over to another one. Nobody notices, but whoever waits at the door.
    pub(super) fn hand_over(&mut self) {
        if let Some(rival) = self.rival.take() {
            self.rig.withdraw(rival.caller);
        }
        self.rig.succeed();
    }

    /// The hub is killed, and another one goes on. Nobody notices, but whoever waits at the door.
    fn survive(&mut self) {
        if let Some(rival) = self.rival.take() {
            self.rig.withdraw(rival.caller);
        }
        self.rig.survive();
    }

    pub(super) fn pass(&mut self, millis: u64) -> Result<(), String> {
        if self.silence + millis >= MASTER_IS_SILENT_MS {
            // Its client answers at once; three seconds of silence would rightly make it a new one.
            self.master_reads(usize::MAX)?;
            self.master_writes(usize::MAX)?;
            self.silence = 0;
        }
        self.silence += millis;
        let end = self.rig.now() + millis;
        while self.rig.now() < end {
            let step = (end - self.rig.now()).min(MASTER_IS_SILENT_MS);
            self.rig.advance(step);
            self.is_outlived |= self.rig.is_forgotten() && !self.masters.is_empty();
            self.give_up_workers();
            self.masters.iter_mut().for_each(|master| master.time_passes(self.rig.now()));
            let connected = self.on_air;
            for (number, master) in self.masters.iter_mut().enumerate() {
                if connected != Some(number) {
                    master.loses_what_it_wrote();
                }
            }
            self.note_identity()?;
            self.hear_decisions()?;
        }
        Ok(())
    }

    pub(super) fn absence(&self) -> u64 {
        self.config.release_locks_after.max(self.config.resume_window)
    }

    /// Workers that have been away for longer than the hub waits for them.
    pub(super) fn give_up_workers(&mut self) {
        let (now, absence) = (self.rig.now(), self.absence());
        for worker in &mut self.workers {
            if worker.away.is_some_and(|(_, since)| now - since >= absence) {
                worker.is_given_up();
            }
        }
    }
}
