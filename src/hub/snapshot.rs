//! How things stand, for whoever looks at the hub: JavaScript, a status page, metrics. Plain data.

use std::{sync::Arc, time::Duration};

use super::{
    coordinator::{Lock, Status},
    outbox::Traffic,
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
}

/// One peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSnapshot {
    /// The client's id.
    pub id: Arc<str>,
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
