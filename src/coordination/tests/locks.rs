//! The lock table, and locks across a change of masters.

use super::*;

#[test]
fn the_lock_table_follows_grant_move_and_release() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    let lock = &rig.locks()[0];
    assert_eq!((lock.state, lock.path.as_str(), lock.write), (LockState::Waiting, "a/b", true));
    rig.advance(5);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    let lock = &rig.locks()[0];
    assert_eq!((lock.state, lock.id, lock.since, lock.peer.as_str()), (LockState::Held, Some(1), 5, ANN));
    assert_eq!(lock.expires, Some(EPOCH_MS + 5 + LOCK_TIMEOUT_MS));

    ask(&mut rig, ANN, "move-lock-request", "r2", json!({"id": 1, "move_to": "parent"}));
    let data = json!({"id": 4, "path": "a", "tid": "t", "write": true});
    answer(&mut rig, ANN, "lock-result", "r2", json!({"ok": true, "data": data}));
    let locks = rig.locks();
    assert_eq!((locks.len(), locks[0].id, locks[0].path.as_str()), (1, Some(4), "a"));

    ask_unlock(&mut rig, ANN, "r3", 4);
    assert!(rig.locks().is_empty() && rig.is_idle());
}

#[test]
fn a_release_is_answered_at_once_and_then_goes_to_the_master() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.read_all(ANN);
    rig.read_all(MASTER);
    assert_eq!(ask_unlock(&mut rig, ANN, "r2", 1), Verdict::Taken);
    assert_eq!(ask_lock(&mut rig, ANN, "r3", "u", true), Verdict::Forward);
    let released = json_of(&rig.read_all(ANN)[0]);
    assert_eq!(
        (&released["type"], &released["id"], &released["ok"]),
        (&json!("unlock-result"), &json!("r2"), &json!(true))
    );

    let texts = rig.read_all(MASTER);
    let [release, request] = &texts[..] else { panic!("{texts:?}") };
    assert_eq!(
        (field(release, "type"), json_of(release)["data"]["id"].as_u64()),
        (Some("unlock-request".into()), Some(1))
    );
    assert_eq!(field(request, "id").as_deref(), Some("r3"));
    // Its answer concerns nobody but the owner of the server, and only if it is no.
    for ok in [true, false] {
        let answered = answer(&mut rig, HUB, "unlock-result", &field(release, "id").unwrap(), json!({"ok": ok}));
        assert_eq!((answered, count(&rig, NoteKind::ReleaseUnknown)), (Verdict::Taken, usize::from(!ok)));
    }
    assert!(rig.read_all(ANN).is_empty());
}

