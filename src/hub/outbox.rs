//! A peer's outbox: the stream of WebSocket frames that it is to get, bounded in bytes, in order, nothing skipped.
//!
//! It is a plain data structure: whoever holds the peer's connection takes bytes out with [`Outbox::write_with`]. The
//! outbox outlives connections. Where a session can be resumed ([`Outbox::retain`]), what was sent is kept until the
//! peer's kernel has acknowledged it, and what had not left this machine when a connection broke is sent again, from
//! whole frames, on the next.

use std::{
    io::{self, IoSlice},
    ops::AddAssign,
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{
    shelf::{self, Shelf},
    stream::{FrameStream, FrozenStream, NEVER_REACHED},
    transport::{LinkId, Transport},
};
use crate::protocol::frame;

/// Sent bytes kept before the kernel is asked what it has acknowledged: one system call per so many bytes. Few enough
/// that they stay in the processor's cache.
const ASK_ACKNOWLEDGED_EVERY: u64 = 16 * 1024;

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// In the outbox; its transport has been promised a flush already.
    Queued,
    /// In the outbox, which nobody has been told yet: its transport must be flushed.
    First,
    /// The bound is passed. The peer cannot be served without a gap and must go.
    Overflow,
}

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

/// Messages and their bytes, counted from the beginning of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Text messages.
    pub messages: u64,
    /// Bytes of their texts (with frame headers, where a broadcast was framed once for all).
    pub bytes: u64,
}

impl Traffic {
    /// Somebody may have done so much.
    pub(super) fn is_possible(self) -> bool {
        self.messages.max(self.bytes) < NEVER_REACHED
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, more: Self) {
        self.messages += more.messages;
        self.bytes += more.bytes;
    }
}

/// What one peer is still to get: frames in order, bounded in bytes. It may outlive a connection.
pub struct Outbox {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stream: FrameStream,
    /// The kernel is asked what it has acknowledged when so many bytes are sent.
    ask_acknowledged_at: u64,
    /// A flush has been promised and has not begun.
    rung: bool,
    /// Something did not fit: nothing may follow, or the peer would be served with a gap until it is gone.
    has_overflowed: bool,
    gate: Option<Gate>,
    /// The last frame of this connection is in the stream: what came since, for the next one.
    sealed: Option<Sealed>,
    traffic: Traffic,
    transport: Option<(LinkId, Arc<dyn Transport>)>,
}

/// What was put in behind the last frame of a connection.
#[derive(Default)]
struct Sealed {
    since: Vec<Bytes>,
    bytes: usize,
}

/// Shut while it is unknown whether the peer that has returned is the one that left.
#[derive(Default)]
struct Gate {
    /// What the one that left has not got.
    kept: Vec<Bytes>,
    /// What came since the return.
    since: Vec<Bytes>,
    bytes: usize,
}

impl Gate {
    fn new(kept: Vec<Bytes>, since: Vec<Bytes>) -> Self {
        let bytes = kept.iter().chain(&since).map(Bytes::len).sum();
        Self { kept, since, bytes }
    }
}

/// An outbox as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenOutbox {
    stream: FrozenStream,
    has_overflowed: bool,
    gate: Option<FrozenGate>,
    traffic: Traffic,
}

/// What is behind a shut gate, by its numbers on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FrozenGate {
    kept: Vec<u32>,
    since: Vec<u32>,
}

impl Outbox {
    /// Takes everything out, and lets go of the transport: nothing may be put in or sent any more.
    pub(super) fn freeze(&self, shelf: &mut Shelf) -> FrozenOutbox {
        let mut state = std::mem::take(&mut *self.state.lock());
        state.unseal();
        let gate = state.gate.map(|gate| FrozenGate { kept: shelf.put(gate.kept), since: shelf.put(gate.since) });
        let stream = state.stream.freeze(shelf);
        FrozenOutbox { stream, has_overflowed: state.has_overflowed, gate, traffic: state.traffic }
    }

    /// An outbox that goes on where another has stopped; without a transport, until it is [`Outbox::reattach`]ed.
    /// `None`: there never was such an outbox.
    pub(super) fn thaw(frozen: FrozenOutbox, limit: usize, shelf: &[Bytes]) -> Option<Self> {
        let FrozenOutbox { stream, has_overflowed, gate, traffic } = frozen;
        let stream = FrameStream::thaw(stream, shelf).filter(|_| traffic.is_possible())?;
        let gate = match gate {
            None => None,
            Some(FrozenGate { kept, since }) => Some(Gate::new(shelf::take(shelf, kept)?, shelf::take(shelf, since)?)),
        };
        let state = State { stream, has_overflowed, gate, traffic, ..State::default() };
        Some(Self { limit, state: Mutex::new(state) })
    }

    /// Gives the outbox to the connection that it belonged to when it was frozen: its stream goes on.
    pub(super) fn reattach(&self, link: LinkId, transport: Arc<dyn Transport>) {
        let mut state = self.state.lock();
        state.ask_acknowledged_at = state.stream.sent() + ASK_ACKNOWLEDGED_EVERY;
        state.transport = Some((link, transport));
    }

