//! Who has missed what was told of the files, and whose word about the root record is only an echo.
//!
//! A published client reads the files when it opens the database, and has a connection some time later, or for the
//! first time in a new session. What others tell in between never reaches it: it does not know the keys that were
//! added, takes what is below them for absent, and writes its parents anew without that; or it goes on from a root
//! record that is not the root any more. What it has read last may also be older than what it has been told already. So
//! it is told all over again **when it requests its first lock**: by then it has read the files, and it does nothing to
//! them before it has that lock. To know what it knows already does it no harm.
//!
//! A master grants its own locks. It is told when it has warmed up: what it has told before it was connected is known
//! then.
//!
//! Each published client also **repeats** each move of the root record that it is told of, to all others
//! (`rootRecord.update` in acebase's binary-storage.js is given the wrong flag), and who is slow repeats one that is
//! out of date: those who hear it would take a former root for the root. So echoes are told to nobody.

use bytes::Bytes;

use super::{
    ClusterCoordinator,
    message::{MASTER, Place},
};
use crate::hub::coordinator::{Moment, Verdict};

impl ClusterCoordinator {
    /// A worker requests a lock: its first one in this session, perhaps.
    pub(super) fn catches_up(&mut self, worker: &str, moment: &mut Moment<'_>) {
        if self.sessions.begins_to_work(worker) {
            self.tell_all_about_files(worker, moment);
        }
    }

    /// The master has read its tables, and said what it had to say.
    pub(super) fn master_catches_up(&self, moment: &mut Moment<'_>) {
        self.tell_all_about_files(MASTER, moment);
    }

    fn tell_all_about_files(&self, peer: &str, moment: &mut Moment<'_>) {
        self.file_news.all().for_each(|text| moment.post(peer, text.clone()));
    }

    /// A peer tells where the root record is.
    pub(super) fn heard_of_root(&mut self, from: &str, place: Place, text: &Bytes) -> Verdict {
        if self.is_echo(from, place) {
            return Verdict::Taken;
        }
        if from == MASTER {
            self.file_news.master_moves_root(place, text);
        } else {
            self.file_news.worker_moves_root(place, text);
        }
        Verdict::Forward
    }

    /// The connection of a peer is lost, and with it what it may just have told: who joins next must believe the files.
    pub(super) fn may_have_moved_root_unheard(&mut self, peer: &str) {
        let keeps_what_it_says = self.sessions.life(peer).is_some();
        if !keeps_what_it_says && (peer == MASTER || self.locks.may_write(peer)) {
            self.file_news.root_is_unknown();
        }
    }

    /// It is what all were told already; or what this peer was told, and repeats late. Only who may write can have
    /// moved the root record back to a place where it was before.
    fn is_echo(&mut self, from: &str, place: Place) -> bool {
        let is_repeated = from == MASTER && self.file_news.master_repeats(place);
        let is_known = self.file_news.has_root_at(place);
        let is_late = || {
            let follows_locks = from != MASTER && self.config.follows_locks();
            follows_locks && self.file_news.had_root_at(place) && !self.locks.may_write(from)
        };
        is_repeated || is_known || is_late()
    }
}
