//! After a crash of the hub, or of a session: what workers with the extension (docs/extension.md) know of what the hub
//! has known. They tell which locks they hold and which answers they wait for, so that the tables are right again; and
//! they send again what may not have reached its end.
//!
//! Whoever has the extension, too, drops what it has had before, so that all of it can be passed on. A master without
//! it would do a request twice: it gets none again but releases, which do no harm. An answer that nobody is known to
//! wait for has been had, most likely, and its worker could end by a second one.

use serde::Deserialize;
use serde_json::Value;

use super::{
    ClusterCoordinator,
    bounds::Usage,
    message::{Answer, Ask, Grant, MASTER, WantedLock},
    pending::Pending,
    requests::By,
    waiting::{Place, Seq},
};
use crate::{
    acebase::Lock,
    clock::Millis,
    hub::coordinator::{Moment, StateError, Verdict},
};

/// What a worker tells. What cannot be read of it, of a newer client perhaps, is left out.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    locks: Vec<Value>,
    #[serde(default)]
    requests: Vec<Value>,
    /// Of a master: it had not been told yet that all locks of former ones are over.
    #[serde(default)]
    fence: Option<Value>,
}

/// A lock that it holds.
#[derive(Deserialize)]
struct ToldLock {
    id: u64,
    tid: String,
    path: String,
    write: bool,
    #[serde(default)]
    expires: Option<u64>,
    #[serde(default)]
    comment: Option<String>,
    /// How much of its time is left, in milliseconds, where its holder knows it better than by `expires`, which is by
    /// the master's clock; below 0: it is over.
    #[serde(default)]
    left: Option<i64>,
    /// The life of the master that granted it, where that is known.
    #[serde(default)]
    by: Option<String>,
}

impl ToldLock {
    /// It is over where others can have had it since.
    fn unless_one_of(mut self, given_back: &[Lock]) -> Self {
        if given_back.iter().any(|lock| lock.id == Some(self.id) && lock.tid == self.tid) {
            self.left = Some(0);
        }
        self
    }
}

/// A request whose answer it waits for.
#[derive(Deserialize)]
struct ToldRequest {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// The lock that it concerns.
    #[serde(default)]
    lock: Option<u64>,
}

impl ToldRequest {
    /// What it asks for, as far as it is told.
    fn ask(&self) -> Option<Ask> {
        match (self.kind.as_str(), self.lock) {
            ("lock-request", _) => Some(Ask::Lock(WantedLock {
                path: String::new(),
                tid: String::new(),
                write: false,
                comment: String::new(),
            })),
            ("unlock-request", Some(lock)) => Some(Ask::Unlock { lock }),
            ("move-lock-request", Some(lock)) => Some(Ask::Move { lock }),
            ("request", _) => Some(Ask::Custom),
            _ => None,
        }
    }
}

impl ClusterCoordinator {
    /// A worker tells what it holds and waits for.
    pub(super) fn take_over_state(
        &mut self,
        worker: &str,
        state: &str,
        moment: &mut Moment<'_>,
    ) -> Result<(), StateError> {
        let told: Told = serde_json::from_str(state).map_err(|_| StateError)?;
        self.sessions.tells(worker);
        self.is_scattered_from_now(moment.now);
        if worker == MASTER {
            self.master_tells(told.fence.is_some(), moment);
            return Ok(());
        }
        if !self.config.follows_requests() {
            return Ok(());
        }
        let given_back = self.given_back.take_of(worker);
        let locks = told.locks.into_iter().filter_map(|lock| serde_json::from_value::<ToldLock>(lock).ok());
        let locks = locks.map(|lock| lock.unless_one_of(&given_back));
        let requests: Vec<ToldRequest> =
            told.requests.into_iter().filter_map(|request| serde_json::from_value(request).ok()).collect();
        self.locks.forget_told(worker);
        self.locks.forget_hearsay(worker, |id| requests.iter().any(|request| request.id == *id), moment.now);
        let held: Vec<u64> = locks.filter_map(|lock| self.hold_told(worker, lock, moment.now)).collect();
        self.locks.take_for_lent(worker, &held, moment.now);
        // What it has sent again before it has told of its locks.
        for seq in self.requests.demands().of(worker) {
            self.answers_held_borrower(seq, moment);
        }
        let mut is_all_known = true;
        for request in &requests {
            is_all_known &= self.await_told(worker, request, moment.now);
        }
        if is_all_known {
            self.sessions.tells_all(worker);
        }
        Ok(())
    }

