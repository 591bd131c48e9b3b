//! What servers of former versions have left: the next one understands it, or goes on as if there were nothing. Each
//! format has its file in `fixtures`, written once and not to be written again.

use std::{env, fs, time::Instant};

use serde_json::json;

use super::{bequest::Line, *};
use crate::{
    acebase::LockState,
    hub::Hub,
    server::{
        Service,
        config::LargeMessages,
        coordinators,
        heritage::{Heritage, HeritageError},
    },
};

const FORMAT_1: &[u8] = include_bytes!("fixtures/heritage-1.bin");
const FORMAT_2: &[u8] = include_bytes!("fixtures/heritage-2.bin");
const FORMAT_3: &[u8] = include_bytes!("fixtures/heritage-3.bin");

/// What is damaged in every place.
const DAMAGED: [&[u8]; 2] = [FORMAT_1, FORMAT_3];

const DB: &str = "mydb_data";
const MASTER: &str = "[master]";
const ANN: &str = "ann000000000000000000000";
const BOB: &str = "bob000000000000000000000";

/// In 2100, in milliseconds since the Unix epoch: the lock of the fixture has not expired when this is read.
const EXPIRES: u64 = 4_102_444_800_000;

/// Bytes before those of the server itself.
const MARK_AND_FORMAT: usize = 12;

/// The beginning of a record.
const BEGUN: [u8; 9] = [23, 3, 3, 1, 0, 0xbe, 0x61, 0x17, 0x5a];

/// How long what must happen is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// As the servers of the fixture, and those that go on with it, are set up.
fn settings() -> Config {
    Config { large_messages: LargeMessages::Download, max_payload: Some(1_000), ..config() }
}

/// A server that has not begun to serve.
fn service() -> Service {
    let settings = settings();
    let coordinators = coordinators(&settings.coordination);
    Service::new(settings, coordinators, Arc::new(Deaf)).unwrap()
}

/// The hub of a server that goes on with these bytes, all of whose connections are lost.
fn hub_after(bytes: &[u8]) -> Result<Arc<Hub>, HeritageError> {
    let mut service = service();
    service.inherit((Heritage::from_bytes(bytes)?, Vec::new()))?;
    service.hub.settle();
    Ok(service.hub)
}

fn until(what: &str, happens: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !happens() {
        assert!(Instant::now() < end, "{what}: that did not happen");
        sleep(Duration::from_millis(5));
    }
}

/// Says something to the master.
fn ask(client: &mut WebSocket<Stream>, from: &str, kind: &str, id: &str, data: serde_json::Value) {
    let request = json!({"type": kind, "id": id, "from": from, "to": MASTER, "data": data});
    client.send(Message::text(format!("to:{MASTER};{request}"))).unwrap();
}

/// Two workers, one of which holds a lock that the other waits for; a master, a plain client in the middle of a frame,
/// a large message that waits, and a connection between two requests.
#[test]
#[ignore = "writes a file that is to stay as it is"]
fn a_server_that_is_left_is_written_to_a_file() {
    let transport = Transport { config: settings(), ..Transport::plain() };
    let mut line = Line::begin(settings());
    let mut master = transport.connect_to(line.port(), DB, MASTER);
    let mut ann = transport.connect_to(line.port(), DB, ANN);
    let mut bob = transport.connect_to(line.port(), DB, BOB);
    let mut plain = transport.connect_to(line.port(), "plain", "plain-1");
    let _other = transport.connect_to(line.port(), "plain", "plain-2");

    let lock = |tid: &str| json!({"path": "a/b", "tid": tid, "write": true, "comment": "set"});
    ask(&mut ann, ANN, "lock-request", "request-1", lock("t1"));
    until("the master has it", || line.hub().status(DB).is_some_and(|status| status.delivered_requests == 1));
    let data = json!({"id": 7, "path": "a/b", "tid": "t1", "write": true, "expires": EXPIRES, "comment": "set"});
    let answer = json!({"type": "lock-result", "id": "request-1", "from": MASTER, "to": ANN, "ok": true, "data": data});
    master.send(Message::text(format!("to:{ANN};{answer}"))).unwrap();
    until("it is granted", || line.hub().locks(DB).iter().any(|lock| lock.state == LockState::Held));
    ask(&mut bob, BOB, "lock-request", "request-2", lock("t2"));
    until("the other waits", || line.hub().locks(DB).len() == 2);

    let mut poster = TcpStream::connect((Ipv4Addr::LOCALHOST, line.port())).unwrap();
    let long = "x".repeat(1_200);
    let head = "POST /plain/send?id=plain-1&t=undefined HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1200\r\n\r\n";
    poster.write_all(format!("{head}{long}").as_bytes()).unwrap();
    let mut answer = [0; 12];
    poster.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    plain.get_mut().write_all(b"\x81\x8b\0\0\0\0hello").unwrap();
    sleep(Duration::from_millis(100));

    write_fixture("heritage-1.bin", &line.leave().0);
}

