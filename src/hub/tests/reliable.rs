//! The extension, where the model does not look: bounds, and what the hub says when it stops.

use super::workshop::{connect, hub, hub_and_clock, say, settings};
use crate::{
    hub::{
        Hub, PeerHandle, Settings, reliable_model,
        testing::{self, Wire},
    },
    protocol::{
        close::CloseReason,
        reliable::{MAX_UNACKNOWLEDGED, Offer},
    },
};

fn join(hub: &Hub, id: &str) -> (PeerHandle, Wire) {
    let offer = Offer { life: format!("lifeOf{id}00000000000").replace('!', "0"), session: None, had: 0 };
    testing::connect_reliably(hub, "db", id, offer).unwrap()
}

/// A hub that keeps sessions.
fn keeping() -> Settings {
    Settings { coordinators: Some(reliable_model::keepers()), ..settings() }
}

#[test]
fn a_hub_that_stops_tells_what_has_reached_its_end() {
    let (hub, _) = hub(settings());
    let (anna, a) = join(&hub, "anna!");
    let (_, plain) = connect(&hub, "db", "plain");
    say(&anna, &["#1 to:plain;hi"]);
    assert_eq!(plain.news(), ["hi"]);
    assert_eq!(a.news(), ["# connect:plain"]);
    hub.close();
    assert_eq!(a.news(), ["# connect:plain", "=1"]);
}

