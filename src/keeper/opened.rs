//! A port that has been opened, and what came with it. Knows nothing of how.

use std::net::{TcpListener, TcpStream};

use super::Keeper;

/// What a server leaves to the next one.
#[derive(Debug, Default)]
pub struct Legacy {
    /// What the next server must know. Nobody else reads it. At most [`super::MAX_STATE`] bytes.
    pub state: Vec<u8>,
    /// Connected sockets, in an order that the state may refer to; [`super::MAX_CONNECTIONS`] at most. Their mode
    /// (blocking or not) goes with them.
    pub connections: Vec<TcpStream>,
}

/// A port that is open, and what came with it.
pub struct Opened {
    /// The listening sockets. They do not block.
    pub listeners: Vec<TcpListener>,
    /// Who keeps the port. `None`: nobody can, and the reason has been told.
    pub keeper: Option<Keeper>,
    /// What the former server has left, if it has. Whoever drops it closes its connections.
    pub legacy: Option<Legacy>,
}

impl Opened {
    /// A port that nobody keeps.
    pub fn without_keeper(listeners: Vec<TcpListener>) -> Self {
        Self { listeners, keeper: None, legacy: None }
    }
}
