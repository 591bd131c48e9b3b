//! What somebody may do to a server.

use std::time::Instant;

use super::*;
use crate::server::config::DEFAULT_MAX_QUEUE;

/// Bytes that an attack sends at most, of most kinds: many times what is read in one turn.
const FLOOD: usize = 2 << 20;

/// Those who get what is sent to all, and do not read.
const CROWD: usize = 500;

/// Locks that a worker asks for: nearly as many as may be asked for.
const LOCKS: usize = 9_900;

/// Bytes that may wait for each of them, where they are to be dropped.
const SMALL_QUEUE: usize = 64 << 10;

/// What somebody does to a server.
#[derive(Clone)]
pub struct Attack {
    pub name: &'static str,
    /// Peers of the attacker's database, and their ids.
    pub crowd: usize,
    pub id: fn(usize) -> String,
    pub max_queue: usize,
    /// Does it. What it gives is dropped when it is over.
    pub run: fn(&Transport, u16) -> Stream,
}

impl Attack {
    fn new(name: &'static str, run: fn(&Transport, u16) -> Stream) -> Self {
        Self { name, crowd: 0, id: |_| String::new(), max_queue: DEFAULT_MAX_QUEUE, run }
    }

    fn on_a_crowd(self, id: fn(usize) -> String) -> Self {
        Self { crowd: CROWD, id, ..self }
    }
}

fn plain_id(number: usize) -> String {
    format!("peer{number}")
}

/// Has the form of AceBase's own ids: such sessions are kept.
fn resumable_id(number: usize) -> String {
    format!("{number:024}")
}

pub fn on_either_transport() -> Vec<Attack> {
    vec![
        Attack::new("empty texts", |to, port| send_frames(to, port, &flood(&frame(0x81, b"")))),
        Attack::new("texts to all", |to, port| send_frames(to, port, &flood(&frame(0x81, b"ab")))),
        Attack::new("texts to oneself", |to, port| send_frames(to, port, &flood(&frame(0x81, b"to:attacker;")))),
        Attack::new("AceBase's pings", |to, port| send_frames(to, port, &flood(&frame(0x81, b"ping")))),
        Attack::new("WebSocket's pings", |to, port| send_frames(to, port, &flood(&frame(0x89, b"")))),
        Attack::new("fragments", |to, port| {
            send_frames(to, port, &[frame(0x01, b"a"), flood(&frame(0x00, b""))].concat())
        }),
        Attack::new("a cut frame", |to, port| send_frames(to, port, &frame(0x81, &[b'a'; 16_000])[..15_000])),
        Attack::new("noise for frames", |to, port| send_frames(to, port, &noise(FLOOD))),
        Attack::new("requests at once", |to, port| {
            send_requests(to, port, &flood(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"))
        }),
        Attack::new("tiny chunks", |to, port| {
            let _speaker = to.connect(port, "attacker");
            let head = "POST /db/send?id=attacker&t=undefined HTTP/1.1\r\nhost: localhost\r\n\
                        transfer-encoding: chunked\r\n\r\n";
            send_requests(to, port, &[head.as_bytes(), &flood(b"1\r\nx\r\n")].concat())
        }),
        Attack::new("headers", |to, port| {
            send_requests(to, port, &[&b"GET / HTTP/1.1\r\n"[..], &flood(b"a:\r\n")].concat())
        }),
        Attack::new("a look at many locks", look_at_locks),
        Attack::new("noise for requests", |to, port| send_requests(to, port, &noise(FLOOD))),
    ]
}

pub fn on_tls() -> Vec<Attack> {
    vec![
        Attack::new("bytes behind the end of TLS", |to, port| {
            send_behind_the_end(to.connect(port, "attacker").into_inner(), &noise(8 << 10))
        }),
        Attack::new("records behind the end of TLS", |to, port| {
            send_behind_the_end(to.connect(port, "attacker").into_inner(), &flood(&[0x17, 3, 3, 0, 1, 0]))
        }),
        Attack::new("bytes behind the end of TLS, before the upgrade", |to, port| {
            send_behind_the_end(to.open(port), &noise(8 << 10))
        }),
        Attack::new("noise for TLS", |to, port| send_raw(to.connect(port, "attacker").into_inner(), &noise(FLOOD))),
        Attack::new("new keys", |to, port| {
            let mut attacker = to.connect(port, "attacker").into_inner();
            let cipher = new_keys(&mut attacker, 20_000);
            send_raw(attacker, &cipher)
        }),
        Attack::new("a long text", |to, port| send_frames(to, port, &frame(0x81, "ä".repeat(4 * FLOOD).as_bytes()))),
    ]
}

pub fn on_a_crowd() -> Vec<Attack> {
    let to_all = Attack::new("texts to many", |to, port| send_frames(to, port, &flood(&frame(0x81, b"ab"))));
    let to_all = to_all.on_a_crowd(plain_id);
    vec![
        Attack { name: "texts to many that resume", ..to_all.clone().on_a_crowd(resumable_id) },
        Attack::new("long texts to many", |to, port| send_frames(to, port, &flood(&frame(0x81, &[b'a'; 16_000]))))
            .on_a_crowd(plain_id),
        Attack::new("texts to many and to one in turn", |to, port| {
            send_frames(to, port, &flood(&[frame(0x81, b"ab"), frame(0x81, b"to:attacker;")].concat()))
        })
        .on_a_crowd(plain_id),
        Attack { name: "many that are dropped at once", max_queue: SMALL_QUEUE, ..to_all.clone() },
        to_all,
    ]
}

fn flood(unit: &[u8]) -> Vec<u8> {
    unit.repeat(FLOOD / unit.len())
}

/// Bytes without any order.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// A client's frame, with a mask that changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = match payload.len() {
        short @ 0..=125 => vec![0x80 | short as u8],
        medium @ 126..=65_535 => [&[0x80 | 126][..], &(medium as u16).to_be_bytes()].concat(),
        long => [&[0x80 | 127][..], &(long as u64).to_be_bytes()].concat(),
    };
    [&[first][..], &len, &[0; 4], payload].concat()
}

