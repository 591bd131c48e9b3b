//! How a session reads: what the socket has is decrypted, cut into messages, and routed, as much as one turn may do.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll, ready},
    vec,
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    net::tcp::OwnedReadHalf,
};

use super::{
    decoder::{Decoded, Decoder},
    ending::Ending,
    hold::Hold,
    loss::loss_of,
    tls_engine::Outlook,
};
use crate::{
    hub::{coordinator::Loss, journal::Read},
    protocol::{Text, close::CloseReason},
    unfinished::room::Room,
};

/// Bytes read from a socket at a time. Shared by all sessions of a thread, so it may be generous.
const READ_LEN: usize = 128 * 1024;

/// Reads of one session before others get a turn, as long as they cost less than [`COST_PER_POLL`].
const READS_PER_POLL: usize = 4;

/// What a session may do before others get a turn, in bytes that are copied: a fraction of a millisecond's work. A turn
/// of the hub that costs more is not cut short, but nothing follows it.
const COST_PER_POLL: usize = 512 * 1024;

/// What decrypting and decoding a byte costs, in bytes that are copied.
const COST_OF_A_BYTE: usize = 2;

thread_local! {
    /// The buffer that sockets are read into; empty until first used, and while in use.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// The list of messages of one read, kept to save its allocation.
    static MESSAGES: Cell<Vec<Text>> = const { Cell::new(Vec::new()) };
}

/// What is left of one read, where it was more work than one turn may do.
struct Backlog {
    messages: vec::IntoIter<Text>,
    afterwards: Afterwards,
}

/// What follows the messages of one read.
#[derive(Default)]
struct Afterwards {
    /// The answer to a close frame, behind which nothing may be sent.
    answer: Vec<u8>,
    /// How the read has ended the session.
    ending: Option<Ending>,
}

/// The reading half of a session.
pub(super) struct Reading {
    pub(super) socket: OwnedReadHalf,
    decoder: Decoder,
    /// Nothing is read until this is routed.
    backlog: Option<Box<Backlog>>,
    room: Room,
    /// What was done since the session was polled, as [`COST_PER_POLL`] counts.
    cost: usize,
}

impl Reading {
    /// Nothing is read yet.
    pub(super) fn new(socket: OwnedReadHalf, decoder: Decoder, room: Room) -> Self {
        Self { socket, decoder, backlog: None, room, cost: 0 }
    }

    /// All that was read is routed.
    pub(super) fn is_between_reads(&self) -> bool {
        self.backlog.is_none()
    }

    /// It stops: the decoder has what was read and is no whole message.
    pub(super) fn stop(self) -> (OwnedReadHalf, Decoder) {
        (self.socket, self.decoder)
    }

    /// Routes all that was read, at once.
    pub(super) fn route_the_rest(&mut self, hold: &Hold) {
        while let Some(backlog) = self.backlog.take() {
            self.work_off(backlog, hold);
        }
    }

    /// Routes what came with the upgrade request: what HTTP has read, then what TLS has decrypted and HTTP has not
    /// read. No socket will say that it is there.
    pub(super) fn take_over(&mut self, read_ahead: &[u8], hold: &Hold) -> Option<Ending> {
        let mut ahead = read_ahead.to_vec();
        let plain = hold.link.decrypt(&[]);
        if let Some(plain) = &plain {
            ahead.extend_from_slice(&plain.bytes);
        }
        self.take_plain(&ahead, plain.map_or(Outlook::More, |plain| plain.outlook), hold)
    }

