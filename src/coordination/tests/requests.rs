//! Requests that wait, fail, or are answered twice.

use super::*;

#[test]
fn requests_wait_in_order_for_a_master() {
    let mut rig = rig_with(&[ANN, BOB]);
    assert_eq!(ask_lock(&mut rig, ANN, "r1", "t", true), Verdict::Taken);
    ask(&mut rig, BOB, "request", "r2", json!({"type": "fst.allocate"}));
    ask_lock(&mut rig, ANN, "r3", "t", true);
    assert_eq!(rig.status().held_requests, 3);
    rig.advance(59_999);
    rig.connect(MASTER).unwrap();
    assert_eq!(requests_read(&mut rig), ["r1", "r3"]);
    assert_eq!(ask_unlock(&mut rig, ANN, "r4", 9), Verdict::Forward);
}

#[test]
fn a_new_master_gets_what_needs_its_tables_when_it_has_read_them() {
    let mut rig = rig_with(&[ANN]);
    ask(&mut rig, ANN, "request", "r1", json!({"type": "fst.allocate"}));
    rig.connect(MASTER).unwrap();
    assert_eq!(ask(&mut rig, ANN, "request", "r2", json!({"type": "kit.add", "key": "name"})), Verdict::Taken);
    rig.advance(999);
    assert!(requests_read(&mut rig).is_empty());
    rig.advance(1);
    assert_eq!(requests_read(&mut rig), ["r1", "r2"]);
    assert_eq!(ask(&mut rig, ANN, "request", "r3", json!({"type": "fst.allocate"})), Verdict::Forward);
}

#[test]
fn space_is_never_freed_by_two_masters() {
    let mut rig = rig_with(&[MASTER, ANN]);
    rig.advance(1_000);
    ask(&mut rig, ANN, "request", "freed", json!({"type": "fst.release", "ranges": []}));
    ask(&mut rig, ANN, "request", "allocated", json!({"type": "fst.allocate"}));
    rig.lose(MASTER, Loss::Closed);
    let texts = rig.read_all(ANN);
    let answer = json_of(texts.iter().find(|text| text.contains("freed")).unwrap());
    assert_eq!((&answer["ok"], &answer["data"]["ok"]), (&json!(true), &json!(false)));
    rig.connect(MASTER).unwrap();
    rig.read_all(MASTER);
    rig.advance(1_000);
    assert_eq!(requests_read(&mut rig), ["allocated"]);
}

#[test]
fn a_release_never_fails() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_unlock(&mut rig, ANN, "r1", 7);
    let failure =
        format!(r#"{{"type":"unlock-result","id":"r1","from":"[master]","to":"{ANN}","ok":false,"reason":"?"}}"#);
    assert_eq!(rig.send(MASTER, Some(ANN), &failure), Verdict::Taken);
    let answer = json_of(&rig.read_all(ANN)[0]);
    assert_eq!(
        (&answer["type"], &answer["ok"], &answer["data"]["id"]),
        (&json!("unlock-result"), &json!(true), &json!(7))
    );
}

#[test]
fn what_no_master_answers_in_time_fails_in_the_way_its_client_can_bear() {
    let mut rig = rig_with(&[ANN]);
    ask_lock(&mut rig, ANN, "lock", "t", true);
    ask_unlock(&mut rig, ANN, "unlock", 7);
    ask(&mut rig, ANN, "request", "fst", json!({"type": "fst.allocate"}));
    ask(&mut rig, ANN, "request", "kit", json!({"type": "kit.add", "key": "name"}));
    rig.advance(60_000);
    let answers: Vec<Value> = rig.read_all(ANN).iter().map(|text| json_of(text)).collect();
    assert_eq!(answers[0]["reason"], "No AceBase master answered within 60 s (acebase-ipc-server)");
    assert_eq!((&answers[0]["type"], &answers[0]["ok"]), (&json!("lock-result"), &json!(false)));
    assert_eq!((&answers[1]["type"], &answers[1]["ok"]), (&json!("unlock-result"), &json!(true)));
    assert_eq!((&answers[2]["type"], &answers[2]["ok"]), (&json!("result"), &json!(false)));
    assert_eq!((&answers[3]["ok"], &answers[3]["data"]["ok"]), (&json!(true), &json!(false)));
    assert!(rig.is_idle());
}

/// The master refuses a lock that Ann has requested, with this reason.
fn refuse(rig: &mut Rig, reason: &str) -> Verdict {
    ask_lock(rig, ANN, "lock", "t", true);
    answer(rig, ANN, "lock-result", "lock", json!({"ok": false, "reason": reason}))
}

