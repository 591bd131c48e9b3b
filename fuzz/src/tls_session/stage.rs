//! A hub with a listener, and a session on a real socket that is polled by hand.

use std::{
    io::{BufRead, ErrorKind, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    thread::sleep,
    time::{Duration, Instant},
};

use acebase_ipc_server::{
    clock::SystemClock,
    hub::{
        Hub, PeerHandle, Settings,
        event::Deaf,
        testing::{self, Wire},
    },
    session::{
        Connection, Limits, Session,
        parked::{FrozenConnection, Parked},
        passage::Whose,
        record_tail::RecordTail,
        tls::Tls,
    },
    tls::{IdentitySource, TlsOptions, load},
    unfinished::Unfinished,
};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion, crypto::ring};
use tokio::runtime::{Builder, Runtime};

use crate::certificates::{AnyName, carry};

pub const LISTENER: &str = "listener";
const SPEAKER: &str = "speaker";
const DB: &str = "db";

/// Turns of the reactor until a session waits for something, at most.
const MAX_TURNS: usize = 100_000;

/// A moment.
const PAUSE: Duration = Duration::from_micros(100);

/// How long the kernel may take to bring what was sent, beside other work of the machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// The certificate of the server; made for this, protects nothing.
static SERVER: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let identity = IdentitySource::Pem { cert_path: fixtures.join("leaf.pem"), key_path: fixtures.join("leaf.key") };
    load(&TlsOptions { identity, passphrase: None, client_ca_path: None, request_cert: false })
        .expect("the fixtures do not load")
        .config
});

/// A client and a server whose handshake is done.
pub fn shake_hands(version: &'static SupportedProtocolVersion) -> (ClientConnection, ServerConnection) {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .expect("the client has no protocol version")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyName(provider)))
        .with_no_client_auth();
    let name = "localhost".try_into().expect("localhost is no name");
    let client = ClientConnection::new(Arc::new(config), name).expect("there is no client");
    let server = ServerConnection::new(SERVER.clone()).expect("there is no server");
    let (mut client, mut server) = (client.into(), server.into());
    while carry(&mut client, &mut server) | carry(&mut server, &mut client) {}
    match (client, server) {
        (rustls::Connection::Client(client), rustls::Connection::Server(server)) => (client, server),
        _ => unreachable!("they are what they were made from"),
    }
}

/// The hub, its listener, and the session that is polled.
pub struct Stage {
    hub: Hub,
    runtime: Runtime,
    limits: Limits,
    /// `None`: it is over, or parked.
    session: Option<Pin<Box<dyn Future<Output = Option<Parked>>>>>,
    /// What goes on with another server.
    parked: Option<Parked>,
    woken: Arc<Woken>,
    client: Option<TcpStream>,
    /// The server's side of the socket, to see what it has not read.
    server: TcpStream,
    ear: Wire,
    _listener: PeerHandle,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

impl Stage {
    pub fn limits(max_payload: usize) -> Limits {
        Limits {
            max_payload,
            max_message_size: 100 << 20,
            flush_timeout: Duration::from_secs(1),
            unfinished: Arc::new(Unfinished::new(1 << 30, |_| {})),
            keep: None,
        }
    }

    /// A session begins. `ahead` has come with the upgrade request; of its plain text, HTTP has read so many bytes at
    /// most.
    pub fn begin(mut tls: ServerConnection, ahead: &[u8], read_by_http: usize, limits: Limits) -> Self {
        let (read_ahead, behind) = upgrade(&mut tls, ahead, read_by_http);
        let (got, left) = ahead.split_at(ahead.len() - behind);
        let mut tail = RecordTail::default();
        tail.follow(got);
        let runtime = Builder::new_current_thread().enable_all().build().expect("there is no runtime");
        let (client, server) = connect();
        let hub = new_hub(&limits);
        let (listener, ear) = testing::connect(&hub, DB, LISTENER, limits.max_payload).expect("the hub is closed");
        let session = {
            let _entered = runtime.enter();
            let socket = server.try_clone().expect("there are no sockets left");
            let socket = tokio::net::TcpStream::from_std(socket).expect("there is no reactor");
            let connection = Connection {
                socket,
                tls: Some(Tls::new(tls, tail)),
                read_ahead: read_ahead.into(),
                written: 0,
                whose: Whose::Peer,
                permit: None,
            };
            Session::begin(&hub, DB, SPEAKER, connection, None, limits.clone()).expect("the hub is closed")
        };
        let mut stage = Self {
            hub,
            runtime,
            limits,
            session: Some(Box::pin(session.serve())),
            parked: None,
            woken: Arc::new(Woken(AtomicBool::new(true))),
            client: Some(client),
            server,
            ear,
            _listener: listener,
        };
        stage.come_to_rest();
        stage.send(left, &[]);
        stage
    }

