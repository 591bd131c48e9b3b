//! Systems that tell nothing that can be relied on. Windows has `SIO_TCP_INFO`, but it is nowhere said whether its
//! number of sent bytes has those in it that were sent again: to take it for less or more than it is would lose
//! messages or deliver them twice.

use std::time::Duration;

use tokio::net::TcpStream;

/// Not known.
pub fn bytes_acknowledged(_: &TcpStream, _: u64) -> Option<u64> {
    None
}

/// Not known.
pub fn bytes_delivered(_: &TcpStream, _: u64) -> Option<u64> {
    None
}

/// Not known.
pub fn round_trip(_: &TcpStream) -> Option<Duration> {
    None
}

/// Not known.
pub fn is_established(_: &TcpStream) -> Option<bool> {
    None
}
