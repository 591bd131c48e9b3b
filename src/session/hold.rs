//! A session's hold on its peer in the hub and on its connection: given up in one way, however the session ends.

use std::sync::Arc;

use bytes::Bytes;
use tokio::net::tcp::OwnedWriteHalf;

use super::{
    link::{Link, Written},
    passage::Whose,
    survival::{self, Keep, Kept},
    tls::Tls,
};
use crate::{
    hub::{
        Greeting, Hub, Outbox, PeerHandle, Refused,
        coordinator::Loss,
        journal::{Provenance, Read},
        transport::{LinkId, Transport},
    },
    protocol::Text,
};

/// A session's hold on its peer and on its connection.
pub(super) struct Hold {
    pub(super) peer: PeerHandle,
    pub(super) link: Arc<Link>,
    /// A duplicate of the socket is kept, and what is read is written down.
    pub(super) kept: Option<Kept>,
}

/// What a link is made of, beside its number and its outbox.
pub(super) struct Wire {
    pub(super) socket: OwnedWriteHalf,
    pub(super) tls: Option<Tls>,
    pub(super) written: Written,
    /// Whose it is.
    pub(super) whose: Whose,
    /// What it was before, and who keeps a duplicate, where it is to outlive the process.
    pub(super) kept: Option<(Provenance, Arc<dyn Keep>)>,
}

impl Hold {
    /// Lets the hub begin a session, or go on with a kept one.
    pub(super) fn begin(hub: &Hub, db: &str, id: &str, greeting: &Greeting, wire: Wire) -> Result<Self, Refused> {
        let (mut link, kept) = (None, wire.kept.clone());
        let origin = kept.as_ref().map(|(origin, _)| *origin).unwrap_or_default();
        let make = |number, outbox| wire.link(number, outbox, &mut link);
        let peer = hub.connect_from(db, id, greeting, origin, make)?;
        // The hub has taken the connection, so it has called the function.
        link.map(|link| Self::new(peer, link, kept)).ok_or(Refused::Stopping)
    }

    /// Goes on with a session of another process, whose link had this number. The longest text of a frame of it, and
    /// what was read and is the beginning of a message. `None`: no such peer was connected.
    pub(super) fn go_on(
        hub: &Hub,
        db: &str,
        id: &str,
        number: LinkId,
        wire: Wire,
        (max_payload, unread): (usize, Bytes),
    ) -> Option<Self> {
        let (mut link, kept) = (None, wire.kept.clone());
        let reading = kept.as_ref().map(|(origin, _)| (*origin, max_payload, unread));
        let make = |outbox| wire.link(number, outbox, &mut link);
        let peer = match reading {
            Some(reading) => hub.reattach_from(db, id, number, reading, make)?,
            None => hub.reattach(db, id, number, make)?,
        };
        link.map(|link| Self::new(peer, link, kept))
    }

    fn new(peer: PeerHandle, link: Arc<Link>, kept: Option<(Provenance, Arc<dyn Keep>)>) -> Self {
        let kept = kept.map(|(_, keep)| keep.keep(Arc::downgrade(&link)));
        Self { peer, link, kept }
    }

    /// Sends control frames.
    pub(super) fn send_control(&self, frames: &[u8]) {
        if self.kept.is_some() && !frames.is_empty() {
            self.peer.say_control(frames, || self.link.send_control(frames));
        } else {
            self.link.send_control(frames);
        }
    }

    /// Routes some of the messages of a connection; `read`: what was read, where that is to be written down.
    pub(super) fn receive(&self, read: Option<Read<'_>>, messages: &mut impl ExactSizeIterator<Item = Text>) -> usize {
        match read {
            Some(read) => self.peer.receive_read(read, messages),
            None if messages.len() == 0 => 0,
            None => self.receive_rest(messages),
        }
    }

    /// Routes some of the messages that an earlier turn has left.
    pub(super) fn receive_rest(&self, messages: &mut impl ExactSizeIterator<Item = Text>) -> usize {
        if self.kept.is_some() { self.peer.receive_rest(messages) } else { self.peer.receive_some(messages) }
    }
}

impl Wire {
    /// Makes the link, for the hub and for the session.
    fn link(self, number: LinkId, outbox: Arc<Outbox>, made: &mut Option<Arc<Link>>) -> Arc<dyn Transport> {
        made.insert(Arc::new(Link::new(number, outbox, self.socket, self.tls, self.written, self.whose))).clone()
    }
}

impl Drop for Hold {
    /// Also where a session's task is aborted or panics, the hub learns that the peer is gone. The peer of a parked one
    /// is not.
    fn drop(&mut self) {
        if !self.link.is_parked() {
            self.peer.lost(Loss::Reset);
            self.link.release();
            if self.kept.is_some() {
                survival::hang_up(self.link.socket());
            }
        }
    }
}
