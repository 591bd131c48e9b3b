//! The processes around the hub, and what happens to them, step by step.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    super::{
        CoordinationConfig,
        message::MASTER,
        rig::Rig,
        succession::{ANSWER_TIMEOUT_MS, DOOM_MS},
    },
    Ending, LOCK_TIMEOUT_MS, Step,
    master::Master,
    worker::Worker,
};
use crate::{
    clock::Millis,
    hub::{
        coordinator::{Decision, Loss},
        testing::{Answer, Caller},
    },
};

/// How long the clock may move, at once or step by step, before a connected master is given the time to say who it is,
/// in milliseconds.
const MASTER_IS_SILENT_MS: u64 = 1_000;

/// How many questions who it is a master may leave unanswered in a row, and still be told from a new one.
const QUESTIONS_BORNE: u32 = 2;

/// How many masters one request may end.
const MAX_VICTIMS: u32 = 2;

/// How far the clock moves at once when all comes to rest, in milliseconds.
const REST_MS: u64 = 10_000;

/// How long a newcomer may wait for the master's place, in milliseconds.
const LONGEST_WAIT_MS: u64 = DOOM_MS;

/// How often everybody may have something to say because of what others said.
const ROUNDS: usize = 1_000;

/// A master process that waits for the place of another one.
#[derive(Debug, Clone)]
struct Rival {
    caller: Caller,
    since: Millis,
    /// What it was told when it was to stand by.
    told: Option<Bytes>,
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
    rival: Option<Rival>,
    /// Questions since a master was last identified.
    questions: u32,
    /// For how long the connected master has not been given the time to read all, in milliseconds.
    silence: u64,
    started: u64,
    /// How many masters each poisonous request has ended, by worker and number.
    victims: BTreeMap<(String, String), u32>,
    pub(super) poisons: u32,
    /// A master has lost its connection, or its place, by something else than poison.
    pub(super) is_disturbed: bool,
    /// The hub has forgotten what it knew, for all were gone, and a master that was there may still answer something.
    pub(super) is_outlived: bool,
}

