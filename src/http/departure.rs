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
    /// Connections of peers are closed, and sessions go on with the next server. So do connections that are no peer's
    /// yet: whoever has come in that moment cannot know that it should come later.
    PassSessionsOn,
    /// All go on with the next server.
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

    /// Connections of peers are left for the next server.
    pub fn bequeaths(&self) -> bool {
        self.parting() == Parting::PassConnectionsOn
    }

    /// A connection between two requests is left as it is. One that has TLS cannot go on: it is closed in order, unless
    /// all peers stand still meanwhile.
    pub(super) fn leaves_idle(&self, has_tls: bool) -> bool {
        match self.parting() {
            Parting::Close => false,
            Parting::PassSessionsOn => !has_tls,
            Parting::PassConnectionsOn => true,
        }
    }

    /// What becomes of connections and sessions.
    pub fn parting(&self) -> Parting {
        self.parting.get().copied().unwrap_or(Parting::Close)
    }

    /// Leaves a connection of which nothing was read, nor TLS begun; where no next server is expected, closes it.
    pub fn leave_untouched(&self, socket: TcpStream) {
        if self.parting() != Parting::Close {
            self.leave(Idle { socket, state: FrozenIdle { read: Bytes::new(), written: 0 } });
        }
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

impl FrozenIdle {
    /// Nothing was said on it yet, by either side: it is as good as one that was just accepted.
    pub fn is_untouched(&self) -> bool {
        self.read.is_empty() && self.written == 0
    }
}

impl Idle {
    /// The connection as data, and its socket. `None`: the system will not give it back.
    pub fn freeze(self) -> Option<(FrozenIdle, std::net::TcpStream)> {
        Some((self.state, self.socket.into_std().ok()?))
    }
}
