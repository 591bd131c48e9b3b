//! The hub's figures for Prometheus, in its text format. All are collected when they are asked for.
//!
//! There are labels for the database, a reason or a kind, never for a peer: workers take a new id with each start, and
//! each would be a series for ever. Databases beyond a bound share an empty `db` label.

mod families;
mod hubs;
mod sums;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Error},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text},
    metrics::MetricType,
    registry::Registry,
};

use families::{AGES, Ages, COUNTERS, Family, GAUGES, LOCK_STATES};
use hubs::HubsScrape;
use sums::{by_kind, by_label};

use super::{
    Watch, process,
    process::ProcessFigures,
    tally::{ByWord, DatabaseTally, Tally},
};
use crate::{
    acebase::{
        TroubleKind,
        histogram::{BUCKET_ENDS_MS, Histogram},
    },
    clock::Millis,
    hub::{DatabaseFigures, Hub},
};

/// The media type of a response with metrics.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

const PREFIX: &str = "acebase_ipc";

impl Watch {
    /// All metrics, as text.
    pub fn metrics(&self, hub: &Hub, is_stopping: bool) -> String {
        let tally = self.tally.lock().clone();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessScrape { started: self.started, figures: process::figures() }));
        let now = hub.now();
        let uptime_seconds = now as f64 / 1_000.0;
        let figures = hub.figures();
        let troubles = by_kind(&tally, &self.lookout.troubles(now, &figures, None, None, is_stopping));
        let databases = by_label(&tally, figures);
        registry.sub_registry_with_prefix(PREFIX).register_collector(Box::new(Scrape {
            uptime_seconds,
            now,
            is_stopping,
            databases,
            troubles,
            tally,
        }));
        if let Some(hubs) = self.registry.get() {
            let scrape = Box::new(HubsScrape::new(hubs.clone()));
            registry.sub_registry_with_prefix(PREFIX).sub_registry_with_prefix("cluster").register_collector(scrape);
        }
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = prometheus_text::encode(&mut text, &registry);
        text
    }
}

struct Scrape {
    uptime_seconds: f64,
    /// On the hub's clock.
    now: Millis,
    is_stopping: bool,
    databases: BTreeMap<String, DatabaseFigures>,
    troubles: BTreeMap<(String, TroubleKind), u64>,
    tally: Tally,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        self.encode_server(&mut encoder)?;
        for Family { name, help, read } in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (db, figures) in &self.databases {
                counter(&mut family.encode_family(&[("db", db.as_str())])?, read(figures))?;
            }
        }
        for Family { name, help, read } in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (db, figures) in &self.databases {
                family.encode_family(&[("db", db.as_str())])?.encode_gauge(&read(figures))?;
            }
        }
        self.encode_ages(&mut encoder)?;
        self.encode_troubles(&mut encoder)?;
        self.encode_locks(&mut encoder)?;
        self.encode_happenings(&mut encoder)
    }
}

impl Scrape {
    fn encode_server(&self, encoder: &mut DescriptorEncoder) -> Result<(), Error> {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        encoder
            .encode_descriptor("build_info", "Always 1; the label tells the version", None, MetricType::Gauge)?
            .encode_family(&version)?
            .encode_gauge(&1u64)?;
        encoder
            .encode_descriptor("uptime_seconds", "Time since the start of the server", None, MetricType::Gauge)?
            .encode_gauge(&self.uptime_seconds)?;
        encoder
            .encode_descriptor("stopping", "1 while the server stops", None, MetricType::Gauge)?
            .encode_gauge(&u64::from(self.is_stopping))
    }

