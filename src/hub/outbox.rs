//! A peer's outbox: the stream of WebSocket frames that it is to get, bounded in bytes, in order, nothing skipped.
//!
//! It is a plain data structure: whoever holds the peer's connection takes bytes out with [`Outbox::write_with`]. The outbox
//! outlives connections. Where a session can be resumed ([`Outbox::retain`]), what was sent is kept until the peer's kernel has
//! acknowledged it, and what had not left this machine when a connection broke is sent again, from whole frames, on the next.
//!
//! ```text
//!   segments: |  acknowledged?  |   to be sent   |     offsets count the bytes of the current connection's stream
//!             base             sent             end
//! ```

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    ops::AddAssign,
    sync::Arc,
};

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;

use super::transport::{LinkId, Transport};
use crate::protocol::{PONG, frame};

/// Bytes below which a text is copied next to its neighbours: cheaper than a reference and a slice of its own.
const COPY_BELOW: usize = 2 * 1024;

/// Segments given to one write: enough for large writes, few enough for the stack.
const SLICES_PER_WRITE: usize = 64;

/// Bytes given to one write: more than a socket takes at once, so that a write is never the smaller half.
const BYTES_PER_WRITE: usize = 512 * 1024;

/// Sent bytes kept before the kernel is asked what it has acknowledged: one system call per so many bytes.
const ASK_ACKNOWLEDGED_EVERY: u64 = 64 * 1024;

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Text messages.
    pub messages: u64,
    /// Bytes of their texts (with frame headers, where a broadcast was framed once for all).
    pub bytes: u64,
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, more: Self) {
        self.messages += more.messages;
        self.bytes += more.bytes;
    }
}

/// See the module's description.
pub struct Outbox {
    limit: usize,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    segments: VecDeque<Bytes>,
    /// The open last segment.
    tail: BytesMut,
    /// Offset of the first byte of `segments`; from `keep_from` on, the start of a frame.
    base: u64,
    sent: u64,
    end: u64,
    /// Where `sent` lies: the segment, and the byte in it.
    cursor: (usize, usize),
    /// From this offset on (the start of a frame), what was sent is kept until it is acknowledged.
    keep_from: Option<u64>,
    ask_acknowledged_at: u64,
    /// A flush has been promised and has not begun.
    rung: bool,
    gate: Option<Gate>,
    traffic: Traffic,
    transport: Option<(LinkId, Arc<dyn Transport>)>,
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

impl Outbox {
    /// An empty outbox that holds at most `limit` bytes (one message more, if it is empty, however large).
    pub fn new(limit: usize) -> Self {
        Self { limit, log: Mutex::default() }
    }

    /// Appends one text as a frame. A large one is referenced, not copied.
    pub fn push_text(&self, text: &Bytes) -> Pushed {
        let mut log = self.log.lock();
        if log.is_full(text.len(), self.limit) {
            return Pushed::Overflow;
        }
        log.count(1, text.len());
        if log.gate.is_some() {
            return log.push_behind_gate(framed(text));
        }
        log.push_text(text);
        log.ring()
    }

    /// Appends one text past a shut gate.
    pub fn push_probe(&self, text: &Bytes) -> Pushed {
        let mut log = self.log.lock();
        log.push_text(text);
        log.ring()
    }

    /// Appends control frames (pongs, a close frame) of the connection that the outbox is attached to. They go past a gate.
    /// `None`: it is not attached to that connection (any more).
    pub fn push_control(&self, link: LinkId, frames: &[u8]) -> Option<Pushed> {
        let mut log = self.log.lock();
        if !log.is_attached_to(link) {
            return None;
        }
        if log.is_full(frames.len(), self.limit) {
            return Some(Pushed::Overflow);
        }
        log.tail.extend_from_slice(frames);
        log.end += frames.len() as u64;
        Some(log.ring())
    }

