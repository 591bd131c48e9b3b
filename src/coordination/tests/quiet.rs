//! What still goes on when the server is about to stop.

use super::*;

/// Ann holds a lock, Bob does not, and the server is about to stop.
fn rig_with_a_holder() -> Rig {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    rig.advance(1_000);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.read_all(ANN);
    rig.read_all(MASTER);
    rig.quiesce();
    rig
}

#[test]
fn an_idle_cluster_is_quiet_at_once() {
    let rig = rig_with(&[MASTER, ANN, BOB]);
    rig.quiesce();
    assert!(rig.has_come_to_rest());
}

#[test]
fn nothing_new_begins_and_what_is_under_way_comes_to_its_end() {
    let mut rig = rig_with_a_holder();
    assert_eq!(ask_lock(&mut rig, BOB, "r2", "u", true), Verdict::Taken);
    assert_eq!(ask_lock(&mut rig, ANN, "r3", "another", false), Verdict::Taken);
    assert_eq!(ask(&mut rig, BOB, "request", "r4", json!({"type": "fst.allocate"})), Verdict::Taken);
    assert!(!rig.has_come_to_rest());
    // What the transaction needs that is under way.
    assert_eq!(ask_lock(&mut rig, ANN, "r5", "t", true), Verdict::Forward);
    grant(&mut rig, ANN, "r5", 2, "t", true);
    assert_eq!(ask(&mut rig, ANN, "request", "r6", json!({"type": "fst.allocate"})), Verdict::Forward);
    answer(&mut rig, ANN, "result", "r6", json!({"ok": true, "data": {"ok": true}}));
    for (id, lock) in [("r7", 1), ("r8", 2)] {
        assert!(!rig.has_come_to_rest());
        ask_unlock(&mut rig, ANN, id, lock);
    }
    assert!(rig.has_come_to_rest());
    assert_eq!(rig.status().held_requests, 3);
}

#[test]
fn a_lock_that_the_master_was_asked_for_before_is_awaited() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    rig.quiesce();
    assert!(!rig.has_come_to_rest());
    grant(&mut rig, ANN, "r1", 1, "t", true);
    assert_eq!(ask_lock(&mut rig, ANN, "r2", "t", true), Verdict::Forward);
}

#[test]
fn what_waited_for_the_next_server_goes_to_the_same_master_when_both_are_back() {
    let mut rig = rig_with(&[ANN]);
    let marks = connect_master(&mut rig);
    rig.quiesce();
    assert_eq!(ask_lock(&mut rig, ANN, "r1", "t", true), Verdict::Taken);
    for peer in [MASTER, ANN] {
        rig.lose(peer, Loss::Shutdown);
    }
    rig.succeed();
    rig.connect(ANN).unwrap();
    resume_master(&mut rig, &marks);
    assert_eq!(requests_read(&mut rig), ["r1"]);
    assert_eq!(grant(&mut rig, ANN, "r1", 1, "t", true), Verdict::Forward);
}

#[test]
fn a_hub_that_nobody_follows_answers_what_nobody_else_will() {
    let mut rig = rig_with_a_holder();
    ask_lock(&mut rig, BOB, "held", "u", true);
    ask_lock(&mut rig, ANN, "owed", "t", true);
    rig.read_all(ANN);
    rig.read_all(BOB);
    rig.close();
    for (worker, id) in [(ANN, "owed"), (BOB, "held")] {
        let answers = rig.read_all_to_the_end(worker);
        let answer = json_of(&answers[0]);
        assert_eq!((&answer["id"], &answer["ok"]), (&json!(id), &json!(false)));
        assert_eq!(answer["reason"], "The IPC server stops (acebase-ipc-server)");
    }
}
