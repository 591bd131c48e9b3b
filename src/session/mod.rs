//! One connected peer: reads its WebSocket messages and gives them to the hub, writes its outbox to its socket.
//!
//! A session is one small task. It reads what the socket has, routes all of it in one turn, and lets the receivers'
//! links write at once. It knows the hub and the wire; not HTTP, not how the socket was accepted, not what messages
//! say.

pub mod closing;
pub mod decoder;
mod ending;
mod hold;
mod leave;
pub mod link;
mod loss;
mod open;
pub mod parked;
pub mod passage;
mod reading;
pub mod record_tail;
mod records;
mod sessions;
pub mod survival;
pub mod tcp_info;
pub mod tls;
mod tls_engine;

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpStream, tcp::OwnedReadHalf},
    sync::OwnedSemaphorePermit,
    task::yield_now,
};

use crate::{
    hub::{
        Greeting, Hub, Refused,
        coordinator::Loss,
        transport::{LinkId, Transport},
    },
    protocol::{close::CloseReason, reliable::Offer},
    unfinished::{Unfinished, room::Room},
};
use decoder::Decoder;
use ending::Ending;
use hold::{Hold, Wire};
use link::Written;
use parked::{FrozenConnection, Parked};
use passage::{Passages, Whose};
use reading::Reading;
use survival::Keep;
use tls::Tls;

pub use closing::LINGER;
pub use sessions::Sessions;

/// A connection right after its upgrade.
pub struct Connection {
    /// The socket.
    pub socket: TcpStream,
    /// The TLS state, with `ssl`.
    pub tls: Option<Tls>,
    /// What was read behind the upgrade request already.
    pub read_ahead: Bytes,
    /// Bytes that were written to the socket so far.
    pub written: u64,
    /// Whose it is.
    pub whose: Whose,
    /// The connection's place among `maxConnections`, given back when the session ends.
    pub permit: Option<OwnedSemaphorePermit>,
}

/// The limits of one peer's session.
#[derive(Clone)]
pub struct Limits {
    /// Longest text of a frame, in UTF-16 units; `welcome:` announces it.
    pub max_payload: usize,
    /// Longest message in bytes.
    pub max_message_size: usize,
    /// How long a closing session may take to send what is in its outbox.
    pub flush_timeout: Duration,
    /// The bound of what all have begun and not finished.
    pub unfinished: Arc<Unfinished>,
    /// Who keeps duplicates of connections, where they are to outlive the process.
    pub keep: Option<Arc<dyn Keep>>,
}

impl Limits {
    fn greeting(&self, offer: Option<Offer>) -> Greeting {
        Greeting { max_payload: self.max_payload, max_message: self.max_message_size, offer }
    }

    /// Who has the extension sends all over the socket.
    fn of(self, greeting: &Greeting) -> Self {
        match greeting.offer {
            Some(_) => Self { max_payload: self.max_message_size, ..self },
            None => self,
        }
    }
}

