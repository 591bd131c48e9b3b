//! What a server leaves to the next one, with keepers in processes of their own.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::{fd::OwnedFd, unix::net::UnixStream},
    time::{Duration, Instant},
};

#[cfg(target_os = "linux")]
use rustix::process::{Signal, kill_process};

use super::{LIMIT, Opened, Scene, crash, eventually, own_launch, stop};
#[cfg(target_os = "linux")]
use super::{process_of, suspend};
use crate::keeper::{HandOverError, Keeper, Legacy, open_files};

/// As many clients as a busy server has.
const MANY: usize = 10_000;

/// In which they must have been handed over and taken up.
const MANY_LIMIT: Duration = Duration::from_secs(1);

/// Open files that the other tests of this process may need.
const OTHERS: u64 = 2_000;

impl Scene {
    /// A server starts, and finds a legacy.
    fn open_with_legacy(&self) -> (Opened, Legacy) {
        let (server, legacy) = self.open_all(None, &own_launch(), &|_| true).unwrap();
        (server, legacy.expect("a legacy"))
    }

    /// A client and the server's side of its connection.
    pub(super) fn accept_one(&self, server: &Opened) -> (TcpStream, TcpStream) {
        let client = self.connect().unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        let mut accepted = None;
        eventually("a client is accepted", || {
            accepted = server.0[0].accept().ok();
            accepted.is_some()
        });
        let (connection, _) = accepted.unwrap();
        connection.set_nonblocking(false).unwrap();
        (client, connection)
    }
}

pub(super) fn legacy(state: &[u8], connections: impl IntoIterator<Item: Into<OwnedFd>>) -> Legacy {
    Legacy {
        state: state.to_vec(),
        connections: connections.into_iter().map(|connection| TcpStream::from(connection.into())).collect(),
    }
}

fn leave((listeners, keeper): Opened, legacy: Legacy) {
    keeper.hand_over(&legacy).unwrap();
    drop(legacy);
    crash((listeners, keeper));
}

