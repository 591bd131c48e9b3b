//! What each worker has requested and has no answer to: which requests, of which locks the release, and how much all of
//! it takes.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{bounds::Usage, message::Ask, pending::Pending, waiting::Seq};

/// One worker's requests.
#[derive(Debug, Default, Serialize, Deserialize)]
struct RequestsOfWorker {
    seqs: HashMap<Arc<str>, Seq>,
    /// The locks whose release is requested, and how often.
    releases: HashMap<u64, usize>,
    /// Of all but the releases.
    usage: Usage,
}

/// The unanswered requests of all workers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Demands {
    by_worker: HashMap<Arc<str>, RequestsOfWorker>,
    /// Of unlock requests, which keep nothing else out: a lock that cannot be released is worse than a request too
    /// many.
    releases: Usage,
    /// Of all other requests.
    others: Usage,
}

impl Demands {
    /// A worker's name, shared with its other requests.
    pub(super) fn name_of(&self, worker: &str) -> Arc<str> {
        self.by_worker.get_key_value(worker).map_or_else(|| worker.into(), |(worker, _)| worker.clone())
    }

    /// A request has arrived.
    pub(super) fn add(&mut self, pending: &Pending, seq: Seq) {
        let of_worker = self.by_worker.entry(pending.worker.clone()).or_default();
        of_worker.seqs.insert(pending.id.clone(), seq);
        match &pending.ask {
            Ask::Unlock { lock } => {
                *of_worker.releases.entry(*lock).or_default() += 1;
                self.releases += pending.usage();
            }
            _ => {
                of_worker.usage += pending.usage();
                self.others += pending.usage();
            }
        }
    }

    /// The same request is answered or given up.
    pub(super) fn remove(&mut self, pending: &Pending) {
        let of_all = if matches!(pending.ask, Ask::Unlock { .. }) { &mut self.releases } else { &mut self.others };
        *of_all -= pending.usage();
        let Some(of_worker) = self.by_worker.get_mut(&pending.worker) else { return };
        of_worker.seqs.remove(&pending.id);
        match &pending.ask {
            Ask::Unlock { lock } => forget_one(&mut of_worker.releases, *lock),
            _ => of_worker.usage -= pending.usage(),
        }
        if of_worker.seqs.is_empty() {
            self.by_worker.remove(&pending.worker);
        }
    }

    /// What a worker's requests take up, and what all do: releases apart from all else.
    pub(super) fn usage(&self, worker: &str, ask: &Ask) -> (Usage, Usage) {
        match ask {
            Ask::Unlock { .. } => (Usage::default(), self.releases),
            _ => (self.by_worker.get(worker).map(|of_worker| of_worker.usage).unwrap_or_default(), self.others),
        }
    }

    /// What all requests but the releases take up.
    pub(super) fn usage_of_all(&self) -> Usage {
        self.others
    }

    /// A worker's request by its id.
    pub(super) fn find(&self, worker: &str, id: &str) -> Option<Seq> {
        self.by_worker.get(worker)?.seqs.get(id).copied()
    }

    /// The worker has requests.
    pub(super) fn any_of(&self, worker: &str) -> bool {
        self.by_worker.contains_key(worker)
    }

    /// The worker has requested the release of a lock.
    pub(super) fn has_requested_release(&self, worker: &str, lock: u64) -> bool {
        self.by_worker.get(worker).is_some_and(|of_worker| of_worker.releases.contains_key(&lock))
    }

    /// A worker's requests, in order of arrival.
    pub(super) fn of(&self, worker: &str) -> Vec<Seq> {
        let of_worker = self.by_worker.get(worker).into_iter();
        let mut seqs: Vec<Seq> = of_worker.flat_map(|of_worker| of_worker.seqs.values().copied()).collect();
        seqs.sort_unstable();
        seqs
    }

    /// Bytes that all requests take up.
    pub(super) fn bytes(&self) -> usize {
        self.releases.bytes.saturating_add(self.others.bytes)
    }
}

fn forget_one(counts: &mut HashMap<u64, usize>, what: u64) {
    if let Some(count) = counts.get_mut(&what) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&what);
        }
    }
}
