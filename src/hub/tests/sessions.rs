use super::workshop::{connect, hub, say, settings};
use crate::{
    hub::{Greeting, Refused, Traffic, coordinator::Loss},
    protocol::{Text, close::CloseReason},
};

#[test]
fn joining_and_leaving_are_told_to_the_others() {
    let (hub, notebook) = hub(settings());
    let (_, a) = connect(&hub, "db", "anna!");
    let (berta, _) = connect(&hub, "db", "berta");
    berta.lost(Loss::Fin);
    assert_eq!(a.news(), ["connect:berta", "disconnect:berta"]);
    assert_eq!(notebook.lines(), ["connect db anna!", "connect db berta", "disconnect db berta fin"]);
}

#[test]
fn a_connection_with_the_same_id_replaces_the_old_one() {
    let (hub, _) = hub(settings());
    let (_, a) = connect(&hub, "db", "anna!");
    let (old, old_wire) = connect(&hub, "db", "berta");
    let (_, new_wire) = connect(&hub, "db", "berta");
    assert_eq!(old_wire.closed(), Some(CloseReason::Replaced));
    assert_eq!(a.news(), ["connect:berta", "disconnect:berta", "connect:berta"]);
    say(&old, &["from the grave"]);
    old.lost(Loss::Fin);
    assert_eq!(a.news().len(), 3);
    assert!(new_wire.news().is_empty());
    assert_eq!(hub.clients("db").len(), 2);
}

#[test]
fn the_owner_can_send_and_close() {
    let (hub, _) = hub(settings());
    let (_, a) = connect(&hub, "db", "anna!");
    let (_, b) = connect(&hub, "db", "berta");
    assert!(hub.send("db", "berta", Text::from("hello")));
    assert!(!hub.send("db", "carla", Text::from("hello")));
    assert_eq!(b.news(), ["hello"]);
    assert!(hub.kick("db", "berta"));
    assert!(!hub.kick("db", "berta"));
    assert_eq!(b.closed(), Some(CloseReason::Kicked));
    assert_eq!(a.news(), ["connect:berta", "disconnect:berta"]);
}

#[test]
fn an_empty_database_is_forgotten() {
    let (hub, _) = hub(settings());
    let (anna, _) = connect(&hub, "db", "anna!");
    hub.tick();
    assert_eq!(hub.snapshot().len(), 1);
    anna.lost(Loss::Closed);
    assert_eq!(hub.next_deadline(), Some(0));
    hub.tick();
    assert!(hub.snapshot().is_empty());
    assert_eq!(hub.next_deadline(), None);
}

#[test]
fn a_closed_hub_says_goodbye_and_takes_nobody() {
    let (hub, notebook) = hub(settings());
    let (_, a) = connect(&hub, "db", "anna!");
    hub.close();
    assert_eq!(a.closed(), Some(CloseReason::Shutdown));
    assert_eq!(notebook.lines().last().unwrap(), "disconnect db anna! shutdown");
    let refused = hub.connect("db", "berta", &Greeting::published(100), |_, _| unreachable!());
    assert_eq!(refused.err(), Some(Refused::Stopping));
}

#[test]
fn a_database_that_another_hub_has_is_closed_and_forgotten_and_no_other() {
    let (hub, notebook) = hub(settings());
    let (anna, a) = connect(&hub, "db", "anna!");
    let (_, b) = connect(&hub, "db", "berta");
    let (_, other) = connect(&hub, "other", "carla");
    assert_eq!(hub.occupied(), ["db".into(), "other".into()].into());
    assert_eq!((hub.close_database("db"), hub.close_database("db")), (2, 0));
    assert_eq!((a.closed(), b.closed(), other.closed()), (Some(CloseReason::Moved), Some(CloseReason::Moved), None));
    assert!(a.news().is_empty() || a.news() == ["connect:berta"]);
    assert!(notebook.lines().contains(&"disconnect db berta moved".into()));
    assert_eq!(hub.occupied(), ["other".into()].into());
    // What they still say goes to nobody who comes afterwards.
    let (_, d) = connect(&hub, "db", "dora!");
    say(&anna, &["late"]);
    anna.lost(Loss::Closed);
    assert!(d.news().is_empty());
}

#[test]
fn traffic_is_counted_for_each_peer() {
    let (hub, _) = hub(settings());
    let (anna, _) = connect(&hub, "db", "anna!");
    let (_, _b) = connect(&hub, "db", "berta");
    say(&anna, &["12345", "678", "to:berta;9"]);
    let snapshot = hub.snapshot().remove(0);
    let of = |id: &str| snapshot.peers.iter().find(|peer| &*peer.id == id).unwrap();
    assert_eq!((of("anna!").received.messages, of("anna!").received.bytes), (3, 18));
    assert_eq!(of("berta").sent.messages, 3);
    assert_eq!(of("berta").queued, 0);
}

#[test]
fn what_a_peer_has_done_stays_in_the_totals_when_it_has_left() {
    let (hub, _) = hub(settings());
    let (talker, _) = connect(&hub, "db", "talker");
    connect(&hub, "db", "listener");
    say(&talker, &["short", &"long".repeat(100)]);
    talker.lost(Loss::Fin);
    let figures = hub.figures().remove(0);
    assert_eq!((figures.peers, figures.totals.large), (1, 1));
    assert_eq!(figures.totals.received, Traffic { messages: 2, bytes: 405 });
    // Both texts, and that the talker has left; the welcome is no message.
    assert_eq!(figures.totals.sent.messages, 4);
    assert_eq!(hub.snapshot_of("db").map(|snapshot| snapshot.totals), Some(figures.totals));
}