    /// Appends `count` whole text frames that other outboxes share.
    pub fn push_frames(&self, frames: &Bytes, count: u64) -> Pushed {
        let mut log = self.log.lock();
        if log.is_full(frames.len(), self.limit) {
            return Pushed::Overflow;
        }
        log.count(count, frames.len());
        if log.gate.is_some() {
            return log.push_behind_gate(frames.clone());
        }
        log.close_tail();
        log.end += frames.len() as u64;
        log.segments.push_back(frames.clone());
        log.ring()
    }

    /// From now on keeps what was sent until it is acknowledged.
    pub fn retain(&self) {
        let mut log = self.log.lock();
        let end = log.end;
        log.keep_from.get_or_insert(end);
    }

    /// Gives the outbox to a connection. `first` (the welcome) is sent before anything that is in it.
    ///
    /// With `gated`, what is in it is kept back until [`Outbox::open_gate`].
    pub fn attach(&self, link: LinkId, transport: Arc<dyn Transport>, first: &str, gated: bool) {
        let mut log = self.log.lock();
        let waiting = log.take_segments();
        log.push_text(&Bytes::copy_from_slice(first.as_bytes()));
        if gated {
            let bytes = waiting.iter().map(Bytes::len).sum();
            log.gate = Some(Gate { kept: waiting, since: Vec::new(), bytes });
        } else {
            log.append(waiting);
        }
        log.transport = Some((link, transport));
    }

    /// Opens the gate: what was kept follows only if the peer is the `same`; what came since follows in any case.
    pub fn open_gate(&self, same: bool) -> Pushed {
        let mut log = self.log.lock();
        if let Some(gate) = log.gate.take() {
            if same {
                log.append(gate.kept);
            }
            log.append(gate.since);
        }
        log.ring()
    }

    /// Takes the outbox from its connection and rewinds it to the first frame that the peer cannot have got.
    /// Returns the transport that it was attached to.
    pub fn detach(&self) -> Option<Arc<dyn Transport>> {
        let (_, transport) = self.log.lock().transport.take()?;
        // Nothing is written any more. The transport is asked without the lock: it has locks of its own.
        let delivered = transport.delivered();
        let mut log = self.log.lock();
        let delivered = delivered.unwrap_or(log.sent);
        log.rewind(delivered);
        Some(transport)
    }

    /// Lets go of a connection that is closed and whose session is over.
    pub fn release(&self, link: LinkId) {
        let mut log = self.log.lock();
        if log.is_attached_to(link) {
            log.transport = None;
        }
    }

    /// The transport, for a flush or a close.
    pub fn transport(&self) -> Option<Arc<dyn Transport>> {
        self.log.lock().transport.as_ref().map(|(_, transport)| transport.clone())
    }

    /// The texts that the peer has not got, oldest first. The outbox is empty afterwards. Only of a detached outbox.
    pub fn take_undelivered(&self) -> Vec<Bytes> {
        let mut log = self.log.lock();
        let gate = log.gate.take().unwrap_or_default();
        log.append(gate.kept);
        log.append(gate.since);
        log.take_texts()
    }

    /// What was put into the outbox so far.
    pub fn traffic(&self) -> Traffic {
        self.log.lock().traffic
    }

    /// Bytes that wait to be sent.
    pub fn waiting_bytes(&self) -> usize {
        let log = self.log.lock();
        log.waiting_bytes()
    }

    /// Lets go of what the kernel has acknowledged. Called now and then, so that idle peers keep nothing.
    pub fn trim(&self) {
        self.trim_from(0);
    }

    /// As [`Outbox::trim`], if enough has been sent since the kernel was last asked. Called after writing.
    pub fn trim_if_due(&self) {
        let due = self.log.lock().ask_acknowledged_at;
        self.trim_from(due);
    }