    /// Routes what is left of the last read, or else reads, as much as one turn may do.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, hold: &Hold) -> Poll<Option<Ending>> {
        if let Some(backlog) = self.backlog.take() {
            return Poll::Ready(self.work_off(backlog, hold));
        }
        self.cost = 0;
        for _ in 0..READS_PER_POLL {
            let ending = ready!(self.poll_room_and_read(cx, hold));
            if ending.is_some() || self.cost >= COST_PER_POLL || self.backlog.is_some() {
                return Poll::Ready(ending);
            }
        }
        Poll::Ready(None)
    }

    /// Reads once, where there is room for the rest of what has begun.
    fn poll_room_and_read(&mut self, cx: &mut Context<'_>, hold: &Hold) -> Poll<Option<Ending>> {
        if ready!(self.room.poll(cx, self.decoder.unfinished())).is_err() {
            return Poll::Ready(Some(Ending::Close(CloseReason::Full)));
        }
        match self.poll_read(cx, hold) {
            Poll::Pending => self.room.poll_overdue(cx).map(|()| Some(Ending::Close(CloseReason::Unfinished))),
            read => read,
        }
    }

    /// Reads once what the socket has, and routes it.
    fn poll_read(&mut self, cx: &mut Context<'_>, hold: &Hold) -> Poll<Option<Ending>> {
        let mut scratch = SCRATCH.take();
        if scratch.is_empty() {
            scratch.resize(READ_LEN, 0);
        }
        let mut buffer = ReadBuf::new(&mut scratch);
        let polled = Pin::new(&mut self.socket).poll_read(cx, &mut buffer);
        let len = buffer.filled().len();
        self.cost += COST_OF_A_BYTE * len;
        let ending = match polled {
            Poll::Ready(Ok(())) if len == 0 => Poll::Ready(Some(Ending::Lost(silent_loss(hold)))),
            Poll::Ready(Ok(())) => Poll::Ready(self.take_in(&scratch[..len], hold)),
            Poll::Ready(Err(error)) => Poll::Ready(Some(Ending::Lost(loss_of(&error)))),
            Poll::Pending => Poll::Pending,
        };
        SCRATCH.set(scratch);
        ending
    }

    fn take_in(&mut self, read: &[u8], hold: &Hold) -> Option<Ending> {
        hold.link.hears();
        match hold.link.decrypt(read) {
            None => self.decode(read, hold),
            Some(plain) => self.take_plain(&plain.bytes, plain.outlook, hold),
        }
    }

    /// Routes what was decrypted. How the messages end the session comes before how TLS does.
    fn take_plain(&mut self, plain: &[u8], outlook: Outlook, hold: &Hold) -> Option<Ending> {
        let ending = if plain.is_empty() { None } else { self.decode(plain, hold) };
        hold.link.write_tls();
        let ending_of_tls = match outlook {
            Outlook::More => None,
            Outlook::Ended => Some(Ending::Lost(Loss::Fin)),
            Outlook::Broken => Some(Ending::Lost(Loss::Violation)),
        };
        match &mut self.backlog {
            None => ending.or(ending_of_tls),
            Some(backlog) => {
                let ending = &mut backlog.afterwards.ending;
                *ending = ending.or(ending_of_tls);
                None
            }
        }
    }

    /// Decodes what was read by a former server.
    pub(super) fn decode_again(&mut self, bytes: &[u8], hold: &Hold) -> Option<Ending> {
        self.decode_and_route(bytes, None, hold)
    }

    fn decode(&mut self, bytes: &[u8], hold: &Hold) -> Option<Ending> {
        self.decode_and_route(bytes, Some(bytes).filter(|_| hold.kept.is_some()), hold)
    }

    /// `recorded`: what is to be written down before its messages are routed.
    fn decode_and_route(&mut self, bytes: &[u8], recorded: Option<&[u8]>, hold: &Hold) -> Option<Ending> {
        let mut messages = MESSAGES.take();
        let decoded = self.decoder.decode(bytes, &mut messages);
        let replies = self.decoder.take_replies();
        let mut afterwards = Afterwards::default();
        match decoded {
            Decoded::More => {}
            Decoded::Closed => afterwards.ending = Some(Ending::Lost(Loss::Closed)),
            Decoded::Broken(reason) => afterwards.ending = Some(Ending::Close(reason)),
        }
        // A pong may overtake what the messages bring about, and must where its ping came in the middle of one.
        if decoded == Decoded::Closed {
            afterwards.answer = replies;
        } else {
            hold.send_control(&replies);
        }
        let read = recorded.map(|bytes| Read { bytes, is_whole: self.decoder.is_whole() });
        let ending = self.route(messages.drain(..), read, afterwards, hold);
        MESSAGES.set(messages);
        ending
    }

    /// Routes as many of the messages as one turn may do, and keeps the others; or else does what comes afterwards.
    fn route(
        &mut self,
        mut messages: vec::Drain<'_, Text>,
        read: Option<Read<'_>>,
        afterwards: Afterwards,
        hold: &Hold,
    ) -> Option<Ending> {
        self.cost += hold.receive(read, &mut messages);
        if messages.len() == 0 {
            return afterwards.conclude(hold);
        }
        let messages = messages.collect::<Vec<_>>().into_iter();
        self.backlog = Some(Box::new(Backlog { messages, afterwards }));
        None
    }

    fn work_off(&mut self, mut backlog: Box<Backlog>, hold: &Hold) -> Option<Ending> {
        hold.receive_rest(&mut backlog.messages);
        if backlog.messages.len() == 0 {
            return backlog.afterwards.conclude(hold);
        }
        self.backlog = Some(backlog);
        None
    }
}

impl Afterwards {
    fn conclude(&self, hold: &Hold) -> Option<Ending> {
        hold.send_control(&self.answer);
        self.ending
    }
}

/// Why the connection has ended, where reading gives no reason.
fn silent_loss(hold: &Hold) -> Loss {
    if hold.link.is_unreachable() { Loss::Unreachable } else { Loss::Fin }
}
