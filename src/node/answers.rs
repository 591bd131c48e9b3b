//! The server's answers to JavaScript's questions, where they are not JSON.

use std::net::SocketAddr;

use napi_derive::napi;

use crate::hub::PeerSnapshot;

/// An address that a server listens on, as `net.Server` gives it.
#[napi(object, object_from_js = false)]
pub struct NativeAddress {
    /// Without a port.
    pub address: String,
    /// `IPv4` or `IPv6`.
    pub family: &'static str,
    /// The port.
    pub port: u32,
}

impl From<&SocketAddr> for NativeAddress {
    fn from(address: &SocketAddr) -> Self {
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        Self { address: address.ip().to_string(), family, port: address.port().into() }
    }
}

/// A client with a session.
#[napi(object, object_from_js = false)]
pub struct NativeClient {
    /// Its id.
    pub id: String,
    /// When its session began, in milliseconds since the Unix epoch.
    pub connected: f64,
    /// Its connection is lost, and its session is kept for it to come back.
    pub away: bool,
}

impl From<&PeerSnapshot> for NativeClient {
    fn from(peer: &PeerSnapshot) -> Self {
        Self { id: peer.id.as_ref().into(), connected: peer.connected as f64, away: peer.is_away }
    }
}
