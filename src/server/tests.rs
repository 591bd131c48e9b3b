//! A real server on a real port: what only sockets can show.

mod bequest;
mod certificates;
mod hubs;
mod kept;
mod looking;
mod one_flight;
mod quiet;
mod relaying;
mod service;
#[cfg(target_os = "linux")]
mod watchdog;

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    os::fd::AsFd,
    sync::Arc,
    thread::sleep,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, version::TLS12};
use socket2::SockRef;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use super::{Server, config::Config};
use crate::{
    hub::event::Deaf,
    protocol::frame::Written,
    tls::tests::{
        handshake, pem,
        workshop::{KeyKind, Workshop},
    },
};

/// Has the form of AceBase's own ids: its sessions are kept.
const RESUMABLE: &str = "abcdefghijklmnopqrstuvwx";

/// One transport: how to start a server and how to reach it.
struct Transport {
    config: Config,
    client: Option<Arc<ClientConfig>>,
    workshop: Option<Workshop>,
}

impl Transport {
    fn plain() -> Self {
        Self { config: config(), client: None, workshop: None }
    }

    fn tls() -> Self {
        let workshop = Workshop::new(KeyKind::EcP256);
        workshop.write("chain.pem", workshop.read("leaf.pem") + &workshop.read("middle.pem"));
        let tls = Some(pem(&workshop, "chain.pem", "leaf.key"));
        let client = Some(handshake::client(&workshop, None));
        Self { config: Config { tls, ..config() }, client, workshop: Some(workshop) }
    }

    /// Its clients know nothing newer.
    fn tls_1_2() -> Self {
        let transport = Self::tls();
        let client = transport.workshop.as_ref().map(|workshop| handshake::client_of(&[&TLS12], workshop, None));
        Self { client, ..transport }
    }

    fn start(&self) -> Server {
        Server::start(self.config.clone(), Arc::new(Deaf)).unwrap()
    }

    /// Connects, and says nothing.
    fn open(&self, port: u16) -> Stream {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        match &self.client {
            None => Stream::Plain(socket),
            Some(config) => {
                let name = "localhost".try_into().unwrap();
                let connection = ClientConnection::new(config.clone(), name).unwrap();
                Stream::Tls(Box::new(StreamOwned::new(connection, socket)))
            }
        }
    }

    /// Connects and reads the welcome.
    fn connect(&self, port: u16, id: &str) -> WebSocket<Stream> {
        self.connect_to(port, "db", id)
    }

    fn connect_to(&self, port: u16, db: &str, id: &str) -> WebSocket<Stream> {
        let url = format!("ws://localhost/{db}/connect?v=1.0.0&id={id}&t=undefined");
        let (mut client, _) = client(url, self.open(port)).unwrap();
        let welcome = client.read().unwrap().into_text().unwrap();
        assert!(welcome.starts_with("welcome:"), "{welcome}");
        client
    }
}

fn config() -> Config {
    Config { host: Some("127.0.0.1".into()), port: 0, ..Config::default() }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// What has reached this end's kernel and has not been read: decrypted, without taking it from the kernel.
    fn unread(&mut self) -> Vec<u8> {
        let len = usize::try_from(rustix::io::ioctl_fionread(self.socket().as_fd()).unwrap()).unwrap();
        let mut unread = vec![0; len];
        let mut peeked = 0;
        if len > 0 {
            peeked = self.socket().peek(&mut unread).unwrap();
        }
        assert_eq!(peeked, len);
        match self {
            Self::Plain(_) => unread,
            Self::Tls(stream) => decrypt(&mut stream.conn, &unread),
        }
    }
}

