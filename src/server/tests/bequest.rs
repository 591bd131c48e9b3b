//! Servers that follow one another: what one leaves, the next goes on with, and clients see nothing of it.

use std::{
    net::TcpListener,
    sync::OnceLock,
    thread::{self, JoinHandle},
    time::Instant,
};

use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    http::departure::Parting,
    hub::{Hub, event::Observer},
    server::{
        Service, coordinators,
        heritage::{Heritage, Inheritance},
    },
};

/// The servers of one port, one after the other, each without a thing in common with the former but what that has left.
pub(super) struct Line {
    config: Config,
    parting: Parting,
    listener: TcpListener,
    reign: Option<Reign>,
}

/// One server.
struct Reign {
    hub: Arc<Hub>,
    shutdown: CancellationToken,
    thread: JoinHandle<Inheritance>,
}

impl Line {
    /// Each leaves its connections to the next.
    pub(super) fn begin(config: Config) -> Self {
        Self::with(config, Parting::PassConnectionsOn)
    }

    /// Each closes its connections, and leaves their sessions to the next.
    pub(super) fn that_closes(config: Config) -> Self {
        Self::with(config, Parting::PassSessionsOn)
    }

    fn with(config: Config, parting: Parting) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut line = Self { config, parting, listener, reign: None };
        line.reign = Some(line.serve(None));
        line
    }

    pub(super) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.reign.as_ref().unwrap().hub
    }

    /// The server leaves, and the next one comes.
    pub(super) fn succeed(&mut self) {
        let (bytes, sockets) = self.leave();
        self.reign = Some(self.serve(Some((Heritage::from_bytes(&bytes).unwrap(), sockets))));
    }

    /// The server leaves, and this one comes, which has got nothing of it.
    pub(super) fn replace(&mut self, service: Service) {
        self.leave();
        self.reign = Some(self.run(service));
    }

    pub(super) fn leave(&mut self) -> (Vec<u8>, Vec<TcpStream>) {
        let reign = self.reign.take().unwrap();
        reign.shutdown.cancel();
        let (heritage, sockets) = reign.thread.join().unwrap();
        (heritage.to_bytes().unwrap(), sockets)
    }

    fn serve(&self, heritage: Option<Inheritance>) -> Reign {
        let observer: Arc<dyn Observer> = Arc::new(Deaf);
        let coordinators = coordinators(&self.config.coordination);
        let mut service = Service::new(self.config.clone(), coordinators, observer).unwrap();
        if let Some(inheritance) = heritage {
            service.inherit(inheritance).unwrap();
        }
        self.run(service)
    }

    fn run(&self, service: Service) -> Reign {
        let (hub, shutdown) = (service.hub.clone(), CancellationToken::new());
        let parting = self.parting;
        let (listeners, told) = (vec![self.listener.try_clone().unwrap()], shutdown.clone());
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(service.run_or_bequeath(listeners, told, Arc::new(OnceLock::from(parting)))).unwrap()
        });
        Reign { hub, shutdown, thread }
    }
}

/// A client's frame around a text, with a mask that changes nothing.
fn frame(text: &str) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap().to_be_bytes();
    [&[0x81, 0x80 | 126, len[0], len[1], 0, 0, 0, 0][..], text.as_bytes()].concat()
}

fn write(client: &mut WebSocket<Stream>, bytes: &[u8]) {
    client.get_mut().write_all(bytes).unwrap();
}

/// What is sent for these bytes, which are sent by nobody yet.
fn on_the_wire(client: &mut WebSocket<Stream>, bytes: &[u8]) -> Vec<u8> {
    let Stream::Tls(stream) = client.get_mut() else { return bytes.to_vec() };
    stream.conn.writer().write_all(bytes).unwrap();
    let mut cipher = Vec::new();
    while stream.conn.wants_write() {
        stream.conn.write_tls(&mut cipher).unwrap();
    }
    cipher
}

fn read(client: &mut WebSocket<Stream>) -> String {
    client.read().unwrap().into_text().unwrap().to_string()
}

