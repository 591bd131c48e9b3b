//! The settings of a hub that is one of several.

use std::time::Duration;

use super::engine::address::EngineAddress;
use crate::http::access::Secret;

/// How long a lease lasts: a hub that was killed is replaced after that.
pub const DEFAULT_LEASE_TIME: Duration = Duration::from_secs(3);

/// How often leases are renewed: thrice before they are over.
pub const DEFAULT_RENEW_EVERY: Duration = Duration::from_secs(1);

/// How often a lease must be renewed before it is over, so that one answer of the engine may be lost or late.
pub const MIN_RENEWALS: u32 = 3;

/// The option `cluster`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Where the engine is.
    pub engine: EngineAddress,
    /// Where other hubs reach this one: `host:port`.
    pub advertise: String,
    /// What all hubs of the cluster know, and nobody else.
    pub secret: Secret,
    /// What this hub is called. `None`: as where others reach it.
    pub name: Option<String>,
    /// How long a lease lasts.
    pub lease_time: Duration,
    /// How often it is renewed.
    pub renew_every: Duration,
}