    fn encode_ages(&self, encoder: &mut DescriptorEncoder) -> Result<(), Error> {
        for Ages { name, help, since } in AGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (db, figures) in &self.databases {
                let age = since(figures).map_or(0, |since| self.now.saturating_sub(since));
                family.encode_family(&[("db", db.as_str())])?.encode_gauge(&(age as f64 / 1_000.0))?;
            }
        }
        Ok(())
    }

    /// Each kind of each database, so that an alert sees it come and go; those of the server have an empty database.
    fn encode_troubles(&self, encoder: &mut DescriptorEncoder) -> Result<(), Error> {
        let help = "Troubles that there are now, by the kind: what keeps a database, or a process, from its work";
        let mut family = encoder.encode_descriptor("troubles", help, None, MetricType::Gauge)?;
        let labels = self.databases.keys().cloned().chain(self.troubles.keys().map(|(db, _)| db.clone()));
        let labels: BTreeSet<String> = labels.chain([String::new()]).collect();
        for db in labels {
            for kind in TroubleKind::ALL {
                let count = self.troubles.get(&(db.clone(), kind)).copied().unwrap_or_default();
                let labels = [("db", db.as_str()), ("kind", kind.name())];
                family.encode_family(&labels)?.encode_gauge(&count)?;
            }
        }
        Ok(())
    }

    fn encode_locks(&self, encoder: &mut DescriptorEncoder) -> Result<(), Error> {
        let help = "Locks granted by the master (held), by a former one (fenced), and asked for (waiting)";
        let mut family = encoder.encode_descriptor("locks", help, None, MetricType::Gauge)?;
        for (db, figures) in &self.databases {
            for (state, read) in LOCK_STATES {
                let labels = [("db", db.as_str()), ("state", state)];
                family.encode_family(&labels)?.encode_gauge(&read(figures))?;
            }
        }
        let help = "From the request for a lock to its grant";
        self.encode_histogram(encoder, "lock_wait_seconds", help, |figures| &figures.status.lock_waits)?;
        let help = "From the grant of a lock to its end";
        self.encode_histogram(encoder, "lock_hold_seconds", help, |figures| &figures.status.lock_holds)
    }

    fn encode_histogram(
        &self,
        encoder: &mut DescriptorEncoder,
        name: &str,
        help: &str,
        read: fn(&DatabaseFigures) -> &Histogram,
    ) -> Result<(), Error> {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (db, figures) in &self.databases {
            let histogram = read(figures);
            let ends = BUCKET_ENDS_MS.iter().map(|end| *end as f64 / 1_000.0);
            // What is above the last end is in the count.
            let buckets: Vec<_> = ends.zip(histogram.counts).collect();
            let sum = histogram.sum_ms as f64 / 1_000.0;
            let labels = [("db", db.as_str())];
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, histogram.count(), &buckets, None)?;
        }
        Ok(())
    }

    fn encode_happenings(&self, encoder: &mut DescriptorEncoder) -> Result<(), Error> {
        let mut family = encoder.encode_descriptor("connects", "Sessions that began", None, MetricType::Counter)?;
        for (db, tally) in &self.tally.databases {
            counter(&mut family.encode_family(&[("db", &**db)])?, tally.connects)?;
        }
        let (name, help) = ("disconnects", "Sessions that ended, by the reason");
        self.encode_of_databases(encoder, name, help, "reason", |tally| &tally.disconnects)?;
        let (name, help) = ("coordination_events", "What the hub did for AceBase peers, by the kind");
        self.encode_of_databases(encoder, name, help, "kind", |tally| &tally.notes)?;
        let tally = &self.tally;
        encode_words(encoder, "refusals", "Connections that were refused, by the reason", "reason", &tally.refusals)?;
        encode_words(encoder, "warnings", "Warnings, by the code", "code", &tally.warnings)?;
        counter(
            &mut encoder.encode_descriptor("errors", "Failures of parts of the server", None, MetricType::Counter)?,
            tally.errors,
        )
    }

    fn encode_of_databases(
        &self,
        encoder: &mut DescriptorEncoder,
        name: &str,
        help: &str,
        label: &str,
        read: fn(&DatabaseTally) -> &ByWord,
    ) -> Result<(), Error> {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (db, tally) in &self.tally.databases {
            for (word, count) in read(tally) {
                counter(&mut family.encode_family(&[("db", &**db), (label, word)])?, *count)?;
            }
        }
        Ok(())
    }
}

