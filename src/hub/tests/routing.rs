use super::workshop::{connect, hub, say, settings};
use crate::{
    hub::{Settings, coordinator::Loss},
    protocol::{Text, close::CloseReason},
};

#[test]
fn the_first_frame_is_the_welcome() {
    let (hub, _) = hub(settings());
    let (_, anna) = connect(&hub, "db", "anna!");
    assert_eq!(anna.texts(), ["welcome:{\"maxPayload\":100}"]);
}

#[test]
fn a_text_goes_to_all_others_of_the_same_database_only() {
    let (hub, _) = hub(settings());
    let (anna, a) = connect(&hub, "db", "anna!");
    let (_, b) = connect(&hub, "db", "berta");
    let (_, c) = connect(&hub, "other", "carla");
    say(&anna, &["one", "to:all;two"]);
    assert_eq!(b.news(), ["one", "two"]);
    assert_eq!(a.news(), ["connect:berta"]);
    assert!(c.news().is_empty());
}

#[test]
fn an_addressed_text_goes_to_that_peer_only() {
    let (hub, _) = hub(settings());
    let (anna, _) = connect(&hub, "db", "anna!");
    let (_, b) = connect(&hub, "db", "berta");
    let (_, c) = connect(&hub, "db", "carla");
    say(&anna, &["to:berta;hi", "to:nobody;hi", "to:berta", "to:anna!;self"]);
    assert_eq!(b.news(), ["connect:carla", "hi"]);
    assert!(c.news().is_empty());
}

#[test]
fn the_order_of_sending_is_the_order_of_receiving() {
    let (hub, _) = hub(settings());
    let (anna, _) = connect(&hub, "db", "anna!");
    let (_, b) = connect(&hub, "db", "berta");
    let large = "x".repeat(5_000);
    say(&anna, &["1", "to:berta;2", &large, &format!("to:berta;{large}"), "3", "to:berta;4"]);
    assert_eq!(b.news(), ["1", "2", &large, &large, "3", "4"]);
}

/// Each text to all is work for each receiver; what one turn leaves comes with the next, in order.
#[test]
fn a_turn_ends_where_its_messages_are_much_work() {
    let (hub, _) = hub(settings());
    let (anna, _) = connect(&hub, "db", "anna!");
    let crowd: Vec<_> = (0..300).map(|number| connect(&hub, "db", &format!("peer{number}"))).collect();
    let texts: Vec<_> = (0..600).map(|number| format!("{}{number}", ["", "to:nobody;"][number % 2])).collect();
    let mut waiting = texts.iter().map(|text| Text::from(text.as_str()));
    anna.receive_some(&mut waiting);
    assert!((100..599).contains(&waiting.len()), "{} of 600 are left", waiting.len());
    anna.receive_some(&mut waiting);
    assert!(waiting.len() < 500, "{} of 600 are left", waiting.len());
    anna.receive(waiting);
    let expected: Vec<_> = texts.iter().step_by(2).cloned().collect();
    assert_eq!(crowd[299].1.news(), expected);

    // Of a peer that has left, nothing waits for another turn.
    anna.lost(Loss::Closed);
    let mut waiting = texts.iter().map(|text| Text::from(text.as_str()));
    anna.receive_some(&mut waiting);
    assert_eq!(waiting.len(), 0);
}

#[test]
fn news_of_peers_that_come_or_go_together_share_a_write() {
    let (hub, _) = hub(settings());
    let (_, a) = connect(&hub, "db", "anna!");
    a.be_patient();
    let writes = a.writes();
    let (berta, _) = connect(&hub, "db", "berta");
    let (_, _) = connect(&hub, "db", "carla");
    berta.lost(Loss::Closed);
    assert_eq!(a.writes(), writes);
    a.flush();
    assert_eq!(a.writes(), writes + 1);
    assert_eq!(a.news(), ["connect:berta", "connect:carla", "disconnect:berta"]);
}

#[test]
fn what_is_said_after_such_news_waits_for_nothing() {
    let (hub, _) = hub(settings());
    let (_, a) = connect(&hub, "db", "anna!");
    a.be_patient();
    let (berta, _) = connect(&hub, "db", "berta");
    say(&berta, &["hello"]);
    assert_eq!(a.news(), ["connect:berta", "hello"]);
}

#[test]
fn a_ping_is_answered_to_its_sender() {
    let (hub, _) = hub(settings());
    let (anna, a) = connect(&hub, "db", "anna!");
    let (_, b) = connect(&hub, "db", "berta");
    say(&anna, &["ping"]);
    assert_eq!(a.news(), ["connect:berta", "pong"]);
    assert!(b.news().is_empty());
}

#[test]
fn a_peer_that_does_not_keep_up_goes_and_the_others_are_told() {
    let (hub, notebook) = hub(settings());
    let (anna, a) = connect(&hub, "db", "anna!");
    let (_, b) = connect(&hub, "db", "berta");
    b.set_room(10);
    let text = "x".repeat(1_000);
    for _ in 0..100 {
        say(&anna, &[&text]);
    }
    assert_eq!(b.closed(), Some(CloseReason::Slow));
    assert_eq!(a.news(), ["connect:berta", "disconnect:berta"]);
    let noted = notebook.lines();
    assert!(noted.contains(&"warning slow-peer".to_owned()), "{noted:?}");
    assert!(noted.contains(&"disconnect db berta slow".to_owned()), "{noted:?}");
}

#[test]
fn one_message_larger_than_the_bound_passes_through_an_empty_outbox() {
    let (hub, _) = hub(Settings { max_queue: 10, ..settings() });
    let (anna, _) = connect(&hub, "db", "anna!");
    let (_, b) = connect(&hub, "db", "berta");
    let large = "x".repeat(5_000);
    say(&anna, &[&format!("to:berta;{large}")]);
    assert_eq!(b.news(), [large]);
}

#[test]
fn large_messages_are_announced_where_downloads_are_asked_for() {
    let (hub, _) = hub(Settings { download_large: true, ..settings() });
    let (anna, _) = connect(&hub, "db", "anna!");
    let (_, b) = connect(&hub, "db", "berta");
    let large = "x".repeat(101);
    say(&anna, &["small", &large]);
    let news = b.news();
    assert_eq!(news[0], "small");
    let id = news[1].strip_prefix("get:").unwrap();
    assert_eq!(hub.take_parcel("db", "anna!", id), None);
    assert_eq!(hub.take_parcel("db", "berta", id).as_deref(), Some(large.as_str()));
    assert_eq!(hub.take_parcel("db", "berta", id), None);
}

#[test]
fn message_events_come_only_while_they_are_wanted() {
    let (hub, notebook) = hub(settings());
    let (anna, _) = connect(&hub, "db", "anna!");
    say(&anna, &["unseen"]);
    hub.want_messages(true);
    say(&anna, &["to:berta;seen", "ping"]);
    let noted = notebook.lines();
    assert_eq!(noted[1..], ["message anna! seen"]);
}
