//! Workers that are back after their locks were released for them.

use super::*;

/// Ann had the write lock 1; her connection broke, and Bob has been granted what it kept out.
fn with_given_back(has_extension: bool) -> Rig {
    let mut rig = rig_with(&[MASTER, BOB]);
    rig.advance(CoordinationConfig::default().master_warm_up);
    connect_ann(&mut rig, has_extension, &[]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.lose(ANN, Loss::Reset);
    rig.advance(CoordinationConfig::default().release_locks_after);
    ask_lock(&mut rig, BOB, "r2", "u", true);
    assert_eq!(grant(&mut rig, BOB, "r2", 2, "u", true), Verdict::Forward);
    [MASTER, BOB].iter().for_each(|peer| drop(rig.read_all(peer)));
    rig
}

/// With the extension she tells that she holds these locks.
fn connect_ann(rig: &mut Rig, has_extension: bool, locks: &[Value]) {
    match has_extension {
        true => rig.connect_to_talk(ANN, &json!({ "locks": locks }).to_string()),
        false => rig.connect(ANN).unwrap(),
    }
}

/// The ids of Ann's requests that have failed because a lock was over.
fn refused(rig: &mut Rig) -> Vec<String> {
    let texts = rig.read_all(ANN);
    texts.iter().filter(|text| text.contains("has expired")).filter_map(|text| field(text, "id")).collect()
}

#[test]
fn a_transaction_whose_lock_was_given_back_gets_no_other_before_it_has_returned_it() {
    for has_extension in [true, false] {
        let mut rig = with_given_back(has_extension);
        let lock = json!({"id": 1, "tid": "t", "path": "a/b", "write": true, "left": LOCK_TIMEOUT_MS});
        connect_ann(&mut rig, has_extension, &[lock]);
        assert!(rig.locks().iter().all(|lock| lock.peer == BOB || lock.has_expired));
        ask_lock(&mut rig, ANN, "r3", "t", true);
        assert_eq!(refused(&mut rig), ["r3"], "{has_extension}");
        ask_unlock(&mut rig, ANN, "u1", 1);
        ask_lock(&mut rig, ANN, "r4", "t", true);
        assert!(!refused(&mut rig).contains(&"r4".to_owned()));
        let of_ann: Vec<_> = rig.locks().iter().filter(|lock| lock.peer == ANN).map(|lock| lock.state).collect();
        assert_eq!(of_ann, [LockState::Waiting], "she is in line behind Bob");
    }
}

#[test]
fn a_lock_that_was_given_back_and_that_its_worker_has_no_more_keeps_it_from_nothing() {
    let mut rig = with_given_back(true);
    connect_ann(&mut rig, true, &[]);
    assert!(rig.locks().iter().all(|lock| lock.peer == BOB));
    ask_unlock(&mut rig, BOB, "u2", 2);
    ask_lock(&mut rig, ANN, "r3", "t", true);
    assert!(refused(&mut rig).is_empty());
}

#[test]
fn it_is_remembered_by_the_hub_that_goes_on() {
    let mut rig = with_given_back(false);
    rig.succeed();
    rig.survive();
    rig.connect(ANN).unwrap();
    ask_lock(&mut rig, ANN, "r3", "t", true);
    assert_eq!(refused(&mut rig), ["r3"]);
}
