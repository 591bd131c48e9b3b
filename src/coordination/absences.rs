//! What waits for workers whose session is over, in case they come back after all.
//!
//! A worker that returns within its absence gets the answers that it missed, and finds its requests and locks as they
//! were. When the absence is over the worker counts as gone; `orphans` then deals with what it has left behind.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::timers::Timers;
use crate::{clock::Millis, hub::coordinator::Loss};

/// How many workers that this hub has never seen are waited for: more than there are connections.
const MAX_STRANGERS: usize = 65_536;

/// One worker's absence.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Absence {
    /// When its session ended.
    pub(super) since: Millis,
    /// How its connection was lost.
    pub(super) loss: Loss,
    /// Answers of masters that it has not got, oldest first.
    answers: Vec<Bytes>,
}

/// The workers that are away.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Absences {
    away: BTreeMap<String, Absence>,
    ends: Timers<String>,
    bytes: usize,
    max_bytes: usize,
}

impl Absences {
    /// `max_bytes`: of all answers that wait.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { away: BTreeMap::new(), ends: Timers::new(), bytes: 0, max_bytes }
    }

    /// As many bytes of answers may be kept as another keeps.
    pub(super) fn set_bound(&mut self, of: &Self) {
        self.max_bytes = of.max_bytes;
    }

    /// A worker's session is over; it is waited for until `until`.
    pub(super) fn begin(&mut self, worker: &str, loss: Loss, now: Millis, until: Millis) {
        self.recall(worker);
        self.away.insert(worker.to_owned(), Absence { since: now, loss, answers: Vec::new() });
        self.ends.set(worker.to_owned(), until);
    }

    /// The worker is waited for.
    pub(super) fn has(&self, worker: &str) -> bool {
        self.away.contains_key(worker)
    }

    /// One more worker may be waited for that this hub has never seen, and that a master only says is there.
    pub(super) fn has_room_for_stranger(&self) -> bool {
        self.away.len() < MAX_STRANGERS
    }

    /// Keeps an answer for a worker that is waited for. `false`: there is no room for it.
    pub(super) fn keep(&mut self, worker: &str, answer: &[u8]) -> bool {
        let Some(absence) = self.away.get_mut(worker) else { return false };
        if self.bytes + answer.len() > self.max_bytes {
            return false;
        }
        self.bytes += answer.len();
        // A copy of its own: the original may be a slice of a whole read buffer.
        absence.answers.push(Bytes::copy_from_slice(answer));
        true
    }

    /// The worker is back: these are its answers. `None`: it was not waited for.
    pub(super) fn recall(&mut self, worker: &str) -> Option<Vec<Bytes>> {
        self.ends.cancel(&worker.to_owned());
        self.remove(worker).map(|absence| absence.answers)
    }

    /// When the first absence is over.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.ends.next()
    }

    /// A worker that has been away for too long.
    pub(super) fn take_due(&mut self, now: Millis) -> Option<(String, Absence)> {
        let worker = self.ends.take_due(now)?;
        let absence = self.remove(&worker)?;
        Some((worker, absence))
    }

    /// Nobody is waited for.
    pub(super) fn is_empty(&self) -> bool {
        self.away.is_empty()
    }

    fn remove(&mut self, worker: &str) -> Option<Absence> {
        let absence = self.away.remove(worker)?;
        self.bytes -= absence.answers.iter().map(Bytes::len).sum::<usize>();
        Some(absence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_back_in_time_gets_its_answers() {
        let mut absences = Absences::new(10);
        absences.begin("w", Loss::Fin, 0, 10);
        assert!(absences.keep("w", b"answer"));
        assert!(!absences.keep("w", b"too much"));
        assert!(!absences.keep("x", b"y"));
        assert_eq!(absences.recall("w"), Some(vec![Bytes::from("answer")]));
        assert_eq!(absences.recall("w"), None);
        assert!(absences.take_due(10).is_none() && absences.is_empty() && absences.bytes == 0);
    }

    #[test]
    fn an_absence_ends_once() {
        let mut absences = Absences::new(10);
        absences.begin("w", Loss::Fin, 0, 10);
        assert_eq!(absences.deadline(), Some(10));
        assert!(absences.take_due(9).is_none());
        assert!(absences.take_due(10).is_some());
        assert!(absences.take_due(10).is_none() && absences.is_empty());
    }
}
