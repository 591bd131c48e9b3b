//! A real hub in a test's hands: connections in memory, a clock that the test moves, and what the hub has told.
//!
//! Whoever tests with it drives the hub by its public face, so that what is proven is what ships. Knows nothing of
//! AceBase. Only in tests, and with the feature `model`: for fuzzers.

mod clock;
mod contract;
mod lobby;
mod notebook;
mod watch;
mod wire;

pub use self::{
    clock::{EPOCH_MS, HandClock},
    lobby::{Answer, Caller, Lobby},
    notebook::Notebook,
    watch::{Watch, Watched},
    wire::Wire,
};
use super::{Hub, PeerHandle, Refused};

/// Takes a connection, which is one in memory. `announced_payload`: as of [`Hub::connect`].
///
/// # Errors
/// As [`Hub::connect`].
pub fn connect(hub: &Hub, db: &str, id: &str, announced_payload: usize) -> Result<(PeerHandle, Wire), Refused> {
    connect_by(hub, db, id, announced_payload, |_| {})
}

/// As [`connect`], by a connection that is `prepared` before anything is written.
///
/// # Errors
/// As [`Hub::connect`].
pub fn connect_by(
    hub: &Hub,
    db: &str,
    id: &str,
    announced_payload: usize,
    prepared: impl FnOnce(&Wire),
) -> Result<(PeerHandle, Wire), Refused> {
    let mut made = None;
    let peer = hub.connect(db, id, announced_payload, |link, outbox| {
        let wire = Wire::new(link, outbox);
        prepared(&wire);
        made.insert(wire).transport()
    })?;
    // A hub that takes a connection has had its transport made.
    made.map(|wire| (peer, wire)).ok_or(Refused::Stopping)
}
