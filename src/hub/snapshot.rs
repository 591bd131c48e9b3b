//! How things stand, for whoever looks at the hub: JavaScript, a status page, metrics. Plain data, and how it is taken
//! down.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use super::{
    outbox::{Outbox, Traffic},
    peers::{Contact, Peer, State, Totals},
};
use crate::{
    acebase::{Lock, Role, Status, Strain},
    clock::Millis,
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatabaseFigures {
    /// Its name.
    pub name: Arc<str>,
    /// Its peers, those that are away included.
    pub peers: usize,
    /// Those among them that have the extension.
    pub reliable: usize,
    /// Bytes that wait in all outboxes.
    pub queued: usize,
    /// Requests, locks and sessions.
    pub status: Status,
    /// What all peers have done, also those that have left.
    pub totals: Totals,
    /// What weighs on the cluster.
    pub strain: Strain,
    /// The peer that is the master, if one is.
    pub master: Option<PeerSnapshot>,
    /// The peer that holds the lock that others wait for, if it is there.
    pub holder: Option<PeerSnapshot>,
    /// The peer that waits for a lock longest, if it is there.
    pub waiter: Option<PeerSnapshot>,
    /// The peer that most bytes wait for, if any do, and since when that has been so.
    pub slowest: Option<(PeerSnapshot, Millis)>,
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
    /// It has the extension: it gets each message exactly once.
    pub is_reliable: bool,
    /// Bytes that wait in its outbox.
    pub queued: usize,
    /// What it has sent.
    pub received: Traffic,
    /// What was put into its outbox.
    pub sent: Traffic,
    /// The round trip time that TCP has measured, where the system tells.
    pub round_trip: Option<Duration>,
    /// When it was last known to have given a sign of life, on the hub's clock.
    pub heard: Millis,
    /// The address that it is, or was last, connected from, as far as that is known behind proxies.
    pub remote: Option<SocketAddr>,
    /// The hub that passes it on, where another one does.
    pub via: Option<Arc<str>>,
}

/// A peer that is connected from an address of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopbackPeer {
    /// Its database.
    pub db: Arc<str>,
    /// Its id.
    pub id: Arc<str>,
    /// The address.
    pub remote: SocketAddr,
}

/// One peer, as far as the database's lock is needed to see it. The rest asks outboxes and the system.
pub(super) struct PeerSight {
    id: Arc<str>,
    role: Role,
    connected: u64,
    is_away: bool,
    is_reliable: bool,
    received: Traffic,
    remote: Option<SocketAddr>,
    heard: Millis,
    outbox: Arc<Outbox>,
}

impl State {
    pub(super) fn sights(&self) -> Vec<PeerSight> {
        self.peers.iter().map(|(id, peer)| peer.sight(id, self.role(id))).collect()
    }
}

impl State {
    /// One peer, as far as it is there.
    pub(super) fn sight_of(&self, id: &str) -> Option<PeerSight> {
        self.peers.get_key_value(id).map(|(id, peer)| peer.sight(id, self.role(id)))
    }

    /// The peer that most bytes wait for, and since when that has been so.
    pub(super) fn slowest(&self) -> Option<(PeerSight, Millis)> {
        let behind = self.peers.iter().filter_map(|(id, peer)| Some((id, peer, peer.behind?)));
        let (id, peer, since) = behind.max_by_key(|(_, peer, _)| peer.outbox.waiting_bytes())?;
        Some((peer.sight(id, self.role(id)), since))
    }
}

impl Peer {
    fn sight(&self, id: &Arc<str>, role: Role) -> PeerSight {
        PeerSight {
            id: id.clone(),
            role,
            connected: self.connected,
            is_away: matches!(self.contact, Contact::Away(_)),
            is_reliable: self.exchange.is_some(),
            received: self.received,
            remote: self.remote,
            heard: self.heard,
            outbox: self.outbox.clone(),
        }
    }
}

impl From<PeerSight> for PeerSnapshot {
    /// Takes down the rest. Not under the database's lock.
    fn from(
        PeerSight { id, role, connected, is_away, is_reliable, received, remote, heard, outbox }: PeerSight,
    ) -> Self {
        let transport = outbox.transport();
        Self {
            id,
            role,
            connected,
            is_away,
            is_reliable,
            queued: outbox.waiting_bytes(),
            received,
            sent: outbox.traffic(),
            round_trip: transport.as_ref().and_then(|transport| transport.round_trip()),
            heard,
            remote,
            via: transport.and_then(|transport| transport.via()),
        }
    }
}
