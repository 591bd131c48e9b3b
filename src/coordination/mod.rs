//! The layer that knows AceBase's own messages: it keeps the promises that the published clients rely on and do not
//! keep themselves. It sees the hub's traffic through [`Coordinator`], answers with actions, and does no I/O.
//!
//! | module | keeps |
//! |---|---|
//! | `message` | the words: reading and writing AceBase messages, and what their receivers can take |
//! | `etiquette`, `complaints` | who may say what to whom, and who is told of those who said something else |
//! | `sessions`, `absences` | who is there, whose session is kept, who may still come back |
//! | `introductions` | who knows whom |
//! | `file_news`, `catching_up` | what all must know of the files; who has missed it, and whose word is only an echo |
//! | `requests`, `pending`, `demands`, `waiting`, `at_master` | what workers have requested and no master has answered: all, one, by worker; what it waits for; what the master has |
//! | `settled`, `survivors` | what may be answered twice; what was requested under a former run of the hub |
//! | `retelling` | after a crash of the hub: what workers with the extension tell of their locks and requests, and send again |
//! | `bounds` | how much of it is kept |
//! | `locks`, `lock_row`, `holdings`, `fences`, `fencing` | who holds which lock, and how long it counts; whom the locks of former masters keep out |
//! | `passing`, `writer`, `lending`, `line` | a write lock goes from worker to worker: when and to whom; who has it; what the table knows of it; who waits |
//! | `master` | is there a master, is it the one that was there |
//! | `succession`, `newcomers` | who wants its place while it is taken, and gets it or not |
//! | `farewells` | who has said `bye` and is still connected |
//! | `requesting`, `answering`, `handover`, `orphans`, `deletions` | what happens: a request, an answer, a change of masters, a worker's end, an index's end |
//! | `quiet`, `under_way` | what still goes on when the server is about to stop |
//! | `behalf` | what the hub says for the master to workers, and for workers to the master |
//! | `vigil`, `strain` | what happened to the master last; what weighs on the cluster, for whoever looks after it |
//! | `trial`, `indexing` | what masters are given one at a time: what may have ended one, and what creates indexes |

mod absences;
mod answering;
mod at_master;
mod behalf;
mod bounds;
mod catching_up;
mod complaints;
mod config;
mod coordinator;
mod deletions;
mod demands;
mod etiquette;
mod farewells;
mod fences;
mod fencing;
mod file_news;
mod freeze;
mod given_back;
mod handover;
mod holdings;
mod index_ends;
mod indexing;
mod introductions;
mod lending;
mod line;
mod lock_row;
mod locks;
mod master;
pub mod message;
#[cfg(any(test, feature = "model"))]
pub mod model;
mod newcomers;
mod offence;
mod orphans;
mod outliving;
mod own_grants;
mod passing;
mod pending;
mod quiet;
mod rarely;
mod requesting;
mod requests;
mod retelling;
mod returned;
mod reunion;
#[cfg(any(test, feature = "model"))]
mod rig;
mod sessions;
mod settled;
mod stand_in;
mod strain;
mod succession;
mod survivors;
mod suspects;
#[cfg(test)]
mod tests;
mod timers;
mod trial;
mod under_way;
mod vigil;
mod waiting;
mod writer;

use crate::{
    acebase::{Lock, NoteKind, Objection, Role, Status, Strain},
    clock::Millis,
};
use bytes::Bytes;

pub use self::{
    config::{
        CoordinationConfig, DEFAULT_GATHER_NOTIFICATIONS_MS, DEFAULT_MASTER_TIMEOUT_MS, DEFAULT_MASTER_WARM_UP_MS,
        DEFAULT_MAX_REQUEST_BYTES, DEFAULT_MAX_REQUESTS, DEFAULT_PASS_LOCKS_FOR_MS, DEFAULT_RELEASE_LOCKS_AFTER_MS,
        DEFAULT_RESUME_WINDOW_MS,
    },
    coordinator::ClusterCoordinator,
};
use self::{
    master::Presence,
    message::{MASTER, Message, Said},
    pending::Pending,
    sessions::Standing,
    trial::Trial,
    waiting::Place,
};
use crate::hub::{
    Origin,
    coordinator::{
        Address, Coordinator, Entry, Fate, Incumbent, Life, Loss, Moment, Recognition, Return, StateError, Ticket,
        Verdict,
    },
};

impl ClusterCoordinator {
    fn resume(&mut self, peer: &str, recognition: Recognition, moment: &mut Moment<'_>) {
        self.sessions.restore(peer);
        moment.note(NoteKind::SessionResumed, peer, format!("{peer} is back, and its session goes on"));
        if recognition == Recognition::Unknown {
            self.reintroduce(peer, moment);
        }
        if peer == MASTER {
            self.master_goes_on(moment);
        }
        self.is_over(&Place::Worker(peer.into()), moment);
    }

