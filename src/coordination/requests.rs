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
//! A request keeps its place in the order of arrival whatever happens to it. This is the table only: why a request is
//! held, and what is said to whom, is decided where it is used.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;

use super::{config::CoordinationConfig, message::Ask, settled::Settled, timers::Timers};
use crate::hub::coordinator::Millis;

/// A request's place in the order of arrival.
pub(super) type Seq = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It waits here.
    Held,
    /// A master has it.
    Delivered,
}

/// Who answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Master,
    /// The hub, on the master's behalf, or by giving it up with its worker.
    Hub,
}

/// A request that has not been answered.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) worker: String,
    /// The worker's own number for it.
    pub(super) id: String,
    pub(super) ask: Ask,
    /// The whole message, to be given to a master.
    pub(super) text: Bytes,
    pub(super) state: State,
    /// When it arrived.
    pub(super) since: Millis,
    /// To how many masters it has been given.
    pub(super) deliveries: u32,
}

#[derive(Debug, Default)]
struct Usage {
    count: usize,
    bytes: usize,
}

/// See the module's description.
#[derive(Debug)]
pub(super) struct Requests {
    pending: BTreeMap<Seq, Pending>,
    by_worker: HashMap<String, HashMap<String, Seq>>,
    held: BTreeSet<Seq>,
    deadlines: Timers<Seq>,
    settled: Settled,
    next: Seq,
    max_count: usize,
    max_bytes: usize,
    /// Of unlock requests, which have bounds of their own: a lock that cannot be released is worse than a request too many.
    releases: Usage,
    /// Of all other requests.
    others: Usage,
}

impl Requests {
    pub(super) fn new(config: &CoordinationConfig) -> Self {
        Self {
            pending: BTreeMap::new(),
            by_worker: HashMap::new(),
            held: BTreeSet::new(),
            deadlines: Timers::new(),
            settled: Settled::new(),
            next: 0,
            max_count: config.max_requests,
            max_bytes: config.max_request_bytes,
            releases: Usage::default(),
            others: Usage::default(),
        }
    }

    fn usage(&mut self, ask: &Ask) -> &mut Usage {
        match ask {
            Ask::Unlock { .. } => &mut self.releases,
            _ => &mut self.others,
        }
    }

    /// One more request fits in. `locks`: how many locks there are, for those asked for count with them.
    pub(super) fn has_room_for(&mut self, ask: &Ask, bytes: usize, locks: usize) -> bool {
        let (max_count, max_bytes) = (self.max_count, self.max_bytes);
        let locks = if matches!(ask, Ask::Lock(_)) { locks } else { 0 };
        let usage = self.usage(ask);
        usage.count + locks < max_count && usage.bytes.saturating_add(bytes) <= max_bytes
    }

    /// Takes down a request that has arrived. It is held, without a deadline.
    pub(super) fn add(&mut self, worker: &str, id: String, ask: Ask, text: &[u8], now: Millis) -> Seq {
        let seq = self.next;
        self.next += 1;
        let usage = self.usage(&ask);
        usage.count += 1;
        usage.bytes += text.len();
        self.by_worker.entry(worker.to_owned()).or_default().insert(id.clone(), seq);
        // A copy of its own: the original may be a slice of a whole read buffer.
        let text = Bytes::copy_from_slice(text);
        let (worker, state) = (worker.to_owned(), State::Held);
        self.pending.insert(seq, Pending { worker, id, ask, text, state, since: now, deliveries: 0 });
        self.held.insert(seq);
        seq
    }

    /// A master has it, or will have it next. It no longer has a deadline.
    pub(super) fn deliver(&mut self, seq: Seq) {
        if let Some(pending) = self.pending.get_mut(&seq) {
            pending.state = State::Delivered;
            pending.deliveries += 1;
            self.held.remove(&seq);
            self.deadlines.cancel(&seq);
        }
    }

    /// The master that had it is no more.
    pub(super) fn take_back(&mut self, seq: Seq) {
        if let Some(pending) = self.pending.get_mut(&seq) {
            pending.state = State::Held;
            self.held.insert(seq);
        }
    }

    /// The request must be answered by then, unless it has a deadline already.
    pub(super) fn expect_by(&mut self, seq: Seq, deadline: Millis) {
        if self.pending.contains_key(&seq) && !self.deadlines.runs(&seq) {
            self.deadlines.set(seq, deadline);
        }
    }

    /// The request may wait as long as it takes.
    pub(super) fn let_wait(&mut self, seq: Seq) {
        self.deadlines.cancel(&seq);
    }

