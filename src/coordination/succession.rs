//! Processes that want the master's place while it is taken: in order of arrival, in bounds of number and time.
//!
//! ```text
//!   the place is free ──> Expected ── connects ──> it is the master
//!                            ^  ^
//!   the place is taken       │  └───── the master leaves, and nothing has changed ──────┐
//!        │                   │                                                          │
//!        v                   │ no answer in time: it hangs, or is half open             │
//!    Challenging ────────────┘                                                          │
//!        │ the master answers: it lives, and is another process                         │
//!        ├── there is time, and nothing has changed ─────────────────────────────> StandingBy
//!        └── else: dismissed <── still there at the end; or files have changed ─────────┘
//!                  └── comes back at once: Doomed ── ends by itself, unanswered
//! ```
//!
//! A master reads the tables of free space and of keys once, when it opens the files, and gives itself locks whether or
//! not it is connected. So of two that live, the newcomer must not write, and what the other one gives away of the
//! files while it waits, it would give away again. It is therefore kept from writing as soon as it comes, by a lock of
//! the hub's on itself, for which its handshake is taken; and it is let in only if nothing was written since. Otherwise
//! its process must end, and be started again to read the tables anew.
//!
//! Nothing that a published client is *told* ends it for sure. Refused on its first connection, it closes its database
//! and lives on as if all were well. Refused as it comes back, it leaves a rejection unhandled, which pm2's cluster
//! mode merely logs; after that it lives on, and writes. What it never survives is a handshake without an answer: its
//! ping then throws, after 5 s. So its connection is closed first, and when it comes back it is left without an answer.
//!
//! This is the list only: what is said to whom is decided in `newcomers`.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::rarely::Rarely;
use crate::{clock::Millis, hub::coordinator::Ticket};

/// How long a master may take to show that it is alive, in milliseconds. The published client answers at once, unless
/// it is busy; and a newcomer whose handshake is not answered for 5 s ends itself.
pub(super) const ANSWER_TIMEOUT_MS: u64 = 3_500;

/// How long a newcomer waits for a living master to leave, in milliseconds: `pm2 reload` gives the new process 3 s to
/// listen, and then the old one 1.6 s to end. Published clients ping after 5 s and give up after 10.
pub(super) const STAND_BY_MS: u64 = 6_000;

/// For how long after a refusal newcomers get no such time, in milliseconds: a process manager tries again and again.
pub(super) const IMPATIENCE_MS: u64 = 30_000;

/// How long a place is kept for a connection that was let in, in milliseconds. It has nothing to do but to take its
/// handshake.
const EXPECT_MS: u64 = 5_000;

/// How many may wait. One is usual, and each may begin a database's worth of memory.
const MAX_WAITING: usize = 16;

/// How long one that is to end is left without an answer, in milliseconds: it pings 5 s after it began to connect, and
/// may be busy.
pub(super) const DOOM_MS: u64 = 10_000;

/// For how long one that was dismissed is expected to come back, in milliseconds: published clients do so at once.
const RETURN_MS: u64 = 2_000;

/// How far a newcomer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// The master has been challenged with this number, and has not answered.
    Challenging(u64),
    /// The master lives. It may leave yet.
    StandingBy,
    /// It was dismissed, and is back to end.
    Doomed,
}

#[derive(Debug, Serialize, Deserialize)]
struct Newcomer {
    ticket: Ticket,
    stage: Stage,
    /// Its handshake is taken, and it is kept from writing.
    is_held: bool,
    until: Millis,
    /// Something was written since it came.
    is_outdated: bool,
}

/// What a newcomer is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    LetIn(Ticket),
    StandBy(Ticket),
    /// To one that stands by: its connection is closed. To one that is back: its handshake is refused at last.
    Refuse(Ticket),
}

/// The newcomers that wait for the master's place, and the one that was let in.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Succession {
    waiting: VecDeque<Newcomer>,
    /// Who was let in and has not connected yet; and until when that is waited for.
    expected: Option<(Ticket, Millis)>,
    /// The one that is expected, or that came last, was let in because the one before it was silent.
    after_silence: bool,
    impatient_until: Option<Millis>,
    /// Until when each of those that were dismissed is expected back.
    returning: VecDeque<Millis>,
    warning: Rarely,
    challenges: u64,
}

