//! A port that has been opened, and what came with it. Knows nothing of how.

use std::net::TcpListener;

#[cfg(unix)]
use super::Remains;
use super::{Keeper, Legacy};

/// A port that is open, and what came with it.
pub struct Opened {
    /// The listening sockets. They do not block.
    pub listeners: Vec<TcpListener>,
    /// Who keeps the port. `None`: nobody can, and the reason has been told.
    pub keeper: Option<Keeper>,
    /// A server was here before, and its keeper still waited for the next one.
    pub is_succession: bool,
    /// What the former server has left, if it has. Whoever drops it closes its connections.
    pub legacy: Option<Legacy>,
    /// What is left of a server that was killed. It is with the keeper, too, until it is
    /// [forgotten](super::Holds::forget_remains).
    #[cfg(unix)]
    pub remains: Option<Remains>,
}

impl Opened {
    /// A port that nobody keeps.
    pub fn without_keeper(listeners: Vec<TcpListener>) -> Self {
        Self {
            listeners,
            keeper: None,
            is_succession: false,
            legacy: None,
            #[cfg(unix)]
            remains: None,
        }
    }
}
