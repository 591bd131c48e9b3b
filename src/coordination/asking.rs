//! What workers ask of the master: passed on, held, given up. The states of a request are drawn in `requests`.
//!
//! A request is held while there is no master that is known and takes requests; while its worker is away, for then nobody
//! needs the answer; if it asks for a lock, while a lock of a former master fences it off; and if it needs the master's tables,
//! while a new master is still reading them. Only the last two kinds may be overtaken by later requests of the same worker:
//! among them are the releases that the fence waits for.

use bytes::Bytes;

use super::{
    AceBase,
    introductions::note,
    locks::Key,
    message::{self, Ask, MASTER, Request},
    requests::{By, Seq, State},
};
use crate::hub::coordinator::{Action, Millis, NoteKind, Verdict};

/// Why a request past the bounds is refused.
const TOO_MANY: &str = "Too many requests of this database wait for the AceBase master (acebase-ipc-server)";

/// Why a lock cannot be moved any more. Its release needs no reason: it succeeds.
pub(super) const GONE_WITH_MASTER: &str = "The lock is gone with the master that granted it (acebase-ipc-server)";

impl AceBase {
    /// A worker asks the master for something.
    pub(super) fn asked(
        &mut self,
        worker: &str,
        Request { id, ask }: Request,
        text: &[u8],
        now: Millis,
        out: &mut Vec<Action>,
    ) -> Verdict {
        self.survivors.has_asked(worker, &id);
        if self.requests.find(worker, &id).is_some() {
            return Verdict::Taken;
        }
        if let Some(answer) = self.answer_for_former_master(worker, &id, &ask, now) {
            self.reply(worker, &answer, out);
            self.deliver_held(now, out);
            return Verdict::Taken;
        }
        if !self.requests.has_room_for(&ask, text.len(), self.locks.len()) {
            self.fail(worker, &id, &ask, State::Held, TOO_MANY, out);
            return Verdict::Taken;
        }
        let seq = self.requests.add(worker, id, ask, text, now);
        self.pass_on_or_hold(seq, worker, now, out)
    }

    fn pass_on_or_hold(&mut self, seq: Seq, worker: &str, now: Millis, out: &mut Vec<Action>) -> Verdict {
        let takes_requests = self.master.is_present() && self.sessions.is_connected(worker);
        let reason = match takes_requests {
            true => match self.obstacle(seq, now) {
                None => {
                    self.requests.deliver(seq);
                    return Verdict::Forward;
                }
                Some(obstacle) => obstacle,
            },
            false => {
                self.requests.expect_by(seq, now + self.config.master_timeout);
                "for an AceBase master"
            }
        };
        note(out, NoteKind::RequestHeld, worker, format!("A request of {worker} waits {reason}"));
        Verdict::Taken
    }

