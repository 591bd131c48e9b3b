//! The layer that knows AceBase's own messages: it keeps the promises that the published clients rely on and do not keep
//! themselves. It sees the hub's traffic through [`Coordinator`], answers with actions, and does no I/O.
//!
//! | module | keeps |
//! |---|---|
//! | `message` | the words: recognising, reading and writing AceBase messages |
//! | `sessions`, `absences` | who is there, whose session is kept, who may still come back |
//! | `introductions` | who knows whom |
//! | `requests`, `settled` | what workers have asked and no master has answered; what may be answered twice |
//! | `locks` | who holds which lock, and which locks of former masters still count |
//! | `master` | is there a master, is it the one that was there |
//! | `succession`, `newcomers` | who wants its place while it is taken, and gets it or not |
//! | `farewells` | who has said `bye` and is still connected |
//! | `asking`, `answering`, `handover`, `orphans` | what happens: a request, an answer, a change of masters, a worker's end |

mod absences;
mod answering;
mod asking;
mod config;
mod farewells;
mod handover;
mod introductions;
mod locks;
mod master;
pub mod message;
#[cfg(any(test, feature = "model"))]
pub mod model;
mod newcomers;
mod orphans;
mod requests;
#[cfg(any(test, feature = "model"))]
mod rig;
mod sessions;
mod settled;
mod succession;
#[cfg(test)]
mod tests;
mod timers;

use bytes::Bytes;

pub use self::config::{
    CoordinationConfig, DEFAULT_MASTER_TIMEOUT_MS, DEFAULT_MASTER_WARM_UP_MS, DEFAULT_MAX_REQUEST_BYTES,
    DEFAULT_MAX_REQUESTS, DEFAULT_RELEASE_LOCKS_AFTER_MS, DEFAULT_RESUME_WINDOW_MS,
};
use self::{
    absences::Absences,
    farewells::Farewells,
    introductions::note,
    locks::LockTable,
    master::{Master, Presence},
    message::{Ask, Kind, MASTER},
    requests::{Pending, Requests},
    sessions::{Sessions, Standing},
    succession::Succession,
};
use crate::clock::WallClock;
use crate::hub::coordinator::{
    Action, Address, Coordinator, Entry, Fate, Incumbent, Lock, LockState, Loss, Millis, NoteKind, Return, Role,
    Status, Ticket, Verdict,
};

/// Coordinates the AceBase peers of one database. See the module's description.
#[derive(Debug)]
pub struct AceBase {
    config: CoordinationConfig,
    sessions: Sessions,
    absences: Absences,
    requests: Requests,
    locks: LockTable,
    master: Master,
    succession: Succession,
    farewells: Farewells,
}

impl AceBase {
    /// A coordinator that has seen nothing yet. `wall_clock` tells its run from others, and what masters mean by their times.
    pub fn new(config: CoordinationConfig, wall_clock: WallClock) -> Self {
        Self {
            sessions: Sessions::new(),
            absences: Absences::new(config.max_request_bytes),
            requests: Requests::new(&config),
            locks: LockTable::new(wall_clock),
            master: Master::new(wall_clock(0)),
            succession: Succession::default(),
            farewells: Farewells::new(),
            config,
        }
    }

    fn resume(&mut self, peer: &str, now: Millis, out: &mut Vec<Action>) {
        self.sessions.restore(peer);
        note(out, NoteKind::SessionResumed, peer, format!("{peer} is back, and its session goes on"));
        self.reintroduce(peer, out);
        self.deliver_held(now, out);
    }

    fn await_worker(&mut self, worker: &str, loss: Loss, lost_at: Millis, undelivered: &[Bytes], now: Millis) {
        let is_answer = |text: &&Bytes| matches!(Kind::of(text), Some(Kind::Answer(_)));
        let mut answers = undelivered.iter().filter(is_answer).peekable();
        let left_something = self.requests.any_of(worker) || self.locks.iter().any(|lock| lock.peer == worker);
        if !left_something && answers.peek().is_none() {
            return;
        }
        let until = (lost_at + self.config.absence()).max(now);
        self.absences.begin(worker, loss, now, until);
        for answer in answers {
            self.absences.keep(worker, answer);
        }
    }
}

impl Coordinator for AceBase {
    fn admit(&mut self, peer: &str, ticket: Ticket, other: Incumbent, now: Millis, out: &mut Vec<Action>) -> Entry {
        if peer == MASTER { self.admit_master(ticket, other, now, out) } else { Entry::Open }
    }

    fn withdraw(&mut self, ticket: Ticket, now: Millis, out: &mut Vec<Action>) {
        self.succession.withdraw(ticket);
        self.let_next_in(now, out);
    }

    fn joined(&mut self, peer: &str, now: Millis, out: &mut Vec<Action>) {
        self.sessions.begin(peer);
        if peer == MASTER {
            self.master_place_is_taken(now, out);
        }
        let missed = self.absences.recall(peer);
        if message::is_acebase_id(peer) || missed.is_some() {
            self.recognise(peer, now, out);
        }
        self.locks.reclaim(peer);
        let missed = missed.into_iter().flatten();
        out.extend(missed.map(|text| Action::Post { to: peer.to_owned(), text }));
        self.deliver_held(now, out);
    }

