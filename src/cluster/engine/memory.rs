//! An engine in this process's memory, for several hubs of one process: for tests.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{Answer, Claim, Engine, EngineError, Lease, Mode, Renewal, Wanted, records::Records};
use crate::cluster::member::Member;

/// Records that hubs of one process share. Clones are the same engine.
#[derive(Clone)]
pub struct MemoryEngine {
    lease: Duration,
    started: Instant,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    records: Records,
    is_down: bool,
    /// Names of hubs.
    cut_off: HashSet<String>,
}

impl MemoryEngine {
    /// Without records.
    pub fn new(lease: Duration) -> Self {
        Self { lease, started: Instant::now(), shared: Arc::default() }
    }

    /// From now on it does not answer, or does again.
    pub fn set_down(&self, is_down: bool) {
        self.shared.lock().is_down = is_down;
    }

    /// The hub of this name alone does not reach it from now on, or does again.
    pub fn cut_off(&self, name: &str, is_cut_off: bool) {
        let cut_off = &mut self.shared.lock().cut_off;
        if is_cut_off {
            cut_off.insert(name.to_owned())
        } else {
            cut_off.remove(name)
        };
    }

    fn ask<T: Send + 'static>(
        &self,
        me: &Member,
        work: impl FnOnce(&mut Records, Duration, Duration) -> T,
    ) -> Answer<'static, T> {
        let mut shared = self.shared.lock();
        let answer = if shared.is_down || shared.cut_off.contains(&me.name) {
            Err(EngineError("it is switched off".into()))
        } else {
            Ok(work(&mut shared.records, self.lease, self.started.elapsed()))
        };
        Box::pin(async { answer })
    }
}

impl Engine for MemoryEngine {
    fn claim<'a>(&'a self, wanted: &'a [Wanted], mode: Mode, me: &'a Member) -> Answer<'a, Vec<Claim>> {
        self.ask(me, |records, lease, now| wanted.iter().map(|one| records.claim(one, mode, me, lease, now)).collect())
    }

    fn renew<'a>(&'a self, leases: &'a [Lease], me: &'a Member) -> Answer<'a, Vec<Renewal>> {
        self.ask(me, |records, lease, now| leases.iter().map(|one| records.renew(one, me, lease, now)).collect())
    }

    fn release<'a>(&'a self, leases: &'a [Lease], me: &'a Member) -> Answer<'a, ()> {
        self.ask(me, |records, _, _| leases.iter().for_each(|one| records.release(one, me)))
    }

    fn pass<'a>(&'a self, lease: &'a Lease, from: &'a Member, to: &'a Member) -> Answer<'a, Renewal> {
        self.ask(to, |records, time, now| records.pass(lease, from, to, time, now))
    }

    fn announce<'a>(&'a self, me: &'a Member) -> Answer<'a, Vec<Member>> {
        self.ask(me, |records, lease, now| records.announce(me, lease, now))
    }
}
