//! Accepts connections: TCP options, the bound on their number, the TLS handshake; then HTTP has them.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::tuning::Tuning;
use crate::{
    guard::guard,
    http::{
        self, Context, closing,
        departure::FrozenIdle,
        stream::{Counted, Stream, TLS_HANDSHAKE},
    },
    hub::event::Event,
    session::{Session, parked::FrozenConnection},
    tls::{Certificates, explain_handshake},
    unfinished::greeting::Greeting,
};

/// How long accepting pauses when the process has no file descriptors left: some connections end meanwhile.
const PAUSE: Duration = Duration::from_millis(250);

/// How many connections beyond `maxConnections` are refused with care: the answer is sure to arrive, which takes a few
/// seconds at most. Others get the same answer, but may see only a reset.
pub const MAX_TURNED_AWAY: usize = 64;

/// What a request of the command `status` begins with.
const LOOK: &[u8] = b"GET /status.json";

/// What they are told.
const NO_PLACE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What each accepted connection gets.
pub struct Acceptor {
    /// HTTP's context.
    pub context: Arc<Context>,
    /// With TLS.
    pub certificates: Option<Arc<Certificates>>,
    /// Free places for connections.
    pub places: Arc<Semaphore>,
    /// Free places for those who are told that there is none.
    pub turned_away: Arc<Semaphore>,
    /// What each socket is set to.
    pub tuning: Tuning,
}

