//! A connection's hold on its peer's session, and what it does with it: it brings what the peer has sent into the
//! database's turns, and says when the connection is gone.

use std::{collections::VecDeque, iter, sync::Arc};

use bytes::Bytes;

use super::{
    coordinator::{Loss, Return},
    database::Database,
    greeting::Arrival,
    journal::{Rare, Read, SharedInput},
    outbox::Outbox,
    transport::{LinkId, Transport},
    turn::{Mail, Turn},
};
use crate::protocol::Text;

/// One connection's hold on its session.
#[derive(Clone)]
pub struct PeerHandle {
    id: Arc<str>,
    link: Option<LinkId>,
    database: Arc<Database>,
    /// What was read from the connection, where that is written down.
    input: Option<SharedInput>,
    _posting: Option<Arc<()>>,
}

impl PeerHandle {
    /// The database's name.
    pub fn db(&self) -> &str {
        self.database.name()
    }

    /// The peer's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The peer is connected by this connection.
    pub fn is_connected(&self) -> bool {
        self.link.is_some_and(|link| self.database.is_connected_by(&self.id, link))
    }

    /// Routes messages that the peer sent, in order, in one turn, or several where they are much work.
    pub fn receive(&self, messages: impl Iterator<Item = Text>) {
        let mut messages = messages.peekable();
        while messages.peek().is_some() {
            self.receive_some(&mut messages);
        }
    }

    /// Routes as many of the messages, in order, as one turn may do; one at least. Those of a peer that has left are
    /// dropped. Gives what it has cost, in bytes that are copied: as much time as that would take.
    pub fn receive_some(&self, messages: &mut impl Iterator<Item = Text>) -> usize {
        let mut rest = VecDeque::new();
        let mut cost = self.turn_with(messages, |turn, messages| {
            if turn.is_journalled() {
                rest.extend(messages);
                self.route_recorded(turn, &mut rest)
            } else {
                self.route(turn, messages)
            }
        });
        // What was written down can be taken out of their hands only.
        while !rest.is_empty() {
            self.database.turn(|turn| cost += self.route_recorded(turn, &mut rest));
        }
        cost
    }

    fn route_recorded(&self, turn: &mut Turn<'_>, messages: &mut VecDeque<Text>) -> usize {
        if !turn.is_of(&self.id, self.link) {
            messages.clear();
            return 0;
        }
        let texts = || messages.iter().map(|text| text.clone().into()).collect();
        turn.record(self.link, || Rare::Post { id: self.id.to_string(), texts: texts() });
        self.route(turn, &mut iter::from_fn(|| messages.pop_front()))
    }

    /// As [`PeerHandle::receive_some`], of the messages that were read from the peer's connection; `read`: from what.
    pub fn receive_read(&self, read: Read<'_>, messages: &mut impl ExactSizeIterator<Item = Text>) -> usize {
        let Some(input) = &self.input else { return self.receive_some(messages) };
        self.turn_with(messages, |turn, messages| {
            let count = messages.len();
            let start = turn.record_read(self.link, read, count > 0);
            let cost = if count > 0 { self.route(turn, messages) } else { 0 };
            let outcome = (count - messages.len(), messages.len());
            turn.note_read(&mut input.lock(), read, start, outcome);
            cost
        })
    }

    /// As [`PeerHandle::receive_some`], of messages that an earlier turn has left.
    pub fn receive_rest(&self, messages: &mut impl ExactSizeIterator<Item = Text>) -> usize {
        let Some(input) = &self.input else { return self.receive_some(messages) };
        self.turn_with(messages, |turn, messages| {
            let count = messages.len();
            turn.record_route(self.link);
            let cost = self.route(turn, messages);
            input.lock().has_routed(count - messages.len(), messages.len());
            cost
        })
    }

    /// A turn with these messages, which gives what it has cost. Where the peer has left, they are dropped.
    fn turn_with<M: Iterator<Item = Text>>(
        &self,
        messages: &mut M,
        work: impl FnOnce(&mut Turn<'_>, &mut M) -> usize,
    ) -> usize {
        let mut cost = 0;
        self.database.turn(|turn| {
            if turn.is_of(&self.id, self.link) {
                cost = work(turn, messages);
            } else {
                messages.for_each(drop);
            }
        });
        cost
    }

    fn route(&self, turn: &mut Turn<'_>, messages: &mut impl Iterator<Item = Text>) -> usize {
        // What comes beside the connection is not numbered.
        match self.link.is_some() && turn.is_reliable(&self.id) {
            true => turn.receive_numbered(&self.id, messages),
            false => turn.receive_some(&self.id, messages),
        }
    }

    /// Puts control frames into the outbox, by `push`, as the connection that it is attached to does.
    pub fn say_control(&self, frames: &[u8], push: impl FnOnce()) {
        self.database.turn(|turn| {
            if turn.is_of(&self.id, self.link) {
                turn.record(self.link, || Rare::Control { frames: Bytes::copy_from_slice(frames) });
            }
            push();
        });
    }

    /// The connection is gone.
    pub fn lost(&self, loss: Loss) {
        let mail = self.database.turn_quietly(|turn| {
            if turn.is_of(&self.id, self.link) {
                turn.record(self.link, || Rare::Lost { loss });
                turn.lose(&self.id, loss);
            }
        });
        mail.ring_soon();
    }
}

impl Database {
    /// Takes a connection, and welcomes it. The returned mail must be rung once no lock is held.
    pub(super) fn connect(
        self: &Arc<Self>,
        id: &str,
        link: LinkId,
        arrival: &Arrival,
        make: impl FnOnce(Arc<Outbox>) -> Arc<dyn Transport>,
    ) -> (PeerHandle, Mail) {
        let id: Arc<str> = id.into();
        let mut input = None;
        let mail = self.turn_quietly(|turn| {
            turn.record(Some(link), || Rare::Connect { id: id.to_string(), arrival: arrival.clone() });
            match turn.returning(&id, &arrival.greeting) {
                Some(Return::Resume) => turn.resume(&id, link, arrival, make, false),
                Some(Return::Identify) => turn.resume(&id, link, arrival, make, true),
                Some(Return::Renew) => {
                    turn.replace(&id);
                    turn.join(&id, link, arrival, make);
                }
                None => turn.join(&id, link, arrival, make),
            }
            input = turn.input_of(&id);
        });
        (PeerHandle { id, link: Some(link), database: self.clone(), input, _posting: None }, mail)
    }

    /// A connection's hold on the session of a peer that is there.
    pub(super) fn handle_of(self: &Arc<Self>, id: Arc<str>, link: LinkId) -> PeerHandle {
        let input = self.input_of(&id);
        PeerHandle { id, link: Some(link), database: self.clone(), input, _posting: None }
    }

    /// For messages that come beside a peer's connection.
    pub(super) fn peer(self: &Arc<Self>, id: &str) -> Option<PeerHandle> {
        let (id, posting) = self.posting_of(id)?;
        Some(PeerHandle { id, link: None, database: self.clone(), input: None, _posting: Some(posting) })
    }
}
