//! How the last minutes have gone: each database's figures, once a second.

use std::{collections::VecDeque, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::tally::MAX_DATABASES;
use crate::hub::{DatabaseFigures, Traffic};

/// Samples that are kept: one a second, five minutes. AceBase's own lock timeout is two.
const MAX_SAMPLES: usize = 300;

/// Samples that lie further apart than this, in milliseconds, have no rate between them: the clock was set, or the
/// machine slept.
const MAX_STEP_MS: u64 = 10_000;

struct Sample {
    /// Milliseconds since the Unix epoch.
    at: u64,
    /// In the order of their names.
    databases: Vec<(Arc<str>, Point)>,
}

/// What the curves need of a database's figures.
struct Point {
    received: Traffic,
    sent: Traffic,
    peers: usize,
    queued: usize,
    held_locks: usize,
    waiting_locks: usize,
    held_requests: usize,
}

impl From<&DatabaseFigures> for Point {
    fn from(figures: &DatabaseFigures) -> Self {
        Self {
            received: figures.totals.received,
            sent: figures.totals.sent,
            peers: figures.peers,
            queued: figures.queued,
            held_locks: figures.status.held_locks,
            waiting_locks: figures.status.waiting_locks,
            held_requests: figures.status.held_requests,
        }
    }
}

impl Sample {
    fn of(&self, db: &str) -> Option<&Point> {
        let index = self.databases.binary_search_by(|(name, _)| (**name).cmp(db)).ok()?;
        self.databases.get(index).map(|(_, point)| point)
    }
}

/// The figures of the last minutes, a sample for each second.
#[derive(Default)]
pub(super) struct History {
    samples: VecDeque<Sample>,
}

impl History {
    pub(super) fn add(&mut self, at: u64, mut databases: Vec<DatabaseFigures>) {
        databases.sort_by(|a, b| b.peers.cmp(&a.peers).then_with(|| a.name.cmp(&b.name)));
        databases.truncate(MAX_DATABASES);
        databases.sort_by(|a, b| a.name.cmp(&b.name));
        let databases = databases.iter().map(|figures| (figures.name.clone(), figures.into())).collect();
        if self.samples.len() == MAX_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at, databases });
    }

    /// The samples after that time, of one database or of all.
    pub(super) fn since(&self, at: u64, db: Option<&str>) -> Curves {
        let first = self.samples.iter().position(|sample| sample.at > at).unwrap_or(self.samples.len());
        let times = self.samples.range(first..).map(|sample| sample.at).collect();
        let databases =
            self.names(first, db).into_iter().map(|name| (name.clone(), self.curve(first, &name))).collect();
        Curves { times, databases }
    }

    fn names(&self, first: usize, db: Option<&str>) -> Vec<Arc<str>> {
        let all = self.samples.range(first..).flat_map(|sample| &sample.databases);
        let mut names: Vec<_> =
            all.map(|(name, _)| name.clone()).filter(|name| db.is_none_or(|db| *db == **name)).collect();
        names.sort();
        names.dedup();
        names
    }

    fn curve(&self, first: usize, db: &str) -> Curve {
        let mut curve = Curve::default();
        for index in first..self.samples.len() {
            let now = self.samples[index].of(db);
            let before = index.checked_sub(1).and_then(|index| self.samples.get(index));
            let rate = |count: fn(&Point) -> u64| rate(before, &self.samples[index], db, count);
            curve.received.push(rate(|point| point.received.messages));
            curve.received_bytes.push(rate(|point| point.received.bytes));
            curve.sent.push(rate(|point| point.sent.messages));
            curve.sent_bytes.push(rate(|point| point.sent.bytes));
            curve.peers.push(now.map(|point| point.peers));
            curve.queued_bytes.push(now.map(|point| point.queued));
            curve.locks_held.push(now.map(|point| point.held_locks));
            curve.locks_waiting.push(now.map(|point| point.waiting_locks));
            curve.held_requests.push(now.map(|point| point.held_requests));
        }
        curve
    }
}