    /// News in their usual form. Notifications are of no use to their receivers before their next locks.
    #[inline]
    fn forward_news(&self, news: &[u8]) -> Verdict {
        match self.config.gather_notifications {
            time @ 1.. if message::is_notification(news) => Verdict::ForwardWithin(time),
            _ => Verdict::Forward,
        }
    }

    /// A message that is in order.
    #[inline]
    fn heard(&mut self, from: &str, to: Address<'_>, said: Said<'_>, body: &Bytes, moment: &mut Moment<'_>) -> Verdict {
        self.notice_sender(from, &said.message, moment);
        self.farewells.put_off(from, moment.now);
        if said.message.is_about_files() {
            self.files_change(moment);
        }
        let verdict = match (said.message, to) {
            (Message::Bye, _) => self.heard_bye(from, &said.from, moment),
            (Message::Request(request), _) if self.config.follows_requests() => {
                self.requested(from, request, body, moment)
            }
            (Message::Answer(answer), Address::Peer(to)) => self.answered(to, answer, body, moment),
            (Message::IndexDeleted { file_name }, _) => self.heard_of_deletion(from, &file_name, body, moment),
            (Message::RootMoved(place), _) => self.heard_of_root(from, place, body),
            (Message::NewKey { index }, _) => {
                self.file_news.key_is_added(index, body);
                Verdict::Forward
            }
            (Message::IndexCreated { file_name }, _) => {
                self.heard_of_index(&file_name, body);
                Verdict::Forward
            }
            _ => Verdict::Forward,
        };
        self.take_stock(moment);
        verdict
    }
}

impl Coordinator for ClusterCoordinator {
    fn begin(&mut self, since: Millis) {
        self.since = since;
    }

    fn admit(&mut self, peer: &str, ticket: Ticket, other: Incumbent, moment: &mut Moment<'_>) -> Entry {
        match peer {
            MASTER => self.admit_master(ticket, other, moment),
            _ if message::is_own_id(peer) => Entry::Refused(Objection::OwnId),
            _ => Entry::Open,
        }
    }

    fn withdraw(&mut self, ticket: Ticket, moment: &mut Moment<'_>) {
        self.succession.withdraw(ticket);
        self.let_next_in(moment);
    }

    fn joined(&mut self, peer: &str, life: Option<Life<'_>>, moment: &mut Moment<'_>) {
        self.sessions.begin(peer, life);
        if peer == MASTER {
            self.told_master = None;
            self.master_place_is_taken(moment);
        }
        self.survivors.note(peer, self.age(moment.now));
        let missed = self.absences.recall(peer);
        if message::is_acebase_id(peer) || missed.is_some() {
            self.recognise(peer, moment);
        }
        self.locks.reclaim(peer);
        if life.is_none() {
            self.restore_given_back(peer, moment.now);
        }
        let missed = missed.into_iter().flatten();
        missed.for_each(|text| moment.post(peer, text));
        self.is_over(&Place::Worker(peer.into()), moment);
        self.take_stock(moment);
    }

    fn received(&mut self, from: &str, to: Address<'_>, body: &Bytes, moment: &mut Moment<'_>) -> Verdict {
        let is_known = message::is_acebase_id(from);
        if is_known && !self.sessions.any_departed() && message::is_usual_news(body, from) {
            self.files_change(moment);
            return self.forward_news(body);
        }
        if !is_known && !self.must_read(body) {
            return Verdict::Forward;
        }
        match Self::weigh(from, to, body) {
            Ok(Some(said)) => self.heard(from, to, said, body, moment),
            Ok(None) => Verdict::Forward,
            Err(offence) => {
                let verdict = self.keep_back(from, to, body, &offence, moment);
                self.take_stock(moment);
                verdict
            }
        }
    }

    fn retold(&mut self, peer: &str, state: &str, moment: &mut Moment<'_>) -> Result<(), StateError> {
        let taken = self.take_over_state(peer, state, moment);
        self.take_stock(moment);
        taken
    }

    fn reunited(&mut self, moment: &mut Moment<'_>) {
        self.all_are_back(moment);
        self.take_stock(moment);
    }

    fn take_let_go(&mut self) -> Vec<Origin> {
        self.requests.take_let_go()
    }