/// A connection with TLS, in the middle of a record.
#[test]
#[ignore = "writes a file that is to stay as it is"]
fn a_server_with_tls_that_is_left_is_written_to_a_file() {
    let transport = Transport::tls();
    let mut line = Line::begin(transport.config.clone());
    let client = transport.connect_to(line.port(), DB, ANN);
    client.get_ref().socket().write_all(&BEGUN).unwrap();
    sleep(Duration::from_millis(100));
    write_fixture("heritage-2.bin", &line.leave().0);
}

/// A worker with a lock that another one has passed on to it, and one beside it; the other one waits for it.
#[test]
#[ignore = "writes a file that is to stay as it is"]
fn a_server_that_has_passed_a_lock_on_is_written_to_a_file() {
    let transport = Transport { config: settings(), ..Transport::plain() };
    let mut line = Line::begin(settings());
    let mut master = transport.connect_to(line.port(), DB, MASTER);
    let mut ann = transport.connect_to(line.port(), DB, ANN);
    let mut bob = transport.connect_to(line.port(), DB, BOB);
    let status = || line.hub().status(DB).unwrap_or_default();
    let held = |peer: &str| line.hub().locks(DB).iter().any(|lock| lock.state == LockState::Held && lock.peer == peer);

    // Requests and transactions, each made after those before.
    let id = |number: u64| format!("mib3xk{number:02}{:016}", 0);
    let lock = |tid: &str| json!({"path": "a/b", "tid": tid, "write": true, "comment": "set"});
    for (number, worker, name) in [(1, &mut bob, BOB), (2, &mut ann, ANN)] {
        ask(worker, name, "lock-request", &id(number), json!({"path": "", "tid": "first", "write": false}));
        until("the master has it", || status().delivered_requests == 1);
        let answer = json!({"type": "lock-result", "id": id(number), "from": MASTER, "to": name, "ok": false});
        master.send(Message::text(format!("to:{name};{answer}"))).unwrap();
        until("it is answered", || status().delivered_requests == 0);
    }
    ask(&mut ann, ANN, "lock-request", &id(4), lock(&id(3)));
    until("the master has it", || status().delivered_requests == 1);
    let data = json!({"id": 7, "path": "a/b", "tid": id(3), "write": true, "expires": EXPIRES, "comment": "set"});
    let answer = json!({"type": "lock-result", "id": id(4), "from": MASTER, "to": ANN, "ok": true, "data": data});
    master.send(Message::text(format!("to:{ANN};{answer}"))).unwrap();
    until("it is granted", || held(ANN));
    ask(&mut bob, BOB, "lock-request", &id(6), lock(&id(5)));
    until("the other waits", || status().waiting_locks == 1);
    ask(&mut ann, ANN, "unlock-request", &id(7), json!({"id": 7}));
    until("it is passed on", || held(BOB));
    ask(&mut bob, BOB, "lock-request", &id(8), lock(&id(5)));
    until("it gets another", || status().held_locks == 2);
    ask(&mut ann, ANN, "lock-request", &id(9), lock(&id(3)));
    until("the first one waits", || status().waiting_locks == 1);
    write_fixture("heritage-3.bin", &line.leave().0);
}

fn write_fixture(name: &str, bytes: &[u8]) {
    fs::write(format!("{}/src/server/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR")), bytes).unwrap();
}

#[test]
fn what_a_server_of_format_2_has_left_is_understood() {
    let heritage = Heritage::from_bytes(FORMAT_2).unwrap();
    let [connection] = &heritage.connections[..] else { panic!("{:?}", heritage.connections) };
    assert!(FORMAT_2.windows(BEGUN.len()).any(|part| part == BEGUN));
    assert_eq!(connection.id, ANN);
    let tls = format!("{:?}", connection.tls.as_ref().unwrap());
    assert!(tls.contains("keys of Aes256Gcm, 1 read, 3 written"), "{tls}");
}

