//! The server's answers to JavaScript's questions, where they are not JSON.

use std::net::SocketAddr;

use napi_derive::napi;

use crate::{acebase::Process, cluster::relay::relayed::Row, hub::PeerSnapshot};

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
    /// The address that it is, or was last, connected from.
    pub remote: Option<String>,
    /// The port there, where it is known.
    pub remote_port: Option<u32>,
    /// The other hub on its way, in a cluster of several.
    pub via: Option<String>,
    /// Its process, where it is one of this machine that was found.
    pub pid: Option<u32>,
    /// What that was started with.
    pub command: Option<String>,
}

impl NativeClient {
    /// A peer, and its process where that is known.
    pub(super) fn new(peer: &PeerSnapshot, process: Option<Process>) -> Self {
        Self {
            id: peer.id.as_ref().into(),
            connected: peer.connected as f64,
            away: peer.is_away,
            remote: peer.remote.map(|remote| remote.ip().to_string()),
            remote_port: peer.remote.map(|remote| remote.port()).filter(|port| *port > 0).map(Into::into),
            via: peer.via.as_deref().map(Into::into),
            pid: process.as_ref().map(|process| process.pid),
            command: process.map(|process| (*process.command).into()),
        }
    }

    /// A client that is relayed to another hub, or waits for one.
    pub(super) fn relayed(client: &Row) -> Self {
        Self {
            id: client.id.as_ref().into(),
            connected: client.connected as f64,
            away: false,
            remote: Some(client.remote.ip().to_string()),
            remote_port: Some(client.remote.port()).filter(|port| *port > 0).map(Into::into),
            via: client.owner.as_deref().map(Into::into),
            pid: None,
            command: None,
        }
    }
}
