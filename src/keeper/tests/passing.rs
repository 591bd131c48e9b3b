//! Legacies that do not come through, and those that nobody wants: a keeper alone, in a thread of the test, with the
//! test in the place of the servers.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{
    LIMIT, Scene,
    legacies::{assert_alive, assert_closed, legacy},
};
use crate::keeper::{
    HandOverError, PATIENCE,
    bequest::{Taken, entrust, inherit},
    descriptors::MAX_DESCRIPTORS,
    errand::ERRAND_LIMIT,
    words::{MAX_ATTACHED, VERSION, Word, receive, send, send_number},
};

/// Short enough for a test that waits for it, long enough to do something before.
const SHORT_PATIENCE: Duration = Duration::from_millis(500);

/// Room for every legacy.
const ENOUGH: usize = MAX_DESCRIPTORS;

/// Where no temporary file is needed.
const NOWHERE: &str = "/tmp";

/// A client, and the server's side of its connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

fn soon() -> Instant {
    Instant::now() + ERRAND_LIMIT
}

/// A server leaves, with one connection: its client.
fn leave(main: UnixStream) -> TcpStream {
    let (client, connection) = connection();
    entrust(&main, &legacy(b"state", [connection]), Path::new(NOWHERE), soon()).unwrap();
    client
}

/// Asks for an errand, and does nothing else for it.
fn ask(main: &UnixStream, word: Word, number: Option<u32>) -> UnixStream {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(LIMIT)).unwrap();
    send_number(main, word, number, &[theirs.as_fd()]).unwrap();
    ours
}

fn assert_heard(stream: &UnixStream, word: Word) {
    assert_eq!(receive(stream).unwrap().expect("a message").word, word);
}

