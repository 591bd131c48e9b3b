//! What an outbox consists of, without its lock: the stream, what is held back from it, and whom it belongs to.

use std::{ops::AddAssign, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    hub::{
        gathering::{Departure, MAX_GATHERED},
        held_back::HeldBack,
        stream::{FrameStream, NEVER_REACHED},
        transport::{LinkId, Transport},
    },
    protocol::{PONG, reliable},
};

/// Sent bytes kept before the kernel is asked what it has acknowledged: one system call per so many bytes. Few enough
/// that they stay in the processor's cache.
pub(super) const ASK_ACKNOWLEDGED_EVERY: u64 = 16 * 1024;

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
    pub(in crate::hub) fn is_possible(self) -> bool {
        self.messages.max(self.bytes) < NEVER_REACHED
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, more: Self) {
        self.messages += more.messages;
        self.bytes += more.bytes;
    }
}

/// An outbox, for whoever has its lock.
#[derive(Default)]
pub(super) struct State {
    pub(super) stream: FrameStream,
    /// The kernel is asked what it has acknowledged when so many bytes are sent.
    pub(super) ask_acknowledged_at: u64,
    /// A flush has been promised and has not begun.
    pub(super) rung: bool,
    /// Something did not fit: nothing may follow, or the peer would be served with a gap until it is gone.
    pub(super) has_overflowed: bool,
    pub(super) held_back: HeldBack,
    pub(super) traffic: Traffic,
    pub(super) transport: Option<(LinkId, Arc<dyn Transport>)>,
    pub(super) custody: Custody,
}

/// Who says what has been delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Custody {
    /// The peer's kernel, as far as this machine knows.
    #[default]
    Kernel,
    /// The peer itself, which counts the numbered frames: it has the extension.
    Peer,
}

impl State {
    pub(super) fn waiting_bytes(&self) -> usize {
        self.stream.unsent() as usize + self.held_back.bytes()
    }

    /// What is not numbered is not acknowledged either, and is of no use once it is sent.
    pub(super) fn drop_words(&mut self) {
        if self.custody == Custody::Peer {
            self.stream.drop_numbered(0, false);
        }
    }

    /// Goes back to the first frame that was not delivered; `delivered`: so many bytes of this connection's stream, or
    /// all that was sent. A peer that says itself what it has had, has not said yet.
    pub(super) fn rewind(&mut self, delivered: Option<u64>) {
        match self.custody {
            Custody::Kernel => {
                let delivered = delivered.unwrap_or(self.stream.sent());
                self.stream.rewind(delivered, |text| !belongs_to_one_connection(text));
            }
            Custody::Peer => self.stream.rewind(0, is_numbered),
        }
    }

    /// Nothing of `more` bytes fits, now or ever again.
    pub(super) fn overflows(&mut self, more: usize, limit: usize) -> bool {
        let waiting = match self.custody {
            Custody::Kernel => self.waiting_bytes(),
            // What it has not acknowledged is kept for as long as it likes.
            Custody::Peer => self.waiting_bytes() + self.stream.kept() as usize,
        };
        self.has_overflowed |= waiting > 0 && waiting + more > limit;
        self.has_overflowed
    }

    pub(super) fn is_attached_to(&self, link: LinkId) -> bool {
        self.transport.as_ref().is_some_and(|(attached, _)| *attached == link)
    }

    pub(super) fn count(&mut self, messages: u64, bytes: usize) {
        self.traffic.messages += messages;
        self.traffic.bytes += bytes as u64;
    }

    pub(super) fn ring(&mut self) -> Pushed {
        if std::mem::replace(&mut self.rung, true) { Pushed::Queued } else { Pushed::First }
    }

    /// What was appended may leave so.
    pub(super) fn depart(&mut self, departure: Departure) -> Pushed {
        match departure {
            Departure::Gathered if self.waiting_bytes() <= MAX_GATHERED => Pushed::Queued,
            Departure::Gathered | Departure::Now => self.ring(),
        }
    }

    /// Takes out what waits for the next connection. What went past a shut gate is not in it: it asked the peer on the
    /// connection before.
    pub(super) fn take_waiting(&mut self) -> Vec<Bytes> {
        let segments = self.stream.take_segments();
        self.held_back.take_gate().unwrap_or(segments)
    }

    /// The connection is gone whose last frame was in the stream.
    pub(super) fn unseal(&mut self) {
        let since = self.held_back.unseal();
        self.go_on_with(since);
    }

    /// What was held back follows.
    pub(super) fn go_on_with(&mut self, frames: Vec<Bytes>) {
        if !frames.is_empty() {
            self.stream.append(frames);
        }
    }

    /// Whom to ask what is acknowledged, if that is worth it: `at_least` so much is kept, and as much was sent since
    /// the last time. And the offset up to which was sent.
    pub(super) fn what_to_trim(&mut self, at_least: u64) -> Option<(LinkId, Arc<dyn Transport>, u64)> {
        if self.custody == Custody::Peer {
            return None;
        }
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

fn belongs_to_one_connection(text: &[u8]) -> bool {
    text == PONG.as_bytes() || text.starts_with(b"welcome:")
}

fn is_numbered(text: &[u8]) -> bool {
    text.first() == Some(&reliable::NUMBERED)
}
