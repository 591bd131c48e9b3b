//! What a server that leaves passes on to the next one. Knows nothing of how it travels.

use std::net::TcpStream;

/// What a server leaves to the next one.
#[derive(Debug, Default)]
pub struct Legacy {
    /// What the next server must know. Nobody else reads it. At most [`super::MAX_STATE`] bytes.
    pub state: Vec<u8>,
    /// Connected sockets, in an order that the state may refer to; [`super::MAX_CONNECTIONS`] at most. Their mode
    /// (blocking or not) goes with them.
    pub connections: Vec<TcpStream>,
}
