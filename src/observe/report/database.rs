//! A database in a report: how it stands, its peers and its locks.

use std::{net::SocketAddr, sync::Arc};

use serde::Serialize;

use super::{
    foremost,
    locks::{self, LockRow},
};
use crate::{
    acebase::{
        Process, Role, Status,
        histogram::{BUCKET_ENDS_MS, Histogram},
    },
    clock::Millis,
    hub::{DatabaseSnapshot, PeerSnapshot, Traffic},
};

/// What a report needs beside the hub's snapshot.
pub(super) struct View<'a> {
    /// On the hub's clock.
    pub(super) now: Millis,
    /// The process behind an address.
    pub(super) process_at: &'a dyn Fn(SocketAddr) -> Option<Process>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DatabaseRow<'a> {
    pub(super) name: &'a str,
    master_present: bool,
    needs_master: bool,
    held_requests: usize,
    delivered_requests: usize,
    request_bytes: usize,
    kept_sessions: usize,
    received: TrafficRow,
    sent: TrafficRow,
    large_messages: u64,
    queued_bytes: usize,
    peer_count: usize,
    peers: Vec<PeerRow<'a>>,
    peers_left_out: usize,
    lock_count: LockCount,
    locks: Vec<LockRow<'a>>,
    locks_left_out: usize,
    lock_waits: HistogramRow,
    lock_holds: HistogramRow,
    lock_passes: u64,
}

impl<'a> DatabaseRow<'a> {
    pub(super) fn new(database: &'a DatabaseSnapshot, view: &View<'_>, limit: usize) -> Self {
        let (status, totals) = (&database.status, &database.totals);
        let peers = peer_rows(&database.peers, limit, view);
        let locks = locks::rows(&database.locks, view.now, limit);
        Self {
            name: &database.name,
            master_present: status.master_present,
            needs_master: needs_master(database),
            held_requests: status.held_requests,
            delivered_requests: status.delivered_requests,
            request_bytes: status.request_bytes,
            kept_sessions: status.kept_sessions,
            received: totals.received.into(),
            sent: totals.sent.into(),
            large_messages: totals.large,
            queued_bytes: database.peers.iter().map(|peer| peer.queued).sum(),
            peer_count: database.peers.len(),
            peers_left_out: database.peers.len() - peers.len(),
            peers,
            lock_count: status.into(),
            locks_left_out: database.locks.len() - locks.len(),
            locks,
            lock_waits: (&status.lock_waits).into(),
            lock_holds: (&status.lock_holds).into(),
            lock_passes: status.lock_passes,
        }
    }
}

/// AceBase's processes need a master. Plain clients of the protocol do not; but whoever has left may have had a request
/// that waits.
fn needs_master(database: &DatabaseSnapshot) -> bool {
    database.status.held_requests > 0 || database.peers.iter().any(|peer| peer.role != Role::Plain)
}

#[derive(Serialize)]
struct TrafficRow {
    messages: u64,
    bytes: u64,
}

impl From<Traffic> for TrafficRow {
    fn from(Traffic { messages, bytes }: Traffic) -> Self {
        Self { messages, bytes }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PeerRow<'a> {
    id: &'a str,
    role: &'static str,
    connected_at: u64,
    away: bool,
    reliable: bool,
    /// The address that it is, or was last, connected from, with its port.
    remote: Option<String>,
    /// The hub that passes it on, where another one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'a str>,
    pid: Option<u32>,
    command: Option<Arc<str>>,
    /// How long ago it gave the last sign of life, as far as was looked.
    heard_ms: u64,
    rtt_micros: Option<u128>,
    queued_bytes: usize,
    received: TrafficRow,
    sent: TrafficRow,
}

fn peer_rows<'a>(peers: &'a [PeerSnapshot], limit: usize, view: &View<'_>) -> Vec<PeerRow<'a>> {
    foremost::peers(peers, limit).into_iter().map(|peer| peer_row(peer, view)).collect()
}

fn peer_row<'a>(peer: &'a PeerSnapshot, View { now, process_at }: &View<'_>) -> PeerRow<'a> {
    let process = peer.remote.and_then(process_at);
    PeerRow {
        id: &peer.id,
        role: peer.role.name(),
        connected_at: peer.connected,
        away: peer.is_away,
        reliable: peer.is_reliable,
        remote: peer.remote.map(|remote| remote.to_string()),
        via: peer.via.as_deref(),
        pid: process.as_ref().map(|process| process.pid),
        command: process.map(|process| process.command),
        heard_ms: now.saturating_sub(peer.heard),
        rtt_micros: peer.round_trip.map(|time| time.as_micros()),
        queued_bytes: peer.queued,
        received: peer.received.into(),
        sent: peer.sent.into(),
    }
}

#[derive(Serialize)]
struct LockCount {
    held: usize,
    fenced: usize,
    waiting: usize,
}

impl From<&Status> for LockCount {
    fn from(status: &Status) -> Self {
        Self { held: status.held_locks, fenced: status.fenced_locks, waiting: status.waiting_locks }
    }
}

/// Each bucket's upper end, and how many durations are in it; the last bucket has no end (`null`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HistogramRow {
    count: u64,
    sum_ms: u64,
    buckets: Vec<(Option<u64>, u64)>,
}

