//! A peer's outbox: the stream of WebSocket frames that it is to get, bounded in bytes, in order, nothing skipped.
//!
//! It is a plain data structure: whoever holds the peer's connection takes bytes out with [`Outbox::write_with`]. The
//! outbox outlives connections. Where a session can be resumed ([`Outbox::retain`]), what was sent is kept until the
//! peer's kernel has acknowledged it, and what had not left this machine when a connection broke is sent again, from
//! whole frames, on the next.

mod frozen;
mod state;

use std::{
    io::{self, IoSlice},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

pub use frozen::FrozenOutbox;
use state::{ASK_ACKNOWLEDGED_EVERY, Custody, State};
pub use state::{Pushed, Traffic};

use super::{
    gathering::Departure,
    shelf::Shelf,
    transport::{LinkId, Transport},
};
use crate::protocol::{frame, reliable};

/// How far [`Outbox::write_with`] came.
#[derive(Debug)]
pub enum Drain {
    /// All is sent.
    Empty,
    /// The socket takes no more now.
    Blocked,
    /// The connection is broken.
    Failed(io::Error),
    /// The outbox belongs to another connection now, or to none.
    Detached,
}

/// What one peer is still to get: frames in order, bounded in bytes. It may outlive a connection.
pub struct Outbox {
    limit: usize,
    state: Mutex<State>,
}

impl Outbox {
    /// Takes everything out, and lets go of the transport: nothing may be put in or sent any more.
    pub(super) fn freeze(&self, shelf: &mut Shelf) -> FrozenOutbox {
        std::mem::take(&mut *self.state.lock()).freeze(shelf)
    }

    /// As it is, while it goes on.
    pub(super) fn copy(&self, shelf: &mut Shelf) -> FrozenOutbox {
        self.state.lock().copy(shelf)
    }

    /// An outbox that goes on where another has stopped; without a transport, until it is [`Outbox::reattach`]ed.
    /// `None`: there never was such an outbox.
    pub(super) fn thaw(frozen: FrozenOutbox, limit: usize, shelf: &[Bytes]) -> Option<Self> {
        Some(Self { limit, state: Mutex::new(State::thaw(frozen, shelf)?) })
    }

    /// Gives the outbox to the connection that it belonged to when it was frozen: its stream goes on.
    pub(super) fn reattach(&self, link: LinkId, transport: Arc<dyn Transport>) {
        let mut state = self.state.lock();
        state.ask_acknowledged_at = state.stream.sent() + ASK_ACKNOWLEDGED_EVERY;
        state.transport = Some((link, transport));
    }

    /// The connection that it belonged to when it was frozen has not come along: what was sent counts as delivered,
    /// unless its peer says what it has had.
    pub(super) fn abandon(&self) {
        self.state.lock().rewind(None);
    }

    /// The offset up to which was sent.
    pub(super) fn sent(&self) -> u64 {
        self.state.lock().stream.sent()
    }

    /// An empty outbox that holds at most `limit` bytes (one message more, if it is empty, however large).
    pub fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// As [`Outbox::new`], for a peer that says itself what it has had of the numbered frames: until then they are
    /// kept, and count.
    pub fn numbered(limit: usize) -> Self {
        let mut state = State { custody: Custody::Peer, ..State::default() };
        state.stream.keep();
        Self { limit, state: Mutex::new(state) }
    }

    /// Appends one text as a numbered frame, behind its origin. A large one is referenced, not copied.
    pub fn push_numbered(&self, origin: &[u8], text: &Bytes, departure: Departure) -> Pushed {
        let mut state = self.state.lock();
        let len = origin.len() + text.len();
        if state.overflows(len, self.limit) {
            return Pushed::Overflow;
        }
        state.count(1, len);
        if state.held_back.holds() {
            let mut frames = BytesMut::with_capacity(len + frame::MAX_HEADER_LEN);
            frame::put_text_header(&mut frames, len);
            frames.extend_from_slice(origin);
            frames.extend_from_slice(text);
            state.held_back.push(frames.freeze());
            return Pushed::Queued;
        }
        state.stream.push_text_behind(origin, text);
        state.depart(departure)
    }

    /// Appends a word of the hub's own that means something on this connection only. It is dropped where there is none.
    pub fn push_word(&self, word: &Bytes) -> Pushed {
        let mut state = self.state.lock();
        if state.transport.is_none() || state.held_back.holds() {
            return Pushed::Queued;
        }
        if state.overflows(word.len(), self.limit) {
            return Pushed::Overflow;
        }
        state.stream.push_text(word);
        state.ring()
    }

    /// The peer has had the first so many of the numbered frames that are here. `false`: they were not all sent.
    pub fn acknowledge(&self, frames: usize) -> bool {
        let mut state = self.state.lock();
        let is_detached = state.transport.is_none();
        state.stream.drop_numbered(frames, is_detached)
    }

    /// Appends one text as a frame. A large one is referenced, not copied.
    pub fn push_text(&self, text: &Bytes) -> Pushed {
        let mut state = self.state.lock();
        if state.overflows(text.len(), self.limit) {
            return Pushed::Overflow;
        }
        state.count(1, text.len());
        if state.held_back.holds() {
            state.held_back.push(framed(text));
            return Pushed::Queued;
        }
        state.stream.push_text(text);
        state.ring()
    }

    /// Appends one text past a shut gate.
    pub fn push_probe(&self, text: &Bytes) -> Pushed {
        let mut state = self.state.lock();
        if state.held_back.is_sealed() {
            // It would have asked the peer on this connection.
            return Pushed::Queued;
        }
        state.stream.push_text(text);
        state.ring()
    }

    /// Appends control frames (pongs, a close frame) of the connection that the outbox is attached to. They go past a
    /// gate. `None`: it is not attached to that connection (any more), or is sealed.
    pub fn push_control(&self, link: LinkId, frames: &[u8]) -> Option<Pushed> {
        let mut state = self.state.lock();
        if !state.is_attached_to(link) || state.held_back.is_sealed() {
            return None;
        }
        if state.overflows(frames.len(), self.limit) {
            return Some(Pushed::Overflow);
        }
        state.stream.push_copy(frames);
        Some(state.ring())
    }

    /// As [`Outbox::push_control`], with the last frames of that connection: what comes after them waits for the next
    /// one. `false`: it is not attached to that connection, or had its last ones.
    pub fn seal(&self, link: LinkId, frames: &[u8]) -> bool {
        let mut state = self.state.lock();
        let is_open = state.is_attached_to(link) && !state.held_back.is_sealed();
        if is_open {
            state.stream.push_copy(frames);
            state.held_back.seal();
        }
        is_open
    }

    /// Appends `count` whole text frames that other outboxes share.
    pub fn push_frames(&self, frames: &Bytes, count: u64, departure: Departure) -> Pushed {
        let mut state = self.state.lock();
        if state.overflows(frames.len(), self.limit) {
            return Pushed::Overflow;
        }
        state.count(count, frames.len());
        if state.held_back.holds() {
            state.held_back.push(frames.clone());
            return Pushed::Queued;
        }
        state.stream.push_frames(frames);
        state.depart(departure)
    }

    /// Something waits to be sent, and nobody has been promised that: from now on it is.
    pub(super) fn asks_for_flush(&self) -> bool {
        let mut state = self.state.lock();
        state.stream.unsent() > 0 && state.ring() == Pushed::First
    }

    /// From now on keeps what was sent until it is acknowledged.
    pub fn retain(&self) {
        self.state.lock().stream.keep();
    }

    /// It keeps what was sent until it is acknowledged.
    pub fn retains(&self) -> bool {
        self.state.lock().stream.keeps()
    }

    /// Gives the outbox to a connection. `first` (the welcome) is sent before anything that is in it.
    ///
    /// With `gated`, what is in it is kept back until [`Outbox::open_gate`].
    pub fn attach(&self, link: LinkId, transport: Arc<dyn Transport>, first: &str, gated: bool) {
        let mut state = self.state.lock();
        let waiting = state.take_waiting();
        state.stream.push_text(&Bytes::copy_from_slice(first.as_bytes()));
        if gated {
            state.held_back.shut_gate(waiting);
        } else {
            state.stream.append(waiting);
        }
        state.ask_acknowledged_at = ASK_ACKNOWLEDGED_EVERY;
        state.transport = Some((link, transport));
    }

    /// The flush that was promised comes in a moment. What is put in until then asks for one of its own, so that it
    /// does not heap up.
    pub fn defer_flush(&self) {
        self.state.lock().rung = false;
    }

    /// Opens the gate: what was kept follows only if the peer is the `same`; what came since follows in any case.
    pub fn open_gate(&self, same: bool) -> Pushed {
        let mut state = self.state.lock();
        let passed = state.held_back.open_gate(same);
        state.go_on_with(passed);
        state.ring()
    }

    /// Takes the outbox from its connection and rewinds it to the first frame that the peer cannot have got.
    /// Returns the transport that it was attached to, and the offset up to which the stream counts as delivered.
    pub fn detach(&self) -> Option<(Arc<dyn Transport>, u64)> {
        let (_, transport) = self.state.lock().transport.take()?;
        // Nothing is written any more. The transport is asked without the lock: it has locks of its own.
        let delivered = transport.delivered();
        let mut state = self.state.lock();
        // What was let go of was delivered, too.
        let delivered = delivered.unwrap_or(state.stream.sent()).max(state.stream.base());
        state.rewind(Some(delivered));
        state.unseal();
        state.rung = false;
        Some((transport, delivered))
    }

    /// Lets go of a connection that is closed and whose session is over.
    pub fn release(&self, link: LinkId) {
        let mut state = self.state.lock();
        if state.is_attached_to(link) {
            state.transport = None;
        }
    }

    /// The transport, for a flush or a close.
    pub fn transport(&self) -> Option<Arc<dyn Transport>> {
        self.state.lock().transport.as_ref().map(|(_, transport)| transport.clone())
    }

    /// The texts that the peer has not got, oldest first. The outbox is empty afterwards. Only of a detached outbox.
    pub fn take_undelivered(&self) -> Vec<Bytes> {
        let mut state = self.state.lock();
        let waiting = state.take_waiting();
        state.stream.append(waiting);
        let texts = state.stream.take_texts();
        match state.custody {
            Custody::Kernel => texts,
            Custody::Peer => texts.iter().filter_map(without_origin).collect(),
        }
    }

    /// What was put into the outbox so far.
    pub fn traffic(&self) -> Traffic {
        self.state.lock().traffic
    }

    /// Bytes that wait to be sent.
    pub fn waiting_bytes(&self) -> usize {
        let state = self.state.lock();
        state.waiting_bytes()
    }

    /// Lets go of what the kernel has acknowledged. Called now and then, so that idle peers keep nothing.
    pub fn trim(&self) {
        self.state.lock().drop_words();
        self.trim_from(0);
    }

    /// As [`Outbox::trim`], if enough has been sent since the kernel was last asked. Called after writing.
    pub fn trim_if_due(&self) {
        self.trim_from(ASK_ACKNOWLEDGED_EVERY);
    }

    fn trim_from(&self, kept_at_least: u64) {
        let Some((link, transport, sent)) = self.state.lock().what_to_trim(kept_at_least) else { return };
        let acknowledged = transport.acknowledged().unwrap_or(sent);
        let mut state = self.state.lock();
        if state.is_attached_to(link) {
            let offset = acknowledged.min(state.stream.sent());
            state.stream.drop_frames_until(offset);
        }
    }

    /// Hands what waits to `write`, a non-blocking vectored write, until all is sent or the socket takes no more.
    pub fn write_with(&self, link: LinkId, mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> Drain {
        let mut state = self.state.lock();
        if !state.is_attached_to(link) {
            return Drain::Detached;
        }
        state.rung = false;
        state.stream.close_tail();
        while state.stream.unsent() > 0 {
            match state.stream.write_some(&mut write) {
                Ok(0) => return Drain::Failed(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Drain::Blocked,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Drain::Failed(error),
            }
        }
        Drain::Empty
    }
}

/// The text of a numbered frame. `None`: it is none.
fn without_origin(text: &Bytes) -> Option<Bytes> {
    reliable::text_behind_origin(text).map(|begin| text.slice(begin..))
}

fn framed(text: &Bytes) -> Bytes {
    let mut frames = BytesMut::with_capacity(text.len() + frame::MAX_HEADER_LEN);
    frame::put_text(&mut frames, text);
    frames.freeze()
}
