//! After a crash of the hub, where the master is another one than before: nobody knows yet which locks of the former
//! one are out, until all workers are back that others know of. Until then nobody is granted anything.
//!
//! A master that was there before the crash tells so: the locks are in its own table. One without the extension tells
//! nothing, and is taken for that one.

use super::{
    ClusterCoordinator,
    message::{Ask, MASTER, WantedLock},
    pending::Pending,
    waiting::Place,
};
use crate::{clock::Millis, hub::coordinator::Moment};

/// How long workers are waited for, in milliseconds after the first one has come: as long as for what is addressed to
/// them. They connect again within a second, and ten times as long where the machine is busy.
const PATIENCE_MS: Millis = 10_000;

/// How long a request is waited for that its worker tells of, in milliseconds: what is sent again comes with what is
/// told.
const RESENT_WITHIN_MS: Millis = 5_000;

impl ClusterCoordinator {
    /// Locks of a former master may be out of which nobody has told.
    pub(super) fn awaits_reunion(&self) -> bool {
        self.is_scattered && !self.gave_reunion_up && self.has_new_master()
    }

    /// The master was not there before the crash.
    fn has_new_master(&self) -> bool {
        self.sessions.life(MASTER).is_some() && !self.sessions.has_told(MASTER)
    }

    /// A master tells that it was there before. `is_fenced`: as a new one, then.
    pub(super) fn master_tells(&mut self, is_fenced: bool, moment: &mut Moment<'_>) {
        if !is_fenced {
            self.sessions.tells_all(MASTER);
            self.is_over(&Place::Reunion, moment);
        }
    }

    /// A worker tells what it holds, and others may hold more.
    pub(super) fn is_scattered_from_now(&mut self, now: Millis) {
        self.is_scattered = true;
        self.gave_reunion_up |= self.reunited_at() <= now;
    }

    fn reunited_at(&self) -> Millis {
        self.since.saturating_add(PATIENCE_MS)
    }

    /// When nobody is waited for any more.
    pub(super) fn reunion_deadline(&self) -> Option<Millis> {
        self.awaits_reunion().then(|| self.reunited_at())
    }

    /// Who has not come in time may have gone.
    pub(super) fn give_up_reunion(&mut self, moment: &mut Moment<'_>) {
        if self.awaits_reunion() && self.reunited_at() <= moment.now {
            self.gave_reunion_up = true;
            self.is_over(&Place::Reunion, moment);
        }
    }

    /// Whoever has a lock of a former master keeps all out who would be in the way of another one.
    pub(super) fn waits_for_reunion(&self, wanted: &WantedLock, now: Millis) -> bool {
        self.awaits_reunion() && !self.locks.fences.any_of(&wanted.tid, wanted.write, now)
    }

    /// What workers await from before the crash, and have not sent again, the former master had: this one never will
    /// have it.
    pub(super) fn expect_little_of_new_master(&mut self, now: Millis) {
        if self.is_scattered || !self.has_new_master() {
            return;
        }
        for seq in self.requests.all() {
            if self.requests.get(seq).is_some_and(Pending::is_hearsay) {
                self.requests.expect_sooner(seq, now + RESENT_WITHIN_MS);
            }
        }
    }

    /// It waits until all are back, whoever the master is.
    pub(super) fn is_bound_to_reunion(&self, pending: &Pending) -> bool {
        self.is_scattered && pending.is_at(&Place::Reunion) && !matches!(pending.ask, Ask::Lock(_))
    }
}
