//! After a crash of the hub, where the master is a new one: locks of the former one may be out of which nobody has
//! told.

use super::*;

const LIFE_OF_NEW: &str = "lifeOfNewMaster0000000";

/// The hub has begun anew. A new master is there, and Ann, who has told that Bob was there, too.
fn scattered_rig() -> Rig {
    let mut rig = rig();
    rig.connect_newly(MASTER, LIFE_OF_NEW);
    rig.connect_reliably(ANN, LIFE_OF_ANN);
    assert_eq!(fences_told(&mut rig), ["none"]);
    rig.send_frame(ANN, &format!("~{}", json!({ "peers": [BOB] })));
    rig
}

fn fences_told(rig: &mut Rig) -> Vec<String> {
    let frames = rig.read_all(MASTER);
    frames.iter().filter_map(|frame| frame.strip_prefix("# fence:")).map(str::to_owned).collect()
}

/// The ids of Ann's requests that reach the master now.
fn requests_of_ann(rig: &mut Rig) -> Vec<String> {
    read_of(rig, MASTER, LIFE_OF_ANN).iter().filter_map(|text| field(text.split_once(' ')?.1, "id")).collect()
}

#[test]
fn nobody_is_granted_anything_before_all_have_told_what_they_hold() {
    let mut rig = scattered_rig();
    assert_eq!(rig.send_frame(ANN, &format!("#1 {}", lock_request("r1"))), Some(Verdict::Kept));
    assert_eq!(fences_told(&mut rig), ["all"]);
    rig.connect_reliably(BOB, LIFE_OF_BOB);
    let lock = json!({"id": 4, "tid": "v", "path": "a", "write": true, "left": 500, "by": LIFE_OF_MASTER});
    rig.send_frame(BOB, &format!("~{}", json!({ "locks": [lock] })));
    rig.advance(499);
    assert!(fences_told(&mut rig).is_empty(), "Bob has a lock");
    rig.advance(1);
    let frames = rig.read_all(MASTER);
    assert!(frames.iter().any(|frame| frame.contains("lock-request")), "{frames:?}");
    assert!(frames.contains(&"# fence:none".to_owned()));
}

#[test]
fn who_does_not_come_is_waited_for_ten_seconds() {
    let mut rig = scattered_rig();
    rig.send_frame(ANN, &format!("#1 {}", lock_request("r1")));
    rig.advance(9_999);
    assert_eq!(fences_told(&mut rig), ["all"]);
    rig.advance(1);
    assert_eq!(requests_of_ann(&mut rig), ["r1"]);
}

#[test]
fn a_master_that_was_there_before_is_waited_for_by_nobody() {
    let mut rig = scattered_rig();
    rig.send_frame(ANN, &format!("#1 {}", lock_request("r1")));
    rig.send_frame(MASTER, r#"~{"locks":[]}"#);
    let frames = rig.read_all(MASTER);
    assert!(frames.contains(&"# fence:none".to_owned()), "{frames:?}");
    assert!(frames.iter().any(|frame| frame.contains("lock-request")));
}

#[test]
fn one_that_had_to_wait_for_locks_of_a_former_master_goes_on_to_wait() {
    let mut rig = rig();
    rig.connect_reliably(MASTER, LIFE_OF_NEW);
    assert!(fences_told(&mut rig).is_empty(), "what it tells comes first");
    rig.send_frame(MASTER, &format!("~{}", json!({ "peers": [BOB], "fence": "all" })));
    assert_eq!(fences_told(&mut rig), ["all"]);
    rig.connect_reliably(BOB, LIFE_OF_BOB);
    rig.send_frame(BOB, r#"~{"locks":[]}"#);
    assert_eq!(fences_told(&mut rig), ["none"]);
}

#[test]
fn what_the_former_master_had_is_not_waited_for_as_long_as_for_a_master() {
    let mut rig = rig();
    rig.connect_reliably(ANN, LIFE_OF_ANN);
    rig.send_frame(ANN, r#"~{"requests":[{"id":"r1","type":"lock-request"}]}"#);
    rig.connect_newly(MASTER, LIFE_OF_NEW);
    rig.advance(CoordinationConfig::default().master_warm_up + 4_999);
    assert!(!rig.read_all(ANN).iter().any(|frame| frame.contains("lock-result")));
    rig.advance(1);
    let frames = rig.read_all(ANN);
    assert!(frames.iter().any(|frame| frame.contains("nobody knows whether")), "{frames:?}");
}
