//! The writing half of a connection: carries an outbox to a socket, called from whichever task has put mail into it.

use std::{
    io::{self, IoSlice},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::Duration,
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use rustls::ServerConnection;
use tokio::net::{TcpStream, tcp::OwnedWriteHalf};

use super::{
    loss::loss_of,
    tcp_info,
    tls::{Plain, Tls},
};
use crate::{
    hub::{
        Drain, Outbox, Pushed,
        coordinator::Loss,
        transport::{LinkId, Transport},
    },
    protocol::close::CloseReason,
};

/// Bytes written to one connection before others get a turn: one write, or with TLS two. Whoever puts mail into many
/// outboxes writes as much to each of them.
const BYTES_PER_TURN: usize = 128 * 1024;

/// The writing half of one connection, and the outbox that it empties.
pub struct Link {
    id: LinkId,
    outbox: Arc<Outbox>,
    socket: OwnedWriteHalf,
    tls: Option<Box<Mutex<Tls>>>,
    /// Bytes written to the socket before this link: the HTTP response, the TLS handshake.
    written_before: u64,
    /// The socket takes no more: the session waits until it does.
    is_blocked: AtomicBool,
    /// There is mail that the session writes at its next turn, because more may follow within the moment.
    is_due: AtomicBool,
    /// Writing has shown that the other host does not answer.
    is_unreachable: AtomicBool,
    close_reason: Mutex<Option<CloseReason>>,
    /// The connection is about to go on in another process.
    is_parking: AtomicBool,
    /// Its session has stopped, and the peer is not lost.
    is_parked: AtomicBool,
    /// The session's task.
    task: AtomicWaker,
}

/// How far [`Link::drain`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// All is sent, or nothing more can be. A broken socket shows when it is read.
    Done,
    /// The socket takes no more now.
    Blocked,
    /// It may take more, and others have waited long enough.
    Enough,
}

impl Link {
    /// A link between an outbox and a socket.
    pub fn new(
        id: LinkId,
        outbox: Arc<Outbox>,
        socket: OwnedWriteHalf,
        tls: Option<ServerConnection>,
        written_before: u64,
    ) -> Self {
        Self {
            id,
            outbox,
            socket,
            tls: tls.map(|connection| Box::new(Mutex::new(Tls::new(connection)))),
            written_before,
            is_blocked: AtomicBool::new(false),
            is_due: AtomicBool::new(false),
            is_unreachable: AtomicBool::new(false),
            close_reason: Mutex::new(None),
            is_parking: AtomicBool::new(false),
            is_parked: AtomicBool::new(false),
            task: AtomicWaker::new(),
        }
    }

    /// The session's task is woken by this waker when it has to write on or to close.
    pub fn register(&self, waker: &Waker) {
        self.task.register(waker);
    }

    /// Why the server's side wants the connection closed, if it does.
    pub fn close_reason(&self) -> Option<CloseReason> {
        *self.close_reason.lock()
    }

    /// The session must stop reading, and leave the connection open.
    pub fn is_parking(&self) -> bool {
        self.is_parking.load(Ordering::Acquire)
    }

    /// The session has stopped, but the peer is not lost.
    pub fn has_parked(&self) {
        self.is_parked.store(true, Ordering::Release);
    }

    /// Whether the session has stopped without losing its peer.
    pub fn is_parked(&self) -> bool {
        self.is_parked.load(Ordering::Acquire)
    }

    /// The link's number.
    pub fn id(&self) -> LinkId {
        self.id
    }

    /// Bytes written to the socket before this link.
    pub fn written_before(&self) -> u64 {
        self.written_before
    }

    /// The half of the socket that it has written to.
    pub fn into_socket(self) -> OwnedWriteHalf {
        self.socket
    }

    /// Writes what was left to the session's turn.
    pub fn flush_if_due(&self) {
        if self.is_due.swap(false, Ordering::AcqRel) {
            self.flush();
        }
    }

    /// The socket has taken no more.
    pub fn is_blocked(&self) -> bool {
        self.is_blocked.load(Ordering::Acquire)
    }

    /// Whether writing has shown that the other host does not answer. The kernel tells an error once, to whoever asks
    /// first: after that, reading tells no more than that the connection has ended.
    pub fn is_unreachable(&self) -> bool {
        self.is_unreachable.load(Ordering::Acquire)
    }

    /// Writes on after the socket has become writable.
    pub fn write_on(&self) {
        // Before it writes: whoever puts mail into the outbox from here on must flush it, for this may not see it any
        // more.
        self.is_blocked.store(false, Ordering::Release);
        match self.drain() {
            Drained::Blocked => self.is_blocked.store(true, Ordering::Release),
            Drained::Enough => self.flush_soon(),
            Drained::Done => {}
        }
    }

    /// Sends control frames.
    pub fn send_control(&self, frames: &[u8]) {
        if !frames.is_empty() {
            match self.outbox.push_control(self.id, frames) {
                Some(Pushed::Overflow) => self.close(CloseReason::Slow),
                _ => self.flush(),
            }
        }
    }

    /// Decrypts what was read. `None`: the connection is plain.
    pub fn decrypt(&self, bytes: &[u8]) -> Option<Plain> {
        self.tls.as_ref().map(|tls| tls.lock().decrypt(bytes))
    }

    /// Writes what TLS itself has to say.
    pub fn write_tls(&self) {
        let Some(tls) = &self.tls else { return };
        if let Err(Drain::Blocked) = tls.lock().write(&mut |bytes| self.write(&[IoSlice::new(bytes)])) {
            self.block();
        }
    }