fn send_frames(transport: &Transport, port: u16, frames: &[u8]) -> Stream {
    let mut attacker = transport.connect(port, "attacker").into_inner();
    write(&mut attacker, frames);
    attacker
}

fn send_requests(transport: &Transport, port: u16, requests: &[u8]) -> Stream {
    let mut attacker = transport.open(port);
    write(&mut attacker, requests);
    attacker
}

/// Asks for as many locks as a worker may, of a master that does not answer, and then how things stand.
fn look_at_locks(transport: &Transport, port: u16) -> Stream {
    let _master = transport.connect(port, "[master]");
    let worker = resumable_id(1);
    let requests = (0..LOCKS).map(|number| {
        let data = format!(r#"{{"path":"a/{number}","tid":"t{number}","write":true,"comment":"set"}}"#);
        let from = format!(r#""from":"{worker}","to":"[master]""#);
        format!(r#"to:[master];{{"type":"lock-request","id":"{number}",{from},"data":{data}}}"#)
    });
    let mut worker = transport.connect(port, &worker).into_inner();
    write(&mut worker, &requests.flat_map(|request| frame(0x81, request.as_bytes())).collect::<Vec<_>>());
    let all_wait = format!(r#""waiting":{LOCKS}}}"#);
    let until = Instant::now() + PATIENCE;
    while !look(transport, port, "/status.json?limit=0").contains(&all_wait) {
        assert!(Instant::now() < until, "the requests are not with the master");
        sleep(Duration::from_millis(20));
    }
    let status = look(transport, port, "/status.json");
    assert!(status.contains(r#""locksLeftOut":8900"#), "{status:.1000}");
    worker
}

fn look(transport: &Transport, port: u16, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let mut looker = transport.open(port);
    write(&mut looker, request.as_bytes());
    let mut answer = String::new();
    let _ = looker.read_to_string(&mut answer);
    answer
}

/// Writes as much as the server takes, and does not read.
fn write(stream: &mut Stream, bytes: &[u8]) {
    stream.socket().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let until = Instant::now() + Duration::from_secs(2);
    for part in bytes.chunks(64 * 1024) {
        if Instant::now() > until || stream.write_all(part).is_err() {
            return;
        }
    }
    let _ = stream.flush();
}

/// Ends TLS, and sends more in the same write.
fn send_behind_the_end(mut attacker: Stream, more: &[u8]) -> Stream {
    let mut cipher = Vec::new();
    if let Stream::Tls(stream) = &mut attacker {
        stream.flush().unwrap();
        stream.conn.send_close_notify();
        while stream.conn.wants_write() {
            stream.conn.write_tls(&mut cipher).unwrap();
        }
    }
    send_raw(attacker, &[&cipher, more].concat())
}

fn new_keys(attacker: &mut Stream, times: usize) -> Vec<u8> {
    let mut cipher = Vec::new();
    if let Stream::Tls(stream) = attacker {
        for _ in 0..times {
            stream.conn.refresh_traffic_keys().unwrap();
            stream.conn.write_tls(&mut cipher).unwrap();
        }
    }
    cipher
}

/// Sends bytes past TLS.
fn send_raw(attacker: Stream, bytes: &[u8]) -> Stream {
    let mut socket = attacker.socket();
    socket.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let _ = socket.write_all(bytes);
    attacker
}
