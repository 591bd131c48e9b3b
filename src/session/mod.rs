//! One connected peer: reads its WebSocket messages and gives them to the hub, writes its outbox to its socket.
//!
//! A session is one small task. It reads what the socket has, routes all of it in one turn, and lets the receivers'
//! links write at once. It knows the hub and the wire; not HTTP, not how the socket was accepted, not what messages
//! say.

pub mod closing;
pub mod decoder;
mod leave;
pub mod link;
mod loss;
mod open;
pub mod parked;
mod sessions;
mod tcp_info;
mod tls;

use std::{
    cell::Cell,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
    vec,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::{TcpStream, tcp::OwnedReadHalf},
    sync::OwnedSemaphorePermit,
    task::yield_now,
};

use crate::{
    hub::{
        Hub, PeerHandle, Refused,
        coordinator::Loss,
        transport::{LinkId, Transport},
    },
    protocol::{Text, close::CloseReason},
    unfinished::{Unfinished, room::Room},
};
use decoder::{Decoded, Decoder};
use link::Link;
use loss::loss_of;
use parked::{FrozenConnection, Parked};
use tls::Outlook;

pub use closing::LINGER;
pub use sessions::Sessions;

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

/// A connection right after its upgrade.
pub struct Connection {
    /// The socket.
    pub socket: TcpStream,
    /// The TLS state, with `ssl`.
    pub tls: Option<rustls::ServerConnection>,
    /// What was read behind the upgrade request already.
    pub read_ahead: Bytes,
    /// Bytes that were written to the socket so far.
    pub written: u64,
    /// The connection's place among `maxConnections`, given back when the session ends.
    pub permit: Option<OwnedSemaphorePermit>,
}

/// The limits of one peer's session.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest text of a frame, in UTF-16 units; `welcome:` announces it.
    pub max_payload: usize,
    /// Longest message in bytes.
    pub max_message_size: usize,
    /// How long a closing session may take to send what is in its outbox.
    pub flush_timeout: Duration,
    /// The bound of what all have begun and not finished.
    pub unfinished: Arc<Unfinished>,
}

/// Why a session's reading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The connection is gone, or the peer has closed it.
    Lost(Loss),
    /// The server's side closes it.
    Close(CloseReason),
    /// It goes on in another process.
    Parked,
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

/// One peer's session, as long as one connection.
pub struct Session {
    hold: Hold,
    reader: OwnedReadHalf,
    decoder: Decoder,
    /// Nothing is read until this is routed.
    backlog: Option<Box<Backlog>>,
    room: Room,
    /// What was done since the session was polled, as [`COST_PER_POLL`] counts.
    cost: usize,
    flush_timeout: Duration,
    /// The end of the session, if what came with the upgrade request has brought it about already.
    early_ending: Option<Ending>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// A session's hold on its peer and on its connection.
struct Hold {
    peer: PeerHandle,
    link: Arc<Link>,
}

impl Drop for Hold {
    /// Also where a session's task is aborted or panics, the hub learns that the peer is gone. The peer of a parked one
    /// is not.
    fn drop(&mut self) {
        if !self.link.is_parked() {
            self.peer.lost(Loss::Reset);
            self.link.release();
        }
    }
}

impl Session {
    /// Lets the hub begin a session, or go on with a kept one, and routes what came with the upgrade request.
    ///
    /// # Errors
    /// The hub is closed: the connection is dropped.
    pub fn begin(hub: &Hub, db: &str, id: &str, connection: Connection, limits: Limits) -> Result<Self, Refused> {
        let (reader, writer) = connection.socket.into_split();
        let (tls, written) = (connection.tls, connection.written);
        let mut link = None;
        let peer = hub.connect(db, id, limits.max_payload, |link_id, outbox| {
            let made = Arc::new(Link::new(link_id, outbox, writer, tls, written));
            link = Some(made.clone());
            made
        })?;
        // The hub calls the closure whenever it takes a connection.
        let link = link.ok_or(Refused::Stopping)?;
        let mut session = Self::new(Hold { peer, link }, reader, limits, connection.permit);
        session.early_ending = session.take_over(&connection.read_ahead);
        Ok(session)
    }

