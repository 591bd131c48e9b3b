//! A real hub in a test's hands: connections in memory, a clock that the test moves, and what the hub has told.
//!
//! Whoever tests with it drives the hub by its public face, so that what is proven is what ships. Knows nothing of
//! AceBase. Only in tests, and with the feature `model`: for fuzzers.

mod clock;
mod contract;
mod journals;
mod lobby;
mod notebook;
#[cfg(test)]
mod talk;
mod watch;
mod wire;

#[cfg(test)]
pub use self::talk::Talk;
pub use self::{
    clock::{EPOCH_MS, HandClock},
    journals::{Journals, Lines, go_on_after_crash},
    lobby::{Answer, Caller, Lobby},
    notebook::Notebook,
    watch::{Watch, Watched},
    wire::Wire,
};
use bytes::Bytes;

use super::{FrozenHub, Greeting, Hub, PeerHandle, Refused};
use crate::protocol::reliable::Offer;

/// What clients with the extension are told, in UTF-16 units. Nobody here heeds it.
const MAX_PAYLOAD: usize = 100;

/// The same, in bytes.
const MAX_MESSAGE: usize = 1 << 20;

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
    greet_by(hub, db, id, &Greeting::published(announced_payload), prepared)
}

/// As [`connect`], by a client that offers the extension.
///
/// # Errors
/// As [`Hub::connect`].
pub fn connect_reliably(hub: &Hub, db: &str, id: &str, offer: Offer) -> Result<(PeerHandle, Wire), Refused> {
    let greeting = Greeting { max_payload: MAX_PAYLOAD, max_message: MAX_MESSAGE, offer: Some(offer) };
    greet_by(hub, db, id, &greeting, |_| {})
}

fn greet_by(
    hub: &Hub,
    db: &str,
    id: &str,
    greeting: &Greeting,
    prepared: impl FnOnce(&Wire),
) -> Result<(PeerHandle, Wire), Refused> {
    let mut made = None;
    let socket = journals::next_socket();
    let peer = hub.connect_from(db, id, greeting, journals::origin(socket), |link, outbox| {
        let wire = Wire::new(link, outbox).with_socket(socket);
        prepared(&wire);
        made.insert(wire).transport()
    })?;
    // A hub that takes a connection has had its transport made.
    made.map(|wire| (peer, wire)).ok_or(Refused::Stopping)
}

/// One hub stops, and another one goes on where it stopped, with nothing in common but bytes. What waits at the door is
/// told that it stops. Connections that have come along are to be [`reattach`]ed, and [`Hub::settle`] must follow.
///
/// # Panics
/// What one hub writes, another cannot read.
pub fn pass_on(from: &Hub, to: &Hub) {
    from.close_doors();
    let bytes = rmp_serde::to_vec_named(&from.freeze()).expect("a hub cannot be written");
    let frozen: FrozenHub = rmp_serde::from_slice(&bytes).expect("what was written cannot be read");
    to.thaw(frozen).expect("a hub cannot go on");
}

/// A connection comes along. `None`: its peer was not connected by it when its hub stopped.
pub fn reattach(hub: &Hub, db: &str, id: &str, wire: &Wire) -> Option<(PeerHandle, Wire)> {
    let mut passed = None;
    let read = (journals::origin(wire.socket()), 0, Bytes::new());
    let peer =
        hub.reattach_from(db, id, wire.link(), read, |outbox| passed.insert(wire.passed_on(outbox)).transport())?;
    let wire = passed?;
    wire.flush();
    Some((peer, wire))
}
