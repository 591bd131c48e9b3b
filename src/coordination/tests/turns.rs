//! What masters are given one at a time: requests that may have ended one, and those that create indexes.

use super::*;

fn ask_custom(rig: &mut Rig, worker: &str, id: &str, kind: &str) -> Verdict {
    ask(rig, worker, "request", id, json!({"type": kind, "path": "a", "key": "b"}))
}

/// The master's process ends, and another one starts.
fn restart_master(rig: &mut Rig) {
    rig.lose(MASTER, Loss::Fin);
    rig.connect(MASTER).unwrap();
    answer_probe(rig, &[]);
    assert_eq!(rig.identified.take(), Some(false));
}

fn say_bye(rig: &mut Rig) {
    rig.send(MASTER, None, r#"{"type":"bye","from":"[master]"}"#);
    rig.lose(MASTER, Loss::Closed);
}

fn answers(rig: &mut Rig, worker: &str) -> Vec<Value> {
    rig.read_all(worker)
        .iter()
        .filter(|text| text.contains("-result\"") || text.contains("\"result\""))
        .map(|text| json_of(text))
        .collect()
}

#[test]
fn a_request_that_two_masters_ended_with_is_not_given_to_a_third() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "poison", "t", true);
    assert_eq!(requests_read(&mut rig), ["poison"]);
    restart_master(&mut rig);
    assert_eq!(requests_read(&mut rig), ["poison"]);
    rig.read_all(ANN);
    restart_master(&mut rig);
    assert!(requests_read(&mut rig).is_empty());
    let answer = &answers(&mut rig, ANN)[0];
    assert_eq!(
        (&answer["type"], &answer["id"], &answer["ok"]),
        (&json!("lock-result"), &json!("poison"), &json!(false))
    );
    assert!(answer["reason"].as_str().unwrap().contains("Two AceBase masters ended"));
    assert_eq!(count(&rig, NoteKind::RequestFailed), 1);
}

#[test]
fn requests_beside_one_that_ends_masters_are_cleared_one_by_one() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    for (worker, id) in [(ANN, "good"), (BOB, "poison"), (ANN, "late")] {
        ask_lock(&mut rig, worker, id, id, false);
    }
    assert_eq!(requests_read(&mut rig), ["good", "poison", "late"]);
    restart_master(&mut rig);
    // It answers that it lives, though not the request.
    let first = rig.read_all(MASTER);
    assert_eq!(first.iter().filter_map(|text| field(text, "id")).next().as_deref(), Some("good"));
    let question = first.iter().find(|text| text.contains("unlock-request")).unwrap();
    let id = field(question, "id").unwrap();
    answer(&mut rig, HUB, "unlock-result", &id, json!({"ok": false, "reason": "unknown"}));
    assert_eq!(requests_read(&mut rig), ["poison"]);
    rig.read_all(ANN);
    restart_master(&mut rig);
    assert_eq!(answers(&mut rig, BOB)[0]["ok"], false);
    assert!(answers(&mut rig, ANN).is_empty());
    assert_eq!(requests_read(&mut rig), ["good"]);
    grant(&mut rig, ANN, "good", 1, "good", false);
    assert_eq!(requests_read(&mut rig), ["late"]);
    grant(&mut rig, ANN, "late", 2, "late", false);
    assert_eq!(rig.locks().len(), 2);
}

#[test]
fn a_request_that_takes_its_time_does_not_keep_others_waiting_for_long() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    rig.advance(1_000);
    ask_custom(&mut rig, ANN, "slow", "index.create");
    ask_custom(&mut rig, BOB, "other", "fst.allocate");
    restart_master(&mut rig);
    rig.advance(1_000);
    assert_eq!(requests_read(&mut rig), ["slow"]);
    rig.advance(1_999);
    assert!(rig.read_all(MASTER).is_empty());
    rig.advance(1);
    answer_probe(&mut rig, &[]);
    assert_eq!(requests_read(&mut rig), ["other"]);
    // What nobody suspects never waits.
    assert_eq!(ask_custom(&mut rig, BOB, "fresh", "fst.allocate"), Verdict::Forward);
}

