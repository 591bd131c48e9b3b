//! What is told of who waits for whom, and since when.

use super::*;
use crate::acebase::MasterState;

#[test]
fn the_oldest_wait_and_the_lock_in_its_way_are_told() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    rig.advance(1_000);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.advance(2_000);
    // A lock of the same transaction is in nobody's way.
    ask_lock(&mut rig, ANN, "r2", "t", true);
    let strain = rig.strain();
    assert_eq!((strain.longest_hold, strain.blocker), (Some(1_000), None));
    grant(&mut rig, ANN, "r2", 2, "t", true);
    ask_lock(&mut rig, BOB, "r3", "u", true);
    rig.advance(5_000);
    ask_lock(&mut rig, BOB, "r4", "u", true);
    let strain = rig.strain();
    assert_eq!(strain.oldest_wait.map(|wait| (wait.peer, wait.since)), Some((BOB.to_owned(), 3_000)));
    assert_eq!(strain.blocker.map(|hold| (hold.lock.peer, hold.granted)), Some((ANN.to_owned(), 1_000)));
    assert_eq!((strain.oldest_request, strain.answered, strain.fill.count), (Some(3_000), Some(3_000), 4));
}

#[test]
fn it_is_told_since_when_there_is_no_master() {
    let mut rig = rig_with(&[ANN]);
    assert_eq!((rig.strain().master, rig.strain().any_acebase), (MasterState::Absent, true));
    rig.advance(1_000);
    connect(&mut rig, &[MASTER]);
    assert_eq!((rig.strain().master, rig.strain().master_since), (MasterState::Present, 1_000));
    rig.advance(1_000);
    rig.lose(MASTER, Loss::Reset);
    assert_eq!((rig.strain().master, rig.strain().master_since), (MasterState::Away, 2_000));
    rig.advance(60_000);
    assert_eq!((rig.strain().master, rig.strain().master_since), (MasterState::Absent, 2_000));
}