#[test]
fn what_a_server_of_format_3_has_left_is_understood() {
    let hub = hub_after(FORMAT_3).unwrap();
    let locks = hub.locks(DB);
    let held: Vec<_> = locks.iter().filter(|lock| lock.state == LockState::Held).collect();
    assert!(held.len() == 2 && held.iter().all(|lock| lock.peer == BOB), "{locks:?}");
    assert_eq!((held[0].id, held[0].passed, held[0].expires), (Some(7), 1, Some(EXPIRES)));
    let waiting: Vec<_> = locks.iter().filter(|lock| lock.state == LockState::Waiting).collect();
    assert!(waiting.len() == 1 && waiting[0].peer == ANN, "{locks:?}");
    assert_eq!(hub.status(DB).unwrap().lock_passes, 1);
}

#[test]
fn what_a_server_of_format_1_has_left_is_understood() {
    let heritage = Heritage::from_bytes(FORMAT_1).unwrap();
    let ids: Vec<&str> = heritage.connections.iter().map(|connection| connection.id.as_str()).collect();
    assert_eq!((ids.len(), heritage.idle.len()), (5, 1), "{ids:?}");
    let plain = heritage.connections.iter().find(|connection| connection.id == "plain-1").unwrap();
    assert_eq!(&plain.unread[..], b"\x81\x8b\0\0\0\0hello");

    let mut service = service();
    service.inherit((heritage, Vec::new())).unwrap();
    let hub = &service.hub;
    for id in [MASTER, ANN, BOB] {
        assert!(hub.clients(DB).iter().any(|client| &*client.id == id && !client.is_away), "{id} is there");
    }
    let mut locks = hub.locks(DB);
    locks.sort_by_key(|lock| lock.peer.clone());
    let rows: Vec<_> = locks.iter().map(|lock| (&*lock.peer, lock.state, lock.id, &*lock.tid, lock.expires)).collect();
    let expected = [(ANN, LockState::Held, Some(7), "t1", Some(EXPIRES)), (BOB, LockState::Waiting, None, "t2", None)];
    assert_eq!(rows, expected);
    let status = hub.status(DB).unwrap();
    assert_eq!((status.delivered_requests, status.held_requests), (1, 0), "{status:?}");
    let large = hub.take_parcel("plain", "plain-2", &announced(FORMAT_1)).unwrap();
    assert_eq!(large.len(), 1_200);
}

/// The id of the large message that waits: what stands before its end.
fn announced(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let (before, _) = text.split_once("\u{fffd}until").unwrap();
    before[before.rfind('m').unwrap()..].to_owned()
}

#[test]
fn workers_whose_connections_did_not_come_along_are_kept_as_after_a_loss() {
    let hub = hub_after(FORMAT_1).unwrap();
    let away: Vec<_> = hub.clients(DB).into_iter().filter(|client| client.is_away).map(|client| client.id).collect();
    assert!(away.iter().any(|id| &**id == ANN) && away.iter().any(|id| &**id == BOB), "{away:?}");
}

#[test]
fn what_a_newer_server_has_left_is_an_error_with_its_format() {
    let mut bytes = FORMAT_1.to_vec();
    bytes[8] = 4;
    assert!(matches!(Heritage::from_bytes(&bytes), Err(HeritageError::Format(4))));
    bytes[8] = 0;
    assert!(matches!(Heritage::from_bytes(&bytes), Err(HeritageError::Format(0))));
}

#[test]
fn what_is_no_server_s_is_an_error() {
    for bytes in [&b""[..], b"AB-IPC", b"AB-IPC\r\n", b"AB-IPC\r\n\x01\0\0", &FORMAT_1[1..], b"<!DOCTYPE html>"] {
        assert!(matches!(Heritage::from_bytes(bytes), Err(HeritageError::Mark)), "{bytes:?}");
    }
}

#[test]
fn what_is_cut_short_is_an_error() {
    for left in DAMAGED {
        for end in 0..left.len() {
            assert!(Heritage::from_bytes(&left[..end]).is_err(), "{end} bytes");
        }
    }
}

/// What is read nevertheless is as good as any other: a server goes on with it, and leaves it to the next one.
#[test]
fn a_byte_that_differs_is_an_error_or_does_no_harm() {
    DAMAGED.into_iter().for_each(any_byte_may_differ);
}

