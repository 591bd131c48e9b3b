//! Indexes that are gone: who deletes one tells all others, and a published client that has no such index would end.
//!
//! Every process reads all indexes when it opens the database, and is told of new ones; so whether there is one, the
//! master can say: it is challenged to update the index for a change that is none, which only fails with "not found"
//! where it has no such index. The news is kept until it has answered. What the master itself tells needs no challenge.
//!
//! Each process hears it once: not who has told it, and not again before the master has told of a new index by that
//! name.

use bytes::Bytes;

use super::{
    ClusterCoordinator,
    deletions::News,
    message::{self, MASTER, OwnRequest},
    offence::Offence,
};
use crate::hub::coordinator::{Address, Moment, Verdict};

/// News that wait for a master's answer at most: indexes are deleted by hand.
const MAX_WAITING: usize = 64;

/// How long a master may take to answer, in milliseconds. It answers at once, unless it is gone.
const PATIENCE_MS: u64 = 60_000;

impl ClusterCoordinator {
    /// A peer tells that an index is gone.
    pub(super) fn heard_of_deletion(
        &mut self,
        from: &str,
        file_name: &str,
        text: &Bytes,
        moment: &mut Moment<'_>,
    ) -> Verdict {
        if self.deletions.note(from, file_name).is_known {
            return Verdict::Taken;
        }
        if from == MASTER {
            self.tell_of_deletion(file_name, text, moment);
            return Verdict::Taken;
        }
        self.deletions.waiting.retain(|_, news| moment.now.saturating_sub(news.since) < PATIENCE_MS);
        if !self.master.is_present() || self.deletions.waiting.len() >= MAX_WAITING {
            return self.keep_back(from, Address::Others, text, &Offence::NoMasterKnows, moment);
        }
        let (number, file_name) = (self.master.next_number(), file_name.to_owned());
        moment.post(MASTER, message::index_challenge(OwnRequest::Index(number), &file_name));
        let text = Bytes::copy_from_slice(text);
        self.deletions.waiting.insert(number, News { from: from.to_owned(), file_name, text, since: moment.now });
        Verdict::Taken
    }

    /// The master has answered this challenge: whether it has the index.
    pub(super) fn heard_about_index(&mut self, challenge: u64, is_unknown: bool, moment: &mut Moment<'_>) {
        let Some(news) = self.deletions.waiting.remove(&challenge) else { return };
        if !is_unknown {
            return self.tell_of_deletion(&news.file_name, &news.text, moment);
        }
        if self.deletions.gone.get(&news.file_name).is_some_and(|gone| !gone.is_known) {
            self.deletions.gone.remove(&news.file_name);
            self.complain(&news.from, &Offence::UnknownIndex, moment);
        }
    }

    /// The master tells of an index that is new, or new once more.
    pub(super) fn heard_of_index(&mut self, file_name: &str, text: &Bytes) {
        self.deletions.gone.remove(file_name);
        self.file_news.index_is_created(file_name, text);
    }

    fn tell_of_deletion(&mut self, file_name: &str, text: &Bytes, moment: &mut Moment<'_>) {
        let Some(gone) = self.deletions.gone.get_mut(file_name).filter(|gone| !gone.is_known) else { return };
        gone.is_known = true;
        self.file_news.index_is_deleted(file_name);
        let others = self.sessions.all().filter(|peer| !gone.told_by.contains(*peer));
        others.for_each(|other| moment.post(other, text.clone()));
    }
}