#[test]
fn enough_is_acknowledged_at_once() {
    let (hub, _) = hub(settings());
    let (anna, a) = join(&hub, "anna!");
    let texts: Vec<String> = (1..=64).map(|number| format!("#{number} x")).collect();
    say(&anna, &texts.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(a.news(), ["=64"]);
}

#[test]
fn what_was_sent_and_is_not_acknowledged_counts_for_the_bound() {
    let (hub, _) = hub(Settings { max_queue: 2_000, ..settings() });
    let (anna, _) = join(&hub, "anna!");
    let (berta, b) = join(&hub, "berta");
    let text = format!("to:berta;{}", "x".repeat(400));
    for number in 1..=4 {
        say(&anna, &[&format!("#{number} {text}")]);
    }
    say(&berta, &["=4"]);
    for number in 5..=8 {
        say(&anna, &[&format!("#{number} {text}")]);
    }
    assert_eq!(b.closed(), None);
    say(&anna, &[&format!("#9 {text}")]);
    assert_eq!(b.closed(), Some(CloseReason::Slow));
}

#[test]
fn words_that_are_not_numbered_do_not_heap_up() {
    let (hub, _) = hub(Settings { max_queue: 1_000, ..settings() });
    let (anna, a) = join(&hub, "anna!");
    for _ in 0..300 {
        say(&anna, &["ping"]);
        hub.trim();
    }
    assert_eq!(a.closed(), None);
}

#[test]
fn nobody_is_further_ahead_than_is_remembered() {
    let (hub, _) = hub(settings());
    let (anna, a) = join(&hub, "anna!");
    let (_, _b) = join(&hub, "berta");
    say(&anna, &["#1 to:berta;x", &format!("#{MAX_UNACKNOWLEDGED} to:nobody;x")]);
    assert_eq!(a.closed(), None);
    say(&anna, &[&format!("#{} to:nobody;x", MAX_UNACKNOWLEDGED + 1)]);
    assert_eq!(a.closed(), Some(CloseReason::ProtocolError));
}

#[test]
fn who_leaves_for_good_counts_as_having_had_everything() {
    let (hub, _) = hub(settings());
    let (anna, a) = join(&hub, "anna!");
    let (berta, _b) = join(&hub, "berta");
    say(&anna, &["#1 to:berta;x", "ping"]);
    assert_eq!(a.news(), ["# connect:berta", "pong"]);
    berta.lost(crate::hub::coordinator::Loss::Closed);
    say(&anna, &["ping"]);
    assert_eq!(a.news()[2..], ["# disconnect:berta", "=1", "pong"]);
}

/// How long a hub has been up that takes the place of another one, in milliseconds.
const LONG_MS: u64 = 3_600_000;

/// Anna comes from a hub that has crashed, where she knew Berta, and has sent her something.
fn anna_comes_from_a_crash(hub: &Hub) -> (PeerHandle, Wire) {
    let offer = Offer { life: "lifeOfanna000000000000".to_owned(), session: Some("past".to_owned()), had: 0 };
    let (anna, a) = testing::connect_reliably(hub, "db", "anna!", offer).unwrap();
    say(&anna, &[r#"~{"peers":["berta"]}"#, "!1 to:berta;again", "ping"]);
    (anna, a)
}

#[test]
fn peers_may_be_back_as_long_after_the_first_one_however_long_the_hub_has_been_up() {
    let (hub, _, clock) = hub_and_clock(settings());
    clock.set(LONG_MS);
    let (_anna, a) = anna_comes_from_a_crash(&hub);
    assert_eq!(a.news(), ["pong"], "nobody has had it");
    clock.set(LONG_MS + 9_999);
    hub.tick();
    let (_, b) = join(&hub, "berta");
    assert_eq!(b.news(), ["#lifeOfanna000000000000,1 again"]);
}

#[test]
fn who_is_not_back_in_time_has_left() {
    let (hub, _, clock) = hub_and_clock(settings());
    clock.set(LONG_MS);
    let (anna, a) = anna_comes_from_a_crash(&hub);
    clock.set(LONG_MS + 10_000);
    hub.tick();
    say(&anna, &["ping"]);
    assert_eq!(a.news(), ["pong", "# disconnect:berta", "=1", "pong"]);
}

#[test]
fn what_waits_for_who_may_be_back_does_so_when_its_sender_has_left_and_nobody_is_there() {
    let (hub, _, clock) = hub_and_clock(settings());
    let (anna, _a) = anna_comes_from_a_crash(&hub);
    anna.lost(crate::hub::coordinator::Loss::Closed);
    clock.set(1_000);
    hub.tick();
    let (_, b) = join(&hub, "berta");
    assert_eq!(b.news(), ["#lifeOfanna000000000000,1 again"]);
}

/// A hub that was left in the middle of something, as the first version with the extension has written it: written
/// once, and not to be written again.
const LEFT: &[u8] = include_bytes!("fixtures/hub-with-extension.bin");

/// Berta's session in it.
const SESSION_OF_BERTA: &str = "bff59476c63b839ecd33beb803f7df14-1";

#[test]
#[ignore = "writes a file that is to stay as it is"]
fn a_hub_that_is_left_is_written_to_a_file() {
    let (hub, _) = hub(keeping());
    let (anna, _a) = join(&hub, "anna!");
    let (berta, b) = join(&hub, "berta");
    say(&anna, &["#1 to:berta;one", "#2 to:berta;two"]);
    say(&berta, &["=1", r#"~{"peers":["carla"]}"#, "#1 to:carla;kept"]);
    println!("{}", b.texts()[0]);
    let bytes = rmp_serde::to_vec_named(&hub.freeze()).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/hub/tests/fixtures/hub-with-extension.bin");
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn what_a_hub_with_the_extension_has_left_is_gone_on_with() {
    let (hub, _) = hub(keeping());
    hub.thaw(rmp_serde::from_slice(LEFT).unwrap()).unwrap();
    hub.settle();
    let life = "lifeOfberta00000000000".to_owned();
    let offer = Offer { life, session: Some(SESSION_OF_BERTA.to_owned()), had: 1 };
    let (_, b) = testing::connect_reliably(&hub, "db", "berta", offer).unwrap();
    let welcome = &b.texts()[0];
    assert!(welcome.contains(r#""had":1,"resumed":true,"told":true"#), "{welcome}");
    assert_eq!(b.news(), ["#lifeOfanna000000000000,2 two"]);
    let (_, c) = join(&hub, "carla");
    assert_eq!(c.news(), ["#lifeOfberta00000000000,1 kept"]);
}
