//! A master gives itself locks without asking anybody. While locks of former ones are out it must not, as little as a
//! worker gets any: one with the extension is told so. A published one cannot be.

use bytes::Bytes;

use super::{ClusterCoordinator, fences::Forbidden, message::MASTER};
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
        let forbidden = self.locks.fences.forbidden_to_master(moment.now);
        if self.told_master.replace(forbidden) != Some(forbidden) && self.sessions.life(MASTER).is_some() {
            moment.post(MASTER, forbidden.text());
        }
    }
}
