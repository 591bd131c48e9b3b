//! Accepts connections: TCP options, the bound on their number, the TLS handshake; then HTTP has them.

use std::{io, net::IpAddr, ops::RangeInclusive, sync::Arc, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    guard::guard,
    http::{
        self, Context, closing,
        departure::FrozenIdle,
        stream::{Counted, Stream},
    },
    hub::event::Event,
    session::{Session, parked::FrozenConnection},
    tls::{Certificates, explain_handshake},
    unfinished::greeting::Greeting,
};

/// How long accepting pauses when the process has no file descriptors left: some connections end meanwhile.
const PAUSE: Duration = Duration::from_millis(250);

/// Unanswered keepalive probes after which a host counts as dead: one a second, for as long as the connection was
/// silent before, within these bounds. Many, since probes get lost while nothing else is wrong: thousands of
/// connections that fell silent at the same time are asked at the same time, and the system drops what its queues have
/// no room for.
const KEEP_ALIVE_PROBES: RangeInclusive<u64> = 3..=15;

/// First byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// How many connections beyond `maxConnections` are refused with care: the answer is sure to arrive, which takes a few
/// seconds at most. Others get the same answer, but may see only a reset.
pub const MAX_TURNED_AWAY: usize = 64;

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
    /// Idle time before TCP asks whether the other host is alive; 0: never.
    pub keep_alive: Duration,
    /// How long sent data may stay unacknowledged; 0: as long as the system says.
    pub user_timeout: Duration,
    /// TCP_NODELAY.
    pub no_delay: bool,
}

impl Acceptor {
    /// Accepts until the server stops. Dropping the future closes the port.
    pub async fn run(self: Arc<Self>, listener: TcpListener) {
        let mut is_exhausted = false;
        loop {
            match listener.accept().await {
                Ok((socket, from)) => {
                    is_exhausted = false;
                    self.clone().admit(socket, from.ip().to_canonical());
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
        self.set_options(&socket).ok()?;
        // Where there are fewer places than there were, those who are there stay.
        let permit = self.places.clone().try_acquire_owned().ok();
        let limits = self.context.limits.clone();
        Session::go_on(&self.context.hub, connection, socket, limits, permit)
    }

    /// Takes up a connection of a former server that is no peer's.
    pub fn take_up_idle(self: Arc<Self>, connection: FrozenIdle, socket: std::net::TcpStream) {
        let Ok(permit) = self.places.clone().try_acquire_owned() else { return };
        let Ok((socket, from)) = socket
            .set_nonblocking(true)
            .and_then(|()| TcpStream::from_std(socket))
            .and_then(|socket| socket.peer_addr().map(|from| (socket, from.ip().to_canonical())))
        else {
            return;
        };
        let stream = Stream::taken_up(socket, connection, permit, self.context.shutdown.clone());
        let served = http::serve(stream, from, self.context.clone());
        self.context.tasks.spawn(guard(self.context.observer(), "connection", served));
    }

    fn admit(self: Arc<Self>, socket: TcpStream, from: IpAddr) {
        let observer = self.context.observer();
        let tasks = self.context.tasks.clone();
        match self.places.clone().try_acquire_owned() {
            Ok(permit) => {
                tasks.spawn(guard(observer, "connection", async move { self.serve(socket, from, permit).await }));
            }
            Err(_) => {
                let message = format!("A connection from {from} was refused: maxConnections is reached");
                self.warn("too-many-connections", Some(from), message);
                self.turn_away(socket);
            }
        }
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

    async fn serve(&self, socket: TcpStream, from: IpAddr, permit: OwnedSemaphorePermit) {
        if self.set_options(&socket).is_err() {
            // The other side is gone already.
            return;
        }
        if let Some(stream) = self.stream(socket, from, permit).await {
            http::serve(stream, from, self.context.clone()).await;
        }
    }

    fn set_options(&self, socket: &TcpStream) -> io::Result<()> {
        socket.set_nodelay(self.no_delay)?;
        let socket = SockRef::from(socket);
        if !self.keep_alive.is_zero() {
            socket.set_tcp_keepalive(&keep_alive_after(self.keep_alive))?;
        }
        #[cfg(target_os = "linux")]
        if !self.user_timeout.is_zero() {
            socket.set_tcp_user_timeout(Some(self.user_timeout))?;
        }
        Ok(())
    }

    async fn stream(&self, socket: TcpStream, from: IpAddr, permit: OwnedSemaphorePermit) -> Option<Stream> {
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
        from: IpAddr,
    ) -> Option<tokio_rustls::server::TlsStream<Counted>> {
        let mut first = [0];
        if socket.peek(&mut first).await.ok()? == 1 && first[0] != TLS_HANDSHAKE {
            self.refuse_plain(socket, from).await;
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
    async fn refuse_plain(&self, socket: TcpStream, from: IpAddr) {
        let advice = "Clients must use ssl: true, and a maxPayload that spares them plain POSTs (leave the option out)";
        let message = format!("Plain HTTP was sent to the TLS port by {from}. {advice}");
        self.warn("plain-http-on-tls-port", Some(from), message);
        let body = "400 This port speaks TLS: use https and wss";
        let response = format!(
            "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        closing::dismiss(socket, response.as_bytes(), self.context.shutdown.clone()).await;
    }

    /// `from`: the stranger who caused it, if one did.
    fn warn(&self, code: &'static str, from: Option<IpAddr>, message: String) {
        self.context.watch.event_of_stranger(from, Event::Warning { code, message });
    }
}

/// The system's settings for asking after so long a silence whether the other host is alive.
fn keep_alive_after(silence: Duration) -> TcpKeepalive {
    let probes = silence.as_secs().clamp(*KEEP_ALIVE_PROBES.start(), *KEEP_ALIVE_PROBES.end()) as u32;
    let keep_alive = TcpKeepalive::new().with_time(silence);
    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    let keep_alive = keep_alive.with_interval((silence / probes).max(Duration::from_secs(1)));
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    let keep_alive = keep_alive.with_retries(probes);
    keep_alive
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
            _: impl FnOnce(&'a Acceptor, TcpStream, IpAddr, OwnedSemaphorePermit) -> F,
        ) -> usize {
            size_of::<F>()
        }
        let task = size_of_output(Acceptor::serve);
        assert!(task <= 2048, "{task} bytes");
    }
}
