//! What a living server has its keeper hold, with keepers in processes of their own.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::fd::AsFd,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

#[cfg(target_os = "linux")]
use rustix::process::{Pid, Signal, kill_process};

#[cfg(target_os = "linux")]
use super::process_of;
use super::{
    LIMIT, Opened, Scene, crash, eventually,
    legacies::{assert_alive, assert_closed, legacy},
    own_launch, stop,
};
use crate::keeper::{Held, Holdable, Legacy, Remains};

/// Something that is held.
type Holding<T> = (Arc<T>, Held);

impl Scene {
    fn open_next(&self) -> (Opened, Option<Legacy>, Option<Remains>) {
        self.open_whatever_is_left(None, &own_launch(), &|_| true).unwrap()
    }

    /// A server starts, and finds what remains of one that was killed.
    fn open_with_remains(&self) -> (Opened, Remains) {
        let (server, legacy, remains) = self.open_next();
        assert!(legacy.is_none(), "somebody has left in order");
        (server, remains.expect("something remains"))
    }
}

/// The keeper's process, once it is there.
#[cfg(target_os = "linux")]
fn keeper_of(scene: &Scene) -> Pid {
    let mut found = None;
    eventually("a keeper", || {
        found = process_of(&scene.place());
        found.is_some()
    });
    found.unwrap()
}

fn hold<T: AsFd + Send + Sync + 'static>(server: &Opened, what: T) -> Holding<T> {
    let what = Arc::new(what);
    let weak: Weak<T> = Arc::downgrade(&what);
    let held = server.1.holds().hold(weak);
    server.1.holds().wait_until_all_is_sent();
    (what, held)
}

/// The server is killed, with what is held.
fn kill<T>(server: Opened, holding: T) {
    crash(server);
    drop(holding);
}

#[test]
fn what_a_killed_server_has_had_held_remains() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let (mut client, connection) = scene.accept_one(&server);
    let holding = (hold(&server, connection), hold(&server, tempfile::tempfile().unwrap()));
    kill(server, holding);
    assert_alive(&mut client);

    let (next, remains) = scene.open_with_remains();
    assert_eq!((remains.files.len(), remains.connections.len()), (1, 1));
    (&remains.connections[0]).write_all(b"on").unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    let mut heard = [0; 2];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"on");
    stop(next);
}

#[test]
fn what_is_released_does_not_remain() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let (mut client, connection) = scene.accept_one(&server);
    drop(hold(&server, connection));
    assert_closed(&mut client);
    crash(server);
    let (next, legacy, remains) = scene.open_next();
    assert!(legacy.is_none() && remains.is_none());
    stop(next);
}

#[test]
fn what_remains_is_there_until_a_server_has_said_that_it_has_it() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let (mut client, connection) = scene.accept_one(&server);
    let holding = hold(&server, connection);
    kill(server, holding);
    for _ in 0..2 {
        let (next, remains) = scene.open_with_remains();
        drop(remains);
        crash(next);
        assert_alive(&mut client);
    }
    let (next, remains) = scene.open_with_remains();
    next.1.holds().forget_remains();
    next.1.holds().wait_until_all_is_sent();
    drop(remains);
    assert_closed(&mut client);
    crash(next);
    let (last, _, remains) = scene.open_next();
    assert!(remains.is_none());
    stop(last);
}

#[test]
fn what_ends_each_server_that_gets_it_is_given_up() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let (mut client, connection) = scene.accept_one(&server);
    let holding = hold(&server, connection);
    kill(server, holding);
    for _ in 0..5 {
        let (next, remains) = scene.open_with_remains();
        drop(remains);
        crash(next);
    }
    assert_closed(&mut client);
    let (next, _, remains) = scene.open_next();
    assert!(remains.is_none());
    stop(next);
}

#[test]
fn a_legacy_takes_the_place_of_what_is_held() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let (mut client, connection) = scene.accept_one(&server);
    let left = legacy(b"what was known", [connection.try_clone().unwrap()]);
    let holding = hold(&server, connection);
    server.1.hand_over(&left).unwrap();
    drop(left);
    kill(server, holding);
    let (next, legacy, remains) = scene.open_next();
    assert!(remains.is_none());
    assert_alive(&mut client);
    drop(legacy);
    assert_closed(&mut client);
    stop(next);
}

#[test]
fn nothing_remains_of_a_server_that_comes_to_an_orderly_end() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let (mut client, connection) = scene.accept_one(&server);
    let holding = hold(&server, connection);
    server.1.release_holds();
    kill(server, holding);
    assert_closed(&mut client);
    let (next, _, remains) = scene.open_next();
    assert!(remains.is_none());
    stop(next);
}

#[test]
#[cfg(target_os = "linux")]
fn a_keeper_that_takes_the_place_of_another_one_holds_the_same() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let (mut client, connection) = scene.accept_one(&server);
    let holding: Holding<TcpStream> = hold(&server, connection);
    let keeper = keeper_of(&scene);
    kill_process(keeper, Signal::KILL).unwrap();
    eventually("another keeper", || process_of(&scene.place()).is_some_and(|other| other != keeper));
    eventually("all is sent", || {
        server.1.holds().wait_until_all_is_sent();
        true
    });
    kill(server, holding);
    assert_alive(&mut client);
    stop(scene.open_with_remains().0);
}

#[test]
#[cfg(target_os = "linux")]
fn nobody_waits_for_a_keeper_that_stands_still() {
    const CONNECTIONS: usize = 2_000;
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let (_client, connection) = scene.accept_one(&server);
    let connection = Arc::new(connection);
    let keeper = keeper_of(&scene);
    kill_process(keeper, Signal::STOP).unwrap();
    let began = Instant::now();
    for _ in 0..CONNECTIONS {
        let weak: Weak<TcpStream> = Arc::downgrade(&connection);
        drop(server.1.holds().hold(weak as Weak<Holdable>));
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    kill_process(keeper, Signal::CONT).unwrap();
    server.1.holds().wait_until_all_is_sent();
    stop(server);
}
