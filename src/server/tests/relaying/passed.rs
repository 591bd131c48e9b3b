//! Databases that go from one hub to another with all that it has in mind, and what becomes of them where something is
//! in the way.

use super::*;
use crate::coordination::CoordinationConfig;

/// Of the form of AceBase's own ids, as [`RESUMABLE`].
const OTHER: &str = "zyxwvutsrqponmlkjihgfedc";

/// Says something to somebody who is not there, whose session the owner keeps. The one who has said it.
fn leave_word(hubs: &Hubs, owner: &Hub, by: &Hub) -> WebSocket<Stream> {
    let away = hubs.connect(by, RESUMABLE);
    let mut other = hubs.connect(by, OTHER);
    // Dropped without a word: it may be back.
    drop(away);
    let is_away = || owner.office.clients("db").iter().any(|client| client.is_away && &*client.id == RESUMABLE);
    until(is_away);
    say(&mut other, format!("to:{RESUMABLE};while you were away"));
    say(&mut other, "ping");
    hear(&mut other, "pong");
    other
}

/// Both come back there, and nobody is new.
fn assert_goes_on(hubs: &Hubs, at: &Hub) {
    let mut back = hubs.connect(at, RESUMABLE);
    assert_eq!(read(&mut back), "while you were away");
    let mut other = hubs.connect(at, OTHER);
    say(&mut other, format!("to:{RESUMABLE};here I am"));
    loop {
        match read(&mut back) {
            text if text == "here I am" => break,
            text => assert!(!text.contains("connect:"), "{text}"),
        }
    }
}

fn hand_over(owner: &Hub, to: &str) -> (u16, String) {
    owner.ask(&format!("POST /handover?db=db{to}"), &[], "")
}

#[test]
fn an_owner_that_stops_leaves_what_it_has_in_mind_to_another_hub() {
    for transport in [Transport::plain(), Transport::tls()] {
        let hubs = Hubs::over(transport);
        let (owner, other) = hubs.two();
        let mut waits = leave_word(&hubs, &owner, &other);
        let stopping = thread::spawn(move || owner.stop());
        assert_eq!(hear_the_end(&mut waits), Some(1001));
        let began = Instant::now();
        assert_goes_on(&hubs, &other);
        stopping.join().unwrap();
        assert!(matches!(other.cluster.registry.look("db"), Whereabouts::Here { epoch: 2 }));
        assert!(began.elapsed() < LEASE, "{:?}", began.elapsed());
    }
}

#[test]
fn a_database_goes_to_the_hub_that_is_named_and_back_while_all_go_on() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    let third = hubs.start("third");
    until(|| owner.cluster.registry.members().len() == 3);
    let mut waits = leave_word(&hubs, &owner, &other);
    let (status, body) = hand_over(&owner, "&to=third");
    assert_eq!((status, body.contains("third")), (200, true), "{body}");
    assert_eq!(hear_the_end(&mut waits), Some(1012));
    assert_goes_on(&hubs, &owner);
    assert!(matches!(third.cluster.registry.look("db"), Whereabouts::Here { epoch: 2 }));
    let (status, body) = hand_over(&owner, "");
    assert_eq!((status, body.contains("third")), (409, true), "{body}");
    let (status, body) = hand_over(&third, "&to=nobody");
    assert_eq!((status, body.contains("nobody") && body.contains("other")), (400, true), "{body}");
    assert_eq!(hand_over(&third, "&to=owner").0, 200);
    owner.has_it();
    assert!(matches!(owner.cluster.registry.look("db"), Whereabouts::Here { epoch: 3 }));
}

#[test]
fn who_is_refused_goes_on_with_it_and_with_the_sessions() {
    let hubs = Hubs::plain();
    let owner = hubs.start("owner");
    drop(hubs.connect(&owner, "first-comer"));
    owner.has_it();
    // Another one that reads nothing cannot go on with what this one has read.
    let nothing = CoordinationConfig {
        introductions: false,
        resume_window: 0,
        master_timeout: 0,
        ..CoordinationConfig::default()
    };
    let unlike = hubs.start_with("unlike", Config { coordination: nothing, ..config() }, SECRET);
    until(|| owner.cluster.registry.members().len() == 2);
    let mut waits = leave_word(&hubs, &owner, &owner);
    let (status, body) = hand_over(&owner, "");
    assert_eq!((status, body.contains("unlike") && body.contains("goes on with it")), (502, true), "{body}");
    assert_eq!(hear_the_end(&mut waits), Some(1012));
    assert_goes_on(&hubs, &owner);
    assert!(matches!(owner.cluster.registry.look("db"), Whereabouts::Here { epoch: 2 }));
    assert!(owner.log.warned.lock().contains(&"database-not-handed-over"));
    // One that stops lets go of it, and it begins anew there.
    drop(leave_word(&hubs, &owner, &owner));
    owner.stop();
    let mut back = hubs.connect(&unlike, RESUMABLE);
    say(&mut back, "ping");
    assert_eq!(read(&mut back), "pong");
}

#[test]
fn where_nobody_takes_it_nothing_happens() {
    let hubs = Hubs::plain();
    let alone = hubs.start("alone");
    let mut client = hubs.connect(&alone, RESUMABLE);
    alone.has_it();
    let (status, body) = hand_over(&alone, "");
    assert_eq!((status, body.contains("no other hub")), (503, true), "{body}");
    let other = hubs.start("other");
    until(|| alone.cluster.registry.members().len() == 2);
    // Longer than this takes, also on a busy machine.
    other.pause(10 * LEASE);
    assert_eq!(hand_over(&alone, "").0, 503);
    hubs.engine.set_down(true);
    until(|| hand_over(&alone, "").1.contains("engine"));
    say(&mut client, "ping");
    assert_eq!(read(&mut client), "pong");
}