fn any_byte_may_differ(whole: &[u8]) {
    let mut understood = 0;
    for at in MARK_AND_FORMAT..whole.len() {
        let mut bytes = whole.to_vec();
        bytes[at] ^= [0x01, 0x10, 0x80, 0xff][at % 4];
        let Ok(hub) = hub_after(&bytes) else { continue };
        understood += 1;
        hub.tick();
        assert!(hub.snapshot().len() <= 2);
        hub.send(DB, ANN, "hello".into());
        let (left, _) = Heritage::take(&hub, Vec::new(), Vec::new());
        assert!(hub_after(&left.to_bytes().unwrap()).is_ok(), "byte {at}");
    }
    assert!((1..whole.len() - MARK_AND_FORMAT).contains(&understood), "the test shows nothing: {understood}");
}

/// The same for each number, with the greatest in its place.
#[test]
fn a_number_beyond_all_measure_is_an_error_or_does_no_harm() {
    DAMAGED.into_iter().for_each(any_number_may_be_great);
}

fn any_number_may_be_great(whole: &[u8]) {
    let mut understood = 0;
    for at in MARK_AND_FORMAT..whole.len() {
        let Some(bytes) = with_greatest_number(whole, at) else { continue };
        let Ok(hub) = hub_after(&bytes) else { continue };
        understood += 1;
        hub.tick();
        assert!(hub.snapshot().len() <= 2);
        hub.send(DB, ANN, "hello".into());
        assert!(hub.freeze().now >= 1);
    }
    assert!(understood > 0, "the test shows nothing");
}

/// No room is made for what is only announced: the lists, maps, texts and bytes of four gigabytes each.
#[test]
fn a_length_beyond_what_is_there_is_an_error() {
    for (whole, at) in DAMAGED.into_iter().flat_map(|whole| (MARK_AND_FORMAT..whole.len()).map(move |at| (whole, at))) {
        let marker = match whole[at] {
            0x80..=0x8f => 0xdf,
            0x90..=0x9f => 0xdd,
            0xa0..=0xbf => 0xdb,
            0xc4 | 0xc5 => 0xc6,
            _ => continue,
        };
        let bytes = [&whole[..at], &[marker, 0xff, 0xff, 0xff, 0xff], &whole[at + 1..]].concat();
        assert!(hub_after(&bytes).is_err(), "byte {at}");
    }
}

/// The fixture with the greatest number in the place of the one that may begin there.
fn with_greatest_number(whole: &[u8], at: usize) -> Option<Vec<u8>> {
    let len = match whole[at] {
        0..=0x7f => 1,
        0xcc => 2,
        0xcd => 3,
        0xce => 5,
        0xcf => 9,
        _ => return None,
    };
    let (before, rest) = (&whole[..at], whole.get(at + len..)?);
    let mut bytes = [before, &[0xcf; 1], &[0xff; 8], rest].concat();
    grow_coordinator(&mut bytes, at, 9 - len);
    Some(bytes)
}

/// What a coordinator has written is a part with a length of its own.
fn grow_coordinator(bytes: &mut [u8], at: usize, by: usize) {
    const BEFORE_LENGTH: &[u8] = b"coordinator\xc5";
    let mut ends = (0..at.saturating_sub(2)).filter(|end| bytes[..*end].ends_with(BEFORE_LENGTH));
    let Some(start) = ends.next_back() else { return };
    let len = usize::from(u16::from_be_bytes([bytes[start], bytes[start + 1]]));
    if at < start + 2 + len {
        let grown = u16::try_from(len + by).unwrap().to_be_bytes();
        bytes[start..start + 2].copy_from_slice(&grown);
    }
}

#[test]
fn a_server_that_cannot_go_on_serves_as_if_there_were_nothing() {
    let mut line = Line::begin(settings());
    let mut service = service();
    let mut bytes = FORMAT_1.to_vec();
    let coordinator = bytes.windows(8).position(|name| name == b"sessions").unwrap();
    bytes[coordinator] = b'S';
    let heritage = Heritage::from_bytes(&bytes).unwrap();
    assert!(service.inherit((heritage, Vec::new())).is_err());
    assert!(service.hub.snapshot().is_empty());
    line.replace(service);
    let mut client = Transport::plain().connect_to(line.port(), DB, ANN);
    client.send(Message::text("ping")).unwrap();
    assert_eq!(client.read().unwrap().into_text().unwrap(), "pong");
}
