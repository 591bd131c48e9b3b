//! A coordinator as data, for the one that goes on in another process. Its configuration is not a part of it: that is
//! the other's own.

use std::mem;

use super::ClusterCoordinator;

impl ClusterCoordinator {
    /// All that it has in mind. Empty where there is no memory for that, which nobody can go on with.
    pub(super) fn to_data(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }

    /// Has in mind what another has had.
    ///
    /// # Errors
    /// That is no coordinator's, or of a version that this one does not know.
    pub(super) fn go_on_from(&mut self, data: &[u8]) -> Result<(), rmp_serde::decode::Error> {
        let former = mem::replace(self, rmp_serde::from_slice(data)?);
        self.requests.go_on();
        self.locks.go_on();
        self.locks.set_wall_clock(&former.locks);
        self.absences.set_bound(&former.absences);
        (self.config, self.bounds) = (former.config, former.bounds);
        Ok(())
    }
}
