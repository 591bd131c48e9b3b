//! How connections end when the server does: closed, or, between two requests, left for the next server to go on with.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

/// What becomes of the connections of a server that ends.
#[derive(Default)]
pub struct Departure {
    bequeaths: Arc<AtomicBool>,
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
    /// Connections are left if `bequeaths` is set when the server ends.
    pub fn new(bequeaths: Arc<AtomicBool>) -> Self {
        Self { bequeaths, idle: Mutex::default() }
    }

    /// Connections are left for the next server.
    pub fn bequeaths(&self) -> bool {
        self.bequeaths.load(Ordering::Acquire)
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