    /// The connection that it belonged to when it was frozen has not come along: what was sent counts as delivered.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        let sent = state.stream.sent();
        state.stream.rewind(sent);
    }

    /// An empty outbox that holds at most `limit` bytes (one message more, if it is empty, however large).
    pub fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// Appends one text as a frame. A large one is referenced, not copied.
    pub fn push_text(&self, text: &Bytes) -> Pushed {
        let mut state = self.state.lock();
        if state.overflows(text.len(), self.limit) {
            return Pushed::Overflow;
        }
        state.count(1, text.len());
        if state.is_held_back() {
            return state.hold_back(framed(text));
        }
        state.stream.push_text(text);
        state.ring()
    }

    /// Appends one text past a shut gate.
    pub fn push_probe(&self, text: &Bytes) -> Pushed {
        let mut state = self.state.lock();
        if state.sealed.is_some() {
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
        if !state.is_attached_to(link) || state.sealed.is_some() {
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
        let is_open = state.is_attached_to(link) && state.sealed.is_none();
        if is_open {
            state.stream.push_copy(frames);
            state.sealed = Some(Sealed::default());
        }
        is_open
    }

    /// Appends `count` whole text frames that other outboxes share.
    pub fn push_frames(&self, frames: &Bytes, count: u64) -> Pushed {
        let mut state = self.state.lock();
        if state.overflows(frames.len(), self.limit) {
            return Pushed::Overflow;
        }
        state.count(count, frames.len());
        if state.is_held_back() {
            return state.hold_back(frames.clone());
        }
        state.stream.push_frames(frames);
        state.ring()
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
            state.gate = Some(Gate::new(waiting, Vec::new()));
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
        if let Some(gate) = state.gate.take() {
            let passed = if same { [gate.kept, gate.since].concat() } else { gate.since };
            match &mut state.sealed {
                Some(sealed) => passed.into_iter().for_each(|frames| sealed.push(frames)),
                None => state.stream.append(passed),
            }
        }
        state.ring()
    }

    /// Takes the outbox from its connection and rewinds it to the first frame that the peer cannot have got.
    /// Returns the transport that it was attached to.
    pub fn detach(&self) -> Option<Arc<dyn Transport>> {
        let (_, transport) = self.state.lock().transport.take()?;
        // Nothing is written any more. The transport is asked without the lock: it has locks of its own.
        let delivered = transport.delivered();
        let mut state = self.state.lock();
        let delivered = delivered.unwrap_or(state.stream.sent());
        state.stream.rewind(delivered);
        state.unseal();
        state.rung = false;
        Some(transport)
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
        state.stream.take_texts()
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

impl State {
    fn waiting_bytes(&self) -> usize {
        self.stream.unsent() as usize + self.held_back_bytes()
    }

    /// Nothing of `more` bytes fits, now or ever again.
    fn overflows(&mut self, more: usize, limit: usize) -> bool {
        let waiting = self.waiting_bytes();
        self.has_overflowed |= waiting > 0 && waiting + more > limit;
        self.has_overflowed
    }

    fn is_attached_to(&self, link: LinkId) -> bool {
        self.transport.as_ref().is_some_and(|(attached, _)| *attached == link)
    }

    fn count(&mut self, messages: u64, bytes: usize) {
        self.traffic.messages += messages;
        self.traffic.bytes += bytes as u64;
    }

    fn ring(&mut self) -> Pushed {
        if std::mem::replace(&mut self.rung, true) { Pushed::Queued } else { Pushed::First }
    }

    /// Takes out what waits for the next connection. What went past a shut gate is not in it: it asked the peer on the
    /// connection before.
    fn take_waiting(&mut self) -> Vec<Bytes> {
        let segments = self.stream.take_segments();
        match self.gate.take() {
            Some(gate) => [gate.kept, gate.since].concat(),
            None => segments,
        }
    }

    /// What is put in does not go to the connection now.
    fn is_held_back(&self) -> bool {
        self.gate.is_some() || self.sealed.is_some()
    }

    fn hold_back(&mut self, frames: Bytes) -> Pushed {
        if let Some(gate) = &mut self.gate {
            gate.bytes += frames.len();
            gate.since.push(frames);
        } else if let Some(sealed) = &mut self.sealed {
            sealed.push(frames);
        }
        Pushed::Queued
    }

    fn held_back_bytes(&self) -> usize {
        self.gate.as_ref().map_or(0, |gate| gate.bytes) + self.sealed.as_ref().map_or(0, |sealed| sealed.bytes)
    }

    /// The connection is gone whose last frame was in the stream.
    fn unseal(&mut self) {
        if let Some(sealed) = self.sealed.take() {
            self.stream.append(sealed.since);
        }
    }

    /// Whom to ask what is acknowledged, if that is worth it: `at_least` so much is kept, and as much was sent since
    /// the last time. And the offset up to which was sent.
    fn what_to_trim(&mut self, at_least: u64) -> Option<(LinkId, Arc<dyn Transport>, u64)> {
        let sent = self.stream.sent();
        let kept = if self.stream.keeps_from_base() { self.stream.kept() } else { 0 };
        if kept == 0 || kept < at_least || (at_least > 0 && sent < self.ask_acknowledged_at) {
            return None;
        }
        self.ask_acknowledged_at = sent + ASK_ACKNOWLEDGED_EVERY;
        let (link, transport) = self.transport.clone()?;
        Some((link, transport, sent))
    }
}

impl Sealed {
    fn push(&mut self, frames: Bytes) {
        self.bytes += frames.len();
        self.since.push(frames);
    }
}

fn framed(text: &Bytes) -> Bytes {
    let mut frames = BytesMut::with_capacity(text.len() + frame::MAX_HEADER_LEN);
    frame::put_text(&mut frames, text);
    frames.freeze()
}
