//! A master arrives, leaves, returns or is replaced: what becomes of requests and locks then. `master` draws its
//! states.
//!
//! A master that is gone has taken its locks and its queue along, but workers go on under the locks that it granted. So
//! these fence conflicting requests (`locks`), requests that it left unanswered wait for the next master, and what
//! concerns its locks is answered by the hub: their numbers mean something else to the next.

use bytes::Bytes;

use super::{
    ClusterCoordinator,
    master::{Identity, Presence},
    message::{self, Ask, Failure, MASTER},
    pending::Pending,
    requests::By,
    trial::MAX_STRIKES,
    waiting::{Place, Seq},
};
use crate::{acebase::NoteKind, clock::Millis, hub::coordinator::Moment};

/// What is said of a master that did not answer.
const SILENT: &str = "The connected AceBase master did not answer, and another process has its place now. The former one is refused, \
     should it come back, and ends. If it was busy, look for what kept it: a debugger, a long synchronous loop, a full disk";

/// How a master ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It said `bye`: nothing that it had is to blame.
    Farewell,
    /// It is gone, or silent while another takes its place.
    Sudden,
}

impl ClusterCoordinator {
    /// A process takes the master's place; none has it.
    pub(super) fn master_arrives(&mut self, moment: &mut Moment<'_>) {
        let life = self.sessions.life(MASTER).map(str::to_owned);
        let marks = self.master.begin(life.clone());
        // One with the extension tells itself who it is.
        if self.sessions.life(MASTER).is_none() {
            post_to_master(marks, moment);
        }
        if let Some(life) = life {
            self.former_master_returns(&life, moment);
        }
        self.take_over_told(moment);
        self.install_master(moment);
    }

    /// The master is gone, and may be back: then it is to release this one.
    pub(super) fn owe_to_former_master(&mut self, lock: u64) {
        if let Some(life) = self.master.life() {
            self.locks.returned.add(life.to_owned(), lock);
        }
    }

    /// A process is the master that may have been it before: what it has granted then is in its table, and counts
    /// there.
    fn former_master_returns(&mut self, life: &str, moment: &mut Moment<'_>) {
        for (worker, locks) in self.locks.take_down_fences_of(life, moment.now) {
            self.locks.take_for_lent(&worker, &locks, moment.now);
        }
        for lock in self.locks.returned.take_of(life) {
            self.release(lock, moment);
        }
        // It has lived through what it had; it drops that, and may answer it at any time.
        for seq in self.requests.had_by(life) {
            self.requests.acquit(seq);
            self.give_to_master(seq, moment);
        }
    }

    fn install_master(&mut self, moment: &mut Moment<'_>) {
        if self.master.has_predecessor() {
            moment.note(NoteKind::MasterChanged, MASTER, "A new AceBase master has taken over".to_owned());
        }
        self.file_news.master_changes();
        self.introduce(MASTER, moment);
        if self.config.follows_requests() {
            self.master.warm_up(moment.now, self.config.master_warm_up);
        }
        self.deliver_held(moment);
    }

    /// The master has said `bye`. It may still answer what it has, but must not be given more: it would refuse it.
    pub(super) fn master_departs(&mut self, moment: &mut Moment<'_>) {
        if let Some((identity, _)) = self.master.identify() {
            moment.identified(MASTER, identity == Identity::Same);
            if identity != Identity::Same {
                self.settle_estate(End::Sudden, moment);
            }
        }
        self.master.presence = Presence::Departed;
        self.expect_all(moment.now);
    }

    /// The master's session is over. `undelivered`: what it may not have got.
    pub(super) fn master_leaves(&mut self, undelivered: &[Bytes], moment: &mut Moment<'_>) {
        let end = if matches!(self.master.presence, Presence::Departed) { End::Farewell } else { End::Sudden };
        let owed = self.master.leave();
        self.settle_estate(end, moment);
        let lost = undelivered.iter().filter_map(|text| message::own_release(text));
        owed.into_iter().chain(lost).for_each(|lock| self.owe_to_former_master(lock));
    }

    /// Deals with what a master that is gone has left unanswered and unreleased.
    fn settle_estate(&mut self, end: End, moment: &mut Moment<'_>) {
        // One that was kept to be passed on, and nobody has.
        if let Some(lock) = self.locks.end_writing().filter(|lock| self.locks.held(*lock).is_none()) {
            self.owe_to_former_master(lock);
        }
        self.locks.fence_all(self.master.life(), moment.now);
        self.stand_ins.clear();
        self.indexing.end();
        self.trial = None;
        for seq in self.requests.all() {
            self.take_over_request(seq, end, moment);
        }
        self.expect_all(moment.now);
    }

