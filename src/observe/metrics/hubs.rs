//! The other hubs in figures: how many there are, what is whose, whether the engine answers.

use std::{fmt, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue},
    metrics::MetricType,
};

use crate::cluster::{EngineState, Registry, Whereabouts, registry::Row};

/// What one of several hubs tells of the others.
pub(super) struct HubsScrape {
    registry: Registry,
}

impl HubsScrape {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry }
    }
}

impl fmt::Debug for HubsScrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HubsScrape")
    }
}

impl Collector for HubsScrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let rows = self.registry.rows();
        let count =
            |wanted: fn(&Whereabouts) -> bool| rows.iter().filter(|row| wanted(&row.whereabouts)).count() as u64;
        let is_up = u64::from(self.registry.engine() == EngineState::Up);
        let owned = count(|whereabouts| matches!(whereabouts, Whereabouts::Here { .. }));
        let elsewhere = count(|whereabouts| matches!(whereabouts, Whereabouts::At(_)));
        gauge(&mut encoder, "engine_up", "1 while the engine of the cluster answers", &is_up)?;
        gauge(&mut encoder, "hubs", "Hubs of the cluster that live", &(self.registry.members().len() as u64))?;
        gauge(&mut encoder, "owned_databases", "Databases that this hub has", &owned)?;
        gauge(
            &mut encoder,
            "other_databases",
            "Databases that are asked for here, and that other hubs have",
            &elsewhere,
        )?;
        gauge(
            &mut encoder,
            "relayed_clients",
            "Clients that are relayed to other hubs",
            &(self.registry.relayed() as u64),
        )?;
        gauge(
            &mut encoder,
            "waiting_clients",
            "Clients that wait until a hub has their database",
            &(self.registry.waiting() as u64),
        )?;
        gauge(
            &mut encoder,
            "lease_age_seconds",
            "Time since the oldest lease of this hub was asked for last; 0 where there is none",
            &oldest(&rows).as_secs_f64(),
        )
    }
}

fn oldest(rows: &[Row]) -> Duration {
    rows.iter().filter_map(|row| row.lease_age).max().unwrap_or_default()
}

fn gauge(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    value: &impl EncodeGaugeValue,
) -> Result<(), fmt::Error> {
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(value)
}
