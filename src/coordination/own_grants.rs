//! A master gives itself locks without asking anybody. While locks of former ones are out it must not, as little as a
//! worker gets any. One with the extension is told so; of a published one a lock is requested that keeps it from it.

use bytes::Bytes;

use super::{
    ClusterCoordinator,
    fences::Forbidden,
    message::{self, Grant, MASTER, OwnRequest},
    stand_in::Errand,
};
use crate::hub::coordinator::Moment;

impl Forbidden {
    /// How the extension says it: docs/extension.md.
    fn text(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Nothing => b"fence:none",
            Self::Writing => b"fence:writing",
            Self::Everything => b"fence:all",
        })
    }
}

impl ClusterCoordinator {
    /// To be called after whatever may change which locks of former masters are out.
    pub(super) fn tell_master_of_fences(&mut self, moment: &mut Moment<'_>) {
        let forbidden = match self.awaits_reunion() {
            true => Forbidden::Everything,
            false => self.locks.fences.forbidden_to_master(moment.now),
        };
        // Of what it is about to tell it may follow that there are more.
        if self.told_master == Some(forbidden) || self.sessions.must_tell(MASTER) {
            return;
        }
        self.told_master = Some(forbidden);
        if self.sessions.life(MASTER).is_some() {
            moment.post(MASTER, forbidden.text());
        }
    }
    /// As [`ClusterCoordinator::tell_master_of_fences`], for one that has not the extension.
    pub(super) fn keep_master_from_fenced(&mut self, moment: &mut Moment<'_>) {
        let is_needless = self.locks.fences.is_empty() && self.stand_ins.is_empty();
        if is_needless || !self.master.is_present() || self.sessions.life(MASTER).is_some() {
            return;
        }
        let number = || self.master.next_number();
        for errand in self.stand_ins.errands(&self.locks.fences, number, moment.now) {
            match errand {
                Errand::Request { number, tid, write } => {
                    moment.post(MASTER, message::fence_request(number, &tid, write));
                }
                Errand::Return(lock) => self.return_stand_in(lock, moment),
            }
        }
    }

    fn return_stand_in(&mut self, lock: u64, moment: &mut Moment<'_>) {
        let request = OwnRequest::Free(self.master.next_number());
        self.post_release(request, lock, moment);
    }

    /// The master has answered a request for such a lock.
    pub(super) fn stand_in_is_answered(&mut self, number: u64, grant: Option<&Grant>, moment: &mut Moment<'_>) {
        match grant {
            None => self.stand_ins.refused(number),
            Some(grant) if self.stand_ins.keeps(number, grant.id) => {}
            Some(grant) => self.return_stand_in(grant.id, moment),
        }
    }
}
