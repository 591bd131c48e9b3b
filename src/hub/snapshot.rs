//! How things stand, for whoever looks at the hub: JavaScript, a status page, metrics. Plain data, and how it is taken down.

use std::{sync::Arc, time::Duration};

use super::{
    coordinator::{Lock, Role, Status},
    outbox::Traffic,
    peers::{Peer, Presence, State, Totals},
};

/// One database.
#[derive(Debug, Clone)]
pub struct DatabaseSnapshot {
    /// Its name, as in the clients' URLs.
    pub name: Arc<str>,
    /// Its peers, in no order.
    pub peers: Vec<PeerSnapshot>,
    /// Who holds and who waits for which lock.
    pub locks: Vec<Lock>,
    /// Requests and sessions.
    pub status: Status,
    /// What all peers have done, also those that have left.
    pub totals: Totals,
}

/// One database in a few numbers: cheaper than a [`DatabaseSnapshot`], to be taken every second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFigures {
    /// Its name.
    pub name: Arc<str>,
    /// Its peers, those that are away included.
    pub peers: usize,
    /// Bytes that wait in all outboxes.
    pub queued: usize,
    /// Requests, locks and sessions.
    pub status: Status,
    /// What all peers have done, also those that have left.
    pub totals: Totals,
}

/// One peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSnapshot {
    /// The client's id.
    pub id: Arc<str>,
    /// What it is to the coordinator.
    pub role: Role,
    /// When its session began, in milliseconds since the Unix epoch.
    pub connected: u64,
    /// Its connection is lost and its session is kept.
    pub is_away: bool,
    /// Bytes that wait in its outbox.
    pub queued: usize,
    /// What it has sent.
    pub received: Traffic,
    /// What was put into its outbox.
    pub sent: Traffic,
    /// The round trip time that TCP has measured, where the system tells.
    pub round_trip: Option<Duration>,
}

impl State {
    pub(super) fn clients(&self) -> Vec<PeerSnapshot> {
        self.peers.iter().map(|(id, peer)| peer.snapshot(id, self.role(id))).collect()
    }
}

impl Peer {
    fn snapshot(&self, id: &Arc<str>, role: Role) -> PeerSnapshot {
        PeerSnapshot {
            id: id.clone(),
            role,
            connected: self.connected,
            is_away: matches!(self.presence, Presence::Away(_)),
            queued: self.outbox.waiting_bytes(),
            received: self.received,
            sent: self.outbox.traffic(),
            round_trip: self.outbox.transport().and_then(|transport| transport.round_trip()),
        }
    }
}