#[test]
fn a_release_that_is_answered_while_the_master_is_away_reaches_it_when_it_is_back() {
    let mut rig = rig_with(&[ANN]);
    let marks = connect_master(&mut rig);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.read_all(ANN);
    rig.read_all(MASTER);
    rig.lose(MASTER, Loss::Reset);
    ask_unlock(&mut rig, ANN, "r2", 1);
    assert_eq!(json_of(&rig.read_all(ANN)[0])["ok"], true);
    resume_master(&mut rig, &marks);
    assert!(rig.read_all(MASTER).iter().any(|text| text.ends_with(r#""data":{"id":1}}"#)));
}

#[test]
fn a_lock_that_is_being_moved_is_released_by_the_master() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    ask(&mut rig, ANN, "move-lock-request", "r2", json!({"id": 1, "move_to": "parent"}));
    assert_eq!(ask_unlock(&mut rig, ANN, "r3", 1), Verdict::Forward);
}

#[test]
fn a_move_that_fails_leaves_no_lock_behind() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    ask(&mut rig, ANN, "move-lock-request", "r2", json!({"id": 1, "move_to": "parent"}));
    rig.read_all(MASTER);
    answer(&mut rig, ANN, "lock-result", "r2", json!({"ok": false, "reason": "no"}));
    assert!(rig.locks().is_empty());
    assert!(rig.read_all(MASTER)[0].ends_with(r#""data":{"id":1}}"#));
}

#[test]
fn a_new_master_waits_for_the_locks_of_the_former() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.lose(MASTER, Loss::Fin);
    replace_master(&mut rig);
    rig.read_all(MASTER);
    assert_eq!(rig.locks()[0].state, LockState::Fenced);
    assert_eq!(ask_lock(&mut rig, BOB, "r2", "u", false), Verdict::Taken);
    assert_eq!(ask_lock(&mut rig, ANN, "r3", "t", false), Verdict::Forward);
    rig.advance(100_000);
    rig.read_all(ANN);
    rig.read_all(MASTER);

    assert_eq!(ask(&mut rig, ANN, "move-lock-request", "r4", json!({"id": 1, "move_to": "parent"})), Verdict::Taken);
    let moved = json_of(&rig.read_all(ANN)[0]);
    assert_eq!((&moved["ok"], &moved["data"]["id"], &moved["data"]["path"]), (&json!(true), &json!(1), &json!("a")));
    assert!(requests_read(&mut rig).is_empty());

    assert_eq!(ask_unlock(&mut rig, ANN, "r5", 1), Verdict::Taken);
    assert_eq!(json_of(&rig.read_all(ANN)[0])["ok"], true);
    assert_eq!(requests_read(&mut rig), ["r2"]);
}

#[test]
fn a_fence_falls_when_its_lock_expires_and_its_number_stays_its_holders() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.lose(MASTER, Loss::Fin);
    replace_master(&mut rig);
    ask_lock(&mut rig, BOB, "r2", "u", true);
    rig.read_all(MASTER);
    rig.advance(LOCK_TIMEOUT_MS - rig.now() - 1);
    assert!(requests_read(&mut rig).is_empty());
    rig.advance(1);
    assert_eq!(requests_read(&mut rig), ["r2"]);
    grant(&mut rig, BOB, "r2", 1, "u", true);
    // The number means Bob's lock now.
    assert_eq!(ask_unlock(&mut rig, ANN, "r3", 1), Verdict::Taken);
    assert_eq!(rig.locks()[0].peer, BOB);
}

#[test]
fn what_concerns_locks_of_a_master_that_is_gone_is_answered_by_the_hub() {
    let mut rig = rig_with(&[MASTER, ANN]);
    for (id, lock) in [("r1", 1), ("r2", 2)] {
        ask_lock(&mut rig, ANN, id, "t", true);
        grant(&mut rig, ANN, id, lock, "t", true);
    }
    rig.read_all(ANN);
    ask_unlock(&mut rig, ANN, "r3", 1);
    ask(&mut rig, ANN, "move-lock-request", "r4", json!({"id": 2, "move_to": "parent"}));
    rig.lose(MASTER, Loss::Closed);
    let answers: Vec<Value> = rig.read_all(ANN).iter().filter(|t| t.starts_with('{')).map(|t| json_of(t)).collect();
    assert_eq!((&answers[0]["id"], &answers[0]["ok"]), (&json!("r3"), &json!(true)));
    assert_eq!((&answers[1]["id"], &answers[1]["data"]["id"]), (&json!("r4"), &json!(2)));
    assert_eq!(rig.status().held_requests, 0);
}

#[test]
fn a_late_grant_for_what_waits_behind_a_fence_is_swallowed() {
    let mut rig = Rig::new(CoordinationConfig { pass_locks_for: 0, ..Default::default() });
    connect(&mut rig, &[MASTER, ANN, BOB]);
    ask_lock(&mut rig, BOB, "r1", "u", true);
    replace_master(&mut rig);
    // It lives on with the request that was with the first one.
    answer_probe(&mut rig, &[]);
    ask_lock(&mut rig, ANN, "r2", "t", true);
    grant(&mut rig, ANN, "r2", 1, "t", true);
    // The first master is back, and has the request still; the second had granted a lock.
    replace_master(&mut rig);
    rig.read_all(MASTER);
    assert_eq!(rig.status().held_requests, 1);
    assert_eq!(grant(&mut rig, BOB, "r1", 9, "u", true), Verdict::Taken);
    assert!(rig.read_all(MASTER)[0].ends_with(r#""data":{"id":9}}"#));
    ask_unlock(&mut rig, ANN, "r3", 1);
    assert_eq!(requests_read(&mut rig), ["r1"]);
}

#[test]
fn a_lock_is_released_only_by_the_master_that_granted_it() {
    let release_is_due_while_master_is_asked = || {
        let mut rig = rig_with(&[ANN]);
        let marks = connect_master(&mut rig);
        ask_lock(&mut rig, ANN, "r1", "t", true);
        grant(&mut rig, ANN, "r1", 1, "t", true);
        rig.read_all(MASTER);
        rig.lose(ANN, Loss::Fin);
        rig.advance(9_000);
        rig.lose(MASTER, Loss::Fin);
        rig.connect(MASTER).unwrap();
        rig.advance(1_000);
        (rig, marks)
    };
    let (mut rig, marks) = release_is_due_while_master_is_asked();
    answer_probe(&mut rig, &marks);
    assert!(rig.read_all(MASTER).iter().any(|text| text.ends_with(r#""data":{"id":1}}"#)));
    let (mut rig, _) = release_is_due_while_master_is_asked();
    answer_probe(&mut rig, &[]);
    assert!(rig.read_all(MASTER).is_empty());
}

#[test]
fn of_two_locks_with_one_number_the_stronger_is_kept_longer() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.lose(MASTER, Loss::Fin);
    replace_master(&mut rig);
    ask_lock(&mut rig, ANN, "r2", "t", false);
    grant(&mut rig, ANN, "r2", 1, "t", false);
    ask_unlock(&mut rig, ANN, "r3", 1);
    assert_eq!(ask_lock(&mut rig, BOB, "r4", "u", false), Verdict::Taken);
    ask_unlock(&mut rig, ANN, "r5", 1);
    assert_eq!(rig.status().held_requests, 0);
}

#[test]
fn a_number_that_no_lock_of_this_master_has_does_not_reach_it() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    assert_eq!(ask_unlock(&mut rig, ANN, "of a former run of the hub", 7), Verdict::Forward);
    rig.lose(MASTER, Loss::Fin);
    replace_master(&mut rig);
    ask_lock(&mut rig, BOB, "r1", "u", true);
    grant(&mut rig, BOB, "r1", 1, "u", true);
    rig.read_all(ANN);
    for lock in [1, 8] {
        assert_eq!(ask_unlock(&mut rig, ANN, "of a former master", lock), Verdict::Taken);
        assert_eq!(json_of(&rig.read_all(ANN)[0])["ok"], true);
    }
    assert_eq!(rig.locks()[0].peer, BOB);
}