    /// Goes on with a session of another process, whose hub this one has thawed. `None`: no such peer was connected.
    pub fn go_on(
        hub: &Hub,
        frozen: FrozenConnection,
        socket: TcpStream,
        limits: Limits,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Option<Self> {
        let (reader, writer) = socket.into_split();
        let mut link = None;
        let id = LinkId(frozen.link);
        let peer = hub.reattach(&frozen.db, &frozen.id, id, |outbox| {
            let made = Arc::new(Link::new(id, outbox, writer, None, frozen.written_before));
            link = Some(made.clone());
            made
        })?;
        let link = link?;
        let limits = Limits { max_payload: frozen.max_payload, ..limits };
        let mut session = Self::new(Hold { peer, link }, reader, limits, permit);
        session.early_ending = session.decode(&frozen.unread);
        // What was not written may be.
        session.hold.link.flush_soon();
        Some(session)
    }

    fn new(hold: Hold, reader: OwnedReadHalf, limits: Limits, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            hold,
            reader,
            decoder: Decoder::new(limits.max_payload, limits.max_message_size),
            backlog: None,
            room: Room::new(limits.unfinished),
            cost: 0,
            flush_timeout: limits.flush_timeout,
            early_ending: None,
            _permit: permit,
        }
    }

    /// The session has stopped: what is left of it.
    fn into_parked(self) -> Parked {
        let link = self.hold.link.clone();
        link.has_parked();
        let (peer, max_payload) = (self.hold.peer.clone(), self.decoder.max_payload());
        Parked { peer, reader: self.reader, link, unread: self.decoder.unread(), max_payload }
    }

    /// Routes what came with the upgrade request: what HTTP has read, then what TLS has decrypted and HTTP has not
    /// read. No socket will say that it is there.
    fn take_over(&mut self, read_ahead: &[u8]) -> Option<Ending> {
        let mut ahead = read_ahead.to_vec();
        let plain = self.hold.link.decrypt(&[]);
        if let Some(plain) = &plain {
            ahead.extend_from_slice(&plain.bytes);
        }
        self.take_plain(&ahead, plain.map_or(Outlook::More, |plain| plain.outlook))
    }

    /// Serves the peer until its connection ends, and returns when the socket is closed; or until it is parked, and
    /// returns what goes on in another process.
    #[expect(clippy::manual_async_fn, reason = "an async fn would hold its argument twice")]
    pub fn serve(mut self) -> impl Future<Output = Option<Parked>> {
        async move {
            let ending = poll_fn(|cx| self.poll(cx)).await;
            if ending == Ending::Parked {
                return Some(self.into_parked());
            }
            // Boxed, so that it takes no memory while the session lives.
            Box::pin(self.end(ending)).await;
            None
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        self.hold.link.register(cx.waker());
        if let Some(reason) = self.hold.link.close_reason() {
            return Poll::Ready(Ending::Close(reason));
        }
        if let Some(ending) = self.early_ending.take() {
            return Poll::Ready(ending);
        }
        if self.hold.link.is_parking() && self.backlog.is_none() {
            return Poll::Ready(Ending::Parked);
        }
        self.poll_write(cx);
        if let Some(ending) = ready!(self.poll_incoming(cx)) {
            return Poll::Ready(ending);
        }
        let_others_go_first(cx);
        Poll::Pending
    }

    /// Routes what is left of the last read, or else reads, as much as one turn may do.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ending>> {
        if let Some(backlog) = self.backlog.take() {
            return Poll::Ready(self.work_off(backlog));
        }
        self.cost = 0;
        for _ in 0..READS_PER_POLL {
            let ending = ready!(self.poll_room_and_read(cx));
            if ending.is_some() || self.cost >= COST_PER_POLL || self.backlog.is_some() {
                return Poll::Ready(ending);
            }
        }
        Poll::Ready(None)
    }

    /// Goes on writing where the socket had taken no more. A broken socket shows when it is read.
    fn poll_write(&mut self, cx: &mut Context<'_>) {
        self.hold.link.flush_if_due();
        while self.hold.link.is_blocked() && self.reader.as_ref().poll_write_ready(cx).is_ready() {
            self.hold.link.write_on();
        }
    }

    /// Reads once, where there is room for the rest of what has begun.
    fn poll_room_and_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ending>> {
        if ready!(self.room.poll(cx, self.decoder.unfinished())).is_err() {
            return Poll::Ready(Some(Ending::Close(CloseReason::Full)));
        }
        match self.poll_read(cx) {
            Poll::Pending => self.room.poll_overdue(cx).map(|()| Some(Ending::Close(CloseReason::Unfinished))),
            read => read,
        }
    }

