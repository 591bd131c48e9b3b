//! The indexes that somebody has said to be gone: who has said so, and of which the master is still to be heard.
//! `index_ends` tells why.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// Indexes that are remembered as gone, or said to be; the one that was first spoken of is forgotten first.
const MAX_GONE: usize = 1_024;

/// News that wait for the master's word.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct News {
    pub(super) from: String,
    pub(super) file_name: String,
    pub(super) text: Bytes,
    pub(super) since: Millis,
}

/// An index that somebody has said to be gone.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Gone {
    /// Its place in the order in which they were first spoken of.
    number: u64,
    pub(super) told_by: BTreeSet<String>,
    /// All have been told.
    pub(super) is_known: bool,
}

/// What has been said of indexes that are gone.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Deletions {
    pub(super) waiting: BTreeMap<u64, News>,
    pub(super) gone: BTreeMap<String, Gone>,
    next: u64,
}

impl Deletions {
    /// A peer says that an index is gone.
    pub(super) fn note(&mut self, peer: &str, file_name: &str) -> &mut Gone {
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
