//! Several hubs for one cluster: which of them has which database.
//!
//! An engine that all hubs reach (Redis) keeps one record of each database: its owner, and for how long. No data goes
//! through it. A hub that a client reaches for another's database relays; `http` does that, and asks here where to.
//!
//! `lease` decides, and is pure: no I/O, no waiting, no clock of its own. `engine` keeps the records, `node` is the
//! task that drives one with the other, and `registry` is what the rest of the server sees. `credentials` are what hubs
//! know each other by. `relay` is the way to the others. Nothing here knows sessions or Node.js, and only `relay` HTTP.

pub mod config;
pub mod credentials;
pub mod engine;
pub mod estate;
pub mod lease;
pub mod member;
pub mod node;
pub mod owner;
pub mod registry;
pub mod relay;

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use tokio::sync::Semaphore;

pub use config::ClusterConfig;
pub use credentials::Credentials;
pub use member::Member;
pub use node::{Knows, Neighbours, NoNeighbours, Node, Sees, Tells};
pub use registry::{EngineState, Owner, Registry, Whereabouts, WhyNobody};

/// Databases that may arrive here at the same time.
const MAX_ARRIVALS: usize = 4;

/// What a hub that is one of several knows of the others.
pub struct Cluster {
    /// Which hub has which database.
    pub registry: Registry,
    /// What hubs know each other by.
    pub credentials: Credentials,
    /// The way to the others.
    pub relay: relay::Relay,
    /// How databases travel from one hub to another.
    pub packing: Arc<dyn estate::Packing>,
    /// Room for databases that arrive here: each is in memory twice while it is unpacked.
    pub arrivals: Semaphore,
    /// As the owner of the server wants it.
    pub settings: ClusterConfig,
}

impl Cluster {
    /// A hub that knows nothing of the others yet.
    pub fn new(settings: ClusterConfig, relay: relay::Relay, packing: Arc<dyn estate::Packing>) -> Self {
        let name = settings.name.clone().unwrap_or_else(|| settings.advertise.clone());
        let credentials = Credentials::new(&settings.secret.0, &name);
        // Made of what the system knows at random.
        let life = format!("{:016x}", RandomState::new().hash_one(&name));
        let me = Member { name, address: settings.advertise.clone(), life };
        Self {
            registry: Registry::new(me),
            credentials,
            relay,
            packing,
            arrivals: Semaphore::new(MAX_ARRIVALS),
            settings,
        }
    }
}