#[test]
fn a_frame_that_a_change_of_servers_cuts_is_heard_whole() {
    for transport in [Transport::plain(), Transport::tls()] {
        let mut line = Line::begin(transport.config.clone());
        let mut listener = transport.connect(line.port(), "listener");
        let mut speaker = transport.connect(line.port(), "speaker");
        assert_eq!(read(&mut listener), "connect:speaker");
        let text = "one text, of which each server reads a part".repeat(5);
        let frame = frame(&text);
        for cut in [1, 3, 9, 100, frame.len() - 1] {
            write(&mut speaker, &frame[..cut]);
            thread::sleep(Duration::from_millis(20));
            line.succeed();
            write(&mut speaker, &frame[cut..]);
            assert_eq!(read(&mut listener), text);
        }
    }
}

#[test]
fn a_record_that_a_change_of_servers_cuts_is_heard_whole() {
    let transport = Transport::tls();
    let mut line = Line::begin(transport.config.clone());
    let mut listener = transport.connect(line.port(), "listener");
    let mut speaker = transport.connect(line.port(), "speaker");
    assert_eq!(read(&mut listener), "connect:speaker");
    let text = "one record, of which each server reads a part".repeat(500);
    for cut in [1, 4, 5, 6, 10_000, text.len()] {
        let sent = on_the_wire(&mut speaker, &frame(&text));
        speaker.get_ref().socket().write_all(&sent[..cut]).unwrap();
        thread::sleep(Duration::from_millis(20));
        line.succeed();
        line.succeed();
        speaker.get_ref().socket().write_all(&sent[cut..]).unwrap();
        assert_eq!(read(&mut listener), text);
    }
}

#[test]
fn what_had_not_arrived_on_a_connection_that_breaks_after_a_change_of_servers_is_sent_again() {
    for transport in [Transport::plain(), Transport::tls()] {
        let mut line = Line::begin(transport.config.clone());
        let mut reader = transport.connect(line.port(), RESUMABLE);
        for text in ["one", "two"] {
            assert!(line.hub().send("db", RESUMABLE, text.into()));
            line.succeed();
            assert_eq!(read(&mut reader), text);
        }
        SockRef::from(reader.get_ref().socket()).set_linger(Some(Duration::ZERO)).unwrap();
        drop(reader);
        assert!(line.hub().send("db", RESUMABLE, "three".into()));
        line.succeed();
        let mut reader = transport.connect(line.port(), RESUMABLE);
        assert_eq!(read(&mut reader), "three");
    }
}

#[test]
fn a_connection_that_cannot_be_moved_is_closed_and_its_session_goes_on() {
    let transport = Transport::tls_1_2();
    let mut line = Line::begin(transport.config.clone());
    let mut client = transport.connect(line.port(), RESUMABLE);
    let told = thread::spawn(move || match client.read().unwrap() {
        Message::Close(Some(frame)) => u16::from(frame.code),
        other => panic!("{other:?}"),
    });
    let since = Instant::now();
    line.succeed();
    assert!(since.elapsed() < Duration::from_millis(700), "{:?}", since.elapsed());
    assert_eq!(told.join().unwrap(), 1001);
    assert!(line.hub().send("db", RESUMABLE, "kept".into()));
    assert_eq!(read(&mut transport.connect(line.port(), RESUMABLE)), "kept");
}

#[test]
fn what_a_slow_reader_has_not_read_comes_to_the_byte() {
    const TEXTS: usize = 4_000;
    for (transport, id) in [
        (Transport::plain(), "sluggish"),
        (Transport::plain(), RESUMABLE),
        (Transport::tls(), "sluggish"),
        (Transport::tls(), RESUMABLE),
    ] {
        let mut line = Line::begin(transport.config.clone());
        let mut slow = transport.connect(line.port(), id);
        let text = |number: usize| format!("{number:08}").repeat(200);
        for number in 0..TEXTS {
            assert!(line.hub().send("db", id, text(number).into()));
            if number % (TEXTS / 4) == 0 {
                line.succeed();
            }
        }
        let waiting = line.hub().snapshot_of("db").unwrap().peers[0].queued;
        assert!(waiting > 0, "the socket has taken all");
        for number in 0..TEXTS {
            assert_eq!(read(&mut slow), text(number));
        }
        // It is still the same connection of the same session.
        assert!(line.hub().send("db", id, "last".into()));
        line.succeed();
        assert_eq!(read(&mut slow), "last");
    }
}