fn decrypt(connection: &mut ClientConnection, mut cipher: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while !cipher.is_empty() {
        connection.read_tls(&mut cipher).unwrap();
        connection.process_new_packets().unwrap();
        let mut part = [0; 64 * 1024];
        while let Ok(count @ 1..) = connection.reader().read(&mut part) {
            plain.extend_from_slice(&part[..count]);
        }
    }
    plain
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// How many whole frames are in a stream that begins with one.
fn count_frames(mut stream: &[u8]) -> usize {
    let mut count = 0;
    while let Some(written) = Written::parse(stream)
        && written.len() <= stream.len()
    {
        stream = &stream[written.len()..];
        count += 1;
    }
    count
}

/// A connection breaks while more waits than the receiver's kernel takes. On the next connection comes exactly what
/// that kernel has not got, from the first message that it has not got whole.
#[cfg(target_os = "linux")]
fn resumes_where_the_kernel_stopped(transport: &Transport) {
    const MESSAGES: usize = 1_500;
    const LEN: usize = 10_000;

    let server = transport.start();
    let mut sender = transport.connect(server.port(), "sender");
    let mut receiver = transport.connect(server.port(), RESUMABLE);
    for number in 0..MESSAGES {
        let text = format!("to:{RESUMABLE};{number:09};{}", "x".repeat(LEN - 10));
        sender.send(Message::text(text)).unwrap();
    }
    sleep(Duration::from_millis(500));
    let arrived = count_frames(&receiver.get_mut().unread());
    assert!((1..MESSAGES).contains(&arrived), "{arrived} of {MESSAGES} messages arrived: the test shows nothing");
    SockRef::from(receiver.get_ref().socket()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(receiver);

    sleep(Duration::from_millis(200));
    let mut returned = transport.connect(server.port(), RESUMABLE);
    for number in arrived..MESSAGES {
        let text = returned.read().unwrap().into_text().unwrap();
        assert_eq!(text[..9].parse(), Ok(number), "{arrived} had arrived");
        assert_eq!(text.len(), LEN);
    }
    server.stop();
}

#[test]
#[cfg(target_os = "linux")]
fn a_resumed_session_gets_exactly_what_had_not_arrived() {
    resumes_where_the_kernel_stopped(&Transport::plain());
}

#[test]
#[cfg(target_os = "linux")]
fn a_resumed_session_gets_exactly_what_had_not_arrived_over_tls() {
    resumes_where_the_kernel_stopped(&Transport::tls());
}

/// What a client has read it must not get again, though its kernel has not acknowledged it yet: in a conversation
/// kernels acknowledge late, with their own next data.
#[cfg(target_os = "linux")]
fn is_not_told_twice(transport: &Transport) {
    const ROUNDS: usize = 20;

    let server = transport.start();
    let mut sender = transport.connect(server.port(), "sender");
    for round in 0..ROUNDS {
        let mut receiver = transport.connect(server.port(), RESUMABLE);
        receiver.send(Message::text("ping")).unwrap();
        assert_eq!(receiver.read().unwrap().into_text().unwrap(), "pong");
        // This acknowledges the answer; what comes next is acknowledged late.
        receiver.send(Message::text("to:nobody;")).unwrap();
        SockRef::from(receiver.get_ref().socket()).set_tcp_quickack(false).unwrap();
        sender.send(Message::text(format!("to:{RESUMABLE};{round}"))).unwrap();
        assert_eq!(receiver.read().unwrap().into_text().unwrap(), round.to_string());
        SockRef::from(receiver.get_ref().socket()).set_linger(Some(Duration::ZERO)).unwrap();
    }
    server.stop();
}

#[test]
#[cfg(target_os = "linux")]
fn what_was_read_is_not_sent_again_on_resume() {
    is_not_told_twice(&Transport::plain());
}

#[test]
#[cfg(target_os = "linux")]
fn what_was_read_is_not_sent_again_on_resume_over_tls() {
    is_not_told_twice(&Transport::tls());
}

#[test]
fn a_stopped_server_says_1001_and_frees_its_port() {
    for transport in [Transport::plain(), Transport::tls()] {
        let server = transport.start();
        let port = server.port();
        let mut client = transport.connect(port, "client");
        let stopping = std::thread::spawn(move || server.stop());
        let Message::Close(Some(frame)) = client.read().unwrap() else { panic!("no close frame") };
        assert_eq!(u16::from(frame.code), 1001);
        drop(client);
        stopping.join().unwrap();
        super::listen::bind(Some("127.0.0.1"), port).unwrap();
    }
}