    fn trim_from(&self, sent_at_least: u64) {
        let (link, transport, sent) = {
            let mut log = self.log.lock();
            if !log.keeps_from_base() || log.base == log.sent || log.sent < sent_at_least {
                return;
            }
            log.ask_acknowledged_at = log.sent + ASK_ACKNOWLEDGED_EVERY;
            let Some((link, transport)) = log.transport.clone() else { return };
            (link, transport, log.sent)
        };
        let acknowledged = transport.acknowledged().unwrap_or(sent);
        let mut log = self.log.lock();
        if log.is_attached_to(link) {
            let offset = acknowledged.min(log.sent);
            log.drop_frames_until(offset);
        }
    }

    /// Hands what waits to `write`, a non-blocking vectored write, until all is sent or the socket takes no more.
    pub fn write_with(&self, link: LinkId, mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> Drain {
        let mut log = self.log.lock();
        if !log.is_attached_to(link) {
            return Drain::Detached;
        }
        log.rung = false;
        log.close_tail();
        while log.sent < log.end {
            match log.write_some(&mut write) {
                Ok(0) => return Drain::Failed(io::ErrorKind::WriteZero.into()),
                Ok(written) => log.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Drain::Blocked,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Drain::Failed(error),
            }
        }
        Drain::Empty
    }
}

impl Log {
    fn waiting_bytes(&self) -> usize {
        (self.end - self.sent) as usize + self.gate.as_ref().map_or(0, |gate| gate.bytes)
    }

    fn is_full(&self, more: usize, limit: usize) -> bool {
        let waiting = self.waiting_bytes();
        waiting > 0 && waiting + more > limit
    }

    fn count(&mut self, messages: u64, bytes: usize) {
        self.traffic.messages += messages;
        self.traffic.bytes += bytes as u64;
    }

    fn ring(&mut self) -> Pushed {
        if std::mem::replace(&mut self.rung, true) { Pushed::Queued } else { Pushed::First }
    }

    fn push_text(&mut self, text: &Bytes) {
        let before = self.tail.len();
        if text.len() < COPY_BELOW {
            frame::put_text(&mut self.tail, text);
            self.end += (self.tail.len() - before) as u64;
        } else {
            frame::put_text_header(&mut self.tail, text.len());
            self.end += (self.tail.len() - before + text.len()) as u64;
            self.close_tail();
            self.segments.push_back(text.clone());
        }
    }

    fn push_behind_gate(&mut self, frames: Bytes) -> Pushed {
        if let Some(gate) = &mut self.gate {
            gate.bytes += frames.len();
            gate.since.push(frames);
        }
        Pushed::Queued
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.segments.push_back(std::mem::take(&mut self.tail).freeze());
        }
    }

    fn append(&mut self, segments: Vec<Bytes>) {
        self.close_tail();
        for segment in segments {
            self.end += segment.len() as u64;
            self.segments.push_back(segment);
        }
    }

    /// Empties the log; the next connection's stream starts at offset 0.
    fn take_segments(&mut self) -> Vec<Bytes> {
        self.close_tail();
        let segments = self.segments.drain(..).collect();
        (self.base, self.sent, self.end, self.cursor) = (0, 0, 0, (0, 0));
        self.keep_from = self.keep_from.map(|_| 0);
        self.ask_acknowledged_at = ASK_ACKNOWLEDGED_EVERY;
        segments
    }

    fn write_some(&self, write: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE];
        let (segment, mut skip) = self.cursor;
        let (mut count, mut bytes) = (0, 0);
        for part in self.segments.iter().skip(segment).take(SLICES_PER_WRITE) {
            slices[count] = IoSlice::new(&part[skip..]);
            bytes += part.len() - skip;
            count += 1;
            skip = 0;
            if bytes >= BYTES_PER_WRITE {
                break;
            }
        }
        write(&slices[..count])
    }

    fn advance(&mut self, written: usize) {
        self.sent += written as u64;
        let unkept = self.keep_from.map_or(u64::MAX, |from| from.saturating_sub(self.base));
        let dropped = written.min(usize::try_from(unkept).unwrap_or(usize::MAX));
        self.drop_front(dropped);
        self.move_cursor(written - dropped);
    }