impl Succession {
    /// Somebody is expected.
    pub(super) fn is_expecting(&self) -> bool {
        self.expected.is_some()
    }

    /// Nobody is there.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.expected.is_none()
    }

    /// The place is free, and this one gets it.
    pub(super) fn expect(&mut self, ticket: Ticket, now: Millis) {
        self.expected = Some((ticket, now + EXPECT_MS));
        self.after_silence = false;
    }

    /// If one that was dismissed is to be expected now, this is it, and waits without an answer.
    pub(super) fn comes_back(&mut self, ticket: Ticket, now: Millis) -> bool {
        self.returning.retain(|until| now < *until);
        let is_back = self.returning.pop_front().is_some();
        if is_back {
            self.has_refused(now);
            let until = now + DOOM_MS;
            self.waiting.push_back(Newcomer { ticket, stage: Stage::Doomed, is_held: false, until, is_outdated: true });
        }
        is_back
    }

    /// The place is taken, and this one waits. Returns the number of the challenge that
    /// the master is to be given.
    /// `None`: too many wait already.
    pub(super) fn arrive(&mut self, ticket: Ticket, now: Millis) -> Option<u64> {
        if self.waiting.len() >= MAX_WAITING {
            return None;
        }
        self.challenges += 1;
        let (stage, until) = (Stage::Challenging(self.challenges), now + ANSWER_TIMEOUT_MS);
        self.waiting.push_back(Newcomer { ticket, stage, is_held: false, until, is_outdated: false });
        Some(self.challenges)
    }

    /// One that waits is kept from writing.
    pub(super) fn stand_by(&mut self, ticket: Ticket) -> Option<Word> {
        let newcomer = self.waiting.iter_mut().find(|newcomer| newcomer.ticket == ticket)?;
        newcomer.hold()
    }

    /// The master has answered this challenge: it lives, and whoever waited then is another process.
    pub(super) fn master_lives(&mut self, challenge: u64, now: Millis) -> Vec<Word> {
        let is_meant = |newcomer: &Newcomer| matches!(newcomer.stage, Stage::Challenging(made) if made <= challenge);
        let mut words = Vec::new();
        for mut newcomer in self.take_out(is_meant) {
            if self.has_time(now) && !newcomer.is_outdated {
                (newcomer.stage, newcomer.until) = (Stage::StandingBy, now + STAND_BY_MS);
                words.extend(newcomer.hold());
                self.waiting.push_back(newcomer);
            } else {
                self.dismiss(newcomer, now, &mut words);
            }
        }
        words
    }

    /// A master that lives is given the time to leave.
    fn has_time(&self, now: Millis) -> bool {
        // The loser of a silence may be awake again, and writing.
        !self.after_silence && self.impatient_until.is_none_or(|until| until <= now)
    }

    /// Something was written into the files: what newcomers have read of them no longer holds.
    pub(super) fn files_change(&mut self, now: Millis) -> Vec<Word> {
        self.waiting.iter_mut().for_each(|newcomer| newcomer.is_outdated = true);
        self.dismiss_all(|newcomer| newcomer.stage == Stage::StandingBy, now)
    }

    /// The place is free: the first in line gets it.
    pub(super) fn next(&mut self, now: Millis) -> Option<Word> {
        let first = self.waiting.iter().position(|newcomer| newcomer.stage != Stage::Doomed)?;
        let first = self.waiting.remove(first)?;
        self.expect(first.ticket, now);
        Some(Word::LetIn(first.ticket))
    }

    /// A process has connected as the master: the others have come for nothing.
    pub(super) fn place_is_taken(&mut self, now: Millis) -> Vec<Word> {
        self.expected = None;
        self.dismiss_all(|newcomer| newcomer.stage != Stage::Doomed, now)
    }

    /// The master that has connected last is the one that seemed to be silent.
    pub(super) fn was_no_silence(&mut self) {
        self.after_silence = false;
    }

    /// It waits no longer, or has come in.
    pub(super) fn withdraw(&mut self, ticket: Ticket) {
        self.waiting.retain(|newcomer| newcomer.ticket != ticket);
        self.expected.take_if(|(expected, _)| *expected == ticket);
    }

    /// When somebody's time is over.
    pub(super) fn deadline(&self) -> Option<Millis> {
        let expected = self.expected.map(|(_, until)| until);
        self.waiting.iter().map(|newcomer| newcomer.until).chain(expected).min()
    }

    /// Deals with those whose time is over.
    pub(super) fn pass_time(&mut self, now: Millis) -> Vec<Word> {
        self.expected.take_if(|(_, until)| *until <= now);
        let is_over = |newcomer: &Newcomer| newcomer.until <= now;
        let lived = self.take_out(|newcomer| is_over(newcomer) && newcomer.stage == Stage::Doomed);
        let mut words: Vec<Word> = lived.iter().map(|newcomer| Word::Refuse(newcomer.ticket)).collect();
        words.extend(self.dismiss_all(|newcomer| is_over(newcomer) && newcomer.stage == Stage::StandingBy, now));
        let silent = self.waiting.iter().position(is_over);
        if self.expected.is_none()
            && let Some(newcomer) = silent.and_then(|position| self.waiting.remove(position))
        {
            self.expect(newcomer.ticket, now);
            self.after_silence = true;
            words.push(Word::LetIn(newcomer.ticket));
        }
        words.extend(self.dismiss_all(is_over, now));
        words
    }

    /// `true`: time for a warning.
    pub(super) fn warns(&mut self, now: Millis) -> bool {
        self.warning.caused(now).is_some()
    }

    fn dismiss_all(&mut self, which: impl Fn(&Newcomer) -> bool, now: Millis) -> Vec<Word> {
        let mut words = Vec::new();
        for newcomer in self.take_out(which) {
            self.dismiss(newcomer, now, &mut words);
        }
        words
    }

    fn dismiss(&mut self, mut newcomer: Newcomer, now: Millis, words: &mut Vec<Word>) {
        words.extend(newcomer.hold());
        words.push(Word::Refuse(newcomer.ticket));
        self.has_refused(now);
        self.returning.push_back(now + RETURN_MS);
        self.returning.truncate(MAX_WAITING);
    }

    fn has_refused(&mut self, now: Millis) {
        self.impatient_until = Some(now + IMPATIENCE_MS);
    }

    fn take_out(&mut self, which: impl Fn(&Newcomer) -> bool) -> VecDeque<Newcomer> {
        let (out, stay): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|newcomer| which(newcomer));
        self.waiting = stay;
        out
    }
}