    fn take_over_request(&mut self, seq: Seq, end: End, moment: &mut Moment<'_>) {
        let Some(pending) = self.requests.get(seq) else { return };
        let is_left_undone = match pending.ask {
            Ask::Unlock { .. } | Ask::Move { .. } => true,
            // The former master may have freed the space, and the next may have given it away already.
            Ask::Free => pending.is_delivered(),
            Ask::Lock(_) | Ask::AddKey | Ask::Allocate | Ask::CreateIndex | Ask::Custom => false,
        };
        if !is_left_undone {
            return self.keep_for_next(seq, end, moment);
        }
        let Some(pending) = self.requests.settle(seq, By::Hub, moment.now) else { return };
        if let Ask::Unlock { lock } = pending.ask {
            self.owe_to_former_master(lock);
        }
        let answer = self.answer_for_former_master(&pending.worker, &pending.id, &pending.ask, moment.now);
        // A lock that is not in the table was gone before its master.
        let failed = || message::failed(&pending.worker, &pending.id, &pending.ask, &Failure::GoneWithMaster);
        let answer = answer.unwrap_or_else(failed);
        self.reply(&pending.worker, &answer, moment);
    }

    /// A request that a master had, or was to get, waits for the next one; unless it has ended too many.
    fn keep_for_next(&mut self, seq: Seq, end: End, moment: &mut Moment<'_>) {
        let Some(pending) = self.requests.get(seq) else { return };
        if pending.is_hearsay() {
            return self.fail_pending(seq, &Failure::GoneWithMaster, moment);
        }
        if !pending.is_delivered() {
            return self.requests.hold(seq, Place::Master);
        }
        let may_be_to_blame = end == End::Sudden && !pending.is_survived;
        if may_be_to_blame && self.requests.strike(seq) >= MAX_STRIKES {
            return self.fail_pending(seq, &Failure::EndsMasters, moment);
        }
        self.requests.take_back(seq, self.master.life());
    }

    /// There is no master that could answer, or there will soon be none.
    fn expect_all(&mut self, now: Millis) {
        let deadline = now + self.config.master_timeout;
        for seq in self.requests.all() {
            match self.requests.get(seq).is_some_and(Pending::is_delivered) {
                true => self.requests.expect_of_master_by(seq, deadline),
                false => self.requests.expect_by(seq, deadline),
            }
        }
    }

    /// A process connects as the master while the session of one is there.
    pub(super) fn challenge_master(&mut self, moment: &mut Moment<'_>) {
        let probes = self.master.challenge(moment.now);
        probes.into_iter().for_each(|text| moment.probe(MASTER, text));
    }

    /// The returned master has answered who it is, or has not in time.
    pub(super) fn identify_master(&mut self, moment: &mut Moment<'_>) {
        let Some((identity, needless_marks)) = self.master.identify() else { return };
        moment.identified(MASTER, identity == Identity::Same);
        match identity {
            Identity::Same => {
                self.succession.was_no_silence();
                post_to_master(needless_marks, moment);
                self.master_resumes(moment);
            }
            Identity::New => self.master_is_replaced(moment),
            Identity::Rival => {
                moment.note(NoteKind::MasterSilent, MASTER, SILENT.to_owned());
                self.master_is_replaced(moment);
            }
        }
    }

    fn master_is_replaced(&mut self, moment: &mut Moment<'_>) {
        self.settle_estate(End::Sudden, moment);
        self.install_master(moment);
    }

    /// The same process is back, and neither side has lost anything.
    pub(super) fn master_goes_on(&mut self, moment: &mut Moment<'_>) {
        self.master.presence = Presence::Present;
        for lock in self.master.take_owed() {
            self.release(lock, moment);
        }
        self.deliver_held(moment);
    }

    fn master_resumes(&mut self, moment: &mut Moment<'_>) {
        moment.note(NoteKind::SessionResumed, MASTER, "The AceBase master is back, and its session goes on".to_owned());
        self.file_news.master_changes();
        self.reintroduce(MASTER, moment);
        for lock in self.master.take_owed() {
            self.release(lock, moment);
        }
        self.stand_ins.doubt();
        self.doubt_delivered(moment);
        self.trial_resumes(moment);
        self.deliver_held(moment);
    }

    /// What the master has may never have reached it, and its answers may have been lost in its socket. Nobody waits in
    /// line behind that: one lost request would keep all others from writing until it is given up.
    fn doubt_delivered(&mut self, moment: &mut Moment<'_>) {
        self.indexing.doubt(moment.now + self.config.master_timeout);
        for seq in self.requests.all() {
            let Some(pending) = self.requests.get(seq).filter(|pending| pending.is_delivered()) else { continue };
            if let Ask::Unlock { lock } = pending.ask {
                self.confirm_release(seq, lock, moment);
            }
            self.requests.doubt(seq);
            self.requests.expect_of_master_by(seq, moment.now + self.config.master_timeout);
        }
    }
}

fn post_to_master(texts: Vec<Bytes>, moment: &mut Moment<'_>) {
    texts.into_iter().for_each(|text| moment.post(MASTER, text));
}