impl Acceptor {
    /// Accepts until the server stops. Dropping the future closes the port.
    pub async fn run(self: Arc<Self>, listener: TcpListener) {
        let mut is_exhausted = false;
        loop {
            match listener.accept().await {
                Ok((socket, from)) => {
                    is_exhausted = false;
                    self.clone().admit(socket, canonical(from));
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    if !std::mem::replace(&mut is_exhausted, true) {
                        let advice =
                            "Accepting pauses until some are closed; raise the limit of open files (ulimit -n)";
                        self.warn("accept-failed", None, format!("Cannot accept connections: {error}. {advice}"));
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Takes up a connection of a former server, whose hub was thawed. `None`: it is gone, or its peer is.
    pub fn take_up(&self, connection: FrozenConnection, socket: std::net::TcpStream) -> Option<Session> {
        socket.set_nonblocking(true).ok()?;
        let socket = TcpStream::from_std(socket).ok()?;
        self.tuning.apply(&socket).ok()?;
        // Where there are fewer places than there were, those who are there stay.
        let permit = self.places.clone().try_acquire_owned().ok();
        let limits = self.context.limits.clone();
        let passages = self.context.cluster.as_ref().map(|cluster| &cluster.relay.passages);
        Session::go_on(&self.context.hub, connection, socket, limits, permit, passages)
    }

    /// Takes up a connection of a former server that is no peer's.
    pub fn take_up_idle(self: Arc<Self>, connection: FrozenIdle, socket: std::net::TcpStream) {
        let Ok(permit) = self.places.clone().try_acquire_owned() else { return };
        let Ok((socket, from)) = socket
            .set_nonblocking(true)
            .and_then(|()| TcpStream::from_std(socket))
            .and_then(|socket| socket.peer_addr().map(|from| (socket, canonical(from))))
        else {
            return;
        };
        if connection.is_untouched() {
            return self.spawn_serving(socket, from, permit);
        }
        let stream = Stream::taken_up(socket, connection, permit, self.context.shutdown.clone());
        let served = http::serve(stream, from, self.context.clone());
        self.context.tasks.spawn(guard(self.context.observer(), "connection", served));
    }

    fn admit(self: Arc<Self>, socket: TcpStream, from: SocketAddr) {
        match self.places.clone().try_acquire_owned() {
            Ok(permit) => self.spawn_serving(socket, from, permit),
            Err(_) => {
                let message = format!("A connection from {from} was refused: maxConnections is reached");
                self.warn("too-many-connections", Some(from), message);
                self.turn_away(socket);
            }
        }
    }

    fn spawn_serving(self: Arc<Self>, socket: TcpStream, from: SocketAddr, permit: OwnedSemaphorePermit) {
        let (observer, tasks) = (self.context.observer(), self.context.tasks.clone());
        tasks.spawn(guard(observer, "connection", async move { self.serve(socket, from, permit).await }));
    }

    /// Says that there is no place; with care, where not too many are refused at the moment.
    fn turn_away(&self, socket: TcpStream) {
        let Ok(permit) = self.turned_away.clone().try_acquire_owned() else {
            let _ = socket.try_write(NO_PLACE);
            return;
        };
        let shutdown = self.context.shutdown.clone();
        let dismissal = async move {
            closing::dismiss(socket, NO_PLACE, shutdown).await;
            drop(permit);
        };
        self.context.tasks.spawn(guard(self.context.observer(), "connection", dismissal));
    }

    async fn serve(&self, socket: TcpStream, from: SocketAddr, permit: OwnedSemaphorePermit) {
        if self.tuning.apply(&socket).is_err() {
            // The other side is gone already.
            return;
        }
        if let Some(stream) = self.stream(socket, from, permit).await {
            http::serve(stream, from, self.context.clone()).await;
        }
    }

    async fn stream(&self, socket: TcpStream, from: SocketAddr, permit: OwnedSemaphorePermit) -> Option<Stream> {
        let shutdown = self.context.shutdown.clone();
        let Some(certificates) = &self.certificates else { return Some(Stream::plain(socket, permit, shutdown)) };
        let tls = TlsAcceptor::from(certificates.current());
        match timeout(self.context.handshake_timeout, self.handshake(&tls, socket, from)).await {
            Ok(stream) => Some(Stream::tls(stream?, permit, shutdown)),
            Err(_) => None,
        }
    }

    async fn handshake(
        &self,
        tls: &TlsAcceptor,
        socket: TcpStream,
        from: SocketAddr,
    ) -> Option<tokio_rustls::server::TlsStream<Counted>> {
        let mut first = [0];
        let peeked = tokio::select! {
            // What was not begun before the server's end is for the next one.
            biased;
            () = self.context.shutdown.cancelled() => {
                self.context.departure.leave_untouched(socket);
                return None;
            }
            peeked = socket.peek(&mut first) => peeked.ok()?,
        };
        if peeked == 1 && first[0] != TLS_HANDSHAKE {
            // Its future is a large one, and rare.
            Box::pin(self.refuse_plain(socket, from)).await;
            return None;
        }
        let greeting = Greeting::new(self.context.limits.unfinished.clone());
        match tls.accept(Counted::with_greeting(socket, greeting)).await {
            Ok(mut stream) => {
                stream.get_mut().0.end_greeting();
                Some(stream)
            }
            Err(error) => {
                let why = explain_handshake(&error);
                self.warn("tls-handshake", Some(from), format!("A TLS handshake with {from} failed: {why}"));
                None
            }
        }
    }

    /// A client that speaks plain HTTP to the TLS port is told so, instead of getting bytes that mean nothing to it.
    async fn refuse_plain(&self, socket: TcpStream, from: SocketAddr) {
        if !asks_how_it_is(&socket).await {
            let advice =
                "Clients must use ssl: true, and a maxPayload that spares them plain POSTs (leave the option out)";
            let message = format!("Plain HTTP was sent to the TLS port by {from}. {advice}");
            self.warn("plain-http-on-tls-port", Some(from), message);
        }
        let body = "400 This port speaks TLS: use https and wss";
        let response = format!(
            "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        closing::dismiss(socket, response.as_bytes(), self.context.shutdown.clone()).await;
    }

    /// `from`: the stranger who caused it, if one did.
    fn warn(&self, code: &'static str, from: Option<SocketAddr>, message: String) {
        self.context.watch.event_of_stranger(from.map(|from| from.ip()), Event::Warning { code, message });
    }
}

/// The command finds out in this way whether a server speaks TLS: nothing is wrong with anybody.
async fn asks_how_it_is(socket: &TcpStream) -> bool {
    let mut first = [0; LOOK.len()];
    socket.peek(&mut first).await.is_ok_and(|length| first[..length] == *LOOK)
}

/// An IPv4 address as such, whatever the listener is.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Whether an error of `accept` is about the connection, and not about the listener.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strangers may hold as many connections as there are places: so each must take little.
    #[test]
    fn a_connection_that_has_said_nothing_is_small() {
        fn size_of_output<'a, F: Future>(
            _: impl FnOnce(&'a Acceptor, TcpStream, SocketAddr, OwnedSemaphorePermit) -> F,
        ) -> usize {
            size_of::<F>()
        }
        let task = size_of_output(Acceptor::serve);
        assert!(task <= 2112, "{task} bytes");
    }
}
