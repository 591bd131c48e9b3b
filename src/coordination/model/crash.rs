//! A hub that ends without a word, while locks are passed on: whoever has a lock returns it through the next one, and
//! none is left at the master that nobody will release.

use proptest::prelude::*;

use super::{
    super::{CoordinationConfig, message::MASTER, rig::Rig},
    interleavings::cases,
    master::Master,
    worker::Worker,
};

const WORKERS: u64 = 3;

/// How often everybody may have something to say because of what others said.
const ROUNDS: usize = 100;

/// What may happen before.
#[derive(Debug, Clone)]
enum Step {
    /// A worker begins a transaction with a lock.
    Begin(usize, bool),
    /// The last transaction of a worker wants one more lock.
    Lock(usize, bool),
    /// A worker returns the last lock that it has got, as AceBase does.
    Return(usize),
    MasterLocks(u8, bool),
    MasterReleases,
    /// Everybody reads, answers and is heard.
    Flow,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let worker = || 0..WORKERS as usize;
    prop_oneof![
        8 => (worker(), prop::bool::weighted(0.8)).prop_map(|(worker, write)| Step::Begin(worker, write)),
        3 => (worker(), any::<bool>()).prop_map(|(worker, write)| Step::Lock(worker, write)),
        8 => worker().prop_map(Step::Return),
        1 => (0..2_u8, any::<bool>()).prop_map(|(tid, write)| Step::MasterLocks(tid, write)),
        2 => Just(Step::MasterReleases),
        12 => Just(Step::Flow),
        2 => (1..60_u64).prop_map(Step::Pass),
    ]
}

struct Crash {
    rig: Rig,
    master: Master,
    workers: Vec<Worker>,
    /// The last transaction of each.
    transactions: Vec<String>,
    /// Transactions so far.
    begun: u64,
}

impl Crash {
    fn new() -> Self {
        let workers: Vec<Worker> = (1..=WORKERS).map(Worker::new).collect();
        let transactions = vec![String::new(); workers.len()];
        let mut crash = Self {
            rig: Rig::new(CoordinationConfig::default()),
            master: Master::default(),
            workers,
            transactions,
            begun: 1,
        };
        crash.connect();
        crash
    }

    /// All connect, and have said something to this hub.
    fn connect(&mut self) {
        self.rig.connect(MASTER).unwrap();
        for worker in &mut self.workers {
            self.rig.connect(&worker.id).unwrap();
        }
        self.rig.advance(crate::coordination::DEFAULT_MASTER_WARM_UP_MS);
        self.workers.iter_mut().for_each(|worker| worker.ask_custom(&mut self.rig, false));
    }

    fn take(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Begin(worker, write) => {
                self.begun += 1;
                // Made after the worker's first request, as far as it tells.
                self.transactions[worker] = format!("{:08}{worker:016}", self.begun);
                self.workers[worker].ask_lock_of(&mut self.rig, self.transactions[worker].clone(), write);
            }
            Step::Lock(worker, write) => {
                let tid = self.transactions[worker].clone();
                // Two that read, and both want to write, would wait for each other.
                let mut own = self.workers[worker].beliefs.iter().filter(|belief| belief.tid == tid);
                if own.any(|belief| belief.write || !write) {
                    self.workers[worker].ask_lock_of(&mut self.rig, tid, write);
                }
            }
            Step::Return(worker) => self.workers[worker].return_last(&mut self.rig),
            Step::MasterLocks(tid, write) => self.master.locks_itself(tid, write, self.rig.now()),
            Step::MasterReleases => {
                self.master.releases_own(0, self.rig.now());
            }
            Step::Flow => self.flow(false)?,
            Step::Pass(millis) => self.rig.advance(millis),
        }
        Ok(())
    }

    fn flow(&mut self, returning: bool) -> Result<(), String> {
        for _ in 0..ROUNDS {
            for worker in &mut self.workers {
                while worker.read(&mut self.rig)? {}
                if returning {
                    worker.return_last(&mut self.rig);
                }
            }
            while returning && self.master.releases_own(0, self.rig.now()) {}
            while self.master.read(&mut self.rig)? || self.master.flush(&mut self.rig) {}
            let is_done = !returning || self.workers.iter().all(|worker| worker.beliefs.is_empty());
            if is_done && self.rig.is_quiet() {
                return Ok(());
            }
        }
        Err("there is no end to it".to_owned())
    }

    fn crash(&mut self) -> Result<(), String> {
        self.flow(false)?;
        self.rig.crash();
        self.connect();
        self.flow(true)?;
        match self.master.is_free() {
            true => Ok(()),
            false => Err(format!("left at the master: {:?}", self.master)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_crash_leaves_no_lock_that_nobody_will_release(steps in prop::collection::vec(step(), 1..80)) {
        let mut crash = Crash::new();
        for (number, step) in steps.iter().enumerate() {
            crash.take(step).map_err(|wrong| TestCaseError::fail(format!("step {number}, {step:?}: {wrong}")))?;
        }
        crash.crash().map_err(TestCaseError::fail)?;
    }
}

/// The test above shows something: locks are passed on in it.
#[test]
fn locks_are_passed_on_before_a_crash() {
    let mut crash = Crash::new();
    for step in [Step::Flow, Step::Begin(0, true), Step::Flow, Step::Begin(1, true), Step::Return(0), Step::Flow] {
        crash.take(&step).unwrap();
    }
    assert_eq!(crash.rig.status().lock_passes, 1);
    assert_eq!(crash.crash(), Ok(()));
}