/// The other side is gone.
pub(super) fn assert_closed(client: &mut TcpStream) {
    client.set_read_timeout(Some(LIMIT)).unwrap();
    match client.read(&mut [0; 16]) {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

/// Nobody has closed it.
pub(super) fn assert_alive(client: &mut TcpStream) {
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert_eq!(client.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

fn read_text(mut connection: &TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    connection.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_next_server_goes_on_with_the_clients_of_the_former_one() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let (mut clients, connections): (Vec<_>, Vec<_>) = (0..3).map(|_| scene.accept_one(&server)).unzip();
    clients[0].write_all(b"before ").unwrap();
    leave(server, legacy(b"what was known", connections));
    for (index, client) in clients.iter_mut().enumerate() {
        client.write_all(format!("meanwhile {index}").as_bytes()).unwrap();
    }

    let (next, inherited) = scene.open_with_legacy();
    assert_eq!(inherited.state, b"what was known");
    let connections = inherited.connections;
    assert_eq!(read_text(&connections[0], 18), "before meanwhile 0");
    assert_eq!(read_text(&connections[1], 11), "meanwhile 1");
    assert_eq!(read_text(&connections[2], 11), "meanwhile 2");
    (&connections[2]).write_all(b"answer").unwrap();
    assert_eq!(read_text(&clients[2], 6), "answer");
    assert!(rustix::io::fcntl_getfd(&connections[0]).unwrap().contains(rustix::io::FdFlags::CLOEXEC));

    // The keeper has no copies any more: a connection that this server closes is closed.
    drop(connections);
    clients.iter_mut().for_each(assert_closed);
    stop(next);
    assert_eq!(*scene.warnings.lock(), [""; 0]);
}

#[test]
fn a_legacy_is_given_once_and_each_server_may_leave_its_own() {
    let scene = Scene::new();
    let mut server = scene.open().unwrap();
    for round in 0..3_u8 {
        leave(server, legacy(&[round], [UnixStream::pair().unwrap().0]));
        let (next, inherited) = scene.open_with_legacy();
        assert_eq!((inherited.state, inherited.connections.len()), (vec![round], 1));
        server = next;
    }
    crash(server);
    let (server, inherited) = scene.open_all(None, &own_launch(), &|_| true).unwrap();
    assert!(inherited.is_none());
    stop(server);
}

#[test]
fn a_large_state_without_connections_comes_through() {
    let scene = Scene::new();
    let state: Vec<u8> = (0..50_000_000_u32).map(|index| (index % 251) as u8).collect();
    leave(scene.open().unwrap(), Legacy { state: state.clone(), connections: vec![] });
    let (server, inherited) = scene.open_with_legacy();
    assert!(inherited.state == state && inherited.connections.is_empty());
    stop(server);
}

#[test]
fn many_connections_change_hands_within_a_second_and_in_order() {
    open_files::raise_limit();
    let limit = u64::from(open_files::limit());
    if limit < MANY as u64 + OTHERS {
        eprintln!("left out: no more than {limit} open files are allowed here");
        return;
    }
    let scene = Scene::new();
    // Both ends are connections: what goes in at one must come out at the next.
    let ends: Vec<_> = (0..MANY / 2).map(|_| UnixStream::pair().unwrap()).flat_map(|(a, b)| [a, b]).collect();
    let (listeners, keeper) = scene.open().unwrap();
    scene.await_keeper(&keeper);
    let legacy = legacy(b"state", ends);

    let started = Instant::now();
    keeper.hand_over(&legacy).unwrap();
    let handed_over = started.elapsed();
    drop(legacy);
    crash((listeners, keeper));
    let started = Instant::now();
    let (server, inherited) = scene.open_with_legacy();
    let taken = started.elapsed();
    assert!(handed_over + taken < MANY_LIMIT, "{handed_over:?} and {taken:?}");

    let ends: Vec<_> =
        inherited.connections.into_iter().map(|socket| UnixStream::from(OwnedFd::from(socket))).collect();
    assert_eq!(ends.len(), MANY);
    for (index, pair) in ends.chunks(2).enumerate() {
        let index = (index as u32).to_be_bytes();
        (&pair[0]).write_all(&index).unwrap();
        let mut heard = [0; 4];
        (&pair[1]).read_exact(&mut heard).unwrap();
        assert_eq!(heard, index);
    }
    stop(server);
}

#[test]
fn a_stop_after_a_hand_over_closes_the_connections() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let (mut client, connection) = scene.accept_one(&server);
    let legacy = legacy(b"", [connection]);
    server.1.hand_over(&legacy).unwrap();
    drop(legacy);
    assert_alive(&mut client);
    stop(server);
    assert_closed(&mut client);
}

#[test]
fn a_legacy_goes_with_listeners_that_do_not_fit() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let (mut client, connection) = scene.accept_one(&server);
    leave(server, legacy(b"", [connection]));
    let (server, inherited) = scene.open_all(None, &own_launch(), &|_| false).unwrap();
    assert!(inherited.is_none());
    assert_closed(&mut client);
    stop(server);
}

#[test]
#[cfg(target_os = "linux")]
fn a_keeper_with_too_few_open_files_names_the_limit_and_the_server_goes_on() {
    let scene = Scene::new();
    let mut launch = own_launch();
    launch.args[1] = format!("ulimit -n 256; {}", launch.args[1]);
    let server = scene.open_all(None, &launch, &|_| true).unwrap().0;
    let (mut client, connection) = scene.accept_one(&server);
    let others = (0..299).map(|_| UnixStream::pair().unwrap().0.into());
    let many = legacy(b"", [OwnedFd::from(connection)].into_iter().chain(others));
    let error = server.1.hand_over(&many).unwrap_err();
    assert!(matches!(error, HandOverError::OpenFiles { limit: 256, connections: 300 }), "{error}");
    assert!(error.to_string().contains("open files (256)"), "{error}");
    assert_alive(&mut client);
    drop(many);
    assert_closed(&mut client);

    // The keeper is as good as before.
    leave(server, legacy(b"few", [UnixStream::pair().unwrap().0]));
    let (server, inherited) = scene.open_with_legacy();
    assert_eq!(inherited.state, b"few");
    stop(server);
    assert_eq!(*scene.warnings.lock(), [""; 0]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_keeper_that_is_dead_is_an_error_and_the_server_goes_on() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let (mut client, connection) = scene.accept_one(&server);
    scene.await_keeper(&server.1);
    kill_process(process_of(&scene.place()).unwrap(), Signal::KILL).unwrap();
    let legacy = legacy(b"", [connection]);
    let error = server.1.hand_over(&legacy).unwrap_err();
    assert!(matches!(error, HandOverError::Broken(_) | HandOverError::NoKeeper), "{error}");
    assert_alive(&mut client);
    eventually("the next keeper takes it", || server.1.hand_over(&legacy).is_ok());
    stop(server);
}

#[test]
#[cfg(target_os = "linux")]
fn a_keeper_that_does_not_move_is_an_error_in_time_and_forgets_what_it_had() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    scene.await_keeper(&server.1);
    let process = process_of(&scene.place()).unwrap();
    suspend(process);
    let (mut client, connection) = scene.accept_one(&server);
    let abandoned = legacy(b"abandoned", [connection]);
    let started = Instant::now();
    let error = server.1.hand_over(&abandoned).unwrap_err();
    assert!(matches!(&error, HandOverError::Broken(cause) if cause.kind() == ErrorKind::TimedOut), "{error}");
    assert!(started.elapsed() < LIMIT);
    kill_process(process, Signal::CONT).unwrap();
    assert_alive(&mut client);
    drop(abandoned);
    assert_closed(&mut client);
    crash(server);
    let (server, inherited) = scene.open_all(None, &own_launch(), &|_| true).unwrap();
    assert!(inherited.is_none());
    stop(server);
}

impl Scene {
    /// Waits until the keeper's process is at work: starting is no part of what is measured.
    fn await_keeper(&self, keeper: &Keeper) {
        keeper.hand_over(&Legacy::default()).unwrap();
    }
}