    /// Reads once what the socket has, and routes it.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ending>> {
        let mut scratch = SCRATCH.take();
        if scratch.is_empty() {
            scratch.resize(READ_LEN, 0);
        }
        let mut buffer = ReadBuf::new(&mut scratch);
        let polled = Pin::new(&mut self.reader).poll_read(cx, &mut buffer);
        let len = buffer.filled().len();
        self.cost += COST_OF_A_BYTE * len;
        let ending = match polled {
            Poll::Ready(Ok(())) if len == 0 => Poll::Ready(Some(Ending::Lost(self.silent_loss()))),
            Poll::Ready(Ok(())) => Poll::Ready(self.take_in(&scratch[..len])),
            Poll::Ready(Err(error)) => Poll::Ready(Some(Ending::Lost(loss_of(&error)))),
            Poll::Pending => Poll::Pending,
        };
        SCRATCH.set(scratch);
        ending
    }

    /// Why the connection has ended, where reading gives no reason.
    fn silent_loss(&self) -> Loss {
        if self.hold.link.is_unreachable() { Loss::Unreachable } else { Loss::Fin }
    }

    fn take_in(&mut self, read: &[u8]) -> Option<Ending> {
        match self.hold.link.decrypt(read) {
            None => self.decode(read),
            Some(plain) => self.take_plain(&plain.bytes, plain.outlook),
        }
    }

    /// Routes what was decrypted. How the messages end the session comes before how TLS does.
    fn take_plain(&mut self, plain: &[u8], outlook: Outlook) -> Option<Ending> {
        let ending = if plain.is_empty() { None } else { self.decode(plain) };
        self.hold.link.write_tls();
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

    fn decode(&mut self, bytes: &[u8]) -> Option<Ending> {
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
            self.hold.link.send_control(&replies);
        }
        let ending = self.route(messages.drain(..), afterwards);
        MESSAGES.set(messages);
        ending
    }

    /// Routes as many of the messages as one turn may do, and keeps the others; or else does what comes afterwards.
    fn route(&mut self, mut messages: vec::Drain<'_, Text>, afterwards: Afterwards) -> Option<Ending> {
        if messages.len() > 0 {
            self.cost += self.hold.peer.receive_some(&mut messages);
        }
        if messages.len() == 0 {
            return self.conclude(&afterwards);
        }
        let messages = messages.collect::<Vec<_>>().into_iter();
        self.backlog = Some(Box::new(Backlog { messages, afterwards }));
        None
    }

    fn work_off(&mut self, mut backlog: Box<Backlog>) -> Option<Ending> {
        self.hold.peer.receive_some(&mut backlog.messages);
        if backlog.messages.len() == 0 {
            return self.conclude(&backlog.afterwards);
        }
        self.backlog = Some(backlog);
        None
    }

    fn conclude(&self, afterwards: &Afterwards) -> Option<Ending> {
        self.hold.link.send_control(&afterwards.answer);
        afterwards.ending
    }

    /// Tells the hub, then ends the connection properly.
    async fn end(&mut self, ending: Ending) {
        let reason = match ending {
            Ending::Lost(loss) => {
                self.hold.peer.lost(loss);
                None
            }
            Ending::Close(CloseReason::Shutdown) => return self.take_leave().await,
            Ending::Close(reason) => {
                self.hold.peer.lost(Loss::Violation);
                Some(reason)
            }
            Ending::Parked => return,
        };
        let answered = ending == Ending::Lost(Loss::Closed);
        closing::close(&mut self.reader, &self.hold.link, answered, reason, self.flush_timeout).await;
    }
}

/// Has the task polled again when all others that can run have run, and when the runtime has looked for what has
/// arrived. A plain wake would let it run some sixty times before somebody else's message is seen.
fn let_others_go_first(cx: &mut Context<'_>) {
    let _ = pin!(yield_now()).poll(cx);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Most peers are idle most of the time, and there may be ten thousand: what a session takes is looked after.
    #[test]
    fn an_idle_session_is_small() {
        fn size_of_output<F: Future>(_: impl FnOnce(Session) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size_of::<Session>() <= 192, "{} bytes", size_of::<Session>());
        assert!(size_of::<Link>() <= 128, "{} bytes", size_of::<Link>());
        let task = size_of_output(Session::serve);
        assert!(task <= size_of::<Session>() + 64, "{task} bytes");
    }
}
