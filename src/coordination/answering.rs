//! What a master answers: exactly one answer reaches each worker for each of its requests, and the lock table follows.
//!
//! An answer to a request that no longer waits for it is swallowed: it was answered on the master's behalf, or by
//! another master, or its worker is gone. If it grants a lock, then nobody knows of that lock, and the hub releases it.
//! An answer to a request that this hub never saw is another matter: the master got it from a former run of the hub,
//! and its worker waits.

use super::{
    ClusterCoordinator,
    bounds::Usage,
    message::{Answer, Ask, Grant, HUB, MASTER, OwnRequest, WantedLock},
    offence::Offence,
    pending::Pending,
    requests::By,
    waiting::{Place, Seq},
};
use crate::{
    acebase::NoteKind,
    clock::Millis,
    hub::coordinator::{Address, Loss, Moment, Verdict},
};

impl ClusterCoordinator {
    /// The master answers a worker, or the hub itself.
    pub(super) fn answered(&mut self, to: &str, answer: Answer, text: &[u8], moment: &mut Moment<'_>) -> Verdict {
        if to == HUB {
            self.hub_was_answered(&answer, moment);
            return Verdict::Taken;
        }
        if !self.config.follows_requests() {
            return Verdict::Forward;
        }
        self.vigil.master_answers(moment.now);
        self.indexing.answered(to, &answer.id);
        let verdict = self.pass_answer(to, text, &answer, moment);
        self.next_turns(moment);
        verdict
    }

    fn pass_answer(&mut self, to: &str, text: &[u8], answer: &Answer, moment: &mut Moment<'_>) -> Verdict {
        // What is sent again may have been granted long ago.
        if let Some(grant) = answer.grant.as_ref().filter(|_| !moment.is_resent()) {
            self.notice_grant(to, grant, moment);
        }
        let request = self.requests.demands().find(to, &answer.id);
        let released = request.and_then(|seq| self.as_released(seq, &answer.id));
        match request {
            Some(seq) if self.may_be_answered(seq) => {
                if !self.requests.get(seq).is_some_and(|pending| answer.suits(&pending.ask)) {
                    return self.reject(to, answer, moment);
                }
                if answer.is_leaving && self.keep_from_leaving_master(seq, moment.now) {
                    return Verdict::Taken;
                }
                self.settled_by_master(seq, answer, moment);
            }
            None if self.requests.was_settled(to, &answer.id) => return self.swallow(answer, moment),
            None if moment.is_resent() => return self.pass_answer_again(to, text, answer, moment.now),
            None if self.survivors.may_wait(to, &answer.id, self.age(moment.now)) => {
                self.adopt(to, text, answer, moment.now);
            }
            None => {
                self.complain(MASTER, &Offence::Unrequested, moment);
                return self.swallow(answer, moment);
            }
            Some(_) => return self.swallow(answer, moment),
        }
        match released {
            Some(released) => {
                self.reply(to, &released, moment);
                Verdict::Taken
            }
            None => match self.hand_over(to, text, answer, moment) {
                // Somebody waits for it: it has not come before.
                Verdict::Forward if moment.is_resent() => Verdict::ForwardAgain,
                verdict => verdict,
            },
        }
    }

    pub(super) fn is_delivered(&self, seq: Seq) -> bool {
        self.requests.get(seq).is_some_and(Pending::is_delivered)
    }

    fn may_be_answered(&self, seq: Seq) -> bool {
        self.requests.get(seq).is_some_and(Pending::may_be_answered)
    }

    fn settled_by_master(&mut self, seq: Seq, answer: &Answer, moment: &mut Moment<'_>) {
        // What went to several masters, one before the last may answer too.
        if self.requests.get(seq).is_some_and(|pending| pending.deliveries == 1) {
            self.master.proves_same();
        }
        if let Some(pending) = self.requests.settle(seq, By::Master, moment.now) {
            self.heard_of_tables(&pending.ask, moment);
            self.follow_lock(pending, answer.grant.as_ref(), moment);
        }
    }

    /// The next master gets what this one refuses because it is about to end: its `bye` comes when all locks are back.
    /// `false`: its text is not known here.
    fn keep_from_leaving_master(&mut self, seq: Seq, now: Millis) -> bool {
        if self.requests.get(seq).is_none_or(Pending::is_hearsay) {
            return false;
        }
        self.requests.was_declined(seq);
        self.keep_waiting(seq, Place::Master, now);
        true
    }

    /// An answer of another kind than its request: the worker would take it for what it requested.
    fn reject(&mut self, to: &str, answer: &Answer, moment: &mut Moment<'_>) -> Verdict {
        self.fail_answered(Address::Peer(to), &answer.id, &Offence::Unsuitable, moment);
        self.complain(MASTER, &Offence::Unsuitable, moment);
        self.swallow(answer, moment)
    }