#[test]
fn a_farewell_is_no_sign_of_poison_and_the_first_deadline_holds() {
    let mut rig = rig_with(&[ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    for _ in 0..11 {
        rig.advance(5_000);
        rig.connect(MASTER).unwrap();
        assert_eq!(requests_read(&mut rig), ["r1"]);
        say_bye(&mut rig);
        rig.read_all(ANN);
    }
    rig.advance(4_999);
    assert!(answers(&mut rig, ANN).is_empty());
    rig.advance(1);
    let answer = &answers(&mut rig, ANN)[0];
    assert_eq!(answer["reason"], "No AceBase master answered within 60 s (acebase-ipc-server)");
}

#[test]
fn requests_behind_one_that_blocks_the_master_fail_at_their_deadline() {
    let mut rig = rig_with(&[MASTER, ANN]);
    for id in ["blocks", "waits"] {
        ask_lock(&mut rig, ANN, id, id, false);
    }
    restart_master(&mut rig);
    rig.read_all(ANN);
    assert_eq!(requests_read(&mut rig), ["blocks"]);
    rig.advance(60_000);
    let answers = answers(&mut rig, ANN);
    assert_eq!((answers.len(), &answers[0]["id"], &answers[0]["ok"]), (1, &json!("waits"), &json!(false)));
}

#[test]
fn the_same_master_back_from_a_blip_goes_on_with_the_trial() {
    let mut rig = rig_with(&[MASTER, ANN]);
    for id in ["r1", "r2"] {
        ask_lock(&mut rig, ANN, id, id, false);
    }
    rig.lose(MASTER, Loss::Closed);
    let marks = connect_master(&mut rig);
    rig.lose(MASTER, Loss::Reset);
    resume_master(&mut rig, &marks);
    answer_probe(&mut rig, &[]);
    assert_eq!(requests_read(&mut rig), ["r2"]);
}

#[test]
fn the_next_hub_goes_on_with_the_trial() {
    let mut rig = rig_with(&[MASTER, ANN]);
    for id in ["r1", "r2"] {
        ask_lock(&mut rig, ANN, id, id, false);
    }
    restart_master(&mut rig);
    rig.succeed();
    rig.advance(1_000);
    let texts = rig.read_all(MASTER);
    let requests = texts.iter().filter(|text| text.contains("\"lock-request\""));
    assert_eq!(requests.filter_map(|text| field(text, "id")).collect::<Vec<_>>(), ["r1"]);
    let question = texts.iter().find(|text| text.contains("\"unlock-request\"")).unwrap();
    answer(&mut rig, HUB, "unlock-result", &field(question, "id").unwrap(), json!({"ok": false, "reason": "unknown"}));
    assert_eq!(requests_read(&mut rig), ["r2"]);
}

#[test]
fn a_master_creates_one_index_at_a_time_in_order() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    rig.advance(1_000);
    assert_eq!(ask_custom(&mut rig, ANN, "r1", "index.create"), Verdict::Forward);
    assert_eq!(ask_custom(&mut rig, BOB, "r2", "index.create"), Verdict::Taken);
    assert_eq!(ask_custom(&mut rig, ANN, "r3", "index.create"), Verdict::Taken);
    assert_eq!(ask_custom(&mut rig, BOB, "r4", "index.update"), Verdict::Forward);
    // It takes as long as it takes.
    rig.advance(600_000);
    for (worker, id, next) in [(ANN, "r1", "r2"), (BOB, "r2", "r3")] {
        rig.read_all(MASTER);
        answer(&mut rig, worker, "result", id, json!({"ok": true, "data": {"ok": true}}));
        assert_eq!(requests_read(&mut rig), [next]);
    }
}

#[test]
fn an_index_whose_worker_has_gone_is_waited_for_all_the_same() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    rig.advance(1_000);
    ask_custom(&mut rig, ANN, "r1", "index.create");
    rig.lose(ANN, Loss::Fin);
    rig.advance(15_000);
    assert_eq!(ask_custom(&mut rig, BOB, "r2", "index.create"), Verdict::Taken);
    rig.read_all(MASTER);
    answer(&mut rig, ANN, "result", "r1", json!({"ok": true, "data": {"ok": true}}));
    assert_eq!(requests_read(&mut rig), ["r2"]);
}

#[test]
fn an_index_whose_answer_was_lost_in_a_blip_does_not_keep_others_out_for_ever() {
    let mut rig = rig_with(&[ANN, BOB]);
    let marks = connect_master(&mut rig);
    rig.advance(1_000);
    ask_custom(&mut rig, ANN, "r1", "index.create");
    ask_custom(&mut rig, BOB, "r2", "index.create");
    rig.lose(MASTER, Loss::Reset);
    resume_master(&mut rig, &marks);
    rig.read_all(MASTER);
    rig.advance(60_000);
    assert_eq!(requests_read(&mut rig), ["r2"]);
}
