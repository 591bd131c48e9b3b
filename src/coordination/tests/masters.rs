//! Masters that come, go, return and fight.

use super::*;
use crate::coordination::config::DEFAULT_MASTER_WARM_UP_MS;

#[test]
fn a_new_master_gets_what_the_former_left_unanswered() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    assert_eq!(requests_read(&mut rig), ["r1"]);
    rig.lose(MASTER, Loss::Fin);
    assert_eq!(ask_lock(&mut rig, ANN, "r2", "t", true), Verdict::Taken);
    rig.connect(MASTER).unwrap();
    assert_eq!(ask_lock(&mut rig, ANN, "r3", "t", true), Verdict::Taken);
    answer_probe(&mut rig, &[]);
    assert_eq!(requests_read(&mut rig), ["r1", "r2", "r3"]);
    assert_eq!((count(&rig, NoteKind::RequestReplayed), count(&rig, NoteKind::MasterChanged)), (1, 1));
}

#[test]
fn the_same_master_back_does_not_get_a_request_twice() {
    let mut rig = rig_with(&[ANN]);
    let marks = connect_master(&mut rig);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    assert_eq!(requests_read(&mut rig), ["r1"]);
    rig.lose(MASTER, Loss::Reset);
    ask_lock(&mut rig, ANN, "r2", "t", true);
    resume_master(&mut rig, &marks);
    assert_eq!(requests_read(&mut rig), ["r2"]);
    // What it has not answered within the time for a master may have been lost; a late grant belongs to nobody.
    rig.advance(60_000);
    let ids: Vec<_> = rig.read_all(ANN).iter().filter_map(|text| field(text, "id")).collect();
    assert_eq!(ids, ["r1"]);
    assert_eq!(grant(&mut rig, ANN, "r1", 1, "t", true), Verdict::Taken);
    let release = json_of(&rig.read_all(MASTER)[0]);
    assert_eq!((&release["type"], &release["data"]["id"]), (&json!("unlock-request"), &json!(1)));
}

#[test]
fn a_master_that_answers_what_was_asked_before_its_blip_is_the_same() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    rig.lose(MASTER, Loss::Reset);
    rig.connect(MASTER).unwrap();
    assert_eq!(grant(&mut rig, ANN, "r1", 1, "t", true), Verdict::Forward);
    answer_probe(&mut rig, &[]);
    assert_eq!(rig.identified, Some(true));
}

#[test]
fn a_former_master_that_answers_what_the_last_one_had_too_is_not_the_last_one() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    rig.lose(MASTER, Loss::Fin);
    replace_master(&mut rig);
    rig.lose(MASTER, Loss::Fin);
    rig.connect(MASTER).unwrap();
    grant(&mut rig, ANN, "r1", 1, "t", true);
    answer_probe(&mut rig, &[]);
    assert_eq!(rig.identified, Some(false));
}

#[test]
fn a_master_that_does_not_say_who_it_is_counts_as_new() {
    let mut rig = rig_with(&[MASTER, ANN]);
    rig.lose(MASTER, Loss::Fin);
    rig.connect(MASTER).unwrap();
    ask_lock(&mut rig, ANN, "r1", "t", true);
    rig.advance(2_999);
    assert_eq!(rig.identified, None);
    rig.advance(1);
    assert_eq!(rig.identified, Some(false));
}

#[test]
fn a_lost_answer_to_the_question_does_not_make_the_same_master_new() {
    let mut rig = rig();
    let marks = connect_master(&mut rig);
    rig.lose(MASTER, Loss::Reset);
    rig.connect(MASTER).unwrap();
    rig.read_all(MASTER);
    rig.lose(MASTER, Loss::Reset);
    resume_master(&mut rig, &marks[1..]);
}