/// One peer's session, as long as one connection.
pub struct Session {
    hold: Hold,
    reading: Reading,
    flush_timeout: Duration,
    /// The end of the session, if what came with the upgrade request has brought it about already.
    early_ending: Option<Ending>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Session {
    /// Lets the hub begin a session, or go on with a kept one, and routes what came with the upgrade request. `offer`:
    /// the client wants the extension.
    ///
    /// # Errors
    /// The hub is closed: the connection is dropped.
    pub fn begin(
        hub: &Hub,
        db: &str,
        id: &str,
        connection: Connection,
        offer: Option<Offer>,
        limits: Limits,
    ) -> Result<Self, Refused> {
        let keep = limits.keep.clone().filter(|_| connection.tls.is_none());
        let (ahead, written) = (connection.read_ahead.len(), connection.written);
        let kept =
            keep.map(|keep| (survival::origin(&connection.socket, ahead, written, limits.max_message_size), keep));
        let (reader, writer) = connection.socket.into_split();
        let wire = Wire {
            socket: writer,
            tls: connection.tls,
            written: Written::before(written),
            whose: connection.whose,
            kept,
        };
        let greeting = limits.greeting(offer);
        let hold = Hold::begin(hub, db, id, &greeting, wire)?;
        let limits = limits.of(&greeting);
        let mut session = Self::new(hold, reader, limits, connection.permit);
        session.early_ending = session.reading.take_over(&connection.read_ahead, &session.hold);
        Ok(session)
    }

    /// Goes on with a session of another process, whose hub this one has thawed. `passages`: those of this process,
    /// where other hubs pass connections on. `None`: no such peer was connected.
    pub fn go_on(
        hub: &Hub,
        frozen: FrozenConnection,
        socket: TcpStream,
        limits: Limits,
        permit: Option<OwnedSemaphorePermit>,
        passages: Option<&Passages>,
    ) -> Option<Self> {
        let (keep, written) = (limits.keep.clone().filter(|_| frozen.tls.is_none()), frozen.written_before);
        let kept = keep.map(|keep| (survival::origin(&socket, 0, written, limits.max_message_size), keep));
        let (reader, writer) = socket.into_split();
        let tls = match frozen.tls {
            None => None,
            Some(tls) => Some(Tls::thaw(tls)?),
        };
        let passed = frozen.passed.as_ref().zip(passages).map(|(passed, passages)| passages.go_on(passed));
        let whose = passed.map_or(Whose::Peer, Whose::Passed);
        let written = Written { before: frozen.written_before, in_all: frozen.written };
        let wire = Wire { socket: writer, tls, written, whose, kept };
        let reading = (frozen.max_payload, frozen.unread.clone());
        let hold = Hold::go_on(hub, &frozen.db, &frozen.id, LinkId(frozen.link), wire, reading)?;
        let limits = Limits { max_payload: frozen.max_payload, ..limits };
        let mut session = Self::new(hold, reader, limits, permit);
        session.early_ending = session.reading.decode_again(&frozen.unread, &session.hold);
        // What was not written may be.
        session.hold.link.flush_soon();
        Some(session)
    }

    fn new(hold: Hold, reader: OwnedReadHalf, limits: Limits, permit: Option<OwnedSemaphorePermit>) -> Self {
        let decoder = Decoder::new(limits.max_payload, limits.max_message_size);
        let reading = Reading::new(reader, decoder, Room::new(limits.unfinished));
        Self { hold, reading, flush_timeout: limits.flush_timeout, early_ending: None, _permit: permit }
    }

    /// The session has stopped: what is left of it.
    fn into_parked(mut self) -> Parked {
        let link = self.hold.link.clone();
        link.has_parked();
        // Whoever goes on with it has the socket in another way.
        self.hold.kept = None;
        let peer = self.hold.peer.clone();
        let (reader, decoder) = self.reading.stop();
        let max_payload = decoder.max_payload();
        Parked { peer, reader, link, unread: decoder.unread(), max_payload }
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
        if self.hold.link.is_parking() && self.reading.is_between_reads() {
            return Poll::Ready(Ending::Parked);
        }
        self.poll_write(cx);
        if let Some(ending) = ready!(self.reading.poll(cx, &self.hold)) {
            return Poll::Ready(ending);
        }
        let_others_go_first(cx);
        Poll::Pending
    }

    /// Goes on writing where the socket had taken no more. A broken socket shows when it is read.
    fn poll_write(&mut self, cx: &mut Context<'_>) {
        self.hold.link.flush_if_due();
        while self.hold.link.is_blocked() && self.reading.socket.as_ref().poll_write_ready(cx).is_ready() {
            self.hold.link.write_on();
        }
    }

    /// Tells the hub, then ends the connection properly.
    async fn end(&mut self, ending: Ending) {
        let reason = match ending {
            Ending::Lost(loss) => {
                self.hold.peer.lost(self.hold.link.loss_of_client(loss));
                None
            }
            Ending::Close(reason @ (CloseReason::Shutdown | CloseReason::HandedOver)) => {
                return self.take_leave(reason).await;
            }
            Ending::Close(reason) => {
                self.hold.peer.lost(Loss::Violation);
                Some(reason)
            }
            Ending::Parked => return,
        };
        let answered = ending == Ending::Lost(Loss::Closed);
        closing::close(&mut self.reading.socket, &self.hold.link, answered, reason, self.flush_timeout).await;
    }
}

/// Has the task polled again when all others that can run have run, and when the runtime has looked for what has
/// arrived. A plain wake would let it run some sixty times before somebody else's message is seen.
fn let_others_go_first(cx: &mut Context<'_>) {
    let _ = pin!(yield_now()).poll(cx);
}

#[cfg(test)]
mod tests {
    use super::{link::Link, *};

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
