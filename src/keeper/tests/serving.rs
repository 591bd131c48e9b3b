//! A keeper alone, in a thread of the test, with the test in the place of the servers.

use std::{
    io::{self, ErrorKind, Write},
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use super::{Scene, bind, eventually, own_launch, stop};
use crate::keeper::{
    PATIENCE,
    deposit::hand_over,
    serve::serve,
    words::{VERSION, Word, receive, send, send_as},
};

/// Short enough for a test that waits for it, long enough to do something before.
const SHORT_PATIENCE: Duration = Duration::from_millis(300);

impl Scene {
    /// A keeper that runs in a thread, and the connection to it.
    pub(super) fn keeper_in_thread(&self, patience: Duration) -> (UnixStream, thread::JoinHandle<io::Result<()>>) {
        let (ours, theirs) = hand_over(&self.place().bind().unwrap(), &bind(self.port).unwrap()).unwrap();
        let place = self.place();
        (ours, thread::spawn(move || serve(theirs, place, patience)))
    }

    /// Asks the keeper what a server would, as one of another version if need be.
    pub(super) fn say(&self, version: u8, word: Word) -> UnixStream {
        let stream = self.place().connect().unwrap().expect("a keeper");
        send_as(&stream, version, word, None, &[]).unwrap();
        stream
    }
}

#[test]
fn a_keeper_that_nobody_comes_back_to_goes() {
    let scene = Scene::new();
    let (connection, keeper) = scene.keeper_in_thread(SHORT_PATIENCE);
    scene.assert_open();
    thread::sleep(SHORT_PATIENCE * 2);
    assert!(!keeper.is_finished(), "it must not go while its server lives");
    let left = Instant::now();
    drop(connection);
    keeper.join().unwrap().unwrap();
    assert!(left.elapsed() >= SHORT_PATIENCE);
    assert!(!scene.place().path().exists());
    scene.assert_free();
}

#[test]
fn patience_starts_anew_with_each_server() {
    let scene = Scene::new();
    let (connection, keeper) = scene.keeper_in_thread(SHORT_PATIENCE);
    drop(connection);
    for _ in 0..3 {
        thread::sleep(SHORT_PATIENCE / 2);
        let claimed = scene.say(VERSION, Word::Claim);
        assert_eq!(receive(&claimed).unwrap().unwrap().word, Word::Given);
    }
    keeper.join().unwrap().unwrap();
}

#[test]
fn a_waiting_keeper_of_another_version_goes() {
    let scene = Scene::new();
    let (connection, keeper) = scene.keeper_in_thread(PATIENCE);
    let early = scene.say(VERSION + 1, Word::Claim);
    assert_eq!(receive(&early).unwrap().unwrap().word, Word::Busy);
    drop(connection);
    eventually("the keeper goes", || {
        let Ok(Some(stream)) = scene.place().connect() else { return true };
        let _ = send_as(&stream, VERSION + 1, Word::Claim, None, &[]);
        matches!(receive(&stream), Ok(None) | Err(_))
    });
    keeper.join().unwrap().unwrap();
    scene.assert_free();
}

#[test]
fn nonsense_at_the_rendezvous_changes_nothing() {
    let scene = Scene::new();
    let (connection, keeper) = scene.keeper_in_thread(PATIENCE);
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"K", b"", b"K\x01\xff\0", b"K\x01\x01\0"] {
        let mut stream = scene.place().connect().unwrap().unwrap();
        stream.write_all(nonsense).unwrap();
        drop(stream);
    }
    // Somebody who says nothing at all delays the others, but not for ever.
    let _silent = scene.place().connect().unwrap().unwrap();
    let claim = scene.say(VERSION, Word::Claim);
    assert_eq!(receive(&claim).unwrap().unwrap().word, Word::Busy);
    send(&connection, Word::Go, &[]).unwrap();
    keeper.join().unwrap().unwrap();
    scene.assert_free();
}

#[test]
fn a_keeper_that_goes_leaves_the_socket_file_of_the_one_in_its_place() {
    let scene = Scene::new();
    let (connection, keeper) = scene.keeper_in_thread(PATIENCE);
    // It is at work.
    let claim = scene.say(VERSION, Word::Claim);
    assert_eq!(receive(&claim).unwrap().unwrap().word, Word::Busy);
    let _another = scene.place().bind().unwrap();
    send(&connection, Word::Go, &[]).unwrap();
    keeper.join().unwrap().unwrap();
    assert!(scene.place().connect().unwrap().is_some(), "the other one can be found");
}

#[test]
fn too_many_listeners_are_an_error() {
    let scene = Scene::new();
    let many: Vec<_> = (0..70).flat_map(|_| bind(0).unwrap()).collect();
    let error = hand_over(&scene.place().bind().unwrap(), &many).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn all_listeners_of_a_host_are_kept_and_do_not_block() {
    let scene = Scene::new();
    let listeners: Vec<_> = (0..2).flat_map(|_| bind(0).unwrap()).collect();
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    let (ours, theirs) = hand_over(&scene.place().bind().unwrap(), &listeners).unwrap();
    let place = scene.place();
    let keeper = thread::spawn(move || serve(theirs, place, PATIENCE));
    drop(listeners);
    drop(ours);
    let server = scene.open_as(None, &own_launch(), &|found| found == addresses).unwrap();
    assert_eq!(server.0.iter().map(|listener| listener.local_addr().unwrap()).collect::<Vec<_>>(), addresses);
    assert_eq!(server.0[1].accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    for listener in &server.0 {
        let flags = rustix::io::fcntl_getfd(listener).unwrap();
        assert!(
            flags.contains(rustix::io::FdFlags::CLOEXEC),
            "sockets must not leak into programs that a server starts"
        );
    }
    stop(server);
    keeper.join().unwrap().unwrap();
}