    /// Returns the lock's number, if it was not known, and is not a former master's.
    fn hold_told(&mut self, worker: &str, lock: ToldLock, now: Millis) -> Option<u64> {
        let id = lock.id;
        let is_new = self.take_told(worker, lock, now);
        self.locks.note_told(worker, id);
        self.locks.held(id).filter(|_| is_new).map(|_| id)
    }

    /// `false`: it was known, or there is no room for it.
    fn take_told(&mut self, worker: &str, lock: ToldLock, now: Millis) -> bool {
        let ToldLock { id, tid, path, write, expires, comment, left, by } = lock;
        let usage = Usage::of_lock(path.len() + tid.len());
        let (own, all) = (self.locks.holdings().usage_of(worker), self.locks.holdings().usage());
        let is_known = self.locks.held(id).is_some() || self.locks.fenced(worker, id, now).is_some();
        if is_known || !self.config.follows_locks() || !self.bounds.admit(usage, own, all) {
            return false;
        }
        let wanted = WantedLock { path, tid, write, comment: comment.unwrap_or_default() };
        let grant = Grant { id, path: None, tid: None, write, comment: None, expires };
        self.locks.grant(worker, wanted, &grant, now);
        if let Some(left) = left {
            self.locks.note_time_left(id, left, now);
        }
        if let Some(by) = by {
            match self.sessions.life(MASTER) {
                Some(present) if *present != *by => self.locks.fence_one(id, Some(&by), now),
                Some(_) => {}
                None => self.note_told_master(by),
            }
        }
        true
    }

    /// What a release that is sent again has to wait for. The lock may have been passed on to another worker, who has
    /// not told yet that it has it, and for whom the master would release it.
    pub(super) fn dispersal(&self, ask: &Ask, moment: &Moment<'_>) -> Option<Place> {
        let (Ask::Unlock { lock } | Ask::Move { lock }) = ask else { return None };
        let may_be_anothers = moment.is_resent() && self.is_scattered && self.locks.held(*lock).is_none();
        may_be_anothers.then_some(Place::Reunion)
    }

    /// All are back, or have had the time to be: what they have not told of, they have not.
    pub(super) fn all_are_back(&mut self, moment: &mut Moment<'_>) {
        if !std::mem::take(&mut self.is_scattered) {
            return;
        }
        self.expect_little_of_new_master(moment.now);
        for seq in self.requests.waiting().at(&Place::Reunion) {
            let Some(Pending { worker, id, ask, .. }) = self.requests.get(seq) else { continue };
            let (worker, id, ask) = (worker.clone(), id.clone(), ask.clone());
            match self.answer_for_former_master(&worker, &id, &ask, moment.now) {
                Some(answer) => {
                    self.requests.settle(seq, By::Hub, moment.now);
                    self.reply(&worker, &answer, moment);
                }
                None => {
                    self.look_again(seq, moment);
                }
            }
        }
    }

    fn note_told_master(&mut self, life: String) {
        // There is one, or two where a hub ends just after a master: more are made up.
        const MAX_MASTERS: usize = 16;
        if self.told_masters.len() < MAX_MASTERS {
            self.told_masters.insert(life);
        }
    }

    /// A master has come. The locks that workers have told of are its own, unless they know better, and so are those
    /// that were returned before it came.
    pub(super) fn take_over_told(&mut self, moment: &mut Moment<'_>) {
        let told = std::mem::take(&mut self.told_masters);
        let is_another = self.sessions.life(MASTER).is_some_and(|life| !told.contains(life));
        let returned = self.master.take_owed();
        if !told.is_empty() && is_another {
            return self.locks.fence_all(None, moment.now);
        }
        for lock in returned {
            self.release(lock, moment);
        }
    }