#[test]
fn a_master_that_blips_twice_before_it_says_who_it_is_gets_all_its_mail() {
    let mut rig = rig_with(&[ANN]);
    let marks = connect_master(&mut rig);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    rig.lose(MASTER, Loss::Reset);
    rig.connect(MASTER).unwrap();
    let event = format!(r#"{{"type":"event","from":"{ANN}","data":{{"path":"a"}}}}"#);
    rig.send(ANN, None, &event);
    rig.lose(MASTER, Loss::Reset);
    rig.connect(MASTER).unwrap();
    let bye = format!(r#"{{"type":"bye","from":"{}"}}"#, marks[1]);
    let probes = rig.read_all(MASTER);
    assert!(probes.iter().all(|text| field(text, "id").as_deref() != Some("r1")), "{probes:?}");
    let question = probes.iter().find(|text| text.contains("unlock-request")).unwrap();
    rig.send(MASTER, None, &bye);
    let id = field(question, "id").unwrap();
    answer(&mut rig, HUB, "unlock-result", &id, json!({"ok": false, "reason": "unknown"}));
    assert_eq!(rig.identified, Some(true));
    let mail = rig.read_all(MASTER);
    assert_eq!(field(&mail[0], "id").as_deref(), Some("r1"), "{mail:?}");
    assert_eq!(mail[1], event);
}

#[test]
fn a_master_that_said_bye_gets_no_more_requests() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    rig.send(MASTER, None, r#"{"type":"bye","from":"[master]"}"#);
    assert_eq!(ask_lock(&mut rig, ANN, "r2", "t", true), Verdict::Taken);
    assert_eq!(answer(&mut rig, ANN, "lock-result", "r1", json!({"ok": false, "reason": "no"})), Verdict::Forward);
    rig.connect(MASTER).unwrap();
    assert_eq!(requests_read(&mut rig), ["r2"]);
}

#[test]
fn a_master_that_says_bye_before_it_says_who_it_is_still_gets_its_mail() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    rig.lose(MASTER, Loss::Fin);
    rig.connect(MASTER).unwrap();
    rig.send(MASTER, None, r#"{"type":"bye","from":"[master]"}"#);
    assert_eq!(rig.identified, Some(false));
    assert_eq!(rig.status().held_requests, 1);
    rig.lose(MASTER, Loss::Fin);
    connect_master(&mut rig);
    assert_eq!(rig.status().delivered_requests, 1);
}

#[test]
fn what_a_master_grants_itself_is_no_lock() {
    let mut rig = rig_with(&[MASTER]);
    assert_eq!(grant(&mut rig, MASTER, "r1", 1, "t", true), Verdict::Taken);
    assert!(rig.locks().is_empty());
    rig.lose(MASTER, Loss::Closed);
    rig.advance(LOCK_TIMEOUT_MS);
    assert!(rig.is_idle());
}

/// Ann's transaction `a` has a lock to write, and the master has one more request of it when it ends, some time later.
fn rig_with_stalled_writer(request: impl FnOnce(&mut Rig), time: u64) -> Rig {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    ask_lock(&mut rig, ANN, "a1", "a", true);
    grant(&mut rig, ANN, "a1", 1, "a", true);
    request(&mut rig);
    rig.read_all(ANN);
    rig.advance(time);
    rig.lose(MASTER, Loss::Closed);
    rig.connect(MASTER).unwrap();
    rig.advance(DEFAULT_MASTER_WARM_UP_MS);
    rig
}

fn ask_for_space(rig: &mut Rig, worker: &str, id: &str) {
    ask(rig, worker, "request", id, json!({"type": "fst.allocate", "records": 1}));
}

/// What a worker reads: the failure of its only answer.
fn failure_read(rig: &mut Rig, worker: &str) -> Option<String> {
    let texts = rig.read_all(worker);
    let answer = texts.iter().find(|text| field(text, "id").is_some())?;
    field(answer, "reason")
}

#[test]
fn the_next_master_does_not_let_a_transaction_go_on_whose_lock_has_expired() {
    let for_lock = |rig: &mut Rig| {
        ask_lock(rig, ANN, "a2", "a", true);
    };
    let requests: [fn(&mut Rig); 2] = [|rig| ask_for_space(rig, ANN, "a2"), for_lock];
    for request in requests {
        let mut rig = rig_with_stalled_writer(request, LOCK_TIMEOUT_MS);
        assert!(!requests_read(&mut rig).contains(&"a2".to_owned()));
        assert!(failure_read(&mut rig, ANN).unwrap().contains("has expired"));
        // In time it goes on.
        let mut rig = rig_with_stalled_writer(request, LOCK_TIMEOUT_MS - DEFAULT_MASTER_WARM_UP_MS - 1);
        assert_eq!(requests_read(&mut rig), ["a2"]);
        assert_eq!(failure_read(&mut rig, ANN), None);
    }
}

#[test]
fn a_transaction_that_has_outlived_its_lock_gets_no_other_until_it_has_returned_that() {
    for (before, after) in [(LOCK_TIMEOUT_MS, 0), (0, LOCK_TIMEOUT_MS)] {
        let mut rig = rig_with_stalled_writer(|_| (), before);
        rig.advance(after);
        assert_eq!(ask_lock(&mut rig, ANN, "a2", "a", true), Verdict::Taken);
        assert!(failure_read(&mut rig, ANN).unwrap().contains("has expired"));
        assert_eq!(ask_lock(&mut rig, BOB, "b1", "b", true), Verdict::Forward);
        ask_unlock(&mut rig, ANN, "a3", 1);
        assert!(rig.locks().iter().all(|lock| lock.peer != ANN));
        assert_eq!(ask_lock(&mut rig, ANN, "a4", "a", false), Verdict::Forward, "nothing is remembered of it");
    }
}

#[test]
fn what_another_transaction_of_the_same_worker_has_outlived_keeps_nobody_from_space() {
    let mut rig = rig_with_stalled_writer(|_| (), LOCK_TIMEOUT_MS);
    ask_lock(&mut rig, ANN, "b1", "b", true);
    grant(&mut rig, ANN, "b1", 1, "b", true);
    ask_for_space(&mut rig, ANN, "b2");
    rig.lose(MASTER, Loss::Closed);
    rig.connect(MASTER).unwrap();
    rig.advance(DEFAULT_MASTER_WARM_UP_MS);
    assert_eq!(requests_read(&mut rig), ["b2"]);
}
