//! The way to the hub that has a database, for clients that have reached this one. `http` decides who may go it; this
//! knows how it is gone: whom to ask (`course`), how to reach it (`dial`, `errand`), what is held meanwhile (`lobby`),
//! and how bytes are moved (`pair`, `flow`, `frames`).

pub mod course;
pub mod dial;
pub mod errand;
mod flow;
pub mod frames;
pub mod lobby;
pub mod pair;
pub mod relayed;

use dial::Dialer;
use relayed::Relayed;

use crate::session::passage::Passages;

/// What relaying needs and what it has in hand.
pub struct Relay {
    /// Reaches other hubs.
    pub dialer: Dialer,
    /// The clients that this hub relays.
    pub relayed: Relayed,
    /// The connections that other hubs pass on to this one.
    pub passages: Passages,
}

impl Relay {
    /// Relays nobody yet.
    pub fn new(dialer: Dialer) -> Self {
        Self { dialer, relayed: Relayed::default(), passages: Passages::default() }
    }
}
