//! Who is introduced to whom, and what is left alone.

use super::*;

#[test]
fn acebase_peers_are_introduced_to_each_other_and_plain_ones_are_not() {
    let mut rig = rig();
    for peer in [ANN, "plain", BOB] {
        rig.connect(peer).unwrap();
    }
    assert_eq!(rig.read_all(ANN), [format!(r#"{{"type":"hello","from":"{BOB}"}}"#)]);
    assert_eq!(rig.read_all(BOB), [format!(r#"{{"type":"hello","from":"{ANN}"}}"#)]);
    assert!(rig.read_all("plain").is_empty());
    assert_eq!(count(&rig, NoteKind::Introduced), 1);
}

#[test]
fn a_peer_with_an_id_of_its_own_is_known_by_its_first_acebase_message() {
    let mut rig = rig_with(&[ANN, "own-id"]);
    rig.send("own-id", None, r#"{"type":"event","from":"somebody else","data":{"path":"a"}}"#);
    assert!(rig.read_all(ANN).is_empty());
    let subscription = r#"{"type":"subscribe","from":"own-id","data":{"path":"a","event":"value"}}"#;
    rig.send("own-id", None, subscription);
    assert_eq!(rig.read_all(ANN), [r#"{"type":"hello","from":"own-id"}"#, subscription]);
    rig.send("own-id", None, subscription);
    assert_eq!(rig.read_all(ANN), [subscription]);
}

#[test]
fn introductions_come_before_the_reply_to_a_first_request() {
    let mut rig = rig_with(&[MASTER]);
    rig.connect(ANN).unwrap();
    ask_lock(&mut rig, ANN, "r", "t", true);
    grant(&mut rig, ANN, "r", 1, "t", true);
    let kinds: Vec<_> = rig.read_all(ANN).iter().filter_map(|text| field(text, "type")).collect();
    assert_eq!(kinds, ["hello", "lock-result"]);
}

#[test]
fn who_said_bye_is_introduced_again_only_when_it_takes_part_again() {
    let mut rig = rig_with(&[ANN]);
    assert_eq!(rig.send(ANN, None, &format!(r#"{{"type":"bye","from":"{ANN}"}}"#)), Verdict::Forward);
    rig.send(
        ANN,
        None,
        &format!(r#"{{"type":"notification","from":"{ANN}","data":{{"type":"cache.invalidate","path":"a"}}}}"#),
    );
    connect(&mut rig, &[BOB]);
    assert!(rig.read_all(ANN).is_empty());
    rig.send(ANN, None, &format!(r#"{{"type":"subscribe","from":"{ANN}","data":{{"path":"a","event":"value"}}}}"#));
    assert_eq!(rig.read_all(ANN), [format!(r#"{{"type":"hello","from":"{BOB}"}}"#)]);
}

#[test]
fn farewells_on_behalf_of_others_are_swallowed_where_the_hub_tells_everyone() {
    let echo = format!(r#"{{"type":"bye","from":"{BOB}"}}"#);
    assert_eq!(rig_with(&[ANN]).send(ANN, None, &echo), Verdict::Taken);
    let mut rig = Rig::new(CoordinationConfig { introductions: false, ..Default::default() });
    connect(&mut rig, &[ANN, BOB, "other"]);
    assert_eq!(rig.send(ANN, None, &echo), Verdict::Taken);
    rig.lose(BOB, Loss::Closed);
    rig.read_all("other");
    assert_eq!(rig.send(ANN, None, &echo), Verdict::Forward);
    assert_eq!(rig.read_all("other"), [echo]);
}

#[test]
fn everything_can_be_switched_off() {
    let config = CoordinationConfig {
        introductions: false,
        resume_window: 0,
        master_timeout: 0,
        lock_table: false,
        ..Default::default()
    };
    let mut rig = Rig::new(config);
    connect(&mut rig, &[ANN, BOB]);
    assert_eq!(ask_lock(&mut rig, ANN, "r1", "t", true), Verdict::Forward);
    rig.connect(MASTER).unwrap();
    rig.read_all(MASTER);
    assert_eq!(grant(&mut rig, ANN, "r1", 1, "t", true), Verdict::Forward);
    assert_eq!(grant(&mut rig, ANN, "r1", 1, "t", true), Verdict::Forward);
    rig.read_all(ANN);
    rig.lose(BOB, Loss::Fin);
    assert_eq!(rig.read_all(ANN), [format!("disconnect:{BOB}")]);
    assert!(rig.is_idle() && rig.deadline().is_none());
}

#[test]
fn what_does_not_concern_acebase_passes_untouched() {
    let mut rig = rig_with(&[MASTER, ANN, "plain"]);
    for text in
        ["", "ping?", "[", " {", "disconnected", r#"{"any":"thing"}"#, r#"{"type":7}"#, r#"{"type":"lock-requests"}"#]
    {
        for sender in [ANN, "plain"] {
            assert_eq!(rig.send(sender, Some(MASTER), text), Verdict::Forward, "{text}");
            assert_eq!(rig.send(sender, None, text), Verdict::Forward, "{text}");
        }
    }
    assert!(rig.is_idle() && count(&rig, NoteKind::MessageRefused) == 0);
}