    fn received(&mut self, from: &str, to: Address<'_>, body: &Bytes, now: Millis, out: &mut Vec<Action>) -> Verdict {
        let Some(kind) = Kind::of(body) else { return Verdict::Forward };
        self.locks.turn_begins(now);
        self.notice_sender(from, kind, body, now, out);
        self.farewells.put_off(from, now);
        self.heard_of_files(kind, now, out);
        match (kind, to) {
            (Kind::Bye, _) => self.heard_bye(from, body, now, out),
            (Kind::Request(kind), Address::Peer(MASTER)) if from != MASTER && self.config.follows_requests() => {
                self.asked(from, kind, body, now, out)
            }
            // A master that answers itself answers no worker.
            (Kind::Answer(kind), Address::Peer(to)) if from == MASTER && to != MASTER => {
                self.answered(to, kind, body, now, out)
            }
            _ => Verdict::Forward,
        }
    }

    fn lost(&mut self, peer: &str, loss: Loss, now: Millis, out: &mut Vec<Action>) -> Fate {
        let fate = self.sessions.lose(peer, loss, now, self.config.resume_window);
        if fate == Fate::Keep {
            note(out, NoteKind::SessionKept, peer, format!("The connection of {peer} is lost, its session is kept"));
            if peer == MASTER {
                self.master.presence = Presence::Away;
                self.let_next_in(now, out);
            }
        }
        fate
    }

    fn returned(&mut self, peer: &str, now: Millis, out: &mut Vec<Action>) -> Return {
        if peer == MASTER {
            self.master_place_is_taken(now, out);
        }
        if self.sessions.standing(peer) != Standing::AceBase || self.config.resume_window == 0 {
            return Return::Renew;
        }
        if peer == MASTER {
            self.sessions.restore(peer);
            self.ask_master(now, out);
            return Return::Identify;
        }
        self.resume(peer, now, out);
        Return::Resume
    }

    fn ended(&mut self, peer: &str, undelivered: Vec<Bytes>, now: Millis, out: &mut Vec<Action>) {
        self.locks.turn_begins(now);
        self.farewells.end(peer);
        // A session that another connection's renewed was not lost; its peer is there.
        let (loss, lost_at) = self.sessions.end(peer).unwrap_or((Loss::Kicked, now));
        if peer == MASTER {
            self.master_leaves(now, out);
            self.let_next_in(now, out);
        } else {
            self.await_worker(peer, loss, lost_at, &undelivered, now);
        }
    }

    fn deadline(&self) -> Option<Millis> {
        let deadlines = [
            self.sessions.deadline(),
            self.absences.deadline(),
            self.requests.deadline(),
            self.locks.deadline(),
            self.master.deadline(),
            self.master.warm_at(),
            self.succession.deadline(),
            self.farewells.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn tick(&mut self, now: Millis, out: &mut Vec<Action>) {
        self.locks.turn_begins(now);
        if self.master.deadline().is_some_and(|until| until <= now) {
            self.identify_master(now, out);
        }
        if self.master.has_warmed_up(now) | self.locks.expire(now) {
            self.deliver_held(now, out);
        }
        self.fail_overdue_requests(now, out);
        self.forget_overdue_workers(now, out);
        self.succession_goes_on(now, out);
        self.dismiss_the_departed(now, out);
        while let Some(peer) = self.sessions.take_due(now) {
            out.push(Action::End { peer });
        }
    }

    fn locks(&self) -> Vec<Lock> {
        let waiting = self.requests.iter().filter_map(waiting_lock);
        self.locks.iter().cloned().chain(waiting).collect()
    }

    fn status(&self) -> Status {
        Status {
            master_present: self.master.is_present(),
            held_requests: self.requests.held_count(),
            delivered_requests: self.requests.delivered_count(),
            request_bytes: self.requests.bytes(),
            kept_sessions: self.sessions.kept(),
            held_locks: self.locks.count(LockState::Held),
            fenced_locks: self.locks.count(LockState::Fenced),
            waiting_locks: self.requests.iter().filter(|pending| matches!(pending.ask, Ask::Lock(_))).count(),
            lock_waits: self.locks.waits(),
            lock_holds: self.locks.holds(),
        }
    }

    fn role(&self, peer: &str) -> Role {
        match self.sessions.standing(peer) {
            Standing::Plain => Role::Plain,
            _ if peer == MASTER => Role::Master,
            _ => Role::Worker,
        }
    }

    /// What may be answered twice does not count: only a master that is there could.
    fn is_idle(&self) -> bool {
        self.requests.is_empty()
            && self.locks.is_empty()
            && self.absences.is_empty()
            && self.sessions.kept() == 0
            && self.succession.is_empty()
    }
}

fn waiting_lock(pending: &Pending) -> Option<Lock> {
    let Ask::Lock(wanted) = &pending.ask else { return None };
    Some(Lock {
        id: None,
        peer: pending.worker.clone(),
        path: wanted.path.clone(),
        tid: wanted.tid.clone(),
        write: wanted.write,
        comment: wanted.comment.clone(),
        state: LockState::Waiting,
        since: pending.since,
        expires: None,
    })
}