#[test]
fn what_a_master_refuses_because_it_is_about_to_end_the_next_one_gets() {
    let mut rig = rig_with(&[MASTER, ANN]);
    let reason = "Error: Exiting: new transaction lock denied because the IPC peer is exiting\n    at lock (ipc.js)";
    assert_eq!(refuse(&mut rig, reason), Verdict::Taken);
    assert!(rig.read_all(ANN).is_empty());
    requests_read(&mut rig);
    replace_master(&mut rig);
    assert_eq!(requests_read(&mut rig), ["lock"]);
    assert_eq!(grant(&mut rig, ANN, "lock", 7, "t", true), Verdict::Forward);
    assert_eq!(rig.locks()[0].id, Some(7));
}

#[test]
fn what_it_refuses_and_nobody_gets_fails_in_time() {
    let mut rig = rig_with(&[MASTER, ANN]);
    refuse(&mut rig, "Error: Exiting: new transaction lock denied because the IPC peer is exiting");
    rig.advance(60_000);
    let read = rig.read_all(ANN);
    assert!(read.iter().any(|text| text.contains("No AceBase master answered within 60 s")), "{read:?}");
    assert!(rig.is_idle());
}

#[test]
fn what_a_master_refuses_for_another_reason_its_worker_hears() {
    let mut rig = rig_with(&[MASTER, ANN]);
    assert_eq!(refuse(&mut rig, "no"), Verdict::Forward);
    assert!(rig.is_idle());
}

#[test]
fn a_request_past_the_bounds_is_answered_at_once_but_releases_pass() {
    let mut rig = Rig::new(CoordinationConfig { max_requests: 1, ..Default::default() });
    connect(&mut rig, &[MASTER, ANN]);
    assert_eq!(ask_lock(&mut rig, ANN, "r1", "t", true), Verdict::Forward);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.read_all(ANN);
    assert_eq!(ask_lock(&mut rig, ANN, "r2", "t", true), Verdict::Taken);
    assert_eq!(json_of(&rig.read_all(ANN)[0])["ok"], false);
    ask_unlock(&mut rig, ANN, "r3", 1);
    assert_eq!(json_of(&rig.read_all(ANN)[0])["ok"], true);
}

#[test]
fn a_burst_of_one_worker_leaves_room_for_others() {
    let mut rig = Rig::new(CoordinationConfig { max_requests: 100, ..Default::default() });
    connect(&mut rig, &[MASTER, ANN, BOB]);
    rig.advance(1_000);
    let burst: Vec<Verdict> = (0..100).map(|number| ask_lock(&mut rig, ANN, &number.to_string(), "t", true)).collect();
    assert_eq!(burst.iter().filter(|verdict| **verdict == Verdict::Forward).count(), 50);
    assert_eq!(ask_lock(&mut rig, BOB, "r1", "u", false), Verdict::Forward);
    assert_eq!(ask(&mut rig, BOB, "request", "r2", json!({"type": "fst.allocate"})), Verdict::Forward);
    // One warning for all.
    assert_eq!(count(&rig, NoteKind::RequestsRefused), 1);
    rig.advance(60_000);
    ask_lock(&mut rig, ANN, "again", "t", true);
    let warning = rig.notes.iter().rfind(|note| note.kind == NoteKind::RequestsRefused).unwrap();
    assert!(warning.detail.starts_with("50 requests were refused"), "{warning:?}");
}