    pub(super) fn follow_lock(&mut self, pending: Pending, grant: Option<&Grant>, moment: &mut Moment<'_>) {
        if !self.config.follows_locks() {
            return;
        }
        let is_hearsay = pending.is_hearsay();
        match (pending.ask, grant) {
            (Ask::Lock(wanted), Some(grant)) => {
                let wanted = if is_hearsay { wanted_by(grant, None) } else { wanted };
                self.locks.note_wait(pending.since, moment.now);
                if !pending.is_resent {
                    self.locks.requested_here(grant.id);
                }
                self.locks.grant(&pending.worker, wanted, grant, moment.now);
                self.begin_to_write(&pending.worker, grant.id, moment);
            }
            (Ask::Move { lock }, Some(grant)) => {
                let moved = self.locks.remove_held_by(&pending.worker, lock, moment.now);
                if grant.id != lock {
                    self.locks.cannot_be_passed_on(lock);
                }
                self.locks.grant(&pending.worker, wanted_by(grant, moved.map(|moved| moved.tid)), grant, moment.now);
            }
            (Ask::Move { lock }, None) => {
                // The client takes a lock that could not be moved for gone.
                if self.locks.remove_held_by(&pending.worker, lock, moment.now).is_some() {
                    self.give_back(lock, moment);
                }
            }
            (Ask::Unlock { lock }, _) => {
                self.locks.remove_held_by(&pending.worker, lock, moment.now);
                self.is_back(lock, moment);
            }
            (Ask::Lock(_), None) | (Ask::AddKey | Ask::Free | Ask::Allocate | Ask::CreateIndex | Ask::Custom, _) => {}
        }
    }

    /// The request was made under a former run of the hub.
    pub(super) fn adopt(&mut self, worker: &str, text: &[u8], answer: &Answer, now: Millis) {
        let is_stranger = !self.sessions.has(worker) && !self.absences.has(worker);
        if is_stranger && !self.absences.has_room_for_stranger() {
            return;
        }
        self.survivors.note(worker, self.age(now));
        self.requests.remember_settled(worker, &answer.id, now);
        if let Some(grant) = &answer.grant
            && self.config.follows_locks()
            && self.bounds.admit(
                Usage::of_lock(text.len()),
                self.locks.holdings().usage_of(worker),
                self.locks.holdings().usage(),
            )
        {
            self.locks.grant(worker, wanted_by(grant, None), grant, now);
        }
        if is_stranger {
            self.absences.begin(worker, self.loss_of_a_stranger(), now, now + self.config.absence());
        }
    }

    /// Of a worker that has not connected since this hub has the database. Where another hub had it before, the worker
    /// may be cut off together with that one, and be writing still.
    fn loss_of_a_stranger(&self) -> Loss {
        if self.since > 0 { Loss::Unreachable } else { Loss::Fin }
    }

    fn swallow(&mut self, answer: &Answer, moment: &mut Moment<'_>) -> Verdict {
        // Unless it is a lock that was moved, or may be sent on: of those it is known.
        if let Some(grant) = &answer.grant
            && self.locks.held(grant.id).is_none()
            && self.locks.goes_back_at_once(grant.id)
        {
            self.release(grant.id, moment);
        }
        Verdict::Taken
    }

    fn hand_over(&mut self, to: &str, text: &[u8], answer: &Answer, moment: &mut Moment<'_>) -> Verdict {
        if self.sessions.has(to) {
            return Verdict::Forward;
        }
        if !self.absences.keep(to, text)
            && let Some(grant) = &answer.grant
        {
            self.locks.remove_held_by(to, grant.id, moment.now);
            self.give_back(grant.id, moment);
        }
        Verdict::Taken
    }

    fn hub_was_answered(&mut self, answer: &Answer, moment: &mut Moment<'_>) {
        let request = OwnRequest::of(&answer.id);
        if let Some(OwnRequest::Fence(number)) = request {
            return self.stand_in_is_answered(number, answer.grant.as_ref(), moment);
        }
        if let Some(grant) = &answer.grant {
            return self.free_newcomer(grant, moment);
        }
        match request {
            Some(OwnRequest::Who(number)) if self.master.was_challenged(number) => self.identify_master(moment),
            Some(OwnRequest::Alive(number)) => self.master_shows_life(number, moment),
            Some(OwnRequest::Trial(number)) => self.master_lives_on(number, moment),
            Some(OwnRequest::Index(number)) => self.heard_about_index(number, answer.denies_index, moment),
            Some(OwnRequest::Confirm(seq)) => self.release_is_confirmed(seq, moment),
            Some(OwnRequest::Release(_)) if !answer.is_ok => {
                let detail = "The AceBase master did not know a lock that it was to release".to_owned();
                moment.note(NoteKind::ReleaseUnknown, MASTER, detail);
            }
            Some(
                OwnRequest::Who(_)
                | OwnRequest::Release(_)
                | OwnRequest::Hold
                | OwnRequest::Fence(_)
                | OwnRequest::Free(_),
            )
            | None => {}
        }
    }
}

/// What must have been requested, to be granted so.
fn wanted_by(grant: &Grant, tid: Option<String>) -> WantedLock {
    WantedLock {
        path: grant.path.clone().unwrap_or_default(),
        tid: grant.tid.clone().or(tid).unwrap_or_default(),
        write: grant.write,
        comment: grant.comment.clone().unwrap_or_default(),
    }
}
