//! Complaints about messages that were kept back: enough of them to find the sender, and not more, however many it
//! sends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::offence::Offence;
use crate::clock::Millis;

/// Least time between two complaints about one peer, in milliseconds.
const PERIOD_MS: u64 = 60_000;

/// Peers about which a database complains within a period; ids are made up as quickly as connections.
const MAX_PEERS: usize = 8;

/// Whether it is time for a complaint.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// Now; so many were left out since the last one.
    Due { left_out: u64 },
    /// It is left out.
    LeftOut,
}

/// When each sender was last complained about, and how many complaints were left out.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Complaints {
    last: BTreeMap<String, Millis>,
    left_out: u64,
}

impl Complaints {
    /// A message of this peer was kept back.
    pub(super) fn about(&mut self, peer: &str, now: Millis) -> Complaint {
        self.last.retain(|_, at| now.saturating_sub(*at) < PERIOD_MS);
        if self.last.contains_key(peer) || self.last.len() >= MAX_PEERS {
            self.left_out += 1;
            return Complaint::LeftOut;
        }
        self.last.insert(peer.to_owned(), now);
        Complaint::Due { left_out: std::mem::take(&mut self.left_out) }
    }
}

/// The complaint in words.
pub(super) fn detail(peer: &str, offence: &Offence, left_out: u64) -> String {
    let more =
        if left_out == 0 { String::new() } else { format!(" ({left_out} more were kept back before, of any peer)") };
    format!(
        "A message of {peer} was not forwarded: {offence}. No published client sends such: look for the process with that id{more}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_is_complained_of_now_and_then() {
        let mut complaints = Complaints::default();
        assert_eq!(complaints.about("a", 0), Complaint::Due { left_out: 0 });
        assert_eq!(complaints.about("a", 1), Complaint::LeftOut);
        assert_eq!(complaints.about("b", 1), Complaint::Due { left_out: 1 });
        assert_eq!(complaints.about("a", PERIOD_MS), Complaint::Due { left_out: 0 });
    }

    #[test]
    fn ids_without_number_make_no_complaints_without_number() {
        let mut complaints = Complaints::default();
        let due = (0..1_000).filter(|peer| complaints.about(&peer.to_string(), 0) != Complaint::LeftOut).count();
        assert_eq!(due, MAX_PEERS);
        let left_out = 1_000 - MAX_PEERS as u64;
        assert_eq!(complaints.about("later", PERIOD_MS), Complaint::Due { left_out });
    }
}