#[test]
fn a_release_past_the_bounds_is_carried_out_all_the_same() {
    let mut rig = Rig::new(CoordinationConfig { max_requests: 2, ..Default::default() });
    connect(&mut rig, &[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r0", "t", true);
    grant(&mut rig, ANN, "r0", 5, "t", true);
    // Granted under a former run of the hub: it is not known whether they are.
    for (id, lock) in [("r1", 1), ("r2", 2)] {
        assert_eq!(ask_unlock(&mut rig, ANN, id, lock), Verdict::Forward);
    }
    rig.read_all(ANN);
    rig.read_all(MASTER);
    for (id, lock) in [("r3", 5), ("r4", 3)] {
        assert_eq!(ask_unlock(&mut rig, ANN, id, lock), Verdict::Taken);
        let answer = json_of(&rig.read_all(ANN)[0]);
        assert_eq!(
            (&answer["type"], &answer["id"], &answer["ok"]),
            (&json!("unlock-result"), &json!(id), &json!(true))
        );
        let release = json_of(&rig.read_all(MASTER)[0]);
        assert_eq!((&release["type"], &release["data"]["id"]), (&json!("unlock-request"), &json!(lock)));
    }
    assert!(rig.locks().is_empty());
    assert_eq!(count(&rig, NoteKind::RequestsRefused) + count(&rig, NoteKind::RequestFailed), 0);
}

#[test]
fn the_same_request_twice_is_taken_once() {
    let mut rig = rig_with(&[MASTER, ANN]);
    assert_eq!(ask_lock(&mut rig, ANN, "r1", "t", true), Verdict::Forward);
    assert_eq!(ask_lock(&mut rig, ANN, "r1", "t", true), Verdict::Taken);
}

#[test]
fn late_answers_of_a_former_master_are_swallowed() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    rig.lose(MASTER, Loss::Fin);
    replace_master(&mut rig);
    assert_eq!(grant(&mut rig, ANN, "r1", 1, "t", true), Verdict::Forward);
    assert_eq!(grant(&mut rig, ANN, "r1", 2, "t", true), Verdict::Taken);
    assert!(rig.read_all(MASTER).iter().any(|text| text.ends_with(r#""data":{"id":2}}"#)));
    assert_eq!(rig.locks().len(), 1);
}

#[test]
fn an_answer_to_a_request_of_a_former_run_of_the_hub_reaches_its_worker() {
    let mut rig = rig_with(&[MASTER, ANN]);
    assert_eq!(grant(&mut rig, ANN, "of the former run", 5, "t", true), Verdict::Forward);
    assert_eq!(rig.locks()[0].id, Some(5));
    // Its worker has not connected again yet.
    assert_eq!(grant(&mut rig, BOB, "of the former run", 6, "u", false), Verdict::Taken);
    rig.connect(BOB).unwrap();
    assert_eq!(field(rig.read_all(BOB).last().unwrap(), "id").unwrap(), "of the former run");
}

#[test]
fn an_answer_to_a_request_that_another_hub_has_passed_on_reaches_its_worker() {
    let mut rig = rig();
    // This hub has been up for long.
    rig.advance(3_600_000);
    rig.take_over();
    connect(&mut rig, &[MASTER, ANN]);
    assert_eq!(grant(&mut rig, ANN, "by another hub", 5, "t", true), Verdict::Forward);
    assert_eq!(rig.locks()[0].id, Some(5));
}

#[test]
fn a_lock_from_another_hub_is_left_to_a_worker_that_may_be_cut_off_with_it() {
    for (is_taken_over, left) in [(false, 0), (true, 1)] {
        let mut rig = rig();
        rig.advance(1);
        if is_taken_over {
            rig.take_over();
        }
        connect(&mut rig, &[MASTER]);
        assert_eq!(grant(&mut rig, BOB, "of before", 6, "u", true), Verdict::Taken);
        rig.advance(LOCK_TIMEOUT_MS - 1_000);
        assert_eq!(rig.locks().len(), left);
        rig.advance(1_000);
        assert!(rig.locks().is_empty());
    }
}

#[test]
fn a_release_whose_answer_was_lost_in_a_blip_is_made_sure_of() {
    let mut rig = rig_with(&[ANN]);
    let marks = connect_master(&mut rig);
    // Granted under a former run of the hub.
    ask_unlock(&mut rig, ANN, "r2", 1);
    rig.read_all(MASTER);
    rig.lose(MASTER, Loss::Reset);
    resume_master(&mut rig, &marks);
    rig.read_all(ANN);
    answer_probe(&mut rig, &[]);
    let answer = json_of(&rig.read_all(ANN)[0]);
    assert_eq!((&answer["type"], &answer["id"], &answer["ok"]), (&json!("unlock-result"), &json!("r2"), &json!(true)));
    assert!(rig.is_idle());
}

#[test]
fn a_lock_whose_move_is_refused_for_its_bounds_is_released() {
    let mut rig = Rig::new(CoordinationConfig { max_requests: 2, ..Default::default() });
    connect(&mut rig, &[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    ask(&mut rig, ANN, "request", "r2", json!({"type": "fst.allocate"}));
    ask(&mut rig, ANN, "request", "r3", json!({"type": "fst.allocate"}));
    rig.read_all(MASTER);
    assert_eq!(ask(&mut rig, ANN, "move-lock-request", "r4", json!({"id": 1, "move_to": "parent"})), Verdict::Taken);
    assert!(rig.locks().is_empty());
    assert!(rig.read_all(MASTER)[0].ends_with(r#""data":{"id":1}}"#));
}
