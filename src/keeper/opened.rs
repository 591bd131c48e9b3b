//! A port that has been opened, and what came with it. Knows nothing of how.

use std::net::TcpListener;

use super::{Keeper, Legacy};

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
