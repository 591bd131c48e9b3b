//! A published master gives itself locks without asking anybody, and cannot be told of the locks of former ones. So the
//! hub requests a lock of it itself, by the name of a transaction that has one of those: what that transaction requests
//! is granted beside it, and the master's own ones wait until the hub returns it. What the master has begun before it
//! reads the request it goes on with.

use serde::{Deserialize, Serialize};

use super::fences::Fences;
use crate::clock::Millis;

/// How many of them a master may owe an answer: each is for another lock of a former master, one after the other.
const MAX_REQUESTED: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Requested,
    /// By the master's number for it.
    Granted(u64),
    /// The master would refuse it again.
    Refused,
    /// Requested, and to be returned as soon as it is granted.
    Needless,
    /// The master has it no more.
    Returned,
}

#[derive(Debug, Serialize, Deserialize)]
struct StandIn {
    number: u64,
    tid: String,
    write: bool,
    state: State,
}

/// The locks that the hub has requested of the present master, and that stand for those of former ones.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct StandIns(Vec<StandIn>);

/// What the hub requests of the master.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// A lock by the name of this transaction, by this number of the hub's request.
    Request { number: u64, tid: String, write: bool },
    /// That it release a lock.
    Return(u64),
}

impl StandIns {
    /// There is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The master is gone, and its locks with it.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What the master was requested may have been lost.
    pub(super) fn doubt(&mut self) {
        self.0.retain(|one| matches!(one.state, State::Granted(_)));
    }

    /// What there is to do, in order: the next one is requested before the last one is returned.
    pub(super) fn errands(&mut self, fences: &Fences, number: impl FnOnce() -> u64, now: Millis) -> Vec<Errand> {
        let needed = fences.strongest(now);
        let suffices = |one: &StandIn| {
            let lasts = one.state != State::Needless && fences.any_of(&one.tid, one.write, now);
            lasts && needed.is_some_and(|(_, write)| one.write || !write)
        };
        if self.0.iter().any(suffices) {
            return Vec::new();
        }
        let next = needed.filter(|(tid, _)| is_text(tid) && self.0.len() < MAX_REQUESTED).map(|(tid, write)| StandIn {
            number: number(),
            tid: tid.to_owned(),
            write,
            state: State::Requested,
        });
        let request = next.as_ref().map(StandIn::request);
        let returns: Vec<Errand> = self.0.iter_mut().filter_map(StandIn::give_up).collect();
        self.0.retain(|one| one.state == State::Needless);
        self.0.extend(next);
        request.into_iter().chain(returns).collect()
    }

    /// The master grants the lock that was requested by this number. Returns whether it is to be kept.
    pub(super) fn keeps(&mut self, number: u64, lock: u64) -> bool {
        let Some(at) = self.0.iter().position(|one| one.number == number) else { return false };
        if self.0[at].state == State::Needless {
            self.0.remove(at);
            return false;
        }
        self.0[at].state = State::Granted(lock);
        true
    }

    /// The master refuses it.
    pub(super) fn refused(&mut self, number: u64) {
        self.0.retain(|one| one.number != number || one.state != State::Needless);
        if let Some(one) = self.0.iter_mut().find(|one| one.number == number) {
            one.state = State::Refused;
        }
    }
}

impl StandIn {
    fn request(&self) -> Errand {
        Errand::Request { number: self.number, tid: self.tid.clone(), write: self.write }
    }

    /// It is needed no more. Tells what is to be done about it now.
    fn give_up(&mut self) -> Option<Errand> {
        let former = std::mem::replace(&mut self.state, State::Needless);
        match former {
            State::Granted(lock) => {
                self.state = State::Returned;
                Some(Errand::Return(lock))
            }
            State::Refused => {
                self.state = State::Returned;
                None
            }
            State::Requested | State::Needless | State::Returned => None,
        }
    }
}

/// AceBase takes a transaction's name that is a number for another one than the same digits as a text.
fn is_text(tid: &str) -> bool {
    tid.bytes().any(|byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Test {
        fences: Fences,
        stand_ins: StandIns,
        last: u64,
    }

    impl Test {
        /// Write locks of these transactions.
        fn new(tids: &[&str]) -> Self {
            let mut fences = Fences::default();
            (1..).zip(tids).for_each(|(key, tid)| fences.insert(tid, true, 100 * key, key));
            Self { fences, stand_ins: StandIns::default(), last: 0 }
        }

        fn errands(&mut self, now: Millis) -> Vec<Errand> {
            let next = self.last + 1;
            let errands = self.stand_ins.errands(&self.fences, || next, now);
            self.last = next;
            errands
        }
    }

    fn request(number: u64, tid: &str, write: bool) -> Errand {
        Errand::Request { number, tid: tid.to_owned(), write }
    }

    #[test]
    fn the_lock_that_lasts_longest_is_stood_for_until_it_ends() {
        let mut test = Test::new(&["t", "u"]);
        assert_eq!(test.errands(0), [request(1, "u", true)]);
        assert!(test.stand_ins.keeps(1, 7));
        assert!(test.errands(199).is_empty());
        assert_eq!(test.errands(200), [Errand::Return(7)]);
        assert!(test.stand_ins.is_empty());
    }

    #[test]
    fn the_next_one_is_requested_before_the_last_one_is_returned() {
        let mut test = Test::new(&[]);
        test.fences.insert("t", false, 100, 1);
        assert_eq!(test.errands(0), [request(1, "t", false)]);
        test.stand_ins.keeps(1, 7);
        test.fences.insert("u", true, 90, 2);
        assert_eq!(test.errands(0), [request(2, "u", true), Errand::Return(7)]);
        test.stand_ins.keeps(2, 8);
        assert_eq!(test.errands(90), [request(3, "t", false), Errand::Return(8)]);
    }

    #[test]
    fn what_is_granted_when_it_is_needed_no_more_is_not_kept() {
        let mut test = Test::new(&["t"]);
        test.errands(0);
        assert!(test.errands(100).is_empty() && !test.stand_ins.is_empty());
        assert!(!test.stand_ins.keeps(1, 7) && test.stand_ins.is_empty());
        assert!(!test.stand_ins.keeps(1, 7));
    }

    #[test]
    fn what_is_refused_is_not_requested_again() {
        let mut test = Test::new(&["t"]);
        test.errands(0);
        test.stand_ins.refused(1);
        assert!(test.errands(99).is_empty());
        assert!(test.errands(100).is_empty() && test.stand_ins.is_empty());
    }

    #[test]
    fn what_may_be_lost_is_requested_again() {
        let mut test = Test::new(&["t"]);
        test.errands(0);
        test.stand_ins.doubt();
        assert_eq!(test.errands(0), [request(2, "t", true)]);
    }

    #[test]
    fn a_master_that_does_not_answer_is_requested_a_few() {
        let mut test = Test::new(&[]);
        let requested = (1..100).filter(|key| {
            test.fences.insert(&format!("t{key}"), true, 100 + key, *key);
            let is_requested = !test.errands(0).is_empty();
            test.fences.remove(&format!("t{key}"), true, 100 + key, *key);
            is_requested
        });
        assert_eq!(requested.count(), MAX_REQUESTED);
    }

    #[test]
    fn a_number_stands_for_no_transaction() {
        assert!(Test::new(&["17"]).errands(0).is_empty());
    }
}