    fn lost(&mut self, peer: &str, loss: Loss, moment: &mut Moment<'_>) -> Fate {
        self.may_have_moved_root_unheard(peer);
        let fate = self.sessions.lose(peer, loss, moment.now, self.config.resume_window);
        if fate == Fate::Keep {
            moment.note(NoteKind::SessionKept, peer, format!("The connection of {peer} is lost, its session is kept"));
            if peer == MASTER {
                self.master.presence = Presence::Away;
                self.let_next_in(moment);
                self.take_stock(moment);
            }
        }
        fate
    }

    fn returned(&mut self, peer: &str, recognition: Recognition, moment: &mut Moment<'_>) -> Return {
        if peer == MASTER {
            self.master_place_is_taken(moment);
        }
        let is_kept = self.sessions.standing(peer) == Standing::AceBase && self.config.resume_window > 0;
        if !is_kept || recognition == Recognition::Another {
            return Return::Renew;
        }
        if peer == MASTER && recognition == Recognition::Unknown {
            self.sessions.restore(peer);
            self.challenge_master(moment);
            self.take_stock(moment);
            return Return::Identify;
        }
        self.resume(peer, recognition, moment);
        Return::Resume
    }

    fn ended(&mut self, peer: &str, undelivered: Vec<Bytes>, moment: &mut Moment<'_>) {
        self.farewells.end(peer);
        // A session that another connection's renewed was not lost; its peer is there.
        let (loss, lost_at) = self.sessions.end(peer).unwrap_or((Loss::Kicked, moment.now));
        if peer == MASTER {
            self.master_leaves(&undelivered, moment);
            self.let_next_in(moment);
        } else {
            self.await_worker(peer, loss, lost_at, &undelivered, moment.now);
        }
        self.take_stock(moment);
    }

    fn deadline(&self) -> Option<Millis> {
        let deadlines = [
            self.sessions.deadline(),
            self.absences.deadline(),
            self.requests.deadline(),
            self.locks.deadline(),
            self.writing_deadline(),
            self.reunion_deadline(),
            self.master.deadline(),
            self.master.warm_at(),
            self.succession.deadline(),
            self.farewells.deadline(),
            self.indexing.deadline(),
            self.trial.as_ref().and_then(Trial::deadline),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn tick(&mut self, moment: &mut Moment<'_>) {
        if self.master.deadline().is_some_and(|until| until <= moment.now) {
            self.identify_master(moment);
        }
        if self.master.has_warmed_up(moment.now) {
            self.master_catches_up(moment);
            self.is_over(&Place::Tables, moment);
            self.expect_little_of_new_master(moment.now);
        }
        self.give_up_reunion(moment);
        self.writing_goes_on(moment);
        if self.locks.expire(moment.now) {
            self.writer_may_be_done(moment);
            self.fences_may_have_fallen(moment);
        }
        self.fail_overdue_requests(moment);
        self.forget_overdue_workers(moment);
        self.succession_goes_on(moment);
        self.dismiss_the_departed(moment);
        self.indexing.expire(moment.now);
        self.challenge_on_trial(moment);
        self.next_turns(moment);
        while let Some(peer) = self.sessions.take_due(moment.now) {
            moment.end(peer);
        }
        self.take_stock(moment);
    }

    fn locks(&self) -> Vec<Lock> {
        let waiting = self.requests.iter().filter_map(Pending::as_waiting_lock);
        self.locks.shown().chain(waiting).collect()
    }

    fn status(&self) -> Status {
        Status {
            master_present: self.master.is_present(),
            held_requests: self.requests.held_count() - self.requests.waiting().line().len(),
            delivered_requests: self.requests.delivered_count(),
            request_bytes: self.requests.demands().bytes(),
            kept_sessions: self.sessions.kept(),
            held_locks: self.locks.held_count(),
            fenced_locks: self.locks.fenced_count(),
            waiting_locks: self.requests.for_locks(),
            lock_waits: self.locks.waits(),
            lock_holds: self.locks.holds(),
            lock_passes: self.locks.passes(),
        }
    }

    fn strain(&self, now: Millis) -> Strain {
        self.strain_at(now)
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

    fn quiesce(&mut self) {
        self.begin_quiet();
    }

    fn is_quiet(&self) -> bool {
        self.has_come_to_rest()
    }

    fn conclude(&mut self, moment: &mut Moment<'_>) {
        self.answer_the_rest(moment);
    }

    fn forsake(&mut self, moment: &mut Moment<'_>) {
        self.answer_plain_clients(moment);
    }

    fn freeze(&self) -> Bytes {
        self.to_data().into()
    }

    fn thaw(&mut self, frozen: &[u8]) -> Result<(), String> {
        self.go_on_from(frozen).map_err(|error| format!("its coordinator cannot go on with it: {error}"))
    }
}