    /// The client sends, in pieces of the planned lengths, again and again; without a plan, in one.
    pub fn send(&mut self, bytes: &[u8], plan: &[u8]) {
        let mut lengths = plan.iter().map(|length| 16 * usize::from(*length) + 1).cycle();
        let mut rest = bytes;
        while let Some(client) = &mut self.client
            && !rest.is_empty()
            && self.session.is_some()
        {
            let piece = &rest[..lengths.next().unwrap_or(rest.len()).min(rest.len())];
            match client.write(piece) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(PAUSE),
                // The server has ended the connection.
                Err(_) => return,
            }
            self.come_to_rest();
        }
    }

    /// The server leaves, and another one goes on with the connection, if that is not over or ending.
    pub fn hand_over(&mut self) {
        self.hub.park();
        self.come_to_rest();
        let Some(parked) = self.parked.take() else { return };
        let hub = new_hub(&self.limits);
        testing::pass_on(&self.hub, &hub);
        let (connection, socket) = parked.freeze().expect("somebody still writes");
        let bytes = rmp_serde::to_vec_named(&connection).expect("a connection cannot be written");
        let connection: FrozenConnection = rmp_serde::from_slice(&bytes).expect("what was written cannot be read");
        (self._listener, self.ear) = testing::reattach(&hub, DB, LISTENER, &self.ear).expect("the listener is lost");
        {
            let _entered = self.runtime.enter();
            let socket = tokio::net::TcpStream::from_std(socket).expect("there is no reactor");
            let session = Session::go_on(&hub, connection, socket, self.limits.clone(), None, None);
            self.session = Some(Box::pin(session.expect("the connection is lost").serve()));
        }
        hub.settle();
        self.hub = hub;
        self.woken.0.store(true, Relaxed);
        self.come_to_rest();
    }

    /// The client is gone, and so the session ends.
    pub fn hang_up(&mut self) {
        self.client = None;
        self.wait_until(|stage| stage.session.is_none());
        assert!(self.session.is_none(), "the session goes on without its client");
    }

    /// What the listener was told after its welcome: all of it, which is so many texts at least.
    pub fn heard(&mut self, at_least: usize) -> Vec<String> {
        self.wait_until(|stage| stage.arrived().len() >= at_least);
        self.arrived()
    }

    fn arrived(&self) -> Vec<String> {
        self.ear.flush();
        self.ear.texts_arrived().split_off(1)
    }

    /// Gives the kernel time.
    fn wait_until(&mut self, is_done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        self.come_to_rest();
        while !is_done(self) && begun.elapsed() < PATIENCE {
            sleep(PAUSE);
            self.come_to_rest();
        }
    }

    /// Lets the session do what there is to do, until it waits, having read what has arrived, or is over.
    fn come_to_rest(&mut self) {
        for _ in 0..MAX_TURNS {
            self.runtime.block_on(tokio::task::yield_now());
            if self.woken.0.swap(false, Relaxed) {
                self.poll();
            } else if self.session.is_none() || self.is_read() {
                return;
            }
        }
        panic!("the session does not come to rest");
    }

    fn poll(&mut self) {
        let _entered = self.runtime.enter();
        let waker = Waker::from(self.woken.clone());
        let polled = self.session.as_mut().map(|session| session.as_mut().poll(&mut Context::from_waker(&waker)));
        if let Some(Poll::Ready(parked)) = polled {
            (self.session, self.parked) = (None, parked);
        }
    }

    /// The server's side has read all that has arrived. An end of the stream stays.
    fn is_read(&self) -> bool {
        !matches!(self.server.peek(&mut [0]), Ok(1..))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _entered = self.runtime.enter();
        self.session = None;
        self.hub.close();
    }
}

/// What HTTP reads of what has come, and how many bytes of it are left in the socket: it reads on when it has taken the
/// plain text that there is.
fn upgrade(tls: &mut ServerConnection, mut ahead: &[u8], read_by_http: usize) -> (Vec<u8>, usize) {
    let mut read = Vec::new();
    loop {
        let mut reader = tls.reader();
        while let Ok(chunk @ [_, ..]) = reader.fill_buf()
            && read.len() < read_by_http
        {
            let count = chunk.len().min(read_by_http - read.len());
            read.extend_from_slice(&chunk[..count]);
            reader.consume(count);
        }
        let is_full = reader.fill_buf().is_ok();
        let is_over = is_full || ahead.is_empty() || !matches!(tls.read_tls(&mut ahead), Ok(1..));
        if is_over || tls.process_new_packets().is_err() {
            return (read, ahead.len());
        }
    }
}

fn new_hub(limits: &Limits) -> Hub {
    let settings =
        Settings { max_queue: 128 << 20, max_payload: limits.max_payload, download_large: false, coordinators: None };
    Hub::new(settings, Arc::new(Deaf), Arc::new(SystemClock::start()), Box::new(|| {}))
}

/// Two ends of a socket that do not block.
fn connect() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is no port");
    let client = TcpStream::connect(listener.local_addr().expect("it has an address")).expect("nobody listens");
    let (server, _) = listener.accept().expect("nobody has connected");
    for socket in [&client, &server] {
        socket.set_nonblocking(true).expect("sockets block");
    }
    (client, server)
}
