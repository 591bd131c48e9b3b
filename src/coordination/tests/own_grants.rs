//! What a master is told of the locks of former ones, because it gives itself locks; or what is requested of it, where
//! it cannot be told.

use super::*;

const LIFE: &str = "lifeOfMaster0000000000";
const NEXT: &str = "lifeOfNext000000000000";

/// Ann has a lock of a master with the extension that is gone.
fn with_fenced_lock(write: bool) -> Rig {
    let mut rig = rig_with(&[ANN]);
    rig.connect_newly(MASTER, LIFE);
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
        rig.connect_newly(MASTER, NEXT);
        assert_eq!(told(&mut rig), [word]);
        ask_unlock(&mut rig, ANN, "u1", 1);
        assert_eq!(told(&mut rig), ["none"]);
    }
}

#[test]
fn a_master_is_told_when_the_lock_of_a_former_one_has_ended() {
    let mut rig = with_fenced_lock(true);
    rig.connect_newly(MASTER, NEXT);
    rig.advance(LOCK_TIMEOUT_MS);
    assert_eq!(told(&mut rig), ["all", "none"]);
}

#[test]
fn where_there_is_no_lock_the_first_master_is_told_so() {
    let mut rig = rig();
    rig.connect_newly(MASTER, LIFE);
    assert_eq!(told(&mut rig), ["none"]);
}

#[test]
fn a_master_is_told_of_a_lock_of_which_only_its_worker_knows() {
    let mut rig = rig();
    rig.connect_newly(MASTER, NEXT);
    rig.connect_reliably(ANN, "lifeOfAnn0000000000000");
    let lock = json!({"id": 1, "tid": "t", "path": "a/b", "write": true, "left": LOCK_TIMEOUT_MS, "by": LIFE});
    rig.send_frame(ANN, &format!("~{}", json!({ "locks": [lock] })));
    assert_eq!(told(&mut rig), ["none", "all"]);
}

#[test]
fn a_hub_that_goes_on_says_it_only_when_it_changes() {
    let mut rig = with_fenced_lock(true);
    rig.connect_newly(MASTER, NEXT);
    rig.succeed();
    assert_eq!(told(&mut rig), ["all"]);
    rig.survive();
    ask_unlock(&mut rig, ANN, "u1", 1);
    assert_eq!(told(&mut rig), ["none"]);
}

/// Ann has a lock of a published master; there is another one.
fn with_published(write: bool) -> Rig {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", write);
    grant(&mut rig, ANN, "r1", 1, "t", write);
    replace_master_unread(&mut rig);
    rig
}

/// The process that takes the master's place has read nothing yet.
fn replace_master_unread(rig: &mut Rig) {
    rig.lose(MASTER, Loss::Fin);
    rig.advance(CoordinationConfig::default().resume_window);
    rig.connect(MASTER).unwrap();
}

/// What the hub requests of the master now: the kinds of its requests, their ids, and what they say.
fn requested(rig: &mut Rig) -> Vec<(String, String, Value)> {
    let texts = rig.read_all(MASTER);
    let own = texts.iter().filter(|text| field(text, "from").is_some_and(|from| from == HUB));
    own.map(|text| (field(text, "type").unwrap(), field(text, "id").unwrap(), json_of(text)["data"].clone())).collect()
}

#[test]
fn of_a_published_master_a_lock_is_requested_that_stands_for_one_of_a_former_master() {
    for write in [true, false] {
        let mut rig = with_published(write);
        let requests = requested(&mut rig);
        let [(kind, id, data)] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!((&**kind, &data["tid"], &data["write"]), ("lock-request", &json!("t"), &json!(write)));
        assert_eq!(grant(&mut rig, HUB, id, 4, "t", write), Verdict::Taken);
        assert!(requested(&mut rig).is_empty());
        ask_unlock(&mut rig, ANN, "u1", 1);
        let returned = requested(&mut rig);
        assert_eq!(returned.len(), 1);
        assert_eq!((&*returned[0].0, &returned[0].2), ("unlock-request", &json!({"id": 4})));
    }
}

#[test]
fn a_lock_that_is_granted_when_it_stands_for_nothing_any_more_is_returned() {
    let mut rig = with_published(true);
    let id = requested(&mut rig)[0].1.clone();
    ask_unlock(&mut rig, ANN, "u1", 1);
    assert!(requested(&mut rig).is_empty());
    grant(&mut rig, HUB, &id, 4, "t", true);
    assert_eq!(requested(&mut rig)[0].2, json!({"id": 4}));
}

#[test]
fn the_next_master_is_requested_the_same_and_one_that_refuses_is_not_asked_again() {
    let mut rig = with_published(true);
    let id = requested(&mut rig)[0].1.clone();
    answer(&mut rig, HUB, "lock-result", &id, json!({"ok": false, "reason": "exiting"}));
    rig.advance(1_000);
    assert!(requested(&mut rig).is_empty());
    replace_master_unread(&mut rig);
    assert_eq!(requested(&mut rig).len(), 1);
}

#[test]
fn a_published_master_that_is_back_is_requested_again_what_may_be_lost() {
    let mut rig = rig_with(&[ANN]);
    connect_master(&mut rig);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.lose(MASTER, Loss::Fin);
    rig.advance(CoordinationConfig::default().resume_window);
    let marks = connect_master(&mut rig);
    rig.lose(MASTER, Loss::Reset);
    resume_master(&mut rig, &marks);
    assert_eq!(requested(&mut rig).len(), 1);
}
