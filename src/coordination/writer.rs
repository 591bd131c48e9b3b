//! Who may write: the transaction that has the present master's write lock, as far as this hub has seen all that it
//! has.
//!
//! AceBase lets one transaction write at a time. The master grants it a lock; when it has returned that, the same lock
//! can be lent to the next one, so that the master need not be asked (`passing`). To the master the lock stays the
//! first one's:
//!
//! ```text
//!   the master grants a write lock ──> its own ──── passed on ────> lent ──┐ passed on
//!                                         │                         │  ^───┘
//!                                         └── returned to the master┴── expired: the master takes it back itself
//! ```
//!
//! This is what there is to know, and the rules; what is said to whom is `passing`'s.

use serde::{Deserialize, Serialize};

use super::{lock_row::Row, message::WantedLock};
use crate::{acebase::Lock, clock::Millis};

/// The transaction that may write.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Writer {
    worker: String,
    tid: String,
    /// Its locks in the table.
    locks: usize,
    /// What can be passed on. `None`: it has returned that, and goes on under others.
    lock: Option<MastersLock>,
    /// Until then others wait here for their turn, and not at the master.
    until: Millis,
    /// That time is over.
    is_over: bool,
}

/// A write lock, as the master has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MastersLock {
    /// The master's number for it.
    pub(super) id: u64,
    /// The transaction that the master granted it to. `None`: only a hub that has crashed has known.
    tid: Option<String>,
    /// When the master lets it expire, by the wall clock.
    pub(super) expires: Option<u64>,
    /// The same on the hub's clock.
    ends: Millis,
    /// How often it has been passed on.
    passed: u64,
}

impl Writer {
    /// The master has granted a write lock to this row's transaction, which has so many locks now. It may be passed on
    /// for `time` milliseconds, but not for more than half of its life, so that whoever gets it last has time for its
    /// work. A lock of which nobody knows when it ends is not.
    pub(super) fn new(row: &Row, locks: usize, time: u64) -> Option<Self> {
        let (id, ends) = row.lock.id.zip(row.ends)?;
        let until = row.granted + time.min(ends.saturating_sub(row.granted) / 2);
        let Lock { peer, tid, expires, .. } = &row.lock;
        let lock = MastersLock { id, tid: Some(tid.clone()), expires: *expires, ends, passed: 0 };
        Some(Self {
            worker: peer.clone(),
            tid: tid.clone(),
            locks,
            lock: Some(lock),
            until,
            is_over: until <= row.granted,
        })
    }

    /// This row's transaction, which has so many locks, has told of a write lock after a crash of the hub. It may have
    /// it lent, or of the master itself; to take it for lent is safe either way, for nobody else can have a lock
    /// meanwhile. It is not passed on any more. A lock of which nobody knows when it ends is not taken for one.
    pub(super) fn told(row: &Row, locks: usize) -> Option<Self> {
        let mut writer = Self::new(row, locks, 0)?;
        let lock = writer.lock.as_mut()?;
        (lock.tid, lock.passed) = (None, 1);
        Some(writer)
    }

    /// It has one more lock.
    pub(super) fn gets(&mut self, lock: &Lock) {
        self.locks = self.locks.saturating_add(usize::from(self.has(lock)));
    }

    /// It has one less.
    pub(super) fn returns(&mut self, lock: &Lock) {
        // Never below, also where another has left it otherwise.
        self.locks = self.locks.saturating_sub(usize::from(self.has(lock)));
    }

    /// The lock is one of its transaction's.
    fn has(&self, lock: &Lock) -> bool {
        self.is(&lock.peer, &lock.tid)
    }

    /// This transaction of this worker may write.
    pub(super) fn is(&self, worker: &str, tid: &str) -> bool {
        self.tid == tid && self.worker == worker
    }

    /// Its worker, and the transaction.
    pub(super) fn name(&self) -> (&str, &str) {
        (&self.worker, &self.tid)
    }

    /// It has returned all its locks.
    pub(super) fn is_done(&self) -> bool {
        self.locks == 0
    }

    /// It has the master's lock by being lent it. The master takes its requests for another's.
    pub(super) fn has_it_lent(&self) -> bool {
        self.lock.as_ref().is_some_and(MastersLock::is_lent)
    }

    /// Others wait here for their turn.
    pub(super) fn keeps_others(&self, now: Millis) -> bool {
        !self.is_over && now < self.until
    }

    /// The master would take this transaction's request for one of whoever was granted the lock, and would grant it
    /// while another has the lock. Where it is not known who that was, it may be anybody.
    pub(super) fn would_be_mistaken(&self, wanted: &WantedLock) -> bool {
        let may_be_mistaken = |lock: &MastersLock| lock.tid.as_ref().is_none_or(|tid| *tid == wanted.tid);
        self.lock.as_ref().is_some_and(|lock| lock.is_lent() && may_be_mistaken(lock))
    }

    /// The master may grant its transaction more, because it has its lock of the master itself.
    pub(super) fn may_be_granted_more(&self) -> bool {
        self.lock.as_ref().is_none_or(|lock| !lock.is_lent() || lock.tid.is_none())
    }

    /// When others need wait here no longer, unless it has been told that this is over.
    pub(super) fn keeps_others_until(&self) -> Option<Millis> {
        (!self.is_over).then_some(self.until)
    }

    /// It is over, if it is time.
    pub(super) fn time_passes(&mut self, now: Millis) {
        self.is_over |= self.until <= now;
    }

    /// When a lent lock expires. One that is not lent, the master refuses to extend by itself.
    pub(super) fn ends(&self) -> Option<Millis> {
        self.lock.as_ref().filter(|lock| lock.is_lent()).map(|lock| lock.ends)
    }

    /// What can be passed on.
    pub(super) fn lock(&self) -> Option<&MastersLock> {
        self.lock.as_ref()
    }

    /// The lock of this number is no longer to be passed on: the master has it back, or is about to.
    pub(super) fn give_up(&mut self, id: u64) {
        self.lock.take_if(|lock| lock.id == id);
    }

    /// The lock is lent to the transaction of this row, which has no other.
    pub(super) fn pass_to(&mut self, to: &Lock) {
        (self.worker, self.tid, self.locks) = (to.peer.clone(), to.tid.clone(), 1);
        if let Some(lock) = &mut self.lock {
            lock.passed = lock.passed.saturating_add(1);
        }
    }
}

impl MastersLock {
    fn is_lent(&self) -> bool {
        self.passed > 0
    }

    /// How often it has been passed on.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }
}
