//! Indexes that are gone: a worker tells all others, and a published client that has no such index would end.
//!
//! Every process reads all indexes when it opens the database, and is told of new ones; so whether there is one, the master can
//! say: it is asked to update the index for a change that is none, which only fails with "not found" where it has no such index. The
//! news is kept until it has answered. What the master itself tells needs no asking.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    AceBase,
    etiquette::Offence,
    message::{self, MASTER},
};
use crate::hub::coordinator::{Action, Millis};

/// What the ids of such questions begin with.
const QUESTION: &str = "index-";

/// News that wait for a master's answer at most: indexes are deleted by hand.
const MAX_WAITING: usize = 64;

/// How long a master may take to answer, in milliseconds. It answers at once, unless it is gone.
const PATIENCE_MS: u64 = 60_000;

#[derive(Debug)]
struct Deletion {
    from: String,
    text: Bytes,
    since: Millis,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Deletions(BTreeMap<u64, Deletion>);

impl AceBase {
    /// A worker tells that an index is gone.
    pub(super) fn ask_about_index(
        &mut self,
        from: &str,
        file_name: &str,
        text: &Bytes,
        now: Millis,
        out: &mut Vec<Action>,
    ) -> Result<(), Offence> {
        self.deletions.0.retain(|_, deletion| now.saturating_sub(deletion.since) < PATIENCE_MS);
        if !self.master.is_present() || self.deletions.0.len() >= MAX_WAITING {
            return Err(Offence::NoMasterKnows);
        }
        let number = self.master.next_number();
        let deletion = Deletion { from: from.to_owned(), text: Bytes::copy_from_slice(text), since: now };
        self.deletions.0.insert(number, deletion);
        let question = message::index_question(&format!("{QUESTION}{number}"), file_name);
        out.push(Action::Post { to: MASTER.to_owned(), text: question });
        Ok(())
    }

    /// The master has answered the hub: whether it has an index, perhaps.
    pub(super) fn heard_about_index(&mut self, id: &str, is_unknown: bool, now: Millis, out: &mut Vec<Action>) {
        let number = id.strip_prefix(QUESTION).and_then(|number| number.parse().ok());
        let Some(Deletion { from, text, .. }) = number.and_then(|number: u64| self.deletions.0.remove(&number)) else {
            return;
        };
        if is_unknown {
            return self.complain(&from, &Offence::UnknownIndex, now, out);
        }
        let others = self.sessions.all_but(&from);
        out.extend(others.map(|other| Action::Post { to: other.to_owned(), text: text.clone() }));
    }
}