    /// What a request has to wait for though there is a master. A lock waits as it would at the master: the fence falls when
    /// the locks behind it are released, or expire.
    fn obstacle(&self, seq: Seq, now: Millis) -> Option<&'static str> {
        match &self.requests.get(seq)?.ask {
            Ask::Lock(wanted) if self.locks.is_fenced_off(wanted, now) => {
                Some("until locks that a former master granted are released")
            }
            ask if ask.needs_tables() && self.master.is_warming_up() => {
                Some("until the new master has read its tables")
            }
            _ => None,
        }
    }

    /// Gives the master what was held and need not be held any longer, in order of arrival.
    pub(super) fn deliver_held(&mut self, now: Millis, out: &mut Vec<Action>) {
        if !self.master.is_present() {
            return;
        }
        for seq in self.requests.held() {
            if self.obstacle(seq, now).is_some() {
                self.requests.let_wait(seq);
                continue;
            }
            let Some(pending) = self.requests.get(seq) else { continue };
            if !self.sessions.is_connected(&pending.worker) {
                continue;
            }
            if pending.deliveries > 0 {
                let detail =
                    format!("A request of {} that a former master left unanswered went to the next", pending.worker);
                note(out, NoteKind::RequestReplayed, &pending.worker, detail);
            }
            out.push(Action::Post { to: MASTER.to_owned(), text: pending.text.clone() });
            self.requests.deliver(seq);
        }
    }

    /// What a worker asks about a lock of a former master needs no master: the lock lives in this hub's table only. Nor may
    /// it reach the present one, for which the number means another lock.
    pub(super) fn answer_for_former_master(&mut self, worker: &str, id: &str, ask: &Ask, now: Millis) -> Option<Bytes> {
        let (Ask::Unlock { lock } | Ask::Move { lock }) = ask else { return None };
        let Some(key) = self.meant_as_fenced(worker, *lock, now) else {
            let means_another = match self.locks.held(*lock) {
                Some(held) => held.peer != worker,
                None => self.config.follows_locks() && (self.master.began_here() || self.locks.would_know(*lock)),
            };
            return means_another.then(|| message::failed(worker, id, ask, GONE_WITH_MASTER));
        };
        if let Ask::Move { .. } = ask
            && self.locks.counts(key, now)
        {
            let parent = message::parent_path(&self.locks.get(key)?.path).to_owned();
            self.locks.set_path(key, parent);
            return self.locks.get(key).map(|lock| message::granted(worker, id, lock));
        }
        // Released; or expired, and then it cannot be moved: the client takes such a lock for gone.
        self.locks.remove(key);
        Some(message::failed(worker, id, ask, GONE_WITH_MASTER))
    }

    /// The lock that a worker means by a number, if that is a former master's.
    ///
    /// A worker may hold two locks with one number, of different masters, and its words do not tell which it means. Both
    /// will be released in the end, so the one that keeps others out more is kept longer; of equals the older goes first. The
    /// one that is kept keeps all others out until then; it does not keep a reading transaction from writing beside a reading
    /// one of the same worker.
    fn meant_as_fenced(&self, worker: &str, lock: u64, now: Millis) -> Option<Key> {
        let key = self.locks.fenced(worker, lock, now)?;
        let other_goes_first =
            self.locks.has_weaker_namesake(key, worker, lock, now) && !self.requests.asks_to_release(worker, lock);
        (!other_goes_first).then_some(key)
    }

    /// Sends a worker an answer on the master's behalf, or keeps it for one that is away.
    pub(super) fn reply(&mut self, worker: &str, answer: &Bytes, out: &mut Vec<Action>) {
        if self.sessions.has(worker) {
            out.push(Action::Post { to: worker.to_owned(), text: answer.clone() });
        } else {
            self.absences.keep(worker, answer);
        }
    }

    /// Answers on the master's behalf what no master has answered in time.
    pub(super) fn fail_overdue_requests(&mut self, now: Millis, out: &mut Vec<Action>) {
        while let Some(seq) = self.requests.take_due(now) {
            let Some(pending) = self.requests.settle(seq, By::Hub, now) else { continue };
            let seconds = self.config.master_timeout as f64 / 1_000.0;
            let reason = format!("No AceBase master answered within {seconds} s (acebase-ipc-server)");
            self.fail(&pending.worker, &pending.id, &pending.ask, pending.state, &reason, out);
        }
    }

    fn fail(&mut self, worker: &str, id: &str, ask: &Ask, state: State, reason: &str, out: &mut Vec<Action>) {
        if let Ask::Unlock { lock } | Ask::Move { lock } = ask {
            self.give_up_lock(worker, *lock, state, out);
        }
        self.reply(worker, &message::failed(worker, id, ask, reason), out);
        note(out, NoteKind::RequestFailed, worker, reason.to_owned());
    }

    /// A worker takes a lock for gone, now that its release or move is answered for the master. The master may have it still.
    fn give_up_lock(&mut self, worker: &str, lock: u64, state: State, out: &mut Vec<Action>) {
        let gives_up = match self.locks.held(lock) {
            Some(lock) => lock.peer == worker,
            // Granted before this hub began.
            None => state == State::Delivered,
        };
        if gives_up {
            self.locks.remove_held_by(worker, lock);
            self.release(lock, out);
        }
    }
}
