//! How things stand, for whoever looks at the hub: JavaScript, a status page, metrics. Plain data, and how it is taken
//! down.

use std::{sync::Arc, time::Duration};

use super::{
    outbox::{Outbox, Traffic},
    peers::{Contact, Peer, State, Totals},
};
use crate::acebase::{Lock, Role, Status};

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

/// One peer, as far as the database's lock is needed to see it. The rest asks outboxes and the system.
pub(super) struct PeerSight {
    id: Arc<str>,
    role: Role,
    connected: u64,
    is_away: bool,
    received: Traffic,
    outbox: Arc<Outbox>,
}

impl State {
    pub(super) fn sights(&self) -> Vec<PeerSight> {
        self.peers.iter().map(|(id, peer)| peer.sight(id, self.role(id))).collect()
    }
}

impl Peer {
    fn sight(&self, id: &Arc<str>, role: Role) -> PeerSight {
        PeerSight {
            id: id.clone(),
            role,
            connected: self.connected,
            is_away: matches!(self.contact, Contact::Away(_)),
            received: self.received,
            outbox: self.outbox.clone(),
        }
    }
}

impl From<PeerSight> for PeerSnapshot {
    /// Takes down the rest. Not under the database's lock.
    fn from(PeerSight { id, role, connected, is_away, received, outbox }: PeerSight) -> Self {
        Self {
            id,
            role,
            connected,
            is_away,
            queued: outbox.waiting_bytes(),
            received,
            sent: outbox.traffic(),
            round_trip: outbox.transport().and_then(|transport| transport.round_trip()),
        }
    }
}
