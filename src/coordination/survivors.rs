//! The workers that may wait for answers to what they requested under a former run of the hub.
//!
//! A master still has such requests, and answers them through this run, which has never seen them. To whoever does not
//! wait, an answer is the end. So there are two bounds: a client whose hub is gone connects again within ten seconds,
//! or ends itself, so who comes later than soon after the start has requested nothing that is not known here. And the
//! ids of requests begin with the time at which a client made them, so one that is not older than the first that it has
//! sent through this run is known here, too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::message;
use crate::clock::Millis;

/// How long the clients of a former run come after the hub has had the database, in milliseconds: ten seconds, and room
/// for a busy machine. It has had it since its start, or since it took the place of another hub.
pub(super) const COMING_MS: u64 = 30_000;

/// Workers that are remembered: many times as many as a cluster has.
const MAX_WORKERS: usize = 4_096;

/// Characters of a generated id that are its time.
const TIME_LENGTH: usize = 8;

/// Such workers, each with the id of the first request that it has made in this run, if any.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Survivors(BTreeMap<String, Option<String>>);

/// `age`: how long the hub has had the database.
impl Survivors {
    /// A peer has joined, or an answer for it was seen before it has.
    pub(super) fn note(&mut self, peer: &str, age: Millis) {
        if age < COMING_MS && self.0.len() < MAX_WORKERS && !self.0.contains_key(peer) {
            self.0.insert(peer.to_owned(), None);
        }
    }

    /// A worker has made a request.
    pub(super) fn has_requested(&mut self, worker: &str, id: &str) {
        if let Some(first) = self.0.get_mut(worker).filter(|first| first.is_none()) {
            *first = Some(id.to_owned());
        }
    }

    /// All locks of a worker's transaction were requested through this run. Those of a transaction that is older than
    /// the first request that the worker has made in this run may have been requested under the former one.
    pub(super) fn began_here(&self, worker: &str, tid: &str, age: Millis) -> bool {
        match self.0.get(worker) {
            Some(Some(first)) => is_older(first, tid),
            Some(None) => false,
            None => age >= COMING_MS && self.0.len() < MAX_WORKERS,
        }
    }

    /// A worker may wait for the answer to this request, which this run has not seen.
    pub(super) fn may_wait(&self, worker: &str, id: &str, age: Millis) -> bool {
        match self.0.get(worker) {
            Some(Some(first)) => is_older(id, first),
            Some(None) => true,
            None => age < COMING_MS,
        }
    }
}

/// A request was made before another one of the same worker, as far as their ids tell.
fn is_older(id: &str, other: &str) -> bool {
    let are_generated = [id, other].into_iter().all(message::is_acebase_id);
    are_generated && id.get(..TIME_LENGTH) < other.get(..TIME_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_comes_soon_after_the_start_may_have_asked_before() {
        let mut survivors = Survivors::default();
        survivors.note("early", COMING_MS - 1);
        survivors.note("late", COMING_MS);
        assert!(survivors.may_wait("anybody", "r", COMING_MS - 1));
        assert!(survivors.may_wait("early", "r", COMING_MS) && !survivors.may_wait("late", "r", COMING_MS));
    }

    #[test]
    fn who_has_requested_waits_for_what_is_older() {
        let mut survivors = Survivors::default();
        survivors.note("w", 0);
        let ids = ["mib3xk2w0000p7q1rz000000", "mib3xk2x0001p7q1rz000000"];
        survivors.has_requested("w", ids[1]);
        survivors.has_requested("w", "mzzzzzzz0002p7q1rz000000");
        assert!(survivors.may_wait("w", ids[0], 0) && !survivors.may_wait("w", ids[1], 0));
        assert!(!survivors.may_wait("w", "of another form", 0));
    }
}