/// By how much a count has grown per second.
fn rate(before: Option<&Sample>, now: &Sample, db: &str, count: fn(&Point) -> u64) -> Option<f64> {
    let before = before?;
    let step = now.at.checked_sub(before.at).filter(|step| (1..=MAX_STEP_MS).contains(step))?;
    // A database that was not there a second ago began at 0; so did one that was forgotten meanwhile.
    let (was, is) = (before.of(db).map_or(0, count), count(now.of(db)?));
    let grown = is.checked_sub(was).unwrap_or(is);
    Some((grown as f64 * 10_000.0 / step as f64).round() / 10.0)
}

/// The samples turned into one list for each figure, as charts want them.
#[derive(Debug, Serialize)]
pub(super) struct Curves {
    /// Milliseconds since the Unix epoch, of each point.
    times: Vec<u64>,
    #[serde(serialize_with = "as_map")]
    databases: Vec<(Arc<str>, Curve)>,
}

/// One database's curves. A point is `null` where there was no such database.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Curve {
    /// Messages a second that peers sent.
    received: Vec<Option<f64>>,
    received_bytes: Vec<Option<f64>>,
    /// Messages a second that were delivered to peers.
    sent: Vec<Option<f64>>,
    sent_bytes: Vec<Option<f64>>,
    peers: Vec<Option<usize>>,
    queued_bytes: Vec<Option<usize>>,
    locks_held: Vec<Option<usize>>,
    locks_waiting: Vec<Option<usize>>,
    held_requests: Vec<Option<usize>>,
}

fn as_map<S: Serializer>(databases: &[(Arc<str>, Curve)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(databases.len()))?;
    for (name, curve) in databases {
        map.serialize_entry(&**name, curve)?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Totals;

    fn figures(name: &str, received: u64) -> DatabaseFigures {
        let received = Traffic { messages: received, bytes: received };
        let totals = Totals { received, ..Totals::default() };
        DatabaseFigures { name: name.into(), peers: 1, queued: 7, totals, ..Default::default() }
    }

    #[test]
    fn counts_become_rates_and_absences_become_gaps() {
        let mut history = History::default();
        history.add(1_000, vec![figures("db", 100)]);
        history.add(2_000, vec![figures("db", 150), figures("new", 30)]);
        history.add(4_000, vec![figures("new", 40)]);
        history.add(5_000, vec![figures("db", 5)]);
        history.add(50_000, vec![figures("db", 1_000)]);
        let curves = history.since(0, None);
        assert_eq!(curves.times, [1_000, 2_000, 4_000, 5_000, 50_000]);
        let received: Vec<_> = curves.databases.iter().map(|(name, curve)| (&**name, curve.received.clone())).collect();
        let expected = [
            ("db", vec![None, Some(50.0), None, Some(5.0), None]),
            ("new", vec![None, Some(30.0), Some(5.0), None, None]),
        ];
        assert_eq!(received, expected);
        assert_eq!(curves.databases[0].1.queued_bytes, [Some(7), Some(7), None, Some(7), Some(7)]);
    }

    #[test]
    fn what_came_since_has_its_rate_too() {
        let mut history = History::default();
        history.add(1_000, vec![figures("db", 100)]);
        history.add(2_000, vec![figures("db", 150)]);
        let curves = history.since(1_000, Some("db"));
        assert_eq!(curves.times, [2_000]);
        assert_eq!(curves.databases[0].1.received, [Some(50.0)]);
        assert!(history.since(0, Some("other")).databases.is_empty());
    }

    #[test]
    fn five_minutes_are_kept() {
        let mut history = History::default();
        (0..MAX_SAMPLES as u64 + 10).for_each(|second| history.add(second * 1_000, vec![]));
        let curves = history.since(0, None);
        assert_eq!((curves.times.len(), curves.times[0]), (MAX_SAMPLES, 10_000));
    }
}
