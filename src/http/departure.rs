//! How connections end when the server does: closed, or, between two requests, left for the next server to go on with.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

/// What becomes of connections, and of the peers that they belong to, when a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// Connections are closed, and sessions end.
    Close,
    /// Connections are closed, and sessions go on with the next server.
    PassSessionsOn,
    /// Both go on with the next server.
    PassConnectionsOn,
}

/// What becomes of the connections of a server that ends.
#[derive(Default)]
pub struct Departure {
    parting: Arc<OnceLock<Parting>>,
    idle: Mutex<Vec<Idle>>,
}

/// A connection between two requests.
pub struct Idle {
    pub(super) socket: TcpStream,
    pub(super) state: FrozenIdle,
}

/// What another process must know of a connection between two requests, beside its socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenIdle {
    /// What was read and is the beginning of a request.
    pub read: Bytes,
    /// Bytes that were written so far.
    pub written: u64,
}

impl Departure {
    /// What `parting` says when the server ends; where it says nothing, connections are closed.
    pub fn new(parting: Arc<OnceLock<Parting>>) -> Self {
        Self { parting, idle: Mutex::default() }
    }

    /// Connections are left for the next server.
    pub fn bequeaths(&self) -> bool {
        self.parting() == Parting::PassConnectionsOn
    }

    /// What becomes of connections and sessions.
    pub fn parting(&self) -> Parting {
        self.parting.get().copied().unwrap_or(Parting::Close)
    }

    /// Leaves a connection.
    pub(super) fn leave(&self, idle: Idle) {
        self.idle.lock().push(idle);
    }

    /// Those that were left.
    pub fn take(&self) -> Vec<Idle> {
        std::mem::take(&mut *self.idle.lock())
    }
}

impl Idle {
    /// The connection as data, and its socket. `None`: the system will not give it back.
    pub fn freeze(self) -> Option<(FrozenIdle, std::net::TcpStream)> {
        Some((self.state, self.socket.into_std().ok()?))
    }
}
