//! The requests of workers that have not been answered.
//!
//! ```text
//!   arrives ──> Held ─────────── a master is there and nothing is in the way ──────> Delivered
//!                │  ^                                                                 │   │
//!                │  └───── the master is gone or replaced: for the next one ──────────┘   │
//!                │                                                                        │
//!                ├── deadline passed: answered on the master's behalf                     │
//!                v                                                                        v
//!             settled <──── answered by the master; on its behalf; or given up ────────────
//! ```
//!
//! A request keeps its place in the order of arrival whatever happens to it, and its first deadline, through all
//! masters that ended with it. This is the table only: why a request is held, and what is said to whom, is decided
//! where it is used.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    at_master::AtMaster,
    demands::Demands,
    message::Ask,
    pending::{Pending, State},
    settled::Settled,
    timers::Timers,
    waiting::{Place, Seq, Waiting},
};
use crate::{clock::Millis, hub::Origin};

/// How many masters that had a request are remembered: a third one is given none that two have ended with.
const MAX_FORMER_MASTERS: usize = 4;

/// Who answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Master,
    /// The hub, on the master's behalf, or by giving it up with its worker.
    Hub,
}

/// A database's unanswered requests, in order of arrival, each held or with the master.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Requests {
    pending: BTreeMap<Seq, Pending>,
    demands: Demands,
    waiting: Waiting,
    /// Follows from the requests.
    #[serde(skip)]
    at_master: AtMaster,
    deadlines: Timers<Seq>,
    settled: Settled,
    next: Seq,
    /// How many are for locks.
    for_locks: usize,
    /// Messages whose senders need keep them no longer.
    #[serde(skip)]
    let_go: Vec<Origin>,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self {
            pending: BTreeMap::new(),
            demands: Demands::default(),
            waiting: Waiting::default(),
            at_master: AtMaster::default(),
            deadlines: Timers::new(),
            settled: Settled::new(),
            next: 0,
            for_locks: 0,
            let_go: Vec::new(),
        }
    }

    /// Takes down a request that has arrived, without a deadline. It waits at `place`, or goes to the master at once.
    pub(super) fn add(
        &mut self,
        worker: &str,
        id: &str,
        ask: Ask,
        text: &[u8],
        place: Option<Place>,
        now: Millis,
    ) -> Seq {
        let seq = self.next;
        self.next += 1;
        let (worker, id) = (self.demands.name_of(worker), id.into());
        self.for_locks += usize::from(matches!(ask, Ask::Lock(_)));
        let (state, deliveries) = match place {
            Some(place) => {
                self.waiting.insert(place.clone(), seq);
                (State::Held(place), 0)
            }
            None => {
                self.at_master.add(seq, &ask);
                (State::Delivered, 1)
            }
        };
        // A copy of its own: the original may be a slice of a whole read buffer.
        let text = Bytes::copy_from_slice(text);
        let (strikes, is_survived, is_doubtful, deadline) = (0, false, false, None);
        let pending = Pending {
            worker,
            id,
            ask,
            text,
            state,
            since: now,
            deliveries,
            strikes,
            had_by: Vec::new(),
            is_survived,
            is_doubtful,
            origin: None,
            is_kept: false,
            is_resent: false,
            deadline,
        };
        self.demands.add(&pending, seq);
        self.pending.insert(seq, pending);
        seq
    }

    /// Whose message it is. Its sender keeps it for as long as no master has it. `is_resent`: a master may have it all
    /// the same.
    pub(super) fn came_from(&mut self, seq: Seq, origin: Option<&Origin>, is_resent: bool) {
        if let Some(pending) = self.pending.get_mut(&seq) {
            pending.is_kept = origin.is_some() && !pending.is_delivered();
            pending.origin = origin.cloned();
            pending.is_resent |= is_resent;
        }
    }

    /// Messages whose senders need keep them no longer, since this was asked last.
    pub(super) fn take_let_go(&mut self) -> Vec<Origin> {
        std::mem::take(&mut self.let_go)
    }

    /// A master has it, or will have it next. Its deadline does not run meanwhile.
    pub(super) fn deliver(&mut self, seq: Seq) {
        self.deadlines.cancel(&seq);
        if let Some(pending) = self.pending.get_mut(&seq) {
            pending.deliveries += 1;
            (pending.is_survived, pending.is_doubtful) = (false, false);
            self.let_go.extend(pending.let_go());
            if let State::Held(place) = std::mem::replace(&mut pending.state, State::Delivered) {
                self.waiting.remove(place, seq);
                self.at_master.add(seq, &pending.ask);
            }
        }
    }

    /// The master that has it was away.
    pub(super) fn doubt(&mut self, seq: Seq) {
        if let Some(pending) = self.pending.get_mut(&seq).filter(|pending| pending.is_delivered()) {
            pending.is_doubtful = true;
            self.at_master.doubt(seq);
        }
    }

    /// It waits there from now on.
    pub(super) fn hold(&mut self, seq: Seq, place: Place) {
        if let Some(pending) = self.pending.get_mut(&seq) {
            self.waiting.insert(place.clone(), seq);
            match std::mem::replace(&mut pending.state, State::Held(place.clone())) {
                State::Held(left) if left != place => self.waiting.remove(left, seq),
                State::Held(_) => {}
                State::Delivered => self.at_master.remove(seq, &pending.ask),
            }
        }
    }

    /// The master that had it is no more.
    pub(super) fn take_back(&mut self, seq: Seq, life: Option<&str>) {
        if let (Some(pending), Some(life)) = (self.pending.get_mut(&seq), life)
            && pending.had_by.len() < MAX_FORMER_MASTERS
            && !pending.had_by.iter().any(|former| former == life)
        {
            pending.had_by.push(life.to_owned());
        }
        // It may have run for the sake of that master's answer.
        self.deadlines.cancel(&seq);
        self.hold(seq, Place::Master);
    }

    /// A master has answered that the next one is to have it.
    pub(super) fn was_declined(&mut self, seq: Seq) {
        self.deadlines.cancel(&seq);
        if let Some(pending) = self.pending.get_mut(&seq) {
            pending.deliveries = pending.deliveries.saturating_sub(1);
        }
    }

    /// The master that had it has ended, perhaps by it. Returns how many have.
    pub(super) fn strike(&mut self, seq: Seq) -> u8 {
        self.pending.get_mut(&seq).map_or(0, |pending| {
            pending.strikes = pending.strikes.saturating_add(1);
            pending.strikes
        })
    }

    /// Those that a master had when it left, and that none has now.
    pub(super) fn had_by(&self, life: &str) -> Vec<Seq> {
        let is_held = |pending: &Pending| !pending.is_delivered() && pending.had_by.iter().any(|former| former == life);
        self.pending.iter().filter(|(_, pending)| is_held(pending)).map(|(seq, _)| *seq).collect()
    }

    /// A master that had it has not ended.
    pub(super) fn acquit(&mut self, seq: Seq) {
        if let Some(pending) = self.pending.get_mut(&seq) {
            pending.strikes = pending.strikes.saturating_sub(1);
        }
    }

    /// The master has done what it does with this request on its own, and lives.
    pub(super) fn survived(&mut self, seq: Seq) {
        if let Some(pending) = self.pending.get_mut(&seq) {
            pending.is_survived = true;
        }
    }

    /// A request that no master has must be answered by then, or by its first deadline.
    pub(super) fn expect_by(&mut self, seq: Seq, deadline: Millis) {
        if let Some(pending) = self.pending.get_mut(&seq) {
            let first = *pending.deadline.get_or_insert(deadline);
            if !self.deadlines.runs(&seq) {
                self.deadlines.set(seq, first);
            }
        }
    }

    /// A request that a master has, or will have in a moment, must be answered by then. Its first deadline, should it
    /// have passed, is of no account as long as there is that master.
    pub(super) fn expect_of_master_by(&mut self, seq: Seq, deadline: Millis) {
        if let Some(pending) = self.pending.get_mut(&seq)
            && !self.deadlines.runs(&seq)
        {
            pending.deadline.get_or_insert(deadline);
            self.deadlines.set(seq, deadline);
        }
    }

    /// An answer is expected by then, if not sooner.
    pub(super) fn expect_sooner(&mut self, seq: Seq, deadline: Millis) {
        if let Some(pending) = self.pending.get_mut(&seq)
            && pending.deadline.is_none_or(|before| deadline < before)
        {
            pending.deadline = Some(deadline);
            self.deadlines.set(seq, deadline);
        }
    }

    /// The request may wait as long as it takes. The first deadline of one that has been with a master stands.
    pub(super) fn let_wait(&mut self, seq: Seq) {
        self.deadlines.cancel(&seq);
        if let Some(pending) = self.pending.get_mut(&seq).filter(|pending| pending.deliveries == 0) {
            pending.deadline = None;
        }
    }

    /// Removes a request that is answered or given up.
    pub(super) fn settle(&mut self, seq: Seq, by: By, now: Millis) -> Option<Pending> {
        let mut pending = self.pending.remove(&seq)?;
        self.let_go.extend(pending.let_go());
        match &pending.state {
            State::Held(place) => self.waiting.remove(place.clone(), seq),
            State::Delivered => self.at_master.remove(seq, &pending.ask),
        }
        self.deadlines.cancel(&seq);
        self.for_locks -= usize::from(matches!(pending.ask, Ask::Lock(_)));
        self.demands.remove(&pending);
        let answers_to_come = pending.deliveries.saturating_sub(u32::from(by == By::Master));
        if answers_to_come > 0 {
            self.settled.insert(&pending.worker, &pending.id, now);
        }
        Some(pending)
    }

    /// What workers have requested, by worker.
    pub(super) fn demands(&self) -> &Demands {
        &self.demands
    }

    pub(super) fn get(&self, seq: Seq) -> Option<&Pending> {
        self.pending.get(&seq)
    }

    /// The request was answered, or given up, and may be answered by a master once more.
    pub(super) fn was_settled(&self, worker: &str, id: &str) -> bool {
        self.settled.contains(worker, id)
    }

    /// A request that was not known here was answered, and may be answered once more.
    pub(super) fn remember_settled(&mut self, worker: &str, id: &str, now: Millis) {
        self.settled.insert(worker, id, now);
    }

    /// All requests, in order of arrival.
    pub(super) fn all(&self) -> Vec<Seq> {
        self.pending.keys().copied().collect()
    }

    /// Those whose senders will not send them again.
    pub(super) fn of_plain_clients(&self) -> Vec<Seq> {
        let plain = self.pending.iter().filter(|(_, pending)| pending.origin.is_none());
        plain.map(|(seq, _)| *seq).collect()
    }

    /// Requests that wait here, by what they wait for.
    pub(super) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Requests that concern locks, and that the master has.
    pub(super) fn at_master(&self) -> &AtMaster {
        &self.at_master
    }

    /// These are another's, who has left them as data: what follows from them is found out again.
    pub(super) fn go_on(&mut self) {
        self.waiting.go_on();
        for (seq, pending) in self.pending.iter().filter(|(_, pending)| pending.is_delivered()) {
            self.at_master.add(*seq, &pending.ask);
            if pending.is_doubtful {
                self.at_master.doubt(*seq);
            }
        }
    }

    pub(super) fn held_count(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn delivered_count(&self) -> usize {
        self.pending.len() - self.waiting.len()
    }

    /// How many are for locks.
    pub(super) fn for_locks(&self) -> usize {
        self.for_locks
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.pending.values()
    }

    /// The oldest one.
    pub(super) fn oldest(&self) -> Option<&Pending> {
        self.pending.values().next()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// When the first deadline passes.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.deadlines.next()
    }

    /// A request whose deadline has passed.
    pub(super) fn take_due(&mut self, now: Millis) -> Option<Seq> {
        self.deadlines.take_due(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(requests: &mut Requests, id: &str) -> Seq {
        requests.add("w", id, Ask::Custom, b"text", Some(Place::Master), 0)
    }

    #[test]
    fn a_request_keeps_its_place_when_its_master_is_gone() {
        let mut requests = Requests::new();
        let (first, second) = (hold(&mut requests, "1"), hold(&mut requests, "2"));
        requests.deliver(first);
        assert_eq!((requests.waiting().all(), requests.delivered_count()), (vec![second], 1));
        requests.take_back(first, None);
        assert_eq!(requests.waiting().at(&Place::Master), [first, second]);
        requests.hold(first, Place::Tables);
        assert_eq!((requests.waiting().at(&Place::Tables), requests.held_count()), (vec![first], 2));
    }

    #[test]
    fn a_second_answer_is_expected_only_where_there_can_be_one() {
        let mut requests = Requests::new();
        for (id, deliveries, by, expected) in
            [("1", 1, By::Master, false), ("2", 2, By::Master, true), ("3", 0, By::Hub, false), ("4", 1, By::Hub, true)]
        {
            let seq = hold(&mut requests, id);
            (0..deliveries).for_each(|_| requests.deliver(seq));
            requests.settle(seq, by, 0);
            assert_eq!(requests.was_settled("w", id), expected, "{id}");
        }
        assert!(requests.is_empty() && requests.demands().bytes() == 0 && !requests.demands().any_of("w"));
    }

    #[test]
    fn releases_are_counted_apart() {
        let mut requests = Requests::new();
        let release = Ask::Unlock { lock: 1 };
        let (first, second) = ("1", "2");
        let seqs = [first, second].map(|id| requests.add("w", id, release.clone(), b"text", None, 0));
        assert_eq!(requests.demands().usage("w", &Ask::Custom), Default::default());
        assert_eq!(requests.demands().usage("w", &release).1.count, 2);
        for seq in seqs {
            assert!(
                requests.demands().has_requested_release("w", 1) && !requests.demands().has_requested_release("w", 2)
            );
            requests.settle(seq, By::Master, 0);
        }
        assert!(!requests.demands().has_requested_release("w", 1) && !requests.demands().any_of("w"));
    }

    #[test]
    fn the_first_deadline_stands_through_deliveries_that_end_with_the_master() {
        let mut requests = Requests::new();
        let seq = hold(&mut requests, "1");
        requests.expect_by(seq, 5);
        requests.expect_by(seq, 9);
        assert_eq!(requests.deadline(), Some(5));
        requests.deliver(seq);
        assert_eq!(requests.deadline(), None);
        requests.expect_of_master_by(seq, 20);
        assert_eq!(requests.deadline(), Some(20));
        requests.take_back(seq, None);
        requests.let_wait(seq);
        requests.expect_by(seq, 30);
        assert_eq!(requests.deadline(), Some(5));
    }

    #[test]
    fn a_request_that_no_master_had_waits_anew() {
        let mut requests = Requests::new();
        let seq = hold(&mut requests, "1");
        requests.expect_by(seq, 5);
        requests.let_wait(seq);
        requests.expect_by(seq, 9);
        assert_eq!(requests.deadline(), Some(9));
    }
}
