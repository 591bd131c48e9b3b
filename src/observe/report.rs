//! How things stand, as JSON: what the page and the command line show, and what scripts read, from `/status.json` or in
//! the server's own process. index.d.ts describes the rows.
//!
//! Durations end in `Ms` or `Micros`, sizes in `Bytes`; points in time (`now`, and what ends in `At`) are milliseconds
//! since the Unix epoch. Members may be added, none will change its meaning.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::Serialize;

use super::{
    Watch,
    history::Curves,
    recent::Entry,
    tally::{ByWord, DatabaseTally, OTHERS},
    waiting::Granted,
};
use crate::{
    acebase::{
        Lock, LockState, Role, Status,
        histogram::{BUCKET_ENDS_MS, Histogram},
    },
    clock,
    hub::{DatabaseSnapshot, Hub, PeerSnapshot, Traffic},
};

/// Peers and locks of a database that a report lists at most, each: a few hundred kilobytes, which are written in some
/// milliseconds. How many it leaves out it says; `getClients()` and `locks()` have all.
pub const MAX_ROWS: usize = 1_000;

/// What somebody wants to know.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// One database instead of all.
    pub db: Option<String>,
    /// Of history and events only what is not older than this, in milliseconds since the Unix epoch: the `now` of an
    /// earlier report.
    pub since: u64,
    /// Peers and locks of each database at most, those that matter most; [`MAX_ROWS`] in any case.
    pub limit: Option<usize>,
}

impl Watch {
    /// How things stand, as JSON. Of a question about one database the answer has nothing of any other.
    pub fn status_json(&self, hub: &Hub, question: &Question, is_stopping: bool) -> String {
        let db = question.db.as_deref();
        let snapshots = match db {
            None => hub.snapshot(),
            Some(db) => hub.snapshot_of(db).into_iter().collect(),
        };
        let limit = question.limit.map_or(MAX_ROWS, |limit| limit.min(MAX_ROWS));
        let tally = self.tally.lock().clone();
        let is_asked_for = |entry: &&Entry| db.is_none() || entry.db.as_deref() == db;
        // Copied, so that nobody who has an event waits for the report to be written.
        let events = self.recent.lock().since(question.since).filter(is_asked_for).cloned().collect();
        let report = Report {
            standing: self.standing(hub, &snapshots, limit, is_stopping),
            counts: db.is_none().then_some(Counts {
                refusals: &tally.refusals,
                warnings: &tally.warnings,
                notices: &tally.notices,
                errors: tally.errors,
            }),
            counts_of: tally
                .databases
                .iter()
                .filter(|(name, _)| db.map_or(&***name != OTHERS, |db| db == &***name))
                .map(|(name, counts)| (&**name, counts.into()))
                .collect(),
            events,
            history: self.history.lock().since(question.since, db),
        };
        to_json(&report)
    }

    /// What a report says of the present, as JSON, with all peers and locks.
    pub fn standing_json(&self, hub: &Hub, is_stopping: bool) -> String {
        to_json(&self.standing(hub, &hub.snapshot(), MAX_ROWS, is_stopping))
    }

    fn standing<'a>(
        &self,
        hub: &Hub,
        snapshots: &'a [DatabaseSnapshot],
        limit: usize,
        is_stopping: bool,
    ) -> Standing<'a> {
        let now = hub.now();
        let mut databases: Vec<_> = snapshots.iter().map(|snapshot| DatabaseRow::new(snapshot, now, limit)).collect();
        databases.sort_by_key(|database| database.name);
        let server = ServerRow {
            version: env!("CARGO_PKG_VERSION"),
            started_at: self.started,
            uptime_ms: now,
            stopping: is_stopping,
            now: clock::unix_millis(),
        };
        Standing { server, databases }
    }
}

/// The lock table of a database, as JSON: the rows of a report.
pub fn locks_json(hub: &Hub, db: &str) -> String {
    to_json(&lock_rows(&hub.locks(db), hub.now(), usize::MAX))
}

/// Nothing in a report can fail to be written as JSON.
fn to_json(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    #[serde(flatten)]
    standing: Standing<'a>,
    /// Counts of the server; absent where one database was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Counts<'a>>,
    /// Counts of databases by name, also of some that are gone.
    counts_of: BTreeMap<&'a str, DatabaseCounts<'a>>,
    events: Vec<Entry>,
    history: Curves,
}

/// How things stand at the moment.
#[derive(Serialize)]
struct Standing<'a> {
    server: ServerRow,
    databases: Vec<DatabaseRow<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServerRow {
    version: &'static str,
    started_at: u64,
    uptime_ms: u64,
    stopping: bool,
    now: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts<'a> {
    refusals: &'a ByWord,
    warnings: &'a ByWord,
    notices: &'a ByWord,
    errors: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DatabaseCounts<'a> {
    connects: u64,
    disconnects: &'a ByWord,
    coordination: &'a ByWord,
}

impl<'a> From<&'a DatabaseTally> for DatabaseCounts<'a> {
    fn from(tally: &'a DatabaseTally) -> Self {
        Self { connects: tally.connects, disconnects: &tally.disconnects, coordination: &tally.notes }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DatabaseRow<'a> {
    name: &'a str,
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
}

impl<'a> DatabaseRow<'a> {
    fn new(database: &'a DatabaseSnapshot, now: u64, limit: usize) -> Self {
        let (status, totals) = (&database.status, &database.totals);
        let peers = peer_rows(&database.peers, limit);
        let locks = lock_rows(&database.locks, now, limit);
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
    rtt_micros: Option<u128>,
    queued_bytes: usize,
    received: TrafficRow,
    sent: TrafficRow,
}

fn peer_rows(peers: &[PeerSnapshot], limit: usize) -> Vec<PeerRow<'_>> {
    foremost_peers(peers, limit).into_iter().map(peer_row).collect()
}

