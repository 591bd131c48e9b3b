//! How things stand, as JSON: what the page and the command line show, and what scripts read, from `/status.json` or in
//! the server's own process. index.d.ts describes the rows.
//!
//! Durations end in `Ms` or `Micros`, sizes in `Bytes`; points in time (`now`, and what ends in `At`) are milliseconds
//! since the Unix epoch. Members may be added, none will change its meaning.

mod cluster;
mod database;
mod foremost;
mod locks;
mod troubles;

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Watch,
    history::Curves,
    recent::Entry,
    tally::{ByWord, DatabaseTally, OTHERS},
};
use crate::{
    acebase::Trouble,
    clock,
    hub::{DatabaseSnapshot, Hub},
};
use cluster::ClusterRow;
use database::{DatabaseRow, View};
use troubles::TroubleRow;

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
    /// From when on a lock is trouble, in milliseconds, instead of the option `slowLock`.
    pub max_wait: Option<u64>,
}

impl Watch {
    /// How things stand, as JSON. The answer to a question about one database tells nothing of any other.
    pub fn status_json(&self, hub: &Hub, question: &Question, is_stopping: bool) -> String {
        let db = question.db.as_deref();
        let snapshots = match db {
            None => hub.snapshot(),
            Some(db) => hub.snapshot_of(db).into_iter().collect(),
        };
        let limit = question.limit.map_or(MAX_ROWS, |limit| limit.min(MAX_ROWS));
        let found = self.troubles(hub, db, question.max_wait, is_stopping);
        let tally = self.tally.lock().clone();
        let is_asked_for = |entry: &&Entry| db.is_none() || entry.db.as_deref() == db;
        // Copied, so that nobody who has an event waits for the report to be written.
        let events = self.recent.lock().since(question.since).filter(is_asked_for).cloned().collect();
        let report = Report {
            standing: Standing {
                cluster: self.registry.get().map(|registry| ClusterRow::new(registry, db)),
                ..self.standing(hub, &snapshots, &found, limit, is_stopping)
            },
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
        let found = self.troubles(hub, None, None, is_stopping);
        to_json(&self.standing(hub, &hub.snapshot(), &found, MAX_ROWS, is_stopping))
    }

    fn standing<'a>(
        &self,
        hub: &Hub,
        snapshots: &'a [DatabaseSnapshot],
        found: &'a [Trouble],
        limit: usize,
        is_stopping: bool,
    ) -> Standing<'a> {
        let now = hub.now();
        let view = View { now, process_at: &|address| self.process_at(address) };
        let mut databases: Vec<_> = snapshots.iter().map(|snapshot| DatabaseRow::new(snapshot, &view, limit)).collect();
        databases.sort_by_key(|database| database.name);
        let server = ServerRow {
            version: env!("CARGO_PKG_VERSION"),
            started_at: self.started,
            uptime_ms: now,
            stopping: is_stopping,
            now: clock::unix_millis(),
        };
        let cluster = self.registry.get().map(|registry| ClusterRow::new(registry, None));
        Standing { server, cluster, troubles: found.iter().map(TroubleRow::from).collect(), databases }
    }
}

/// The lock table of a database, as JSON: the rows of a report.
pub fn locks_json(hub: &Hub, db: &str) -> String {
    to_json(&locks::rows(&hub.locks(db), hub.now(), usize::MAX))
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
    /// Absent where this is the only hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<ClusterRow>,
    /// The worst first.
    troubles: Vec<TroubleRow<'a>>,
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
