//! What whoever has a lock lent may do, what others may, and how it ends.

use super::{
    passing::{CLEO, grants_read, held, master_reads, rig_with_borrower, rig_with_writer},
    *,
};

#[test]
fn what_a_borrower_needs_besides_the_hub_grants_under_numbers_that_no_master_uses() {
    let mut rig = rig_with_borrower();
    assert_eq!(ask_lock(&mut rig, BOB, "b2", "b", false), Verdict::Taken);
    let (request, own) = grants_read(&mut rig, BOB).remove(0);
    assert!(request == "b2" && (1 << 52..1 << 53).contains(&own));
    let locks = held(&rig);
    assert_eq!((locks.len(), locks[0].expires), (2, locks[1].expires));
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    for (id, lock) in [("b3", own), ("b4", 7)] {
        assert!(grants_read(&mut rig, CLEO).is_empty());
        assert_eq!(ask_unlock(&mut rig, BOB, id, lock), Verdict::Taken);
        assert_eq!(json_of(&rig.read_all(BOB)[0])["ok"], true);
    }
    assert_eq!(grants_read(&mut rig, CLEO), [("c1".to_owned(), 7)]);
    assert!(master_reads(&mut rig).is_empty());
}

#[test]
fn another_worker_gets_nothing_beside_it_under_the_same_transaction() {
    let mut rig = rig_with_borrower();
    assert_eq!(ask_lock(&mut rig, CLEO, "c1", "b", true), Verdict::Taken);
    assert!(grants_read(&mut rig, CLEO).is_empty());
    ask_unlock(&mut rig, BOB, "b2", 7);
    assert_eq!(grants_read(&mut rig, CLEO), [("c1".to_owned(), 7)]);
}

#[test]
fn a_borrower_that_returns_the_lock_first_keeps_it_for_what_it_has_besides() {
    let mut rig = rig_with_borrower();
    ask_lock(&mut rig, BOB, "b2", "b", true);
    let (_, own) = grants_read(&mut rig, BOB).remove(0);
    ask_unlock(&mut rig, BOB, "b3", 7);
    assert!(master_reads(&mut rig).is_empty());
    ask_unlock(&mut rig, BOB, "b4", own);
    assert_eq!(master_reads(&mut rig), ["unlock 7"]);
}

#[test]
fn lent_locks_are_moved_by_the_hub() {
    let mut rig = rig_with_borrower();
    assert_eq!(ask(&mut rig, BOB, "move-lock-request", "b2", json!({"id": 7, "move_to": "parent"})), Verdict::Taken);
    let moved = json_of(&rig.read_all(BOB)[0]);
    assert_eq!((&moved["id"], &moved["data"]["id"], &moved["data"]["path"]), (&json!("b2"), &json!(7), &json!("a")));
    assert_eq!(held(&rig)[0].path, "a");
}

#[test]
fn who_had_the_lock_first_waits_for_it_as_all_others_for_the_master_would_let_it_in() {
    let mut rig = rig_with_borrower();
    assert_eq!(ask_lock(&mut rig, ANN, "a3", "a", true), Verdict::Taken);
    // Also when the others may go to the master.
    rig.advance(200);
    assert!(master_reads(&mut rig).is_empty());
    ask_unlock(&mut rig, BOB, "b2", 7);
    assert_eq!(master_reads(&mut rig), ["unlock 7", "a3"]);
}

#[test]
fn a_borrower_that_has_died_gives_the_lock_back() {
    let mut rig = rig_with_borrower();
    ask_lock(&mut rig, BOB, "b2", "b", true);
    rig.lose(BOB, Loss::Fin);
    rig.advance(9_999);
    assert!(master_reads(&mut rig).is_empty());
    rig.advance(1);
    assert_eq!(master_reads(&mut rig), ["unlock 7"]);
    assert!(rig.locks().is_empty());
}

#[test]
fn a_new_master_waits_for_whoever_really_has_the_lock() {
    let mut rig = rig_with_borrower();
    ask_lock(&mut rig, BOB, "b2", "b", false);
    let (_, own) = grants_read(&mut rig, BOB).remove(0);
    replace_master(&mut rig);
    rig.read_all(MASTER);
    assert_eq!(ask_lock(&mut rig, ANN, "a3", "a", true), Verdict::Taken);
    assert_eq!(ask_lock(&mut rig, BOB, "b3", "b", true), Verdict::Forward);
    for (id, lock) in [("b4", 7), ("b5", own)] {
        assert_eq!(ask_unlock(&mut rig, BOB, id, lock), Verdict::Taken);
    }
    assert!(!requests_read(&mut rig).contains(&"a3".to_owned()));
    grant(&mut rig, BOB, "b3", 1, "b", true);
    ask_unlock(&mut rig, BOB, "b6", 1);
    assert_eq!(grants_read(&mut rig, ANN).last(), Some(&("a3".to_owned(), 1)));
}

#[test]
fn a_borrower_whose_lock_has_expired_may_return_it_and_not_go_on() {
    let mut rig = rig_with_borrower();
    rig.advance(LOCK_TIMEOUT_MS);
    assert_eq!(master_reads(&mut rig), ["unlock 7"]);
    ask_lock(&mut rig, BOB, "b2", "b", true);
    assert_eq!(json_of(&rig.read_all(BOB)[0])["ok"], false);
    assert_eq!(ask_lock(&mut rig, CLEO, "c1", "c", true), Verdict::Forward);
    ask_unlock(&mut rig, BOB, "b3", 7);
    assert_eq!(json_of(&rig.read_all(BOB)[0])["ok"], true);
    assert_eq!(master_reads(&mut rig), ["c1"]);
}