    fn is_attached_to(&self, link: LinkId) -> bool {
        self.transport.as_ref().is_some_and(|(attached, _)| *attached == link)
    }

    fn keeps_from_base(&self) -> bool {
        self.keep_from.is_some_and(|from| self.base >= from)
    }

    fn move_cursor(&mut self, mut by: usize) {
        while let Some(segment) = self.segments.get(self.cursor.0) {
            let rest = segment.len() - self.cursor.1;
            if by < rest {
                self.cursor.1 += by;
                return;
            }
            by -= rest;
            self.cursor = (self.cursor.0 + 1, 0);
        }
    }

    /// Drops bytes from the front.
    fn drop_front(&mut self, mut count: usize) {
        self.base += count as u64;
        while count > 0 {
            let Some(front) = self.segments.front_mut() else { return };
            if count < front.len() {
                front.advance(count);
                if self.cursor.0 == 0 {
                    self.cursor.1 = self.cursor.1.saturating_sub(count);
                }
                return;
            }
            count -= front.len();
            self.segments.pop_front();
            self.cursor = match self.cursor {
                (0, _) => (0, 0),
                (segment, byte) => (segment - 1, byte),
            };
        }
    }

    /// Drops the frames that end at or before `offset`.
    fn drop_frames_until(&mut self, offset: u64) {
        let mut whole = 0;
        let mut segments = self.segments.iter();
        let (mut segment, mut at) = (segments.next(), 0);
        // A header lies within one segment; a payload may be the segments that follow it.
        while let Some(current) = segment {
            let Some(written) = frame::Written::parse(&current[at..]) else { break };
            if self.base + (whole + written.len()) as u64 > offset {
                break;
            }
            whole += written.len();
            at += written.len();
            while let Some(current) = segment
                && at >= current.len()
            {
                at -= current.len();
                segment = segments.next();
            }
        }
        self.drop_front(whole);
    }

    /// Goes back to the first frame that was not delivered, and leaves out what means nothing on another connection.
    fn rewind(&mut self, delivered: u64) {
        self.close_tail();
        if self.keeps_from_base() {
            self.drop_frames_until(delivered.min(self.sent));
        } else {
            // The front may be the rest of a frame: begin at the first whole one.
            let unkept = self.keep_from.unwrap_or(self.end).saturating_sub(self.base);
            self.drop_front(unkept as usize);
        }
        let texts = self.take_texts();
        for text in texts.iter().filter(|text| !belongs_to_one_connection(text)) {
            self.push_text(text);
        }
        self.close_tail();
        self.rung = false;
    }

    /// Takes all frames out and returns the payloads of the text frames.
    fn take_texts(&mut self) -> Vec<Bytes> {
        let mut stream: VecDeque<Bytes> = self.take_segments().into();
        let mut texts = Vec::new();
        while let Some(written) = stream.front().and_then(|front| frame::Written::parse(front)) {
            take(&mut stream, written.header);
            let payload = take(&mut stream, written.payload);
            if written.is_text {
                texts.push(payload);
            }
        }
        texts
    }
}

/// Takes `count` bytes off the front of a stream of segments.
fn take(stream: &mut VecDeque<Bytes>, count: usize) -> Bytes {
    let mut taken = Bytes::new();
    while taken.len() < count {
        let Some(mut front) = stream.pop_front() else { break };
        let part = front.split_to(front.len().min(count - taken.len()));
        taken = if taken.is_empty() { part } else { [taken, part].concat().into() };
        if !front.is_empty() {
            stream.push_front(front);
        }
    }
    while stream.front().is_some_and(Bytes::is_empty) {
        stream.pop_front();
    }
    taken
}

fn belongs_to_one_connection(text: &[u8]) -> bool {
    text == PONG.as_bytes() || text.starts_with(b"welcome:")
}

fn framed(text: &Bytes) -> Bytes {
    let mut frames = BytesMut::with_capacity(text.len() + frame::MAX_HEADER_LEN);
    frame::put_text(&mut frames, text);
    frames.freeze()
}
