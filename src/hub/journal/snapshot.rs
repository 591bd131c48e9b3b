//! A database as a journal begins with it. Nothing is taken out: it goes on.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Input, Journal, Provenance};
use crate::{
    clock::Millis,
    hub::{
        freeze::FrozenDatabase,
        peers::{Contact, State},
        shelf::Shelf,
        transport::LinkId,
    },
};

/// A database, and what its connections have read.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::hub) struct Snapshot {
    pub(in crate::hub) now: Millis,
    /// When peers with the extension are told what has reached its end.
    pub(in crate::hub) acknowledge_at: Option<Millis>,
    pub(in crate::hub) database: FrozenDatabase,
    pub(in crate::hub) shelf: Vec<Bytes>,
    pub(in crate::hub) connections: Vec<FrozenInput>,
    /// Connections that have a place at the door.
    pub(in crate::hub) tickets: Vec<u64>,
}

/// What was read from one connection.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::hub) struct FrozenInput {
    pub(in crate::hub) id: String,
    pub(in crate::hub) link: u64,
    pub(in crate::hub) origin: Provenance,
    pub(in crate::hub) announced_payload: usize,
    pub(in crate::hub) read: u64,
    /// What was read since nothing was unfinished.
    pub(in crate::hub) unread: Bytes,
    /// So many of its messages were routed.
    pub(in crate::hub) routed: usize,
}

impl Snapshot {
    /// Of a database in which nothing is half done.
    pub(in crate::hub) fn of(state: &State, name: &str, now: Millis, journal: &mut Journal) -> Self {
        let mut shelf = Shelf::default();
        // What has been acknowledged is not needed.
        state.peers.values().for_each(|peer| peer.outbox.trim());
        let database = state.copy(name, &mut shelf);
        let mut connections = Vec::new();
        for (id, peer) in &state.peers {
            let (Contact::Connected(LinkId(link)), Some(input)) = (peer.contact, &peer.input) else { continue };
            connections.push(input.lock().freeze(id, link, journal));
        }
        let acknowledge_at = state.acknowledge_at;
        Self { now, acknowledge_at, database, shelf: shelf.into_bytes(), connections, tickets: journal.tickets() }
    }
}

impl Input {
    fn freeze(&mut self, id: &str, link: u64, journal: &mut Journal) -> FrozenInput {
        let (unread, routed) = self.take_out(journal);
        FrozenInput {
            id: id.to_owned(),
            link,
            origin: self.origin,
            announced_payload: self.announced_payload,
            read: self.read,
            unread,
            routed,
        }
    }
}
