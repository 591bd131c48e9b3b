//! Is there a master, and is the one that connects the one that was there?
//!
//! ```text
//!   Absent ── joined ──> Present ── connection lost, session kept ──> Away ── window over ──> Absent
//!                         │   ^ ^                                      │
//!                     bye │   │ └────── known: same or new ──┐         │ connects
//!                         v   │ says more                    │         v
//!                        Departed                            └─ Challenged <── connects while one is connected
//! ```
//!
//! A process that connects as `[master]` while the session of one is there may be that one after a blip, whose locks
//! and queued requests live on, or a new one, which knows nothing of them. It cannot be asked outright, so each master
//! is given *marks*: made-up peers whom it is told of by a `hello` that wants no reply. When one connects, it is told
//! that a mark has disconnected, and requested to release a lock that does not exist. A published client that knows the
//! mark says `bye` on its behalf, before it answers that there is no such lock. One that does not know it only answers.
//!
//! A mark is used up by a challenge, and an answer can be lost with the connection; so a master has two, and gets two
//! fresh ones with each challenge. Marks are never used twice: of two masters that take the id from each other, each
//! knows only its own.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::message::{self, HUB, NO_SUCH_LOCK, OwnRequest};
use crate::clock::Millis;

/// How long a master may take to answer who it is, in milliseconds: the published client answers at once, unless it is
/// busy.
const IDENTIFY_TIMEOUT_MS: u64 = 3_000;

/// How many marks a master has: one may be used up by a challenge whose answer was lost.
const MARKS: usize = 2;

/// How many releases may wait for a master to be identified; more locks than a cluster ever has at once, in 12 MB at
/// most.
const MAX_OWED: usize = 1_000_000;

/// What is known of the master.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Presence {
    /// There is none.
    Absent,
    /// There is one that takes requests.
    Present,
    /// It has said `bye`, and is still connected.
    Departed,
    /// Its connection is lost, its session kept.
    Away,
    /// One has connected and is challenged to show whether it is the one that was there.
    Challenged(Challenge),
}

/// A challenge that a returned master has not answered.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Challenge {
    /// The number of the release that it is requested to do.
    number: u64,
    /// The mark that it was told is gone.
    mark: Option<String>,
    /// The marks that it was given with the challenge.
    fresh: VecDeque<String>,
    /// It has shown that it is the one that was there.
    is_same: bool,
    /// It took the id from a connected master.
    took_over: bool,
    /// When it counts as a new one.
    until: Millis,
}

/// Who a returned master is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// The process that was there.
    Same,
    /// A new one, in the place of one that was gone.
    New,
    /// A new one, that took the id from a connected one.
    Rival,
}

/// Whether a database's master is there, and what is known of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Master {
    pub(super) presence: Presence,
    /// Locks to be released once the master is known to be the one that granted them.
    owed: BTreeSet<u64>,
    /// How many processes have been the master.
    processes: u64,
    /// The life of the last one, if it has one.
    #[serde(default)]
    life: Option<String>,
    marks: VecDeque<String>,
    /// What all marks begin with; differs from one run of the hub to the next, for masters survive it.
    mark_prefix: String,
    next: u64,
    /// When a new master has read its tables.
    warm_at: Option<Millis>,
}

impl Master {
    /// `epoch_ms`: when this run of the hub began, which tells it from others.
    pub(super) fn new(epoch_ms: u64) -> Self {
        Self {
            presence: Presence::Absent,
            owed: BTreeSet::new(),
            processes: 0,
            life: None,
            marks: VecDeque::new(),
            mark_prefix: format!("{HUB}-mark-{epoch_ms}-"),
            next: 0,
            warm_at: None,
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self.presence, Presence::Absent)
    }

    pub(super) fn is_present(&self) -> bool {
        matches!(self.presence, Presence::Present)
    }

    /// A new process has taken the master's place: it needs time to read its tables.
    pub(super) fn warm_up(&mut self, now: Millis, time: u64) {
        self.warm_at = (time > 0).then_some(now + time);
    }

    /// The master must not be given yet what needs its tables.
    pub(super) fn is_warming_up(&self) -> bool {
        self.warm_at.is_some()
    }

    /// When the new master has had its time.
    pub(super) fn warm_at(&self) -> Option<Millis> {
        self.warm_at
    }

