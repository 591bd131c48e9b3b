//! A master arrives, leaves, returns or is replaced: what becomes of requests and locks then. `master` draws its
//! states.
//!
//! A master that is gone has taken its locks and its queue along, but workers go on under the locks that it granted. So
//! these fence conflicting requests (`locks`), requests that it left unanswered wait for the next master, and what
//! concerns its locks is answered by the hub: their numbers mean something else to the next.

use bytes::Bytes;

use super::{
    ClusterCoordinator,
    asking::GONE_WITH_MASTER,
    master::{Identity, Presence},
    message::{self, Ask, MASTER},
    notes::note,
    requests::{By, Pending},
    trial::MAX_STRIKES,
    waiting::{Place, Seq},
};
use crate::{acebase::NoteKind, clock::Millis, hub::coordinator::Action};

/// What is said of a master that did not answer.
const SILENT: &str = "The connected AceBase master did not answer, and another process has its place now. The former one is refused, \
     should it come back, and ends. If it was busy, look for what kept it: a debugger, a long synchronous loop, a full disk";

/// Why a request is not given to one master more.
pub(super) const ENDS_MASTERS: &str =
    "Two AceBase masters ended while they had this request, so it is not given to a third (acebase-ipc-server)";

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
    pub(super) fn master_arrives(&mut self, now: Millis, out: &mut Vec<Action>) {
        let marks = self.master.begin();
        post_to_master(marks, out);
        self.install_master(now, out);
    }

    fn install_master(&mut self, now: Millis, out: &mut Vec<Action>) {
        if self.master.has_predecessor() {
            note(out, NoteKind::MasterChanged, MASTER, "A new AceBase master has taken over".to_owned());
        }
        self.introduce(MASTER, out);
        if self.config.follows_requests() {
            self.master.warm_up(now, self.config.master_warm_up);
        }
        self.deliver_held(now, out);
    }

    /// The master has said `bye`. It may still answer what it has, but must not be given more: it would refuse it.
    pub(super) fn master_departs(&mut self, now: Millis, out: &mut Vec<Action>) {
        if let Some((identity, _)) = self.master.identify() {
            out.push(identified(identity));
            if identity != Identity::Same {
                self.settle_estate(End::Sudden, now, out);
            }
        }
        self.master.presence = Presence::Departed;
        self.expect_all(now);
    }

    /// The master's session is over.
    pub(super) fn master_leaves(&mut self, now: Millis, out: &mut Vec<Action>) {
        let end = if matches!(self.master.presence, Presence::Departed) { End::Farewell } else { End::Sudden };
        self.master.leave();
        self.settle_estate(end, now, out);
    }

    /// Deals with what a master that is gone has left unanswered and unreleased.
    fn settle_estate(&mut self, end: End, now: Millis, out: &mut Vec<Action>) {
        self.locks.fence_all(now);
        self.indexing.end();
        self.trial = None;
        for seq in self.requests.all() {
            self.take_over_request(seq, end, now, out);
        }
        self.expect_all(now);
    }

    fn take_over_request(&mut self, seq: Seq, end: End, now: Millis, out: &mut Vec<Action>) {
        let Some(pending) = self.requests.get(seq) else { return };
        let is_left_undone = match pending.ask {
            Ask::Unlock { .. } | Ask::Move { .. } => true,
            // The former master may have freed the space, and the next may have given it away already.
            Ask::Free => pending.is_delivered(),
            Ask::Lock(_) | Ask::AddKey | Ask::CreateIndex | Ask::Custom => false,
        };
        if !is_left_undone {
            return self.keep_for_next(seq, end, now, out);
        }
        let Some(pending) = self.requests.settle(seq, By::Hub, now) else { return };
        let answer = self.answer_for_former_master(&pending.worker, &pending.id, &pending.ask, now);
        // A lock that is not in the table was gone before its master.
        let failed = || message::failed(&pending.worker, &pending.id, &pending.ask, GONE_WITH_MASTER);
        let answer = answer.unwrap_or_else(failed);
        self.reply(&pending.worker, &answer, out);
    }

    /// A request that a master had, or was to get, waits for the next one; unless it has ended too many.
    fn keep_for_next(&mut self, seq: Seq, end: End, now: Millis, out: &mut Vec<Action>) {
        let Some(pending) = self.requests.get(seq) else { return };
        if !pending.is_delivered() {
            return self.requests.hold(seq, Place::Master);
        }
        let may_be_to_blame = end == End::Sudden && !pending.is_survived;
        if may_be_to_blame && self.requests.strike(seq) >= MAX_STRIKES {
            return self.fail_pending(seq, ENDS_MASTERS, now, out);
        }
        self.requests.take_back(seq);
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
    pub(super) fn ask_master(&mut self, now: Millis, out: &mut Vec<Action>) {
        let probes = self.master.ask(now);
        out.extend(probes.into_iter().map(|text| Action::Probe { to: MASTER.to_owned(), text }));
    }

    /// The returned master has answered who it is, or has not in time.
    pub(super) fn identify_master(&mut self, now: Millis, out: &mut Vec<Action>) {
        let Some((identity, needless_marks)) = self.master.identify() else { return };
        out.push(identified(identity));
        match identity {
            Identity::Same => {
                self.succession.was_no_silence();
                post_to_master(needless_marks, out);
                self.master_resumes(now, out);
            }
            Identity::New => self.master_is_replaced(now, out),
            Identity::Rival => {
                note(out, NoteKind::MasterSilent, MASTER, SILENT.to_owned());
                self.master_is_replaced(now, out);
            }
        }
    }

    fn master_is_replaced(&mut self, now: Millis, out: &mut Vec<Action>) {
        self.settle_estate(End::Sudden, now, out);
        self.install_master(now, out);
    }

    fn master_resumes(&mut self, now: Millis, out: &mut Vec<Action>) {
        note(out, NoteKind::SessionResumed, MASTER, "The AceBase master is back, and its session goes on".to_owned());
        self.reintroduce(MASTER, out);
        for lock in self.master.take_owed() {
            self.release(lock, out);
        }
        self.doubt_delivered(now, out);
        self.trial_resumes(now, out);
        self.deliver_held(now, out);
    }

    /// The master's answers to what it has may have been lost in its socket.
    fn doubt_delivered(&mut self, now: Millis, out: &mut Vec<Action>) {
        self.indexing.doubt(now + self.config.master_timeout);
        for seq in self.requests.all() {
            let Some(pending) = self.requests.get(seq).filter(|pending| pending.is_delivered()) else { continue };
            if let Ask::Unlock { lock } = pending.ask {
                self.confirm_release(seq, lock, out);
            }
            self.requests.expect_of_master_by(seq, now + self.config.master_timeout);
        }
    }
}

fn identified(identity: Identity) -> Action {
    Action::Identified { peer: MASTER.to_owned(), same: identity == Identity::Same }
}

fn post_to_master(texts: Vec<Bytes>, out: &mut Vec<Action>) {
    out.extend(texts.into_iter().map(|text| Action::Post { to: MASTER.to_owned(), text }));
}
