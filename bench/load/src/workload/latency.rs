//! One pair, one question at a time: how long each takes until its answer is back.

use std::time::Instant;

use crate::drive::Workload;
use crate::failure::Failure;
use crate::message::Violation;
use crate::swarm::Swarm;
use crate::workload::pairs::Pairs;

/// The peer that asks.
const ASKER: usize = 0;

pub struct Latency {
    pair: Pairs,
    asked: Instant,
    /// Round trips in nanoseconds.
    round_trips: Vec<u64>,
}

/// Round trips in microseconds: the median, and what 99 % and 99.9 % stay below.
pub struct Percentiles {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

impl Latency {
    pub fn new(pair: Pairs) -> Self {
        Self { pair, asked: Instant::now(), round_trips: Vec::new() }
    }

    pub fn percentiles(&mut self) -> Option<Percentiles> {
        self.round_trips.sort_unstable();
        let last = self.round_trips.len().checked_sub(1)?;
        let at = |permille: usize| self.round_trips[last * permille / 1000] as f64 / 1000.0;
        Some(Percentiles { p50: at(500), p99: at(990), p999: at(999) })
    }
}

impl Workload for Latency {
    fn begin(&mut self, swarm: &mut Swarm) -> Result<(), Failure> {
        self.asked = Instant::now();
        self.pair.begin(swarm)
    }

    fn text(&mut self, peer: usize, text: &[u8]) -> Result<(), Violation> {
        self.pair.text(peer, text)
    }

    fn react(&mut self, peer: usize, swarm: &mut Swarm) -> Result<(), Failure> {
        if peer == ASKER && self.pair.has_due(ASKER) {
            let now = Instant::now();
            self.round_trips.push((now - self.asked).as_nanos() as u64);
            self.asked = now;
        }
        self.pair.react(peer, swarm)
    }

    fn measuring(&mut self) {
        self.round_trips.clear();
    }

    fn wind_down(&mut self) {
        self.pair.wind_down();
    }

    fn delivered(&self) -> u64 {
        self.pair.delivered()
    }

    fn in_flight(&self) -> u64 {
        self.pair.in_flight()
    }
}
