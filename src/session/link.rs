//! The writing half of a connection: carries an outbox to a socket, called from whichever task has put mail into it.

#[cfg(test)]
mod tests;

#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Waker,
    time::Duration,
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::net::{TcpStream, tcp::OwnedWriteHalf};

use super::{
    loss::loss_of,
    passage::{Client, Passage, Whose},
    tcp_info,
    tls::Tls,
    tls_engine::Plain,
};
use crate::{
    hub::{
        Drain, Outbox, Pushed,
        coordinator::Loss,
        transport::{LinkId, Transport},
    },
    protocol::{close::CloseReason, frame},
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
    /// Bytes written to the socket in all, those included.
    written: AtomicU64,
    /// Whose connection it is.
    client: Client,
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
    /// Something was read since this was asked last.
    is_heard: AtomicBool,
    /// The session's task.
    task: AtomicWaker,
}

/// Bytes written to a socket.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// Before the stream of the link's outbox began: the HTTP response, the TLS handshake.
    pub before: u64,
    /// In all.
    pub in_all: u64,
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

impl Written {
    /// Nothing was written yet by a link.
    pub fn before(before: u64) -> Self {
        Self { before, in_all: before }
    }
}

impl Link {
    /// A link between an outbox and a socket.
    pub fn new(
        id: LinkId,
        outbox: Arc<Outbox>,
        socket: OwnedWriteHalf,
        tls: Option<Tls>,
        written: Written,
        whose: Whose,
    ) -> Self {
        let client = whose.settle(|| socket.peer_addr().ok());
        Self {
            id,
            outbox,
            socket,
            tls: tls.map(|tls| Box::new(Mutex::new(tls))),
            written_before: written.before,
            written: AtomicU64::new(written.in_all.max(written.before)),
            client,
            is_blocked: AtomicBool::new(false),
            is_due: AtomicBool::new(false),
            is_unreachable: AtomicBool::new(false),
            close_reason: Mutex::new(None),
            is_parking: AtomicBool::new(false),
            is_parked: AtomicBool::new(false),
            is_heard: AtomicBool::new(true),
            task: AtomicWaker::new(),
        }
    }

    /// The session's task is woken by this waker when it has to write on or to close.
    pub fn register(&self, waker: &Waker) {
        self.task.register(waker);
    }

    /// Something was read.
    pub fn hears(&self) {
        self.is_heard.store(true, Ordering::Relaxed);
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

    /// Bytes written to the socket.
    pub fn written(&self) -> Written {
        Written { before: self.written_before, in_all: self.written.load(Ordering::Acquire) }
    }

    /// The half of the socket that it has written to, and the state of its TLS.
    pub fn into_parts(self) -> (OwnedWriteHalf, Option<Tls>) {
        (self.socket, self.tls.map(|tls| tls.into_inner()))
    }

    /// The socket.
    pub(super) fn socket(&self) -> &TcpStream {
        self.socket.as_ref()
    }

    /// The passage that it is of, where another hub passes it on.
    pub fn passage(&self) -> Option<&Passage> {
        self.client.passage()
    }

    /// How the client has ended, where its connection has ended like this.
    pub fn loss_of_client(&self, seen: Loss) -> Loss {
        self.passage().map_or(seen, |passage| passage.loss(seen))
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
    fn of_this_link(&self, count: impl FnOnce(&TcpStream, u64) -> Option<u64>) -> Option<u64> {
        Some(count(self.socket.as_ref(), self.written().in_all)?.saturating_sub(self.written_before))
    }

    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = match slices {
            [one] => self.socket.try_write(one),
            several => self.socket.try_write_vectored(several),
        };
        match &written {
            Ok(count) => {
                self.written.fetch_add(*count as u64, Ordering::Release);
            }
            Err(error) if loss_of(error) == Loss::Unreachable => self.is_unreachable.store(true, Ordering::Release),
            Err(_) => {}
        }
        written
    }

    fn block(&self) {
        self.is_blocked.store(true, Ordering::Release);
        self.task.wake();
    }
}

#[cfg(unix)]
impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_ref().as_fd()
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
        if self.tls.as_ref().is_none_or(|tls| tls.lock().is_movable()) {
            self.is_parking.store(true, Ordering::Release);
            self.task.wake();
        } else {
            self.close(CloseReason::Shutdown);
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

    fn has_been_heard(&self) -> bool {
        self.is_heard.swap(false, Ordering::Relaxed)
    }

    fn ask_for_life(&self) {
        self.send_control(&frame::PING);
    }

    fn remote(&self) -> Option<SocketAddr> {
        self.client.remote()
    }

    fn via(&self) -> Option<Arc<str>> {
        self.passage().map(|passage| passage.via().clone())
    }

    fn round_trip(&self) -> Option<Duration> {
        tcp_info::round_trip(self.socket.as_ref())
    }
}