fn encode_words(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    label: &str,
    counts: &ByWord,
) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (word, count) in counts {
        counter(&mut family.encode_family(&[(label, *word)])?, *count)?;
    }
    Ok(())
}

fn counter(encoder: &mut MetricEncoder<'_>, count: u64) -> Result<(), Error> {
    encoder.encode_counter::<NoLabelSet, _, u64>(&count, None)
}

/// What Prometheus wants of every process, without the prefix.
#[derive(Debug)]
struct ProcessScrape {
    /// Milliseconds since the Unix epoch: of the server's start, which is near enough.
    started: u64,
    figures: ProcessFigures,
}

impl Collector for ProcessScrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let (name, help) = ("process_start_time_seconds", "Start of the server since the Unix epoch");
        let started = self.started as f64 / 1_000.0;
        encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&started)?;
        if let Some(seconds) = self.figures.cpu_seconds {
            let (name, help) = ("process_cpu_seconds", "CPU time of the process");
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            family.encode_counter::<NoLabelSet, _, u64>(&seconds, None)?;
        }
        let gauges = [
            ("process_resident_memory_bytes", "Memory of the process", self.figures.resident_bytes),
            ("process_open_fds", "Open files of the process", self.figures.open_files),
        ];
        for (name, help, figure) in gauges {
            if let Some(figure) = figure {
                encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&figure)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        hub::{
            Settings,
            event::{Deaf, Event, Observer},
        },
        observe::{Setup, watch::tests::refusal},
    };

    fn scraped(watch: &Watch) -> String {
        let settings = Settings { max_queue: 1_000, max_payload: 100, download_large: false, coordinators: None };
        watch.metrics(
            &Hub::new(settings, Arc::new(Deaf), Arc::new(crate::clock::SystemClock::start()), Box::new(|| {})),
            false,
        )
    }

    fn figures(name: &str, peers: usize) -> DatabaseFigures {
        DatabaseFigures { name: name.into(), peers, ..Default::default() }
    }

    #[test]
    fn what_happened_is_in_the_text_with_its_labels() {
        let watch = Watch::new(Arc::new(Deaf), Setup::default());
        watch.event(Event::Connect { db: "my\"db".into(), id: "peer".into(), remote: None });
        watch.event(Event::Disconnect { db: "my\"db".into(), id: "peer".into(), reason: "fin", remote: None });
        for _ in 0..3 {
            watch.event_of_stranger(None, Event::Refused(refusal("token-wrong")));
        }
        let text = scraped(&watch);
        for line in [
            "# TYPE acebase_ipc_disconnects_total counter",
            "acebase_ipc_connects_total{db=\"my\\\"db\"} 1",
            "acebase_ipc_disconnects_total{db=\"my\\\"db\",reason=\"fin\"} 1",
            "acebase_ipc_refusals_total{reason=\"token-wrong\"} 3",
            "acebase_ipc_stopping 0",
            "acebase_ipc_troubles{db=\"\",kind=\"token-wrong\"} 1",
            "acebase_ipc_troubles{db=\"\",kind=\"lock-held\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn databases_without_a_label_of_their_own_are_added_up() {
        let mut tally = Tally::default();
        tally.count(&Event::Connect { db: "known".into(), id: "peer".into(), remote: None });
        let labelled = by_label(&tally, vec![figures("a", 1), figures("known", 2), figures("b", 4)]);
        let peers: Vec<_> = labelled.iter().map(|(label, figures)| (label.as_str(), figures.peers)).collect();
        assert_eq!(peers, [("", 5), ("known", 2)]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_process_is_there_under_its_usual_names() {
        let text = scraped(&Watch::new(Arc::new(Deaf), Setup::default()));
        for name in ["process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_open_fds "] {
            assert!(text.lines().any(|line| line.starts_with(name)), "{name} is not in\n{text}");
        }
    }
}