    /// `true`, once: the new master has had its time.
    pub(super) fn has_warmed_up(&mut self, now: Millis) -> bool {
        self.warm_at.take_if(|at| *at <= now).is_some()
    }

    /// A process is connected under the master's id, and has not said `bye`.
    pub(super) fn is_connected(&self) -> bool {
        matches!(self.presence, Presence::Present | Presence::Challenged(_))
    }

    /// A process begins as the master, or the last one once more. Returns what it must be sent: its marks.
    pub(super) fn begin(&mut self, life: Option<String>) -> Vec<Bytes> {
        self.presence = Presence::Present;
        let is_back = life.is_some() && life == self.life;
        self.processes += u64::from(!is_back);
        self.life = life;
        self.marks = self.new_marks();
        hellos(&self.marks).collect()
    }

    /// The life of the master that is there, or was last.
    pub(super) fn life(&self) -> Option<&str> {
        self.life.as_deref()
    }

    /// Another process was the master before.
    pub(super) fn has_predecessor(&self) -> bool {
        self.processes > 1
    }

    /// Every lock of the master, should there be one, was granted under this hub: it has a predecessor here. The first
    /// one may have been the master under a former run of the hub.
    pub(super) fn began_here(&self) -> bool {
        let former =
            if matches!(self.presence, Presence::Absent) { self.processes } else { self.processes.saturating_sub(1) };
        former > 0
    }

    /// The master's session is over. What was agreed with it means nothing to the next. Returns the locks that were to
    /// be released.
    pub(super) fn leave(&mut self) -> BTreeSet<u64> {
        self.presence = Presence::Absent;
        self.marks.clear();
        self.take_owed()
    }

    /// A number that is used once in this run.
    pub(super) fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn new_marks(&mut self) -> VecDeque<String> {
        let numbers: [u64; MARKS] = std::array::from_fn(|_| self.next_number());
        numbers.iter().map(|number| format!("{}{number}", self.mark_prefix)).collect()
    }

    /// A process has connected while the session of one is there. Returns what it must be sent, past all else.
    pub(super) fn challenge(&mut self, now: Millis) -> Vec<Bytes> {
        let took_over = match &self.presence {
            Presence::Challenged(challenge) => challenge.took_over,
            presence => matches!(presence, Presence::Present),
        };
        let (mark, fresh) = (self.marks.pop_front(), self.new_marks());
        let number = self.next_number();
        let gone = mark.as_deref().map(message::disconnected);
        let probes = gone
            .into_iter()
            .chain(hellos(&fresh))
            .chain([message::unlock_request(OwnRequest::Who(number), NO_SUCH_LOCK)])
            .collect();
        let until = now + IDENTIFY_TIMEOUT_MS;
        self.presence = Presence::Challenged(Challenge { number, mark, fresh, is_same: false, took_over, until });
        probes
    }

    /// The master said `bye` on somebody's behalf. `true`: on that of a mark, which concerns only the hub.
    pub(super) fn heard_bye(&mut self, of: &str) -> bool {
        if let Presence::Challenged(challenge) = &mut self.presence
            && challenge.mark.as_deref() == Some(of)
        {
            challenge.is_same = true;
        }
        of.starts_with(&self.mark_prefix)
    }

    /// The master has answered something that only the one that was there could know.
    pub(super) fn proves_same(&mut self) {
        if let Presence::Challenged(challenge) = &mut self.presence {
            challenge.is_same = true;
        }
    }

    /// This is the number of the challenge that it has not answered.
    pub(super) fn was_challenged(&self, number: u64) -> bool {
        matches!(&self.presence, Presence::Challenged(challenge) if challenge.number == number)
    }

    /// When a returned master counts as identified without an answer.
    pub(super) fn deadline(&self) -> Option<Millis> {
        match &self.presence {
            Presence::Challenged(challenge) => Some(challenge.until),
            _ => None,
        }
    }

    /// The challenge is answered, or has not been in time. The master takes requests from now on. Tells who it
    /// is, and what the same master must be sent: that the marks that it no longer needs are gone.
    pub(super) fn identify(&mut self) -> Option<(Identity, Vec<Bytes>)> {
        let Presence::Challenged(_) = self.presence else { return None };
        let Presence::Challenged(challenge) = std::mem::replace(&mut self.presence, Presence::Present) else {
            return None;
        };
        let needless = std::mem::replace(&mut self.marks, challenge.fresh);
        let identity = match (challenge.is_same, challenge.took_over) {
            (true, _) => Identity::Same,
            (false, true) => Identity::Rival,
            (false, false) => Identity::New,
        };
        if identity == Identity::Same {
            return Some((identity, needless.iter().map(|mark| message::disconnected(mark)).collect()));
        }
        self.processes += 1;
        self.owed.clear();
        Some((identity, Vec::new()))
    }

