//! Locks that a former hub may have passed on, or granted.

use super::*;

#[test]
fn a_number_of_a_hub_that_is_gone_reaches_no_master() {
    let mut rig = rig_with(&[MASTER, ANN]);
    rig.read_all(MASTER);
    assert_eq!(ask_unlock(&mut rig, ANN, "r1", (1 << 52) + 5), Verdict::Taken);
    assert_eq!(json_of(&rig.read_all(ANN)[0])["ok"], true);
    assert!(master_reads(&mut rig).is_empty());
}

#[test]
fn a_hub_that_comes_after_a_crash_returns_the_lock_to_the_master() {
    let mut rig = rig_with_borrower();
    rig.crash();
    connect(&mut rig, &[MASTER, ANN, BOB]);
    assert_eq!(ask_unlock(&mut rig, BOB, "b2", 7), Verdict::Forward);
    assert_eq!(requests_read(&mut rig), ["b2"]);
}

#[test]
fn transactions_that_may_have_begun_under_a_former_hub_neither_pass_locks_on_nor_get_them() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    ask_lock(&mut rig, ANN, "a1", "a", true);
    grant(&mut rig, ANN, "a1", 7, "a", true);
    rig.read_all(MASTER);
    assert_eq!(ask_lock(&mut rig, BOB, "b1", "b", true), Verdict::Forward);
    ask_unlock(&mut rig, ANN, "a2", 7);
    assert_eq!(master_reads(&mut rig), ["b1", "unlock 7"]);
}

/// A request's or transaction's number of that time, in AceBase's form.
fn number_of(time: &str) -> String {
    format!("{time}{:016}", 0)
}

/// Both workers have requested something of this hub, at a time that is known.
fn rig_with_first_requests() -> Rig {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    let first = number_of("mib3xk2w");
    for worker in [ANN, BOB] {
        ask_lock(&mut rig, worker, &first, "first", false);
        grant(&mut rig, worker, &first, 1, "first", false);
        ask_unlock(&mut rig, worker, "r2", 1);
    }
    rig
}

#[test]
fn a_transaction_that_may_have_begun_under_a_former_hub_is_not_granted_a_returned_lock() {
    let mut rig = rig_with_first_requests();
    let (younger, older) = (number_of("mib3xk2x"), number_of("mib3xk2v"));
    ask_lock(&mut rig, ANN, "a1", &younger, true);
    grant(&mut rig, ANN, "a1", 7, &younger, true);
    assert_eq!(ask_lock(&mut rig, BOB, "b1", &older, true), Verdict::Taken);
    master_reads(&mut rig);
    ask_unlock(&mut rig, ANN, "a2", 7);
    assert_eq!(master_reads(&mut rig), ["unlock 7", "b1"]);
}

#[test]
fn a_request_that_was_sent_again_is_not_granted_a_returned_lock_for_the_master_may_have_it() {
    let mut rig = Rig::new(CoordinationConfig::default());
    rig.advance(LATER_MS);
    connect(&mut rig, &[MASTER, ANN]);
    rig.connect_reliably(BOB, "lifeOfBob0000000000000");
    rig.advance(1_000);
    ann_writes(&mut rig);
    let data = json!({"path": "a/b", "tid": "b", "write": true, "comment": "test"});
    let text = format!(r#"{{"type":"lock-request","id":"b1","from":"{BOB}","to":"[master]","data":{data}}}"#);
    assert_eq!(rig.send_frame(BOB, &format!("!1 to:[master];{text}")), Some(Verdict::Kept));
    rig.read_all(BOB);
    ask_unlock(&mut rig, ANN, "a2", 7);
    assert_eq!(master_reads(&mut rig).first().map(String::as_str), Some("unlock 7"));
    assert!(!rig.read_all(BOB).iter().any(|frame| frame.contains(r#""ok":true"#)));
}

#[test]
fn transactions_that_are_younger_than_the_first_request_to_this_hub_pass_locks_on() {
    let mut rig = rig_with_first_requests();
    let (ann, bob) = (number_of("mib3xk2x"), number_of("mib3xk2y"));
    ask_lock(&mut rig, ANN, "a1", &ann, true);
    grant(&mut rig, ANN, "a1", 7, &ann, true);
    assert_eq!(ask_lock(&mut rig, BOB, "b1", &bob, true), Verdict::Taken);
    ask_unlock(&mut rig, ANN, "a2", 7);
    assert_eq!(grants_read(&mut rig, BOB).last(), Some(&("b1".to_owned(), 7)));
}