    /// Says that nothing more will be written, in TLS's words where there is TLS.
    pub fn say_goodbye(&self) {
        if let Some(tls) = &self.tls {
            tls.lock().send_close_notify();
            self.write_tls();
        }
    }

    /// Puts a close frame behind all that is in the outbox; what comes later waits for another connection. `false`: the
    /// outbox belongs to another connection now.
    pub fn push_close(&self, frame: &[u8]) -> bool {
        self.outbox.seal(self.id, frame)
    }

    /// Lets go of the outbox: the connection is over.
    pub fn release(&self) {
        self.outbox.release(self.id);
    }

    /// Writes what the socket takes, or as much as one turn may.
    pub fn drain(&self) -> Drained {
        let mut written = 0;
        let write = |slices: &[IoSlice<'_>]| {
            if written >= BYTES_PER_TURN {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let count = self.write(slices)?;
            written += count;
            Ok(count)
        };
        let drained = match &self.tls {
            None => self.outbox.write_with(self.id, write),
            Some(tls) => self.drain_tls(&mut tls.lock(), write),
        };
        self.outbox.trim_if_due();
        match drained {
            Drain::Blocked if written >= BYTES_PER_TURN => Drained::Enough,
            Drain::Blocked => Drained::Blocked,
            Drain::Empty | Drain::Detached | Drain::Failed(_) => Drained::Done,
        }
    }

    fn drain_tls(&self, tls: &mut Tls, mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> Drain {
        let drained = tls.drain(&self.outbox, self.id, |bytes| write(&[IoSlice::new(bytes)]));
        if tls.remembers_much() {
            self.acknowledged_tls(tls);
        }
        drained
    }

    fn acknowledged_tls(&self, tls: &mut Tls) -> Option<u64> {
        self.of_this_link(tcp_info::bytes_acknowledged).map(|cipher| tls.arrived(cipher))
    }

    /// Bytes of this link, encrypted ones with TLS, that the kernel counts in some way.
    fn of_this_link(&self, count: impl FnOnce(&TcpStream) -> Option<u64>) -> Option<u64> {
        Some(count(self.socket.as_ref())?.saturating_sub(self.written_before))
    }

    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = match slices {
            [one] => self.socket.try_write(one),
            several => self.socket.try_write_vectored(several),
        };
        if written.as_ref().is_err_and(|error| loss_of(error) == Loss::Unreachable) {
            self.is_unreachable.store(true, Ordering::Release);
        }
        written
    }

    fn block(&self) {
        self.is_blocked.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl Transport for Link {
    fn flush(&self) {
        if self.is_blocked() || self.close_reason() == Some(CloseReason::Slow) {
            return;
        }
        match self.drain() {
            Drained::Blocked => self.block(),
            Drained::Enough => self.flush_soon(),
            Drained::Done => {}
        }
    }

    fn flush_soon(&self) {
        // The session's task, woken, takes its turn behind those that wait already.
        self.is_due.store(true, Ordering::Release);
        self.task.wake();
    }

    fn close(&self, reason: CloseReason) {
        self.close_reason.lock().get_or_insert(reason);
        self.task.wake();
    }

    fn park(&self) {
        if self.tls.is_none() {
            self.is_parking.store(true, Ordering::Release);
            self.task.wake();
        }
    }

    fn acknowledged(&self) -> Option<u64> {
        match &self.tls {
            None => self.of_this_link(tcp_info::bytes_acknowledged),
            Some(tls) => self.acknowledged_tls(&mut tls.lock()),
        }
    }

    fn delivered(&self) -> Option<u64> {
        let delivered = self.of_this_link(tcp_info::bytes_delivered)?;
        Some(match &self.tls {
            None => delivered,
            Some(tls) => tls.lock().arrived(delivered),
        })
    }

    fn is_open(&self) -> bool {
        tcp_info::is_established(self.socket.as_ref()).unwrap_or(true)
    }

    fn round_trip(&self) -> Option<Duration> {
        tcp_info::round_trip(self.socket.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// As much as makes the link ask, once it is written, what has been acknowledged.
    const MUCH: &[u8] = &[b'x'; 20_000];

    /// Somebody else, who puts mail into the outbox at the moment in which the link has written all and does not know
    /// it yet.
    struct Meddler {
        link: Arc<Link>,
        outbox: Arc<Outbox>,
    }

    impl Transport for Meddler {
        fn flush(&self) {}

        fn close(&self, _: CloseReason) {}

        fn acknowledged(&self) -> Option<u64> {
            self.outbox.push_text(&Bytes::from_static(b"late"));
            self.link.flush();
            Some(0)
        }

        fn delivered(&self) -> Option<u64> {
            None
        }

        fn round_trip(&self) -> Option<Duration> {
            None
        }
    }

    /// A link whose socket takes some, and the other side.
    async fn connected(outbox: &Arc<Outbox>) -> (Arc<Link>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let ours = listener.accept().await.unwrap().0;
        ours.writable().await.unwrap();
        let (_, writer) = ours.into_split();
        (Arc::new(Link::new(LinkId(1), outbox.clone(), writer, None, 0)), theirs)
    }

    #[tokio::test]
    async fn mail_that_comes_as_the_session_stops_to_write_is_written() {
        let outbox = Arc::new(Outbox::new(1 << 20));
        let (link, _theirs) = connected(&outbox).await;
        outbox.retain();
        outbox.attach(LinkId(1), Arc::new(Meddler { link: link.clone(), outbox: outbox.clone() }), "welcome", false);
        outbox.push_text(&Bytes::from_static(MUCH));
        link.block();
        link.write_on();
        assert_eq!(outbox.waiting_bytes(), 0);
        assert!(!link.is_blocked());
        // The outbox holds the meddler, who holds the outbox.
        link.release();
    }
}