impl World {
    /// Nobody is there yet.
    pub fn new(config: CoordinationConfig) -> Self {
        let rig = Rig::new(config.clone());
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

    fn with(&mut self, worker: usize, act: impl FnOnce(&mut Worker, &mut Rig)) {
        if let Some(worker) = self.workers.get_mut(worker).filter(|worker| worker.away.is_none()) {
            act(worker, &mut self.rig);
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

    fn return_worker(&mut self, worker: usize) {
        if let Some(worker) = self.workers.get_mut(worker) {
            worker.is_back(self.rig.now());
            self.rig.connect(&worker.id).unwrap();
        }
    }

    fn end_worker(&mut self, worker: usize, loss: Loss) {
        if worker < self.workers.len() {
            self.lose_worker(worker, loss);
            let dead = self.workers.remove(worker);
            assert!(!self.rig.is_connected(&dead.id));
        }
    }

    fn worker_reads(&mut self, worker: usize, texts: usize) -> Result<(), String> {
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

    fn rival_comes(&mut self) {
        if self.on_air.is_some() && self.rival.is_none() {
            let (caller, answer) = self.rig.ask_in(MASTER);
            // The master may have said `bye`.
            match answer {
                Answer::Wait => self.rival = Some(Rival { caller, since: self.rig.now(), told: None }),
                _ => self.rig.withdraw(caller),
            }
        }
    }

    /// The connected master does not answer for as long as a newcomer waits.
    fn take_over(&mut self) -> Result<(), String> {
        self.rival_comes();
        self.hear_decisions()?;
        // One that was dismissed, and is back, is left without a word.
        let waits = self.rival.as_ref().filter(|rival| rival.told.is_some());
        // One that is being identified would rightly count as a new one.
        let Some(until) = waits.map(|rival| rival.since + ANSWER_TIMEOUT_MS).filter(|_| !self.rig.master_is_asked())
        else {
            return Ok(());
        };
        self.rig.advance(until.saturating_sub(self.rig.now()));
        self.give_up_workers();
        self.masters.iter_mut().for_each(|master| master.time_passes(self.rig.now()));
        self.note_identity()?;
        self.hear_decisions()
    }

    /// What the hub has decided about whom waits. It is let in only where no master is that has shown to be alive.
    fn hear_decisions(&mut self) -> Result<(), String> {
        self.notice_dismissal();
        while let Some((caller, decision)) = self.rig.decisions.pop_front() {
            let Some(rival) = self.rival.as_mut().filter(|rival| rival.caller == caller) else {
                return Err(format!("{decision:?} for somebody who does not wait"));
            };
            match decision {
                Decision::StandBy(text) => rival.told = Some(text),
                Decision::Refuse(_) => {
                    self.rival = None;
                    self.rig.withdraw(caller);
                }
                Decision::LetIn => self.rival_enters()?,
            }
        }
        if self.rival.as_ref().is_some_and(|rival| rival.since + LONGEST_WAIT_MS < self.rig.now()) {
            return Err("a newcomer is not told what becomes of it".to_owned());
        }
        Ok(())
    }

    fn rival_enters(&mut self) -> Result<(), String> {
        let Some(rival) = self.rival.take() else { return Ok(()) };
        let is_there = self.on_air.is_some_and(|master| !self.masters[master].said_bye);
        let was_silent = rival.told.is_some() && self.rig.now() - rival.since == ANSWER_TIMEOUT_MS;
        if is_there && !was_silent {
            return Err("a second master is let in beside one that lives".to_owned());
        }
        self.enter_master(None, rival.caller)?;
        match (rival.told, self.on_air) {
            (Some(text), Some(master)) => self.masters[master].is_told(&self.rig, &text),
            _ => Ok(()),
        }
    }

    /// A master connects: one that lives, or a new one.
    fn connect_master(&mut self, which: Option<usize>) -> Result<(), String> {
        let (caller, answer) = self.rig.ask_in(MASTER);
        match answer {
            Answer::Come => self.enter_master(which, caller),
            Answer::Wait | Answer::Out(_) => {
                self.rig.withdraw(caller);
                self.hear_decisions()
            }
        }
    }

    fn enter_master(&mut self, which: Option<usize>, caller: Caller) -> Result<(), String> {
        let identity = self.rig.master_identity;
        self.rig.enter(MASTER, caller);
        if let Some(replaced) = self.on_air.take() {
            self.is_disturbed = true;
            // Its connection is closed by the hub.
            self.masters[replaced].loses_what_it_wrote();
        }
        let master = which.unwrap_or_else(|| {
            self.masters.push(Master::default());
            self.masters.len() - 1
        });
        self.on_air = Some(master);
        self.masters[master].fresh_marks_read = 0;
        if identity == self.rig.master_identity {
            self.questions += 1;
        } else {
            self.questions = 0;
            self.masters[master].begins(self.rig.master_identity, self.rig.now());
        }
        self.note_identity()?;
        self.hear_decisions()
    }

    /// A living master that is not connected connects.
    fn return_master(&mut self, which: usize) -> Result<(), String> {
        let waits = |master: &usize| self.on_air != Some(*master) && !self.masters[*master].said_bye;
        let waiting: Vec<usize> = (0..self.masters.len()).filter(waits).collect();
        match which.checked_rem(waiting.len()) {
            Some(which) => self.connect_master(Some(waiting[which])),
            None => Ok(()),
        }
    }

    pub(super) fn disturb_master(&mut self, loss: Loss, reads: usize, writes: usize) -> Result<(), String> {
        self.is_disturbed = true;
        self.lose_master(loss, reads, writes)
    }

    /// The master's connection breaks, after it has read so many texts more, and so many of its own have arrived.
    fn lose_master(&mut self, loss: Loss, reads: usize, writes: usize) -> Result<(), String> {
        let Some(master) = self.on_air else { return Ok(()) };
        self.master_reads(reads)?;
        self.master_writes(writes)?;
        if self.on_air.is_none() {
            return Ok(());
        }
        self.masters[master].loses_what_it_wrote();
        self.on_air = None;
        self.rig.lose(MASTER, loss);
        Ok(())
    }

    fn master_reads(&mut self, texts: usize) -> Result<(), String> {
        let Some(master) = self.on_air else { return Ok(()) };
        for _ in 0..texts {
            if !self.masters[master].read(&mut self.rig)? {
                break;
            }
            if let Some(request) = self.masters[master].ended_by.take() {
                return self.master_is_poisoned(master, request);
            }
        }
        Ok(())
    }

    /// The connected master ends by a request. What it has written before arrives.
    fn master_is_poisoned(&mut self, master: usize, request: (String, String)) -> Result<(), String> {
        self.master_writes(usize::MAX)?;
        // After its `bye`, its end is no surprise.
        if !self.masters[master].said_bye {
            let victims = self.victims.entry(request).or_default();
            *victims += 1;
            if *victims > MAX_VICTIMS {
                return Err("a request has ended too many masters".to_owned());
            }
        }
        self.on_air = None;
        self.rig.lose(MASTER, Loss::Fin);
        self.masters.remove(master);
        Ok(())
    }

    fn master_writes(&mut self, texts: usize) -> Result<(), String> {
        let Some(master) = self.on_air else { return Ok(()) };
        for _ in 0..texts {
            if !self.masters[master].flush(&mut self.rig) && !self.masters[master].has_created_index() {
                break;
            }
            self.note_identity()?;
            self.hear_decisions()?;
        }
        Ok(())
    }

    /// Compares who the hub takes the returned master for with who it is.
    fn note_identity(&mut self) -> Result<(), String> {
        let Some(taken_for_same) = self.rig.identified.take() else { return Ok(()) };
        let Some(master) = self.on_air.map(|master| &mut self.masters[master]) else { return Ok(()) };
        let before = if taken_for_same { self.rig.master_identity } else { self.rig.master_identity - 1 };
        let is_same = master.identity == before && before > 0;
        // One that has not read its marks has nothing to lose by counting as new; nor has one that says `bye` before it
        // says who it is.
        let could_tell = self.questions <= QUESTIONS_BORNE.min(master.marks_read) && !master.said_bye;
        if is_same != taken_for_same && (could_tell || taken_for_same) {
            return Err(format!("the master is taken for the same: {taken_for_same}, and is: {is_same}"));
        }
        self.questions = 0;
        if !taken_for_same {
            master.begins(self.rig.master_identity, self.rig.now());
            // It may not have read the question, and never answered.
            master.marks_read = master.fresh_marks_read;
        }
        Ok(())
    }

    fn pass(&mut self, millis: u64) -> Result<(), String> {
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

    /// The hub has closed the connection of a master that said `bye`.
    fn notice_dismissal(&mut self) {
        if let Some(master) = self.on_air.filter(|_| !self.rig.is_connected(MASTER)) {
            self.masters[master].loses_what_it_wrote();
            self.on_air = None;
        }
    }

    fn absence(&self) -> u64 {
        self.config.release_locks_after.max(self.config.resume_window)
    }

    /// Workers that have been away for longer than the hub waits for them.
    fn give_up_workers(&mut self) {
        let (now, absence) = (self.rig.now(), self.absence());
        for worker in &mut self.workers {
            if worker.away.is_some_and(|(_, since)| now - since >= absence) {
                worker.is_given_up();
            }
        }
    }

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