    /// Removes a request that is answered or given up.
    pub(super) fn settle(&mut self, seq: Seq, by: By, now: Millis) -> Option<Pending> {
        let pending = self.pending.remove(&seq)?;
        self.held.remove(&seq);
        self.deadlines.cancel(&seq);
        let usage = self.usage(&pending.ask);
        usage.count -= 1;
        usage.bytes -= pending.text.len();
        if let Some(requests) = self.by_worker.get_mut(&pending.worker) {
            requests.remove(&pending.id);
            if requests.is_empty() {
                self.by_worker.remove(&pending.worker);
            }
        }
        let answers_to_come = pending.deliveries.saturating_sub(u32::from(by == By::Master));
        if answers_to_come > 0 {
            self.settled.insert(&pending.worker, &pending.id, now);
        }
        Some(pending)
    }

    pub(super) fn find(&self, worker: &str, id: &str) -> Option<Seq> {
        self.by_worker.get(worker)?.get(id).copied()
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

    /// The worker has requests.
    pub(super) fn any_of(&self, worker: &str) -> bool {
        self.by_worker.contains_key(worker)
    }

    /// The worker has asked for the release of a lock.
    pub(super) fn asks_to_release(&self, worker: &str, lock: u64) -> bool {
        let of_worker = self.by_worker.get(worker).into_iter().flat_map(HashMap::values);
        of_worker.filter_map(|seq| self.pending.get(seq)).any(|pending| pending.ask == Ask::Unlock { lock })
    }

    /// A worker's requests, in order of arrival.
    pub(super) fn of(&self, worker: &str) -> Vec<Seq> {
        let mut seqs: Vec<Seq> = self.by_worker.get(worker).into_iter().flat_map(|ids| ids.values().copied()).collect();
        seqs.sort_unstable();
        seqs
    }

    /// All requests, in order of arrival.
    pub(super) fn all(&self) -> Vec<Seq> {
        self.pending.keys().copied().collect()
    }

    /// Requests that wait here, in order of arrival.
    pub(super) fn held(&self) -> Vec<Seq> {
        self.held.iter().copied().collect()
    }

    pub(super) fn held_count(&self) -> usize {
        self.held.len()
    }

    pub(super) fn delivered_count(&self) -> usize {
        self.pending.len() - self.held.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.releases.bytes + self.others.bytes
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.pending.values()
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

    fn table(max_requests: usize) -> Requests {
        Requests::new(&CoordinationConfig { max_requests, max_request_bytes: 100, ..Default::default() })
    }

    #[test]
    fn a_request_keeps_its_place_when_its_master_is_gone() {
        let mut requests = table(10);
        let first = requests.add("w", "1".into(), Ask::Custom, b"one", 0);
        let second = requests.add("w", "2".into(), Ask::Custom, b"two", 0);
        requests.deliver(first);
        assert_eq!((requests.held(), requests.delivered_count()), (vec![second], 1));
        requests.take_back(first);
        assert_eq!(requests.held(), [first, second]);
    }

    #[test]
    fn a_second_answer_is_expected_only_where_there_can_be_one() {
        let mut requests = table(10);
        for (id, deliveries, by, expected) in
            [("1", 1, By::Master, false), ("2", 2, By::Master, true), ("3", 0, By::Hub, false), ("4", 1, By::Hub, true)]
        {
            let seq = requests.add("w", id.into(), Ask::Custom, b"text", 0);
            (0..deliveries).for_each(|_| requests.deliver(seq));
            requests.settle(seq, by, 0);
            assert_eq!(requests.was_settled("w", id), expected, "{id}");
        }
        assert!(requests.is_empty() && requests.bytes() == 0 && !requests.any_of("w"));
    }

    #[test]
    fn releases_have_bounds_of_their_own() {
        let mut requests = table(1);
        let lock = Ask::Unlock { lock: 1 };
        requests.add("w", "1".into(), Ask::Custom, b"text", 0);
        assert!(!requests.has_room_for(&Ask::Custom, 1, 0));
        assert!(requests.has_room_for(&lock, 100, 1));
        assert!(!requests.has_room_for(&lock, 101, 1));
        requests.add("w", "2".into(), lock.clone(), b"text", 0);
        assert!(!requests.has_room_for(&lock, 1, 0));
    }

    #[test]
    fn the_first_deadline_stands_until_the_request_is_delivered() {
        let mut requests = table(10);
        let seq = requests.add("w", "1".into(), Ask::Custom, b"text", 0);
        requests.expect_by(seq, 5);
        requests.expect_by(seq, 9);
        assert_eq!(requests.deadline(), Some(5));
        requests.deliver(seq);
        assert_eq!(requests.deadline(), None);
    }
}