    /// A lock is to be released. `true`: at once; else when the master is known to be the one that granted it, if ever.
    pub(super) fn releases_at_once(&mut self, lock: u64) -> bool {
        let may_come_back = match self.presence {
            Presence::Away | Presence::Challenged(_) => true,
            // Of a former run of the hub.
            Presence::Absent => self.processes == 0,
            Presence::Present | Presence::Departed => false,
        };
        if may_come_back && self.owed.len() < MAX_OWED {
            self.owed.insert(lock);
        }
        self.is_present()
    }

    /// Locks that were to be released.
    pub(super) fn take_owed(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.owed)
    }
}

fn hellos(marks: &VecDeque<String>) -> impl Iterator<Item = Bytes> {
    marks.iter().map(|mark| message::mark_hello(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present() -> Master {
        let mut master = Master::new(7);
        assert_eq!(master.begin(None).len(), MARKS);
        master
    }

    fn mark(number: u64) -> String {
        format!("acebase-ipc-server-mark-7-{number}")
    }

    fn identity(master: &mut Master) -> Option<Identity> {
        master.identify().map(|(identity, _)| identity)
    }

    #[test]
    fn a_challenge_uses_up_the_oldest_mark_and_gives_fresh_ones() {
        let mut master = present();
        let probes = master.challenge(0);
        assert_eq!(probes[0], format!("disconnect:{}", mark(1)));
        assert_eq!(probes[1], format!(r#"{{"type":"hello","from":"{}","to":"[master]"}}"#, mark(3)));
        assert_eq!(probes[2], format!(r#"{{"type":"hello","from":"{}","to":"[master]"}}"#, mark(4)));
        assert!(probes[3].starts_with(br#"{"type":"unlock-request","id":"who-"#));
        assert!(probes[3].ends_with(br#""data":{"id":-1}}"#));
    }

    #[test]
    fn who_knows_the_mark_is_the_same_and_forgets_its_other_marks() {
        let mut master = present();
        master.challenge(0);
        assert!(master.heard_bye(&mark(1)));
        assert!(!master.heard_bye("worker"));
        let (identity, needless) = master.identify().unwrap();
        assert_eq!(identity, Identity::Same);
        assert_eq!(needless, [format!("disconnect:{}", mark(2))]);
        assert_eq!(master.challenge(0)[0], format!("disconnect:{}", mark(3)));
    }

    #[test]
    fn who_does_not_is_new() {
        let mut master = present();
        master.presence = Presence::Away;
        assert!(!master.releases_at_once(5));
        master.challenge(0);
        assert!(master.heard_bye(&mark(2)));
        assert!(!master.has_predecessor());
        assert_eq!(identity(&mut master), Some(Identity::New));
        assert!(master.has_predecessor() && master.take_owed().is_empty());
        assert_eq!(master.challenge(0)[0], format!("disconnect:{}", mark(3)));
    }

    #[test]
    fn an_unanswered_challenge_leaves_a_mark_for_the_next() {
        let mut master = present();
        master.challenge(0);
        master.presence = Presence::Away;
        assert_eq!(master.challenge(0)[0], format!("disconnect:{}", mark(2)));
    }

    #[test]
    fn taking_the_id_from_a_connected_master_is_remembered_through_a_second_challenge() {
        let mut master = present();
        master.challenge(0);
        master.challenge(1);
        assert_eq!(master.deadline(), Some(1 + IDENTIFY_TIMEOUT_MS));
        assert_eq!(identity(&mut master), Some(Identity::Rival));
        assert_eq!(identity(&mut master), None);
    }

    #[test]
    fn releases_wait_for_the_master_that_granted() {
        let mut master = present();
        assert!(master.releases_at_once(1));
        master.presence = Presence::Away;
        assert!(!master.releases_at_once(2));
        master.challenge(0);
        master.proves_same();
        master.identify();
        assert!(master.take_owed().into_iter().eq([2]));
    }
}
