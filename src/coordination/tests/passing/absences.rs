//! Passing locks on while a worker or the master is away.

use super::*;

#[test]
fn a_worker_that_is_away_is_passed_by() {
    let mut rig = rig_with_writer();
    ask_lock(&mut rig, BOB, "b1", "b", true);
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    rig.lose(BOB, Loss::Reset);
    ask_unlock(&mut rig, ANN, "a2", 7);
    assert_eq!(grants_read(&mut rig, CLEO), [("c1".to_owned(), 7)]);
    rig.connect(BOB).unwrap();
    ask_unlock(&mut rig, CLEO, "c2", 7);
    assert_eq!(grants_read(&mut rig, BOB), [("b1".to_owned(), 7)]);
}

#[test]
fn nothing_is_passed_on_while_the_master_is_away() {
    let mut rig = rig_with_borrower();
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    rig.lose(MASTER, Loss::Reset);
    ask_unlock(&mut rig, BOB, "b2", 7);
    assert!(grants_read(&mut rig, CLEO).is_empty());
}

#[test]
fn a_master_that_comes_back_gets_the_lock_that_was_returned_meanwhile() {
    let mut rig = later_rig_with(CoordinationConfig::default());
    rig.lose(MASTER, Loss::Closed);
    let marks = connect_master(&mut rig);
    ann_writes(&mut rig);
    ask_lock(&mut rig, BOB, "b1", "b", true);
    ask_unlock(&mut rig, ANN, "a2", 7);
    rig.lose(MASTER, Loss::Reset);
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    ask_unlock(&mut rig, BOB, "b2", 7);
    assert!(grants_read(&mut rig, CLEO).is_empty());
    resume_master(&mut rig, &marks);
    let read = master_reads(&mut rig);
    assert!(read.ends_with(&["unlock 7".to_owned(), "c1".to_owned()]), "{read:?}");
}

/// The master's connection was lost and is back, and Ann's request was with it.
fn rig_with_doubt() -> Rig {
    let mut rig = later_rig();
    rig.lose(MASTER, Loss::Closed);
    let marks = connect_master(&mut rig);
    rig.advance(5_000);
    assert_eq!(ask_lock(&mut rig, ANN, "a1", "a", true), Verdict::Forward);
    assert_eq!(ask_lock(&mut rig, BOB, "b1", "b", true), Verdict::Taken);
    assert_eq!(master_reads(&mut rig).last().unwrap(), "a1");
    rig.lose(MASTER, Loss::Reset);
    resume_master(&mut rig, &marks);
    rig
}

#[test]
fn nobody_waits_in_line_behind_what_the_master_may_have_lost() {
    let mut rig = rig_with_doubt();
    assert_eq!(master_reads(&mut rig), ["b1"]);
    assert_eq!(ask_lock(&mut rig, CLEO, "c1", "c", true), Verdict::Taken, "behind b1, which the master has");
    grant(&mut rig, BOB, "b1", 8, "b", true);
    ask_unlock(&mut rig, BOB, "b2", 8);
    assert_eq!(master_reads(&mut rig), ["unlock 8", "c1"], "passed on it would overtake a1, should the master have it");
    grant(&mut rig, ANN, "a1", 9, "a", true);
    assert_eq!(grants_read(&mut rig, ANN), [("a1".to_owned(), 9)]);
}

#[test]
fn the_next_hub_knows_what_the_master_may_have_lost() {
    let mut rig = rig_with_doubt();
    grant(&mut rig, BOB, "b1", 8, "b", true);
    ask_unlock(&mut rig, BOB, "b2", 8);
    rig.succeed();
    assert_eq!(ask_lock(&mut rig, CLEO, "c1", "c", true), Verdict::Forward);
}

#[test]
fn what_a_former_master_may_have_lost_the_next_one_has() {
    let mut rig = rig_with_doubt();
    rig.lose(MASTER, Loss::Closed);
    connect_master(&mut rig);
    rig.succeed();
    assert_eq!(ask_lock(&mut rig, CLEO, "c1", "c", true), Verdict::Taken);
}