/// The keeper has hung up.
fn assert_broken_off(errand: &UnixStream) {
    let end = receive(errand);
    assert!(matches!(&end, Ok(None)) || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
}

impl Scene {
    /// The next server claims the port: its connection to the keeper, and how many descriptors there are to inherit.
    fn claim(&self) -> (UnixStream, Option<u32>) {
        let stream = self.say(VERSION, Word::Claim);
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let given = receive(&stream).unwrap().unwrap();
        assert_eq!(given.word, Word::Given);
        (stream, given.number)
    }
}

fn end(main: &UnixStream, keeper: thread::JoinHandle<io::Result<()>>) {
    send(main, Word::Go, &[]).unwrap();
    keeper.join().unwrap().unwrap();
}

#[test]
fn a_server_that_is_killed_in_the_middle_leaves_nothing() {
    let scene = Scene::new();
    let (main, keeper) = scene.keeper_in_thread(PATIENCE);
    let (mut client, connection) = connection();
    let errand = ask(&main, Word::Entrust, Some(3));
    assert_heard(&errand, Word::Got);
    send(&errand, Word::Part, &[connection.as_fd(), connection.as_fd()]).unwrap();
    assert_heard(&errand, Word::Got);
    drop(connection);
    assert_alive(&mut client);

    drop((errand, main));
    assert_closed(&mut client);
    let (main, left) = scene.claim();
    assert_eq!(left, None);
    end(&main, keeper);
}

#[test]
fn a_server_that_stops_in_the_middle_does_not_hold_the_keeper_up() {
    let scene = Scene::new();
    let (main, keeper) = scene.keeper_in_thread(PATIENCE);
    let (mut client, connection) = connection();
    let errand = ask(&main, Word::Entrust, Some(2));
    assert_heard(&errand, Word::Got);
    send(&errand, Word::Part, &[connection.as_fd()]).unwrap();
    assert_heard(&errand, Word::Got);
    drop(connection);
    // A second server is answered in the time that it waits.
    let second = scene.say(VERSION, Word::Claim);
    second.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_heard(&second, Word::Busy);
    assert_closed(&mut client);
    assert_broken_off(&errand);
    // It goes on, and may try again.
    let client = leave(main.try_clone().unwrap());
    end(&main, keeper);
    drop(client);
}

#[test]
fn a_server_that_does_not_know_whether_all_arrived_makes_the_keeper_forget_it() {
    let scene = Scene::new();
    let (main, keeper) = scene.keeper_in_thread(PATIENCE);
    let mut client = leave(main.try_clone().unwrap());
    assert_alive(&mut client);
    send(&main, Word::Forget, &[]).unwrap();
    assert_closed(&mut client);
    end(&main, keeper);
}

#[test]
fn nonsense_in_the_middle_is_the_end_of_the_errand_and_of_nothing_else() {
    let scene = Scene::new();
    let (main, keeper) = scene.keeper_in_thread(PATIENCE);
    let (mut client, connection) = connection();
    let two = [connection.as_fd(); 2];
    for (word, attached) in [(Word::Part, &two[..]), (Word::Part, &[]), (Word::Claim, &two[..1])] {
        let errand = ask(&main, Word::Entrust, Some(1));
        assert_heard(&errand, Word::Got);
        send(&errand, word, attached).unwrap();
        assert_broken_off(&errand);
    }
    for count in [None, Some(0), Some(MAX_DESCRIPTORS as u32 + 1), Some(u32::MAX)] {
        assert_broken_off(&ask(&main, Word::Entrust, count));
    }
    send_number(&main, Word::Entrust, Some(1), &[]).unwrap();
    send(&main, Word::Inherit, &[]).unwrap();
    assert_broken_off(&ask(&main, Word::Inherit, None));
    assert_alive(&mut client);
    leave(main.try_clone().unwrap());
    end(&main, keeper);
}

#[test]
fn a_claimant_that_dies_loses_nothing_for_the_next_one() {
    let scene = Scene::new();
    let (main, keeper) = scene.keeper_in_thread(PATIENCE);
    let (mut clients, connections): (Vec<_>, Vec<_>) = (0..2 * MAX_ATTACHED).map(|_| connection()).unzip();
    entrust(&main, &legacy(b"state", connections), Path::new(NOWHERE), soon()).unwrap();
    drop(main);
    let count = 2 * MAX_ATTACHED as u32 + 1;

    // Before it asks; in the middle; after it has got all, but has not said so.
    for parts in 0..=3 {
        let (main, left) = scene.claim();
        assert_eq!(left, Some(count));
        let errand = (parts > 0).then(|| ask(&main, Word::Inherit, None));
        for part in 0..parts {
            let errand = errand.as_ref().unwrap();
            let part_of_it = receive(errand).unwrap().unwrap();
            assert_eq!(part_of_it.word, Word::Part);
            if part == 0 {
                // It is in the midst of reading the state.
                let state = part_of_it.attached.into_iter().next().unwrap();
                File::from(state).seek(SeekFrom::Start(2)).unwrap();
            }
            send(errand, Word::Got, &[]).unwrap();
        }
    }
    let (main, left) = scene.claim();
    let Taken { part: inherited, .. } = inherit(&main, left.unwrap(), ENOUGH, soon()).unwrap();
    assert_eq!(inherited.state, b"state");
    for (client, connection) in clients.iter_mut().zip(inherited.connections) {
        assert_eq!(connection.peer_addr().unwrap(), client.local_addr().unwrap());
        drop(connection);
        assert_closed(client);
    }
    end(&main, keeper);
}

#[test]
fn a_claimant_with_too_few_open_files_takes_the_first_ones_and_lets_the_others_go() {
    for room in [0, 1, 2, MAX_ATTACHED, MAX_ATTACHED + 1, 2 * MAX_ATTACHED + 1] {
        let scene = Scene::new();
        let (main, keeper) = scene.keeper_in_thread(PATIENCE);
        let (mut clients, connections): (Vec<_>, Vec<_>) = (0..2 * MAX_ATTACHED).map(|_| connection()).unzip();
        entrust(&main, &legacy(b"state", connections), Path::new(NOWHERE), soon()).unwrap();
        drop(main);
        let (main, left) = scene.claim();
        let Taken { part, left_out } = inherit(&main, left.unwrap(), room, soon()).unwrap();
        assert_eq!(part.state, b"state");
        // One of them is the state's.
        let connected = room.max(1) - 1;
        assert_eq!((part.connections.len(), left_out), (connected, clients.len() - connected));
        let (with, without) = clients.split_at_mut(connected);
        without.iter_mut().for_each(assert_closed);
        with.iter_mut().take(2).for_each(assert_alive);
        end(&main, keeper);
    }
}

#[test]
fn clients_of_a_server_that_nobody_comes_after_are_let_go() {
    let scene = Scene::new();
    let (main, keeper) = scene.keeper_in_thread(SHORT_PATIENCE);
    let mut client = leave(main);
    let left = Instant::now();
    assert_alive(&mut client);
    keeper.join().unwrap().unwrap();
    assert!(left.elapsed() >= SHORT_PATIENCE / 2);
    assert_closed(&mut client);
    scene.assert_free();
}

#[test]
fn a_claimant_that_never_asks_for_the_legacy_does_not_keep_its_clients_waiting_for_ever() {
    let scene = Scene::new();
    let (main, keeper) = scene.keeper_in_thread(SHORT_PATIENCE);
    let mut client = leave(main);
    let (main, left) = scene.claim();
    assert_eq!(left, Some(2));
    assert_closed(&mut client);
    assert!(inherit(&main, 2, ENOUGH, soon()).is_err());
    end(&main, keeper);
}

#[test]
fn a_claimant_that_cannot_use_the_legacy_lets_its_clients_go() {
    let scene = Scene::new();
    let (main, keeper) = scene.keeper_in_thread(PATIENCE);
    let mut client = leave(main);
    let (main, left) = scene.claim();
    // More than there is: the errand ends before.
    assert!(inherit(&main, left.unwrap() + 1, ENOUGH, soon()).is_err());
    assert_closed(&mut client);
    end(&main, keeper);
}

#[test]
fn a_keeper_that_does_not_know_the_words_is_an_error_at_once() {
    let (main, mut theirs) = UnixStream::pair().unwrap();
    // It hangs up on what is no message to it.
    let old_keeper = thread::spawn(move || theirs.read_exact(&mut [0; 4]).unwrap());
    let (mut client, connection) = connection();
    let legacy = legacy(b"state", [connection]);
    let started = Instant::now();
    let error = entrust(&main, &legacy, Path::new(NOWHERE), soon()).unwrap_err();
    assert!(matches!(&error, HandOverError::Broken(_)), "{error}");
    assert!(started.elapsed() < ERRAND_LIMIT / 4);
    old_keeper.join().unwrap();
    assert_alive(&mut client);
}

#[test]
fn the_time_for_a_hand_over_is_bounded_and_what_failed_is_revoked() {
    // Nobody reads at the other end, for now.
    let (main, theirs) = UnixStream::pair().unwrap();
    let limit = Duration::from_millis(200);
    let started = Instant::now();
    let error = entrust(&main, &legacy(b"", NONE), Path::new(NOWHERE), started + limit).unwrap_err();
    assert!(matches!(&error, HandOverError::Broken(cause) if cause.kind() == ErrorKind::TimedOut), "{error}");
    assert!((limit..limit * 5).contains(&started.elapsed()));
    theirs.set_read_timeout(Some(LIMIT)).unwrap();
    assert_heard(&theirs, Word::Entrust);
    assert_heard(&theirs, Word::Forget);
}

const NONE: [OwnedFd; 0] = [];

/// Messages with details that are longer than this version knows are for later versions.
#[test]
fn what_a_later_version_adds_to_a_detail_is_ignored() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.write_all(b"K\x01\x0a\x06\x00\x00\x01\x02xy").unwrap();
    ours.write_all(b"K\x01\x03\x00").unwrap();
    let first = receive(&theirs).unwrap().unwrap();
    assert_eq!((first.word, first.number), (Word::Full, Some(0x102)));
    let second = receive(&theirs).unwrap().unwrap();
    assert_eq!((second.word, second.number), (Word::Given, None));
}
