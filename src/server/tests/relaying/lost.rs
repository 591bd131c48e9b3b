//! Hubs that are lost, in order and without, and what their clients see.

use super::*;
use crate::cluster::EngineState;

/// Connects, and waits for no welcome.
fn knock(hub: &Hub, id: &str) -> WebSocket<Stream> {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, hub.port)).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let url = format!("ws://localhost/db/connect?v=1.0.0&id={id}&t=undefined");
    client(url, Stream::Plain(socket)).unwrap().0
}

#[test]
fn a_client_whose_owner_is_killed_is_closed_and_comes_back_to_the_lobby_and_to_the_next_owner() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    let mut second = hubs.connect(&other, "second");
    let killed = Instant::now();
    owner.kill();
    assert_eq!(hear_the_end(&mut second), Some(1012));
    assert!(killed.elapsed() < LEASE / 2, "{:?}", killed.elapsed());
    let mut back = hubs.connect(&other, "second");
    assert!(killed.elapsed() < 5 * LEASE, "{:?}", killed.elapsed());
    other.has_it();
    say(&mut back, "ping");
    hear(&mut back, "pong");
    assert_eq!(other.clients(), [("second".into(), None)]);
}

#[test]
fn signs_of_life_are_answered_in_the_lobby_and_what_is_said_there_arrives() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    let mut first = hubs.connect(&owner, "first");
    hubs.engine.set_down(true);
    let third = hubs.start("third");
    let began = Instant::now();
    let mut waiting = knock(&third, "waiting");
    assert!(began.elapsed() < Duration::from_secs(4), "published clients wait for five seconds");
    say(&mut waiting, "ping");
    assert_eq!(read(&mut waiting), "pong");
    say(&mut waiting, "to:first;from the lobby");
    waiting.send(Message::Ping("sign".into())).unwrap();
    assert_eq!(waiting.read().unwrap(), Message::Pong("sign".into()));
    let counts = third.cluster.relay.relayed.counts();
    assert_eq!((counts.waiting, counts.attached), (1, 0));
    hubs.engine.set_down(false);
    assert!(read(&mut waiting).starts_with("welcome:"));
    if owner.office.clients("db").iter().any(|client| &*client.id == "waiting") {
        hear(&mut first, "from the lobby");
    }
    drop(other);
}

#[test]
fn an_owner_that_alone_is_cut_off_from_the_engine_relays_to_the_next_one() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    let mut first = hubs.connect(&owner, "first");
    let mut second = hubs.connect(&other, "second");
    let cut_off = Instant::now();
    hubs.engine.cut_off("owner", true);
    assert_eq!([hear_the_end(&mut first), hear_the_end(&mut second)], [Some(1012); 2]);
    let mut second = hubs.connect(&other, "second");
    other.has_it();
    let mut first = hubs.connect(&owner, "first");
    assert!(cut_off.elapsed() < 6 * LEASE, "{:?}", cut_off.elapsed());
    assert_ne!(owner.cluster.registry.engine(), EngineState::Up);
    say(&mut first, "to:second;by way of the former owner");
    hear(&mut second, "by way of the former owner");
    assert!(other.clients().contains(&("first".into(), Some("owner".into()))), "{:?}", other.clients());
    // When it reaches the engine again, nobody notices.
    hubs.engine.cut_off("owner", false);
    until(|| owner.cluster.registry.engine() == EngineState::Up);
    sleep(2 * LEASE);
    say(&mut second, "to:first;still here");
    hear(&mut first, "still here");
}

#[test]
fn a_relay_that_is_cut_off_from_the_engine_finds_the_owner_after_the_one_that_was_killed() {
    let hubs = Hubs::plain();
    let (owner, relay) = hubs.two();
    let third = hubs.start("third");
    let mut second = hubs.connect(&relay, "second");
    let _other = hubs.connect(&third, "third");
    until(|| relay.cluster.registry.members().len() == 3);
    hubs.engine.cut_off("other", true);
    owner.kill();
    assert_eq!(hear_the_end(&mut second), Some(1012));
    third.has_it();
    let mut second = hubs.connect(&relay, "second");
    assert_ne!(relay.cluster.registry.engine(), EngineState::Up);
    say(&mut second, "ping");
    hear(&mut second, "pong");
    assert!(third.clients().contains(&("second".into(), Some("other".into()))), "{:?}", third.clients());
}

#[test]
fn an_owner_that_stands_still_is_left_when_its_lease_is_over() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    let mut second = hubs.connect(&other, "second");
    let paused = Instant::now();
    owner.pause(6 * LEASE);
    hear_the_end(&mut second);
    assert!(paused.elapsed() < 4 * LEASE, "{:?}", paused.elapsed());
    let mut back = hubs.connect(&other, "second");
    assert!(paused.elapsed() < 5 * LEASE, "{:?}", paused.elapsed());
    other.has_it();
    sleep((7 * LEASE).saturating_sub(paused.elapsed()));
    // The one that comes back knows that it has lost it.
    assert!(!matches!(owner.cluster.registry.look("db"), Whereabouts::Here { .. }));
    let mut third = hubs.connect(&owner, "third");
    hear(&mut back, "connect:third");
    say(&mut third, "to:second;here");
    hear(&mut back, "here");
}

#[test]
fn a_relay_that_stops_says_1001_and_the_session_goes_on_by_way_of_another_hub() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    let third = hubs.start("third");
    let mut first = hubs.connect(&owner, "first");
    let mut second = hubs.connect(&other, RESUMABLE);
    hear(&mut first, &format!("connect:{RESUMABLE}"));
    let stopping = thread::spawn(move || other.stop());
    assert_eq!(hear_the_end(&mut second), Some(1001));
    // What it says before it agrees still arrives.
    stopping.join().unwrap();
    say(&mut first, format!("to:{RESUMABLE};while you were away"));
    let mut back = hubs.connect(&third, RESUMABLE);
    hear(&mut back, "while you were away");
    say(&mut back, "to:first;I am the same");
    assert_eq!(read(&mut first), "I am the same");
}

#[test]
fn a_process_that_dies_counts_as_dead_and_one_whose_hub_dies_does_not() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    let third = hubs.start("third");
    let (dies, lives) = (hubs.connect(&other, "it-dies"), hubs.connect(&third, "it-lives"));
    until(|| owner.clients().len() == 2);
    let left = |id: &str| owner.log.left.lock().iter().find(|(left, _)| left == id).map(|(_, reason)| *reason);
    drop(dies);
    until(|| left("it-dies").is_some());
    // What its kernel had not given it yet is thrown away with it.
    assert!(matches!(left("it-dies"), Some("fin" | "reset")), "{:?}", left("it-dies"));
    third.kill();
    until(|| left("it-lives").is_some());
    assert_eq!(left("it-lives"), Some("unreachable"));
    drop(lives);
}

#[test]
fn an_owner_that_stops_tells_the_clients_of_all_hubs() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    let mut second = hubs.connect(&other, "second");
    let stopping = thread::spawn(move || owner.stop());
    assert_eq!(hear_the_end(&mut second), Some(1001));
    let began = Instant::now();
    let _back = hubs.connect(&other, "second");
    stopping.join().unwrap();
    // It has let go of the database: nobody waits for its lease to be over.
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    other.has_it();
}