impl From<&Histogram> for HistogramRow {
    fn from(histogram: &Histogram) -> Self {
        let ends = BUCKET_ENDS_MS.iter().copied().map(Some).chain([None]);
        let buckets = ends.zip(histogram.counts).collect();
        Self { count: histogram.count(), sum_ms: histogram.sum_ms, buckets }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::acebase::{Lock, LockState};

    fn peer(id: &str, role: Role, queued: usize) -> PeerSnapshot {
        PeerSnapshot {
            id: id.into(),
            role,
            connected: 5,
            is_away: false,
            is_reliable: false,
            queued,
            received: Traffic { messages: 1, bytes: 2 },
            sent: Traffic { messages: 3, bytes: 4 },
            round_trip: Some(Duration::from_micros(250)),
            heard: 40,
            remote: "127.0.0.1:5".parse().ok(),
            via: None,
        }
    }

    fn lock(peer: &str, tid: &str, state: LockState, since: u64) -> Lock {
        let (peer, tid) = (peer.into(), tid.into());
        let (id, path) = ((state == LockState::Held).then_some(7), "a/b".into());
        Lock {
            id,
            peer,
            path,
            tid,
            write: true,
            comment: "set".into(),
            state,
            since,
            expires: None,
            passed: 0,
            has_expired: false,
        }
    }

    const VIEW: View<'_> = View { now: 100, process_at: &|_| Some(Process { pid: 7, command: "node".into() }) };

    fn database() -> DatabaseSnapshot {
        DatabaseSnapshot {
            name: Arc::from("db"),
            peers: vec![peer("idle", Role::Plain, 0), peer("slow", Role::Worker, 9), peer("[master]", Role::Master, 0)],
            locks: vec![lock("idle", "2", LockState::Waiting, 10), lock("slow", "1", LockState::Held, 20)],
            status: Status { held_locks: 1, waiting_locks: 1, ..Status::default() },
            totals: Default::default(),
        }
    }

    #[test]
    fn a_database_is_told_with_what_matters_first() {
        let database = database();
        let row = serde_json::to_value(DatabaseRow::new(&database, &VIEW, usize::MAX)).unwrap();
        let ids: Vec<_> = row["peers"].as_array().unwrap().iter().map(|peer| peer["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["[master]", "slow", "idle"]);
        assert_eq!(row["peers"][1]["rttMicros"], 250);
        assert_eq!((&row["peers"][1]["remote"], &row["peers"][1]["heardMs"]), (&"127.0.0.1:5".into(), &60.into()));
        assert_eq!((&row["peers"][1]["pid"], &row["peers"][1]["command"]), (&7.into(), &"node".into()));
        assert_eq!(row["queuedBytes"], 9);
        assert_eq!(row["needsMaster"], true);
        assert_eq!(row["lockCount"], serde_json::json!({ "held": 1, "fenced": 0, "waiting": 1 }));
        assert_eq!(row["locks"][0]["state"], "held");
        assert_eq!(row["locks"][1]["ageMs"], 90);
        assert_eq!(row["locks"][1]["waitsFor"], serde_json::json!([{ "id": 7, "peer": "slow", "path": "a/b" }]));
        assert_eq!(row["lockWaits"]["buckets"].as_array().unwrap().last(), Some(&serde_json::json!([null, 0])));
    }

    #[test]
    fn a_master_is_needed_where_a_process_of_acebase_is_or_a_request_waits() {
        let of = |peers, held_requests| {
            needs_master(&DatabaseSnapshot {
                peers,
                status: Status { held_requests, ..Status::default() },
                ..database()
            })
        };
        assert!(!of(vec![], 0) && !of(vec![peer("plain", Role::Plain, 0)], 0));
        assert!(of(vec![], 1));
        assert!(of(vec![peer("w", Role::Worker, 0)], 0) && of(vec![peer("[master]", Role::Master, 0)], 0));
    }

    #[test]
    fn a_limit_cuts_rows_and_not_their_number() {
        let database = database();
        let row = serde_json::to_value(DatabaseRow::new(&database, &VIEW, 1)).unwrap();
        assert_eq!((row["peers"].as_array().unwrap().len(), &row["peerCount"]), (1, &3.into()));
        assert_eq!(row["locks"].as_array().unwrap().len(), 1);
        assert_eq!((&row["peersLeftOut"], &row["locksLeftOut"]), (&2.into(), &1.into()));
    }
}
