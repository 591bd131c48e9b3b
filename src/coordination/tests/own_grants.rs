//! What a master is told of the locks of former ones, because it gives itself locks.

use super::*;

const LIFE: &str = "lifeOfMaster0000000000";
const NEXT: &str = "lifeOfNext000000000000";

/// Ann has a lock of a master with the extension that is gone.
fn with_fenced_lock(write: bool) -> Rig {
    let mut rig = rig_with(&[ANN]);
    rig.connect_reliably(MASTER, LIFE);
    rig.advance(CoordinationConfig::default().master_warm_up);
    ask_lock(&mut rig, ANN, "r1", "t", write);
    let expires = EPOCH_MS + rig.now() + LOCK_TIMEOUT_MS;
    let data = json!({"id": 1, "path": "a/b", "tid": "t", "write": write, "expires": expires});
    let answer = json!({"type": "lock-result", "id": "r1", "from": MASTER, "to": ANN, "ok": true, "data": data});
    rig.send_frame(MASTER, &format!("#1 to:{ANN};{answer}"));
    rig.lose(MASTER, Loss::Shutdown);
    rig.advance(CoordinationConfig::default().resume_window);
    assert_eq!(rig.locks()[0].state, LockState::Fenced);
    rig
}

/// What the master is told now of what it must not give itself.
fn told(rig: &mut Rig) -> Vec<String> {
    let frames = rig.read_all(MASTER);
    frames.iter().filter_map(|frame| frame.strip_prefix("# fence:")).map(str::to_owned).collect()
}

#[test]
fn a_master_is_told_first_of_all_what_it_must_not_give_itself() {
    for (write, word) in [(true, "all"), (false, "writing")] {
        let mut rig = with_fenced_lock(write);
        rig.connect_reliably(MASTER, NEXT);
        assert_eq!(told(&mut rig), [word]);
        ask_unlock(&mut rig, ANN, "u1", 1);
        assert_eq!(told(&mut rig), ["none"]);
    }
}

#[test]
fn a_master_is_told_when_the_lock_of_a_former_one_has_ended() {
    let mut rig = with_fenced_lock(true);
    rig.connect_reliably(MASTER, NEXT);
    rig.advance(LOCK_TIMEOUT_MS);
    assert_eq!(told(&mut rig), ["all", "none"]);
}

#[test]
fn where_there_is_no_lock_the_first_master_is_told_so() {
    let mut rig = rig();
    rig.connect_reliably(MASTER, LIFE);
    assert_eq!(told(&mut rig), ["none"]);
}

#[test]
fn a_master_is_told_of_a_lock_of_which_only_its_worker_knows() {
    let mut rig = rig();
    rig.connect_reliably(MASTER, NEXT);
    rig.connect_reliably(ANN, "lifeOfAnn0000000000000");
    let lock = json!({"id": 1, "tid": "t", "path": "a/b", "write": true, "left": LOCK_TIMEOUT_MS, "by": LIFE});
    rig.send_frame(ANN, &format!("~{}", json!({ "locks": [lock] })));
    assert_eq!(told(&mut rig), ["none", "all"]);
}

#[test]
fn a_hub_that_goes_on_says_it_only_when_it_changes() {
    let mut rig = with_fenced_lock(true);
    rig.connect_reliably(MASTER, NEXT);
    rig.succeed();
    assert_eq!(told(&mut rig), ["all"]);
    rig.survive();
    ask_unlock(&mut rig, ANN, "u1", 1);
    assert_eq!(told(&mut rig), ["none"]);
}