/// So many at most: the master first, then those with the fullest queues, then the busiest.
pub fn foremost_peers(peers: &[PeerSnapshot], limit: usize) -> Vec<&PeerSnapshot> {
    let rank =
        |peer: &PeerSnapshot| (peer.role == Role::Master, peer.queued, peer.received.messages + peer.sent.messages);
    foremost(peers, limit, |a, b| rank(b).cmp(&rank(a)).then_with(|| a.id.cmp(&b.id)))
}

/// So many at most: granted ones first, then the waiting; the oldest of each first.
pub fn foremost_locks(locks: &[Lock], limit: usize) -> Vec<&Lock> {
    let rank = |lock: &Lock| (lock.state == LockState::Waiting, lock.since, lock.id);
    foremost(locks, limit, |a, b| rank(a).cmp(&rank(b)))
}

/// The first few in an order. Only these are sorted.
fn foremost<T>(of: &[T], limit: usize, order: impl Fn(&T, &T) -> Ordering) -> Vec<&T> {
    let mut rows: Vec<_> = of.iter().collect();
    if limit < rows.len() {
        rows.select_nth_unstable_by(limit, |a, b| order(a, b));
        rows.truncate(limit);
    }
    rows.sort_by(|a, b| order(a, b));
    rows
}

fn peer_row(peer: &PeerSnapshot) -> PeerRow<'_> {
    PeerRow {
        id: &peer.id,
        role: peer.role.name(),
        connected_at: peer.connected,
        away: peer.is_away,
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LockRow<'a> {
    id: Option<u64>,
    state: &'static str,
    peer: &'a str,
    path: &'a str,
    write: bool,
    tid: &'a str,
    comment: &'a str,
    /// How long it has been in this state.
    age_ms: u64,
    expires_at: Option<u64>,
    /// The locks that it waits for, the first few. None of a waiting lock: those that it waits for are the master's
    /// own, which do not pass the hub, or there is no master.
    waits_for: Vec<BlockerRow<'a>>,
    waits_for_count: usize,
}

#[derive(Serialize)]
struct BlockerRow<'a> {
    id: Option<u64>,
    peer: &'a str,
    path: &'a str,
}

fn lock_rows(locks: &[Lock], now: u64, limit: usize) -> Vec<LockRow<'_>> {
    let granted = Granted::of(locks);
    foremost_locks(locks, limit).into_iter().map(|lock| lock_row(lock, &granted, now)).collect()
}

fn lock_row<'a>(lock: &'a Lock, granted: &Granted<'a>, now: u64) -> LockRow<'a> {
    let blockers = granted.blockers(lock);
    let blocker = |lock: &'a Lock| BlockerRow { id: lock.id, peer: &lock.peer, path: &lock.path };
    LockRow {
        id: lock.id,
        state: lock.state.name(),
        peer: &lock.peer,
        path: &lock.path,
        write: lock.write,
        tid: &lock.tid,
        comment: &lock.comment,
        age_ms: now.saturating_sub(lock.since),
        expires_at: lock.expires,
        waits_for: blockers.first.into_iter().map(blocker).collect(),
        waits_for_count: blockers.count,
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
    use std::{
        sync::Arc,
        time::{Duration, Instant},
    };

    use super::*;

    fn peer(id: &str, role: Role, queued: usize) -> PeerSnapshot {
        PeerSnapshot {
            id: id.into(),
            role,
            connected: 5,
            is_away: false,
            queued,
            received: Traffic { messages: 1, bytes: 2 },
            sent: Traffic { messages: 3, bytes: 4 },
            round_trip: Some(Duration::from_micros(250)),
        }
    }

    fn lock(peer: &str, tid: &str, state: LockState, since: u64) -> Lock {
        let (peer, tid) = (peer.into(), tid.into());
        let (id, path) = ((state == LockState::Held).then_some(7), "a/b".into());
        Lock { id, peer, path, tid, write: true, comment: "set".into(), state, since, expires: None }
    }

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
        let row = serde_json::to_value(DatabaseRow::new(&database, 100, usize::MAX)).unwrap();
        let ids: Vec<_> = row["peers"].as_array().unwrap().iter().map(|peer| peer["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["[master]", "slow", "idle"]);
        assert_eq!(row["peers"][1]["rttMicros"], 250);
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
        let row = serde_json::to_value(DatabaseRow::new(&database, 100, 1)).unwrap();
        assert_eq!((row["peers"].as_array().unwrap().len(), &row["peerCount"]), (1, &3.into()));
        assert_eq!(row["locks"].as_array().unwrap().len(), 1);
        assert_eq!((&row["peersLeftOut"], &row["locksLeftOut"]), (&2.into(), &1.into()));
    }

    /// A long table takes time in proportion to its length: compared lock by lock, this one would take a minute.
    #[test]
    fn a_long_table_of_locks_is_told_soon() {
        const LOCKS: u64 = 30_000;
        let row = |number: u64| {
            lock("peer", &number.to_string(), [LockState::Held, LockState::Waiting][number as usize % 2], number)
        };
        let database = DatabaseSnapshot { locks: (0..LOCKS).map(row).collect(), ..database() };
        let begun = Instant::now();
        let row = DatabaseRow::new(&database, 100, usize::MAX);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        let waiting = &row.locks[LOCKS as usize - 1];
        assert_eq!((waiting.waits_for_count, waiting.waits_for.len()), (LOCKS as usize / 2, 8));
    }
}
