//! What a server leaves to the next one: its hub and its connections, as bytes and sockets.
//!
//! The bytes begin with a mark and the number of their format, which is raised when an older server could misread what
//! follows; what is merely added has a default. Behind it lies MessagePack with named fields.

use std::net::TcpStream;

use serde::{Deserialize, Serialize};

use super::held::Held;
use crate::{
    cluster::estate::Packing,
    http::departure::{FrozenIdle, Idle},
    hub::{FrozenHub, Hub, ThawError},
    keeper::{HandOverError, Legacy},
    session::parked::{FrozenConnection, Parked},
};

/// What the bytes begin with.
const MARK: &[u8; 8] = b"AB-IPC\r\n";

/// The format that is written; a server reads this one and those before. Since 2 there may be TLS on a connection,
/// or the extension between a peer and the hub: who does not know them would write there what nobody understands.
/// Since 3 a worker may have a lock that the master granted to another one: who does not know that would request of
/// the master what it cannot give.
const FORMAT: u32 = 3;

/// A server's hub and connections.
#[derive(Debug, Serialize, Deserialize)]
pub struct Heritage {
    /// The hub.
    pub hub: FrozenHub,
    /// The connections of peers, in the order of their sockets.
    pub connections: Vec<FrozenConnection>,
    /// The connections between two requests, in the order of their sockets, which come behind those of peers.
    #[serde(default)]
    pub idle: Vec<FrozenIdle>,
    /// What was this hub's, where it is one of several.
    #[serde(default)]
    pub cluster: Option<Held>,
}

/// What a server that has stopped leaves, while its sockets are this process's.
pub type Inheritance = (Heritage, Vec<TcpStream>);

/// What was left cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeritageError {
    /// It is not from a server.
    #[error("it does not begin as it must")]
    Mark,
    /// It is from a newer server.
    #[error("it is of format {0}, and this version reads up to {FORMAT}")]
    Format(u32),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Damaged(#[from] rmp_serde::decode::Error),
    /// The hub cannot go on with it.
    #[error(transparent)]
    Thaw(#[from] ThawError),
}

/// What is left could not be left.
#[derive(Debug, thiserror::Error)]
pub enum BequestError {
    /// It cannot be written.
    #[error("it cannot be written: {0}")]
    Unwritten(#[from] rmp_serde::encode::Error),
    /// The keeper does not take it.
    #[error(transparent)]
    Keeper(#[from] HandOverError),
}

/// As a keeper takes it.
///
/// # Errors
/// See [`Heritage::to_bytes`].
pub fn to_legacy((heritage, sockets): Inheritance) -> Result<Legacy, BequestError> {
    Ok(Legacy { state: heritage.to_bytes()?, connections: sockets })
}

/// As a keeper gives it.
///
/// # Errors
/// See [`HeritageError`].
pub fn from_legacy(legacy: Legacy) -> Result<Inheritance, HeritageError> {
    Ok((Heritage::from_bytes(&legacy.state)?, legacy.connections))
}

impl Heritage {
    /// Takes all out of a hub and of its parked sessions. Sockets that cannot be had are left out: their peers will
    /// count as lost.
    pub fn take(hub: &Hub, parked: Vec<Parked>, idle: Vec<Idle>) -> Inheritance {
        let hub = hub.freeze();
        let (connections, mut sockets): (Vec<_>, Vec<_>) = parked.into_iter().filter_map(Parked::freeze).unzip();
        let (idle, others): (Vec<_>, Vec<_>) = idle.into_iter().filter_map(Idle::freeze).unzip();
        sockets.extend(others);
        (Self { hub, connections, idle, cluster: None }, sockets)
    }

    /// As bytes.
    ///
    /// # Errors
    /// There is no memory for them.
    pub fn to_bytes(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        let mut bytes = MARK.to_vec();
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        rmp_serde::encode::write_named(&mut bytes, self)?;
        Ok(bytes)
    }

    /// From bytes.
    ///
    /// # Errors
    /// See [`HeritageError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HeritageError> {
        let rest = bytes.strip_prefix(MARK).ok_or(HeritageError::Mark)?;
        let (format, rest) = rest.split_first_chunk().ok_or(HeritageError::Mark)?;
        match u32::from_le_bytes(*format) {
            1..=FORMAT => Ok(rmp_serde::from_slice(rest)?),
            other => Err(HeritageError::Format(other)),
        }
    }
}

/// Databases travel between hubs as a server leaves them to the next one.
pub struct AsHeritage;

impl Packing for AsHeritage {
    fn pack(&self, frozen: &FrozenHub) -> Result<Vec<u8>, String> {
        let heritage = Heritage { hub: frozen.clone(), connections: Vec::new(), idle: Vec::new(), cluster: None };
        heritage.to_bytes().map_err(|error| error.to_string())
    }

    fn unpack(&self, bytes: &[u8]) -> Result<FrozenHub, String> {
        Heritage::from_bytes(bytes).map(|heritage| heritage.hub).map_err(|error| error.to_string())
    }
}