#[test]
fn a_connection_that_ended_meanwhile_is_lost() {
    let transport = Transport::plain();
    let mut line = Line::begin(transport.config.clone());
    let mut stays = transport.connect(line.port(), "stayer");
    let goes = transport.connect(line.port(), "leaver");
    assert_eq!(read(&mut stays), "connect:leaver");
    let (bytes, sockets) = line.leave();
    drop(goes);
    line.reign = Some(line.serve(Some((Heritage::from_bytes(&bytes).unwrap(), sockets))));
    assert_eq!(read(&mut stays), "disconnect:leaver");
}

#[test]
fn who_comes_while_there_is_no_server_waits_for_the_next() {
    let transport = Transport::plain();
    let mut line = Line::begin(transport.config.clone());
    let (bytes, sockets) = line.leave();
    let port = line.port();
    let late = thread::spawn(move || {
        let since = Instant::now();
        drop(Transport::plain().connect(port, "latecomer"));
        since.elapsed()
    });
    thread::sleep(Duration::from_millis(100));
    line.reign = Some(line.serve(Some((Heritage::from_bytes(&bytes).unwrap(), sockets))));
    assert!(late.join().unwrap() >= Duration::from_millis(50));
}

/// Asks on a connection that stays open, and gives the status line and the body of the answer.
fn ask(socket: &mut TcpStream, request: &[u8]) -> String {
    socket.write_all(request).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") && !answer.ends_with(b"ok") {
        let mut some = [0; 4096];
        let count = socket.read(&mut some).unwrap();
        assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&some[..count]);
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_connection_between_two_requests_or_in_one_is_answered_by_the_next_server() {
    const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let transport = Transport::plain();
    let mut line = Line::begin(transport.config.clone());
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, line.port())).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    line.succeed();
    for cut in [0, 1, 20, HEALTH.len() - 1] {
        let answer = ask(&mut socket, HEALTH);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(!answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
        socket.write_all(&HEALTH[..cut]).unwrap();
        thread::sleep(Duration::from_millis(20));
        line.succeed();
        line.succeed();
        assert!(ask(&mut socket, &HEALTH[cut..]).starts_with("HTTP/1.1 200"));
    }
}

#[test]
fn a_message_that_is_being_posted_is_taken_before_the_server_leaves() {
    let transport = Transport::plain();
    let mut line = Line::begin(transport.config.clone());
    let mut listener = transport.connect(line.port(), "listener");
    let _poster = transport.connect(line.port(), "poster");
    assert_eq!(read(&mut listener), "connect:poster");
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, line.port())).unwrap();
    let head = "POST /db/send?id=poster&t=undefined HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n";
    socket.write_all(format!("{head}hello").as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(50));
    let mut late = socket.try_clone().unwrap();
    let rest = thread::spawn(move || {
        thread::sleep(Duration::from_millis(150));
        late.write_all(b"world").unwrap();
    });
    line.succeed();
    rest.join().unwrap();
    assert_eq!(read(&mut listener), "helloworld");
    let answer = ask(&mut socket, b"");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(ask(&mut socket, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_request_that_does_not_end_holds_up_nobody_for_long() {
    let transport = Transport::plain();
    let mut line = Line::begin(Config { flush_timeout: Duration::from_secs(30), ..transport.config.clone() });
    let _poster = transport.connect(line.port(), "poster");
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, line.port())).unwrap();
    let head = "POST /db/send?id=poster&t=undefined HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(50));
    let began = Instant::now();
    line.succeed();
    assert!(began.elapsed() < Duration::from_millis(1600), "{:?}", began.elapsed());
}