#[test]
fn a_borrower_whose_locks_have_expired_is_refused_until_it_has_returned_all() {
    let mut rig = rig_with_borrower();
    ask_lock(&mut rig, BOB, "b2", "b", false);
    let (_, own) = grants_read(&mut rig, BOB).remove(0);
    rig.advance(LOCK_TIMEOUT_MS);
    for (id, lock) in [("b3", 7), ("b5", own)] {
        ask_unlock(&mut rig, BOB, id, lock);
        assert_eq!(json_of(&rig.read_all(BOB)[0])["ok"], true);
        if lock == 7 {
            ask_lock(&mut rig, BOB, "b4", "b", true);
            assert_eq!(json_of(&rig.read_all(BOB)[0])["ok"], false);
        }
    }
    assert_eq!(ask_lock(&mut rig, BOB, "b6", "b", true), Verdict::Forward);
}

#[test]
fn a_lock_that_the_master_grants_another_tells_that_what_was_lent_has_expired() {
    let mut rig = rig_with_borrower();
    rig.advance(100);
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    rig.read_all(MASTER);
    grant(&mut rig, CLEO, "c1", 8, "c", true);
    assert_eq!(master_reads(&mut rig), ["unlock 7"]);
    ask_lock(&mut rig, BOB, "b2", "b", true);
    assert_eq!(json_of(&rig.read_all(BOB)[0])["ok"], false);
    assert_eq!(held(&rig).len(), 1);
}

fn ask_for_space(rig: &mut Rig, worker: &str, id: &str) -> Verdict {
    ask(rig, worker, "request", id, json!({"type": "fst.allocate", "records": 1}))
}

#[test]
fn who_has_outlived_a_lock_gets_no_space_for_others_may_have_written_since() {
    let mut rig = rig_with_borrower();
    rig.advance(LOCK_TIMEOUT_MS);
    assert_eq!(ask_for_space(&mut rig, BOB, "b2"), Verdict::Taken);
    assert_eq!(json_of(&rig.read_all(BOB)[0])["ok"], false);
    ask_unlock(&mut rig, BOB, "b3", 7);
    assert_eq!(ask_for_space(&mut rig, BOB, "b4"), Verdict::Forward);
}

#[test]
fn who_has_a_lock_of_the_master_gets_space_until_that_grants_another_the_next_one() {
    let mut rig = rig_with_writer();
    rig.advance(LOCK_TIMEOUT_MS);
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    assert_eq!(ask_for_space(&mut rig, ANN, "a2"), Verdict::Forward, "nobody has written since");
    grant(&mut rig, CLEO, "c1", 8, "c", true);
    assert_eq!(ask_for_space(&mut rig, ANN, "a3"), Verdict::Taken);
    assert!(rig.read_all(ANN).iter().any(|text| text.contains("has expired")));
    assert_eq!(ask_for_space(&mut rig, CLEO, "c2"), Verdict::Forward);
    assert!(held(&rig).iter().all(|lock| lock.has_expired == (lock.peer == ANN)));
    ask_unlock(&mut rig, ANN, "a4", 7);
    assert_eq!(master_reads(&mut rig).last(), Some(&"unlock 7".to_owned()));
    assert_eq!(ask_for_space(&mut rig, ANN, "a5"), Verdict::Forward, "nothing is remembered of it");
}

#[test]
fn before_a_stop_nothing_is_passed_on_and_borrowers_come_to_their_end() {
    let mut rig = rig_with_borrower();
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    rig.quiesce();
    ask_lock(&mut rig, BOB, "b2", "b", true);
    let (_, own) = grants_read(&mut rig, BOB).remove(0);
    ask_unlock(&mut rig, BOB, "b3", own);
    assert!(!rig.has_come_to_rest());
    ask_unlock(&mut rig, BOB, "b4", 7);
    assert!(rig.has_come_to_rest());
    assert_eq!(master_reads(&mut rig), ["unlock 7"]);
    assert!(grants_read(&mut rig, CLEO).is_empty());
}

#[test]
fn a_hub_that_goes_on_knows_who_has_what_and_who_waits() {
    let mut rig = rig_with_borrower();
    ask_lock(&mut rig, BOB, "b2", "b", true);
    let (_, own) = grants_read(&mut rig, BOB).remove(0);
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    ask_lock(&mut rig, ANN, "a3", "a", true);
    rig.succeed();
    ask_lock(&mut rig, BOB, "b3", "b", true);
    let (_, other) = grants_read(&mut rig, BOB).remove(0);
    assert_ne!(own, other);
    for (id, lock) in [("b4", own), ("b5", other), ("b6", 7)] {
        ask_unlock(&mut rig, BOB, id, lock);
    }
    assert_eq!(grants_read(&mut rig, CLEO), [("c1".to_owned(), 7)]);
    ask_unlock(&mut rig, CLEO, "c2", 7);
    assert_eq!(grants_read(&mut rig, ANN).last(), Some(&("a3".to_owned(), 7)));
    ask_unlock(&mut rig, ANN, "a4", 7);
    assert_eq!(master_reads(&mut rig), ["unlock 7"]);
}