impl Newcomer {
    fn hold(&mut self) -> Option<Word> {
        (!std::mem::replace(&mut self.is_held, true)).then_some(Word::StandBy(self.ticket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ticket = Ticket(1);
    const B: Ticket = Ticket(2);

    /// Newcomers at a place that is taken.
    fn with(newcomers: &[Ticket]) -> Succession {
        let mut succession = Succession::default();
        newcomers.iter().for_each(|ticket| assert!(succession.arrive(*ticket, 0).is_some()));
        succession
    }

    #[test]
    fn the_first_gets_the_place_and_it_is_kept_for_a_while() {
        let mut succession = with(&[A, B]);
        assert_eq!(succession.next(0), Some(Word::LetIn(A)));
        assert!(succession.is_expecting());
        assert_eq!(succession.pass_time(ANSWER_TIMEOUT_MS), [Word::StandBy(B), Word::Refuse(B)]);
        assert!(succession.pass_time(EXPECT_MS).is_empty() && succession.is_empty());
    }

    #[test]
    fn who_goes_away_gives_its_place_up() {
        let mut succession = with(&[A, B]);
        succession.withdraw(A);
        assert_eq!(succession.next(0), Some(Word::LetIn(B)));
        succession.withdraw(B);
        assert!(succession.is_empty() && succession.deadline().is_none());
    }

    #[test]
    fn only_an_answer_to_its_own_challenge_tells_a_newcomer_from_the_master() {
        let mut succession = with(&[A, B]);
        assert_eq!(succession.master_lives(1, 0), [Word::StandBy(A)]);
        assert_eq!(succession.pass_time(ANSWER_TIMEOUT_MS), [Word::LetIn(B)]);
    }

    #[test]
    fn who_stands_by_is_refused_when_files_change_or_its_time_is_over() {
        let mut succession = with(&[A]);
        succession.master_lives(1, 0);
        assert_eq!(succession.files_change(0), [Word::Refuse(A)]);

        let mut succession = with(&[A]);
        succession.master_lives(1, 10);
        assert_eq!(succession.deadline(), Some(10 + STAND_BY_MS));
        assert_eq!(succession.pass_time(10 + STAND_BY_MS), [Word::Refuse(A)]);
    }

    #[test]
    fn what_was_written_before_the_answer_counts_if_the_newcomer_is_another_process() {
        let mut succession = with(&[A]);
        assert!(succession.files_change(0).is_empty());
        assert_eq!(succession.master_lives(1, 0), [Word::StandBy(A), Word::Refuse(A)]);
        // It may be the same process, whose last words came late.
        let mut succession = with(&[A]);
        succession.files_change(0);
        assert_eq!(succession.next(0), Some(Word::LetIn(A)));
    }

    #[test]
    fn who_was_dismissed_is_known_when_it_is_back_and_others_get_no_time_for_a_while() {
        let mut succession = with(&[A]);
        succession.master_lives(1, 0);
        assert_eq!(succession.files_change(0), [Word::Refuse(A)]);
        assert!(succession.comes_back(A, 1) && !succession.comes_back(B, 1));
        let mut comes = |ticket, challenge, now| {
            succession.arrive(ticket, now);
            succession.master_lives(challenge, now)
        };
        assert_eq!(comes(B, 2, 2), [Word::StandBy(B), Word::Refuse(B)]);
        assert_eq!(comes(B, 3, 2 + IMPATIENCE_MS), [Word::StandBy(B)]);
        // It is another one by now.
        assert!(!succession.comes_back(B, 2 + RETURN_MS));
    }

    #[test]
    fn who_is_back_is_left_without_an_answer_and_never_let_in() {
        let mut succession = with(&[A]);
        succession.master_lives(1, 0);
        succession.files_change(0);
        succession.comes_back(A, 1);
        succession.arrive(B, 2);
        assert_eq!(succession.next(2), Some(Word::LetIn(B)));
        succession.withdraw(B);
        assert_eq!(succession.next(3), None);
        assert_eq!(succession.deadline(), Some(1 + DOOM_MS));
        assert_eq!(succession.pass_time(1 + DOOM_MS), [Word::Refuse(A)]);
        assert!(succession.is_empty());
    }

    #[test]
    fn who_is_kept_from_writing_is_told_so_once() {
        let mut succession = with(&[A]);
        assert_eq!(succession.stand_by(A), Some(Word::StandBy(A)));
        assert!(succession.stand_by(A).is_none() && succession.master_lives(1, 0).is_empty());
        assert_eq!(succession.files_change(0), [Word::Refuse(A)]);
    }

    #[test]
    fn the_loser_of_a_silence_gets_no_time_unless_it_was_none() {
        let mut succession = with(&[A]);
        assert_eq!(succession.pass_time(ANSWER_TIMEOUT_MS), [Word::LetIn(A)]);
        assert!(succession.place_is_taken(ANSWER_TIMEOUT_MS).is_empty());
        succession.arrive(B, 1_000_000);
        assert_eq!(succession.master_lives(2, 1_000_000), [Word::StandBy(B), Word::Refuse(B)]);
        succession.was_no_silence();
        succession.arrive(B, 2_000_000);
        assert_eq!(succession.master_lives(3, 2_000_000), [Word::StandBy(B)]);
    }

    #[test]
    fn the_line_is_bounded() {
        let mut succession = Succession::default();
        for ticket in 0..MAX_WAITING as u64 {
            assert!(succession.arrive(Ticket(ticket), 0).is_some());
        }
        assert_eq!(succession.arrive(Ticket(99), 0), None);
    }
}
