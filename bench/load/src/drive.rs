//! Runs a workload: warms up, measures, lets what is on its way arrive, and waits a moment for what should not.

use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::machine;
use crate::message::Violation;
use crate::swarm::Swarm;

/// Before measuring: connections settle, and a server with a just-in-time compiler gets to know its work.
const WARM_UP: Duration = Duration::from_millis(400);
/// Silence after which messages on their way count as lost.
const STALL: Duration = Duration::from_secs(5);
/// After everything has arrived: how long a doubled message has to show itself.
const QUIET: Duration = Duration::from_millis(30);
/// Longest wait for the poll, so that the clock is looked at even when nothing arrives.
const TURN: Duration = Duration::from_millis(20);

/// What is sent, to whom, and what must arrive.
pub trait Workload {
    /// Sends the first messages.
    fn begin(&mut self, swarm: &mut Swarm) -> Result<(), Failure>;
    /// Checks one text that a peer received.
    fn text(&mut self, peer: usize, text: &[u8]) -> Result<(), Violation>;
    /// Sends what the texts a peer just received allow.
    fn react(&mut self, peer: usize, swarm: &mut Swarm) -> Result<(), Failure>;
    /// The measured time begins now.
    fn measuring(&mut self) {}
    /// Starts nothing new from now on; what was begun is finished.
    fn wind_down(&mut self);
    /// Messages received so far, each receiver counted.
    fn delivered(&self) -> u64;
    /// Messages that should still arrive, each receiver counted.
    fn in_flight(&self) -> u64;
}

/// How long to measure, and which process does the work.
pub struct Plan {
    pub duration: Duration,
    pub server: Option<u32>,
}

/// What the measured time gave.
pub struct Measurement {
    pub seconds: f64,
    pub delivered: u64,
    /// Share of one core which the generator used.
    pub generator_cpu: f64,
    /// Share of one core which the server used, where its process is known.
    pub server_cpu: Option<f64>,
    /// Cores which everything else on the machine used: above a few hundredths, the run was disturbed.
    pub other_cpu: Option<f64>,
}

/// Drives a workload to its end.
///
/// # Errors
/// Any broken promise of the server, or a failure of the system.
pub fn drive(workload: &mut impl Workload, swarm: &mut Swarm, plan: &Plan) -> Result<Measurement, Failure> {
    workload.begin(swarm)?;
    let mut run = Run { workload, swarm, progress: Instant::now() };
    run.during(WARM_UP)?;
    run.workload.measuring();
    let before = Sample::take(run.workload, plan)?;
    run.during(plan.duration)?;
    let after = Sample::take(run.workload, plan)?;
    run.workload.wind_down();
    run.until_arrived()?;
    run.during(QUIET)?;
    Ok(after.since(&before))
}

struct Run<'a, W> {
    workload: &'a mut W,
    swarm: &'a mut Swarm,
    progress: Instant,
}

impl<W: Workload> Run<'_, W> {
    fn during(&mut self, duration: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + duration;
        loop {
            let now = Instant::now();
            if now >= deadline {
                return Ok(());
            }
            self.turn(now, TURN.min(deadline - now))?;
        }
    }

    fn until_arrived(&mut self) -> Result<(), Failure> {
        while self.workload.in_flight() > 0 {
            self.turn(Instant::now(), TURN)?;
        }
        Ok(())
    }

    fn turn(&mut self, now: Instant, patience: Duration) -> Result<(), Failure> {
        let before = self.workload.delivered();
        let ready = self.swarm.wait(patience)?;
        for n in 0..ready {
            let peer = self.swarm.ready(n);
            self.swarm.receive(peer, |text| self.workload.text(peer, text))?;
            self.workload.react(peer, self.swarm)?;
        }
        if self.workload.delivered() > before {
            self.progress = now;
        } else if self.workload.in_flight() > 0 && now - self.progress >= STALL {
            let in_flight = self.workload.in_flight();
            return Err(Failure::Stalled { in_flight, seconds: STALL.as_secs() });
        }
        Ok(())
    }
}

struct Sample {
    at: Instant,
    delivered: u64,
    generator: Duration,
    server: Option<Duration>,
    machine: Duration,
}

impl Sample {
    fn take(workload: &impl Workload, plan: &Plan) -> Result<Self, Failure> {
        Ok(Self {
            at: Instant::now(),
            delivered: workload.delivered(),
            generator: machine::own_cpu()?,
            server: plan.server.map(machine::cpu_of).transpose()?,
            machine: machine::cpu_of_machine()?,
        })
    }

    fn since(&self, before: &Sample) -> Measurement {
        let seconds = (self.at - before.at).as_secs_f64();
        let share = |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64() / seconds;
        let generator_cpu = share(self.generator, before.generator);
        let server_cpu = self.server.zip(before.server).map(|(now, then)| share(now, then));
        let machine = share(self.machine, before.machine);
        Measurement {
            seconds,
            delivered: self.delivered - before.delivered,
            generator_cpu,
            server_cpu,
            other_cpu: server_cpu.map(|server| (machine - server - generator_cpu).max(0.0)),
        }
    }
}
