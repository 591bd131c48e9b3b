//! Indexes that are gone: who deletes one tells all others, and a published client that has no such index would end.
//!
//! Every process reads all indexes when it opens the database, and is told of new ones; so whether there is one, the master can
//! say: it is asked to update the index for a change that is none, which only fails with "not found" where it has no such index. The
//! news is kept until it has answered. What the master itself tells needs no asking.
//!
//! Each process hears it once: not who has told it, and not again before the master has told of a new index by that name.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{
    AceBase,
    etiquette::Offence,
    message::{self, MASTER},
};
use crate::hub::coordinator::{Action, Address, Millis, Verdict};

/// What the ids of such questions begin with.
const QUESTION: &str = "index-";

/// News that wait for a master's answer at most: indexes are deleted by hand.
const MAX_WAITING: usize = 64;

/// Indexes that are remembered as gone, or said to be; the one that was first spoken of is forgotten first.
const MAX_GONE: usize = 1_024;

/// How long a master may take to answer, in milliseconds. It answers at once, unless it is gone.
const PATIENCE_MS: u64 = 60_000;

/// News that wait for the master's word.
#[derive(Debug)]
struct News {
    from: String,
    file_name: String,
    text: Bytes,
    since: Millis,
}

/// An index that somebody has said to be gone.
#[derive(Debug)]
struct Gone {
    /// Its place in the order in which they were first spoken of.
    number: u64,
    told_by: BTreeSet<String>,
    /// All have been told.
    is_known: bool,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    waiting: BTreeMap<u64, News>,
    gone: BTreeMap<String, Gone>,
    next: u64,
}

impl Deletions {
    /// A peer says that an index is gone.
    fn note(&mut self, peer: &str, file_name: &str) -> &mut Gone {
        if self.gone.len() >= MAX_GONE && !self.gone.contains_key(file_name) {
            let oldest = self.gone.iter().min_by_key(|(_, gone)| gone.number).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.gone.remove(&name));
        }
        self.next += 1;
        let gone = Gone { number: self.next, told_by: BTreeSet::new(), is_known: false };
        let gone = self.gone.entry(file_name.to_owned()).or_insert(gone);
        gone.told_by.insert(peer.to_owned());
        gone
    }
}

impl AceBase {
    /// A peer tells that an index is gone.
    pub(super) fn heard_of_deletion(
        &mut self,
        from: &str,
        file_name: &str,
        text: &Bytes,
        now: Millis,
        out: &mut Vec<Action>,
    ) -> Verdict {
        if self.deletions.note(from, file_name).is_known {
            return Verdict::Taken;
        }
        if from == MASTER {
            self.tell_of_deletion(file_name, text, out);
            return Verdict::Taken;
        }
        self.deletions.waiting.retain(|_, news| now.saturating_sub(news.since) < PATIENCE_MS);
        if !self.master.is_present() || self.deletions.waiting.len() >= MAX_WAITING {
            return self.keep_back(from, Address::Others, text, &Offence::NoMasterKnows, now, out);
        }
        let (number, file_name) = (self.master.next_number(), file_name.to_owned());
        let question = message::index_question(&format!("{QUESTION}{number}"), &file_name);
        out.push(Action::Post { to: MASTER.to_owned(), text: question });
        let text = Bytes::copy_from_slice(text);
        self.deletions.waiting.insert(number, News { from: from.to_owned(), file_name, text, since: now });
        Verdict::Taken
    }

    /// The master has answered the hub: whether it has an index, perhaps.
    pub(super) fn heard_about_index(&mut self, id: &str, is_unknown: bool, now: Millis, out: &mut Vec<Action>) {
        let number = id.strip_prefix(QUESTION).and_then(|number| number.parse::<u64>().ok());
        let Some(news) = number.and_then(|number| self.deletions.waiting.remove(&number)) else { return };
        if !is_unknown {
            return self.tell_of_deletion(&news.file_name, &news.text, out);
        }
        if self.deletions.gone.get(&news.file_name).is_some_and(|gone| !gone.is_known) {
            self.deletions.gone.remove(&news.file_name);
            self.complain(&news.from, &Offence::UnknownIndex, now, out);
        }
    }

    /// The master tells of an index that is new, or new once more.
    pub(super) fn heard_of_index(&mut self, file_name: &str) {
        self.deletions.gone.remove(file_name);
    }

    fn tell_of_deletion(&mut self, file_name: &str, text: &Bytes, out: &mut Vec<Action>) {
        let Some(gone) = self.deletions.gone.get_mut(file_name).filter(|gone| !gone.is_known) else { return };
        gone.is_known = true;
        let others = self.sessions.all().filter(|peer| !gone.told_by.contains(*peer));
        out.extend(others.map(|other| Action::Post { to: other.to_owned(), text: text.clone() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut deletions = Deletions::default();
        for number in 0..2 * MAX_GONE {
            deletions.note("w", &format!("{number}.idx"));
        }
        assert_eq!(deletions.gone.len(), MAX_GONE);
        assert!(!deletions.gone.contains_key("0.idx") && deletions.gone.contains_key("2047.idx"));
        assert_eq!(deletions.note("v", "2047.idx").told_by.len(), 2);
    }
}
