//! Many peers that say nothing: how fast the server takes them in, and what each costs it in memory.

use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::frame::MaskKey;
use crate::machine;
use crate::message::Style;
use crate::swarm::{Identity, Swarm};
use crate::transport::Dialer;

/// Peers of one database: few, so that the notices of who joined do not become the load.
const PEERS_PER_DATABASE: usize = 10;
/// Peers that connect before anything is measured, so that what a server sets up once is not counted.
const FIRST_PEERS: usize = 100;
/// Before memory is read: time for the server to finish what connecting left to do.
const SETTLE: Duration = Duration::from_millis(500);

/// What the idle peers cost.
pub struct Cost {
    pub connect_seconds: f64,
    /// Bytes of the server's own memory, where its process is known.
    pub bytes_per_peer: Option<f64>,
}

/// Connects so many peers, measures, and lets them go.
///
/// # Errors
/// The server refuses peers, or sockets run out.
pub fn run(
    dialer: &Dialer,
    peers: usize,
    style: Style,
    database: &str,
    mask: MaskKey,
    server: Option<u32>,
) -> Result<Cost, Failure> {
    let identities = identities(FIRST_PEERS + peers, style, database);
    let (first, rest) = identities.split_at(FIRST_PEERS);
    let _first = Swarm::connect(dialer, first, mask)?;
    let before = memory(server)?;
    let start = Instant::now();
    let _swarm = Swarm::connect(dialer, rest, mask)?;
    let connect_seconds = start.elapsed().as_secs_f64();
    let after = memory(server)?;
    let bytes_per_peer = after.zip(before).map(|(after, before)| (after - before) / peers as f64);
    Ok(Cost { connect_seconds, bytes_per_peer })
}

fn identities(peers: usize, style: Style, database: &str) -> Vec<Identity> {
    (0..peers)
        .map(|peer| {
            let server = peer / PEERS_PER_DATABASE;
            Identity { database: format!("{database}-{server}"), id: style.id(peer), server }
        })
        .collect()
}

fn memory(server: Option<u32>) -> Result<Option<f64>, Failure> {
    thread::sleep(SETTLE);
    Ok(server.map(machine::memory_of).transpose()?.map(|bytes| bytes as f64))
}
