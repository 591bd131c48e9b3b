//! Locks that clients tell of after a crash, and that are over by then.

use super::*;

/// Ann's lock, of which she tells that it ended so long ago.
fn outlived(id: u64, tid: &str, write: bool) -> Value {
    let mut lock = told(id, tid, write);
    lock["left"] = json!(-3);
    lock
}

fn failures_of_ann(rig: &mut Rig) -> Vec<String> {
    let frames = rig.read_all(ANN);
    let texts = frames.iter().filter_map(|frame| frame.split_once(' ')).map(|(_, text)| text);
    let expired = texts.filter(|text| text.contains(r#""ok":false"#) && text.contains("has expired"));
    expired.filter_map(|text| field(text, "id")).collect()
}

/// The master may know a lock that was passed on by another transaction's name only, and would let this one wait for
/// whoever has got a lock since; who may be waiting for it, within its process.
#[test]
fn a_transaction_that_tells_of_a_lock_that_is_over_gets_no_other_until_it_has_returned_that() {
    for (mark, requests) in [('!', json!([{"id": "r1", "type": "lock-request"}])), ('#', json!([]))] {
        let mut rig = reliable_rig(true);
        let locks = [outlived(7, "t", true), outlived(5, "t", false)];
        rig.send_frame(ANN, &format!("~{}", json!({ "locks": locks, "requests": requests })));
        rig.send_frame(ANN, &format!("{mark}1 {}", lock_request("r1")));
        assert_eq!(failures_of_ann(&mut rig), ["r1"]);
        unlock(&mut rig, 2, 7);
        rig.send_frame(ANN, &format!("#3 {}", lock_request("r3")));
        assert_eq!(failures_of_ann(&mut rig), ["r3"]);
        assert!(read_of(&mut rig, MASTER, LIFE_OF_ANN).is_empty());
        unlock(&mut rig, 4, 5);
        assert_eq!(rig.send_frame(ANN, &format!("#5 {}", lock_request("r5"))), Some(Verdict::Forward));
        assert!(rig.locks().iter().all(|lock| lock.state == LockState::Waiting), "nothing is remembered of it");
    }
}

#[test]
fn what_is_sent_again_before_a_lock_is_told_that_is_over_is_refused_then() {
    let mut rig = reliable_rig(true);
    rig.send_frame(ANN, &format!("!1 {}", lock_request("r1")));
    tell(&mut rig, &[outlived(7, "t", true)]);
    assert_eq!(failures_of_ann(&mut rig), ["r1"]);
    rig.send_frame(MASTER, &format!("#1 {}", lock_result(ANN, "r1", 9)));
    assert_eq!(releases_read(&mut rig), [9]);
}

#[test]
fn a_told_lock_that_is_over_keeps_nobody_out_and_is_released_with_its_master() {
    for by in [LIFE_OF_MASTER, "anotherLife00000000000"] {
        let mut rig = reliable_rig(true);
        let mut lock = outlived(7, "t", true);
        lock["by"] = json!(by);
        tell(&mut rig, &[lock, outlived(1 << 52, "t", true)]);
        assert!(rig.locks().iter().all(|lock| lock.has_expired));
        rig.connect(BOB).unwrap();
        assert_eq!(ask_lock(&mut rig, BOB, "b1", "u", true), Verdict::Forward);
        drop(rig.read_all(MASTER));
        unlock(&mut rig, 1, 7);
        unlock(&mut rig, 2, 1 << 52);
        let expected = if by == LIFE_OF_MASTER { vec![7] } else { vec![] };
        assert_eq!(releases_read(&mut rig), expected);
    }
}

#[test]
fn a_told_lock_that_is_over_is_not_moved_and_is_gone_then() {
    for (id, expected) in [(7, vec![7]), (1 << 52, vec![])] {
        let mut rig = reliable_rig(true);
        tell(&mut rig, &[outlived(id, "t", true)]);
        let data = json!({"id": id, "move_to": "parent"});
        rig.send_frame(ANN, &format!("#1 {}", request("move-lock-request", "r1", &data)));
        assert_eq!(failures_of_ann(&mut rig), ["r1"]);
        assert_eq!((releases_read(&mut rig), rig.locks().len()), (expected, 0));
    }
}

fn ask_for_space(rig: &mut Rig, mark: &str, id: &str) {
    rig.send_frame(ANN, &format!("{mark} {}", request("request", id, &json!({"type": "fst.allocate", "records": 1}))));
}

#[test]
fn a_worker_all_of_whose_write_locks_are_over_gets_no_space() {
    let mut rig = reliable_rig(true);
    let requests = json!([{"id": "r1", "type": "request"}]);
    let locks = [outlived(7, "t", true), told(8, "u", false)];
    rig.send_frame(ANN, &format!("~{}", json!({ "locks": locks, "requests": requests })));
    ask_for_space(&mut rig, "!1", "r1");
    ask_for_space(&mut rig, "#2", "r2");
    assert_eq!(failures_of_ann(&mut rig), ["r1", "r2"]);
    assert!(read_of(&mut rig, MASTER, LIFE_OF_ANN).is_empty());
    // It may be another transaction that needs it.
    rig.send_frame(
        ANN,
        &format!("#3 {}", request("lock-request", "r3", &json!({"path": "a", "tid": "v", "write": true}))),
    );
    rig.send_frame(MASTER, &format!("#1 {}", lock_result(ANN, "r3", 9).replace(r#""tid":"t""#, r#""tid":"v""#)));
    ask_for_space(&mut rig, "#4", "r4");
    assert!(failures_of_ann(&mut rig).is_empty());
    assert_eq!(read_of(&mut rig, MASTER, LIFE_OF_ANN).len(), 2);
}

#[test]
fn what_a_worker_tells_of_the_time_left_counts_more_than_a_clock_that_may_be_another() {
    let mut rig = reliable_rig(true);
    let mut lock = told(7, "t", true);
    lock["expires"] = json!(EPOCH_MS - 1);
    lock["left"] = json!(500);
    tell(&mut rig, &[lock]);
    rig.send_frame(ANN, &format!("#1 {}", lock_request("r1")));
    assert_eq!(granted_to_ann(&mut rig).len(), 1);
    rig.advance(500);
    rig.send_frame(ANN, &format!("#2 {}", lock_request("r2")));
    assert_eq!(failures_of_ann(&mut rig), ["r2"]);
}

#[test]
fn what_is_over_is_known_to_the_hub_that_goes_on() {
    let mut rig = reliable_rig(true);
    tell(&mut rig, &[outlived(7, "t", true)]);
    rig.succeed();
    assert!(rig.locks()[0].has_expired);
    rig.send_frame(ANN, &format!("#1 {}", lock_request("r1")));
    assert_eq!(failures_of_ann(&mut rig), ["r1"]);
}
