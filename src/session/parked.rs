//! A session that has stopped between two reads, so that another process can go on with it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{net::TcpStream, sync::Arc};
use tokio::net::tcp::OwnedReadHalf;

use super::{link::Link, passage::FrozenPassage, tls::FrozenTls};
use crate::hub::PeerHandle;

/// A parked session in this process. Its peer is still in the hub, until that is frozen.
pub struct Parked {
    pub(super) peer: PeerHandle,
    pub(super) reader: OwnedReadHalf,
    pub(super) link: Arc<Link>,
    pub(super) unread: Vec<u8>,
    pub(super) max_payload: usize,
}

/// What another process must know of a connection, beside its socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenConnection {
    /// The database.
    pub db: String,
    /// The peer that it belongs to.
    pub id: String,
    /// Its number in the hub that was frozen.
    pub link: u64,
    /// What was read and is the beginning of a message: the stream goes on behind it.
    pub unread: Bytes,
    /// Bytes written to the socket before it became a peer's.
    pub written_before: u64,
    /// The longest text of a frame that the peer was told, in UTF-16 units.
    pub max_payload: usize,
    /// With TLS.
    #[serde(default)]
    pub tls: Option<FrozenTls>,
    /// Bytes written to the socket in all, those included. Only macOS needs it told. A server that does not know of it
    /// leaves it out.
    #[serde(default)]
    pub written: u64,
    /// Another hub passes it on. A server that does not know of that takes the other hub for the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<FrozenPassage>,
}

impl Parked {
    /// The connection as data, and its socket; once the hub is frozen. `None`: somebody is still writing to it, or the
    /// system will not give it back.
    pub fn freeze(self) -> Option<(FrozenConnection, TcpStream)> {
        let link = Arc::into_inner(self.link)?;
        let (number, written, passed) = (link.id(), link.written(), link.passage().map(|passage| passage.freeze()));
        let (writer, tls) = link.into_parts();
        let tls = match tls {
            None => None,
            Some(tls) => Some(tls.freeze()?),
        };
        let connection = FrozenConnection {
            db: self.peer.db().to_owned(),
            id: self.peer.id().to_owned(),
            link: number.0,
            unread: self.unread.into(),
            written_before: written.before,
            max_payload: self.max_payload,
            tls,
            written: written.in_all,
            passed,
        };
        let socket = self.reader.reunite(writer).ok()?.into_std().ok()?;
        Some((connection, socket))
    }
}
