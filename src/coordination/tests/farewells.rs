//! Peers that have said `bye` and leave their connection to the hub.

use super::{
    super::farewells::{LAST_CALL_MS, SILENCE_MS},
    *,
};

fn says_bye(rig: &mut Rig, peer: &str) {
    rig.send(peer, None, &format!(r#"{{"type":"bye","from":"{peer}"}}"#));
}

#[test]
fn a_peer_that_said_bye_is_let_go_when_it_has_told_the_rest() {
    let mut rig = rig_with(&[ANN, BOB]);
    says_bye(&mut rig, ANN);
    rig.advance(SILENCE_MS - 1);
    rig.send(ANN, Some(BOB), r#"{"type":"event","from":"ann000000000000000000000","data":{"path":"a"}}"#);
    rig.advance(SILENCE_MS - 1);
    assert!(rig.is_connected(ANN));
    rig.advance(1);
    assert!(!rig.has_session(ANN));
    let seen = rig.read_all(BOB);
    assert!(seen[1].contains("event") && seen[2] == format!("disconnect:{ANN}"), "{seen:?}");
    assert_eq!(rig.deadline(), None);
}

#[test]
fn a_worker_that_said_bye_gets_what_it_has_asked_for() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask(&mut rig, ANN, "request", "r1", json!({"type": "index.update", "fileName": "i.idx", "path": "a"}));
    rig.advance(2_000);
    says_bye(&mut rig, ANN);
    rig.advance(2 * SILENCE_MS);
    assert!(rig.is_connected(ANN));
    answer(&mut rig, ANN, "result", "r1", json!({"ok": true, "data": {"ok": true}}));
    assert_eq!(field(&rig.read_all(ANN)[0], "id").as_deref(), Some("r1"));
    rig.advance(SILENCE_MS);
    assert!(!rig.is_connected(ANN));
}

#[test]
fn a_master_that_said_bye_owes_its_answers_for_a_while() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    says_bye(&mut rig, MASTER);
    rig.advance(LAST_CALL_MS - 1);
    assert!(rig.is_connected(MASTER));
    rig.advance(SILENCE_MS + 1);
    assert!(!rig.is_connected(MASTER));
    // What it still owes is for the next one.
    rig.connect(MASTER).unwrap();
    assert_eq!(requests_read(&mut rig), ["r1"]);
}

#[test]
fn a_peer_that_takes_part_again_stays() {
    let mut rig = rig_with(&[MASTER, ANN]);
    says_bye(&mut rig, ANN);
    rig.send(ANN, None, &format!(r#"{{"type":"hello","from":"{ANN}"}}"#));
    rig.advance(60_000);
    assert!(rig.is_connected(ANN));
}

#[test]
fn a_bye_on_behalf_of_another_ends_nobody() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    rig.send(BOB, None, &format!(r#"{{"type":"bye","from":"{ANN}"}}"#));
    rig.advance(60_000);
    assert!(rig.is_connected(ANN) && rig.is_connected(BOB));
}
