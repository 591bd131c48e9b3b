//! A connection's byte stream, plain or TLS, as hyper drives it until the upgrade or its end, and as it is taken apart
//! after the upgrade.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::{
    activity::Activity,
    closing::Dropping,
    departure::{FrozenIdle, Idle},
};
use crate::{
    session::{Connection, passage::Whose, record_tail::RecordTail, tls::Tls},
    unfinished::greeting::Greeting,
};

/// First byte of a TLS handshake record.
pub const TLS_HANDSHAKE: u8 = 0x16;

/// One connection's bytes before the upgrade, with its place among `maxConnections`.
pub struct Stream {
    transport: Layer,
    /// The connection's place among `maxConnections`.
    permit: OwnedSemaphorePermit,
    /// Cancelled when the server stops: then it does not wait long for the other side to close.
    shutdown: CancellationToken,
    /// The server's side is closed.
    closing: Option<Dropping>,
    activity: Arc<Activity>,
    /// Nothing was read yet.
    is_unread: bool,
}

enum Layer {
    Plain(Counted),
    Tls(Box<TlsStream<Counted>>),
}

impl Stream {
    /// A plain connection.
    pub fn plain(socket: TcpStream, permit: OwnedSemaphorePermit, shutdown: CancellationToken) -> Self {
        Self::over(Layer::Plain(Counted::new(socket)), permit, shutdown)
    }

    /// A TLS connection whose handshake is done.
    pub fn tls(stream: TlsStream<Counted>, permit: OwnedSemaphorePermit, shutdown: CancellationToken) -> Self {
        Self::over(Layer::Tls(Box::new(stream)), permit, shutdown)
    }

    fn over(transport: Layer, permit: OwnedSemaphorePermit, shutdown: CancellationToken) -> Self {
        Self { transport, permit, shutdown, closing: None, activity: Arc::default(), is_unread: true }
    }

    /// A plain connection of a former server, which goes on.
    pub fn taken_up(
        socket: TcpStream,
        idle: FrozenIdle,
        permit: OwnedSemaphorePermit,
        shutdown: CancellationToken,
    ) -> Self {
        let counted = Counted { ahead: idle.read, written: idle.written, ..Counted::new(socket) };
        Self::over(Layer::Plain(counted), permit, shutdown)
    }

    /// What it is doing.
    pub fn activity(&self) -> Arc<Activity> {
        self.activity.clone()
    }

    /// It has TLS, whose handshake is done.
    pub(super) fn has_tls(&self) -> bool {
        matches!(self.transport, Layer::Tls(_))
    }

    /// Takes it apart for another server. `read_ahead`: what hyper read and is the beginning of a request. `None`: TLS
    /// cannot go on in another process.
    pub(super) fn into_idle(self, read_ahead: Bytes) -> Option<Idle> {
        let Layer::Plain(counted) = self.transport else { return None };
        // What was taken over is read before anything else, so that one of them is empty.
        let read = if read_ahead.is_empty() { counted.ahead } else { [read_ahead, counted.ahead].concat().into() };
        Some(Idle { socket: counted.socket, state: FrozenIdle { read, written: counted.written } })
    }

    /// The bytes below TLS.
    fn socket(&mut self) -> &mut Counted {
        match &mut self.transport {
            Layer::Plain(counted) => counted,
            Layer::Tls(stream) => stream.get_mut().0,
        }
    }

    /// Takes it apart for a session. `read_ahead`: what hyper read behind the request.
    pub fn into_connection(self, read_ahead: Bytes) -> Connection {
        let (counted, tls) = match self.transport {
            Layer::Plain(counted) => (counted, None),
            Layer::Tls(stream) => {
                let (mut counted, tls) = stream.into_inner();
                let tail = counted.records.take().unwrap_or_default();
                (counted, Some(Tls::new(tls, tail)))
            }
        };
        let (socket, written) = (counted.socket, counted.written);
        Connection { socket, tls, read_ahead, written, whose: Whose::Peer, permit: Some(self.permit) }
    }
}

/// A socket that counts what is written to it: acknowledgements are counted from a connection's first byte on. As
/// long as there is a greeting, it counts what is read, too.
pub struct Counted {
    socket: TcpStream,
    written: u64,
    greeting: Option<Box<Greeting>>,
    /// What a former server has read, and is to be read first.
    ahead: Bytes,
    /// With TLS, what was read of a record that is not whole.
    records: Option<RecordTail>,
}

impl Counted {
    /// Counts from now on.
    pub fn new(socket: TcpStream) -> Self {
        Self { socket, written: 0, greeting: None, ahead: Bytes::new(), records: None }
    }

    /// Counts from now on what is said until the greeting [is over](Self::end_greeting), and holds it to its bounds.
    pub fn with_greeting(socket: TcpStream, greeting: Greeting) -> Self {
        Self { greeting: Some(Box::new(greeting)), records: Some(RecordTail::default()), ..Self::new(socket) }
    }

    /// From now on what is read is no longer bounded here.
    pub fn end_greeting(&mut self) {
        self.greeting = None;
    }

    fn count(&mut self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(written)) = polled {
            self.written += written as u64;
        }
        polled
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        let is_answered = self.written > 0;
        let read = &buf.filled()[before..];
        if let Some(records) = &mut self.records {
            records.follow(read);
        }
        Poll::Ready(match &mut self.greeting {
            Some(greeting) => greeting.heard(read.len(), is_answered),
            None => Ok(()),
        })
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.count(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.count(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// Calls the same method of whichever stream it is.
macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().transport {
            Layer::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Layer::Tls($stream) => {
                let $stream = Pin::new($stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(match &mut this.transport {
            Layer::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Layer::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        })?;
        let is_first = std::mem::replace(&mut this.is_unread, false);
        if is_first && matches!(this.transport, Layer::Plain(_)) && buf.filled().get(before) == Some(&TLS_HANDSHAKE) {
            this.activity.speaks_tls();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let activity = self.activity.clone();
        let flushed = either!(self, stream => stream.poll_flush(cx));
        if matches!(flushed, Poll::Ready(Ok(()))) {
            activity.is_flushed();
        }
        flushed
    }

    /// Closes the server's side, and is ready when the other side has closed, too, or its time is up. What it still
    /// sends is dropped as it comes: nobody would decrypt it.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.activity.closes();
        let mut closing = match self.closing.take() {
            Some(closing) => closing,
            None => {
                ready!(self.as_mut().poll_close(cx))?;
                Dropping::new(self.shutdown.clone())
            }
        };
        let dropped = closing.poll(self.socket(), cx);
        self.closing = Some(closing);
        dropped.map(Ok)
    }
}

impl Stream {
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(cx))
    }
}