    /// `false`: there is no room for it.
    fn await_told(&mut self, worker: &str, request: &ToldRequest, now: Millis) -> bool {
        let Some(ask) = request.ask() else { return true };
        let is_known = self.requests.demands().find(worker, &request.id).is_some()
            || self.requests.was_settled(worker, &request.id);
        let (own, all) = self.requests.demands().usage(worker, &ask);
        if is_known || request.id.is_empty() {
            return true;
        }
        if !self.bounds.admit(Usage::of_request(0), own, all) {
            return false;
        }
        let seq = self.requests.add(worker, &request.id, ask, &[], None, now);
        self.requests.came_from(seq, None, true);
        self.requests.expect_of_master_by(seq, now + self.config.master_timeout);
        true
    }

    /// What becomes of a request that is in the table, or was answered already. `None`: it is new.
    pub(super) fn is_known(&mut self, worker: &str, id: &str, ask: &Ask, moment: &Moment<'_>) -> Option<Verdict> {
        let known = self.requests.demands().find(worker, id);
        if !moment.is_resent() {
            return known.map(|_| Verdict::Taken);
        }
        match known {
            // What was heard of it, is known now.
            Some(seq) if self.requests.get(seq).is_some_and(|pending| pending.is_hearsay()) => {
                self.requests.settle(seq, By::Master, moment.now);
                None
            }
            // It waits here, and is kept by its worker under another session's name.
            Some(seq) if !self.is_delivered(seq) => {
                self.requests.came_from(seq, moment.origin(), true);
                Some(Verdict::Kept)
            }
            Some(_) => Some(Verdict::Taken),
            None => {
                (self.requests.was_settled(worker, id) || self.has_its_answer(worker, ask)).then_some(Verdict::Taken)
            }
        }
    }

    /// A request that is sent again, and whose worker has not told that it awaits an answer, was answered; by the
    /// former hub perhaps, so that the master would take it for a new one, and grant a lock that nobody returns.
    /// Whoever requests a release awaits no answer. But it had said so when it told what it holds: a lock that it told
    /// of has been passed to it once more since, under the same number.
    fn has_its_answer(&self, worker: &str, ask: &Ask) -> bool {
        match ask {
            Ask::Unlock { lock } => self.locks.was_told(worker, *lock),
            _ => self.sessions.has_told(worker),
        }
    }

    /// What becomes of a request that the master is to have at once.
    pub(super) fn pass_on(&mut self, seq: Seq, moment: &mut Moment<'_>) -> Verdict {
        if !moment.is_resent() {
            return Verdict::Forward;
        }
        // The master may have answered it, and will not again.
        self.requests.expect_of_master_by(seq, moment.now + self.config.master_timeout);
        if self.is_of_unknown_fate(seq) {
            self.fail_pending(seq, &super::message::Failure::UnknownFate, moment);
            return Verdict::Taken;
        }
        Verdict::ForwardAgain
    }

    /// A master may have the request, and the present one would do it twice.
    pub(super) fn is_of_unknown_fate(&self, seq: Seq) -> bool {
        self.sessions.life(MASTER).is_none()
            && self.requests.get(seq).is_some_and(|pending| {
                pending.is_resent && pending.origin.is_some() && !matches!(pending.ask, Ask::Unlock { .. })
            })
    }

    /// An answer that was sent before, and that nobody is known to wait for: it has been had, most likely.
    pub(super) fn pass_answer_again(&mut self, to: &str, text: &[u8], answer: &Answer, now: Millis) -> Verdict {
        let has_extension = self.sessions.life(to).is_some();
        let was_had = answer.grant.as_ref().is_some_and(|grant| self.locks.held(grant.id).is_some());
        if !has_extension && !was_had && self.survivors.may_wait(to, &answer.id, self.age(now)) {
            self.adopt(to, text, answer, now);
            if let Some(grant) = answer.grant.as_ref().filter(|_| !self.sessions.has(to)) {
                self.locks.note_hearsay(grant.id, &answer.id);
            }
            // Should it come back after all, and wait for it.
            if self.absences.keep(to, text) {
                return Verdict::Taken;
            }
        }
        Verdict::Forward
    }
}
