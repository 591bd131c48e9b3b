//! A session that has stopped between two reads, so that another process can go on with it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{net::TcpStream, sync::Arc};
use tokio::net::tcp::OwnedReadHalf;

use super::link::Link;
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
}

impl Parked {
    /// The connection as data, and its socket; once the hub is frozen. `None`: somebody is still writing to it, or the
    /// system will not give it back.
    pub fn freeze(self) -> Option<(FrozenConnection, TcpStream)> {
        let link = Arc::into_inner(self.link)?;
        let connection = FrozenConnection {
            db: self.peer.db().to_owned(),
            id: self.peer.id().to_owned(),
            link: link.id().0,
            unread: self.unread.into(),
            written_before: link.written_before(),
            max_payload: self.max_payload,
        };
        let socket = self.reader.reunite(link.into_socket()).ok()?.into_std().ok()?;
        Some((connection, socket))
    }
}
