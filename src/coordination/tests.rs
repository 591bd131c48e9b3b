//! The promises of this layer, one by one, as peers see them.

use serde_json::{Value, json};

use super::{
    CoordinationConfig,
    message::MASTER,
    rig::{EPOCH_MS, Rig},
};
use crate::hub::coordinator::{Address, Coordinator, LockState, Loss, NoteKind, Verdict};

/// Ids of the form that acebase-core generates.
const ANN: &str = "ann000000000000000000000";
const BOB: &str = "bob000000000000000000000";

const LOCK_TIMEOUT_MS: u64 = 120_000;

fn rig() -> Rig {
    Rig::new(CoordinationConfig::default())
}

/// A rig with these peers, who have read what came of their joining.
fn rig_with(peers: &[&str]) -> Rig {
    let mut rig = rig();
    connect(&mut rig, peers);
    rig
}

fn connect(rig: &mut Rig, peers: &[&str]) {
    peers.iter().for_each(|peer| rig.connect(peer).unwrap());
    peers.iter().for_each(|peer| drop(rig.read_all(peer)));
}

fn ask(rig: &mut Rig, worker: &str, kind: &str, id: &str, data: Value) -> Verdict {
    let data = data.to_string();
    let text = format!(r#"{{"type":"{kind}","id":"{id}","from":"{worker}","to":"[master]","data":{data}}}"#);
    rig.send(worker, Some(MASTER), &text)
}

fn ask_lock(rig: &mut Rig, worker: &str, id: &str, tid: &str, write: bool) -> Verdict {
    ask(rig, worker, "lock-request", id, json!({"path": "a/b", "tid": tid, "write": write, "comment": "test"}))
}

fn ask_unlock(rig: &mut Rig, worker: &str, id: &str, lock: u64) -> Verdict {
    ask(rig, worker, "unlock-request", id, json!({"id": lock}))
}

fn answer(rig: &mut Rig, to: &str, kind: &str, id: &str, rest: Value) -> Verdict {
    let rest = rest.to_string();
    let text = format!(r#"{{"type":"{kind}","id":"{id}","from":"[master]","to":"{to}",{}"#, &rest[1..]);
    rig.send(MASTER, Some(to), &text)
}

fn grant(rig: &mut Rig, to: &str, id: &str, lock: u64, tid: &str, write: bool) -> Verdict {
    let expires = EPOCH_MS + rig.now + LOCK_TIMEOUT_MS;
    let data = json!({"id": lock, "path": "a/b", "tid": tid, "write": write, "expires": expires, "comment": "test"});
    answer(rig, to, "lock-result", id, json!({"ok": true, "data": data}))
}

/// The ids of the requests among what the master reads now.
fn requests_read(rig: &mut Rig) -> Vec<String> {
    let texts = rig.read_all(MASTER);
    texts.iter().filter_map(|text| field(text, "id")).collect()
}

fn field(text: &str, name: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some(value.get(name)?.as_str()?.to_owned())
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The master process answers the question who it is, as the published client does.
fn answer_probe(rig: &mut Rig, known_marks: &[String]) {
    for text in rig.read_all(MASTER) {
        if let Some(gone) = text.strip_prefix("disconnect:").filter(|gone| known_marks.iter().any(|mark| mark == gone))
        {
            let verdict = rig.send(MASTER, None, &format!(r#"{{"type":"bye","from":"{gone}"}}"#));
            assert_eq!(verdict, Verdict::Taken);
        }
        if field(&text, "type").is_some_and(|kind| kind == "unlock-request") {
            let id = field(&text, "id").unwrap();
            let to = field(&text, "from").unwrap();
            let verdict = answer(rig, &to, "unlock-result", &id, json!({"ok": false, "reason": "unknown"}));
            assert_eq!(verdict, Verdict::Taken);
        }
    }
}

/// Connects a master and returns the marks that it was given.
fn connect_master(rig: &mut Rig) -> Vec<String> {
    rig.connect(MASTER).unwrap();
    let hellos = rig.read_all(MASTER);
    let marks = hellos.iter().filter(|text| field(text, "to").is_some()).filter_map(|text| field(text, "from"));
    marks.collect()
}

fn replace_master(rig: &mut Rig) {
    rig.connect(MASTER).unwrap();
    answer_probe(rig, &[]);
    assert_eq!(rig.identified.take(), Some(false));
}

fn resume_master(rig: &mut Rig, marks: &[String]) {
    rig.connect(MASTER).unwrap();
    answer_probe(rig, marks);
    assert_eq!(rig.identified.take(), Some(true));
}

fn count(rig: &Rig, kind: NoteKind) -> usize {
    rig.notes.iter().filter(|note| note.kind == kind).count()
}

#[test]
fn acebase_peers_are_introduced_to_each_other_and_plain_ones_are_not() {
    let mut rig = rig();
    for peer in [ANN, "plain", BOB] {
        rig.connect(peer).unwrap();
    }
    assert_eq!(rig.read_all(ANN), [format!(r#"{{"type":"hello","from":"{BOB}"}}"#)]);
    assert_eq!(rig.read_all(BOB), [format!(r#"{{"type":"hello","from":"{ANN}"}}"#)]);
    assert!(rig.read_all("plain").is_empty());
    assert_eq!(count(&rig, NoteKind::Introduced), 1);
}

#[test]
fn a_peer_with_an_id_of_its_own_is_known_by_its_first_acebase_message() {
    let mut rig = rig_with(&[ANN, "own-id"]);
    rig.send("own-id", None, r#"{"type":"event","from":"somebody else"}"#);
    assert_eq!(rig.read_all(ANN), [r#"{"type":"event","from":"somebody else"}"#]);
    rig.send("own-id", None, r#"{"type":"subscribe","from":"own-id","data":{}}"#);
    let read = [r#"{"type":"hello","from":"own-id"}"#, r#"{"type":"subscribe","from":"own-id","data":{}}"#];
    assert_eq!(rig.read_all(ANN), read);
    rig.send("own-id", None, r#"{"type":"subscribe","from":"own-id","data":{}}"#);
    assert_eq!(rig.read_all(ANN), read[1..]);
}

#[test]
fn introductions_come_before_the_reply_to_a_first_request() {
    let mut rig = rig_with(&[MASTER]);
    rig.connect(ANN).unwrap();
    ask_lock(&mut rig, ANN, "r", "t", true);
    grant(&mut rig, ANN, "r", 1, "t", true);
    let kinds: Vec<_> = rig.read_all(ANN).iter().filter_map(|text| field(text, "type")).collect();
    assert_eq!(kinds, ["hello", "lock-result"]);
}

#[test]
fn who_said_bye_is_introduced_again_only_when_it_takes_part_again() {
    let mut rig = rig_with(&[ANN]);
    assert_eq!(rig.send(ANN, None, &format!(r#"{{"type":"bye","from":"{ANN}"}}"#)), Verdict::Forward);
    rig.send(ANN, None, &format!(r#"{{"type":"notification","from":"{ANN}"}}"#));
    connect(&mut rig, &[BOB]);
    assert!(rig.read_all(ANN).is_empty());
    rig.send(ANN, None, &format!(r#"{{"type":"subscribe","from":"{ANN}","data":{{}}}}"#));
    assert_eq!(rig.read_all(ANN), [format!(r#"{{"type":"hello","from":"{BOB}"}}"#)]);
}

#[test]
fn farewells_on_behalf_of_others_are_swallowed_where_the_hub_tells_everyone() {
    let echo = format!(r#"{{"type":"bye","from":"{BOB}"}}"#);
    assert_eq!(rig_with(&[ANN]).send(ANN, None, &echo), Verdict::Taken);
    let mut rig = Rig::new(CoordinationConfig { introductions: false, ..Default::default() });
    connect(&mut rig, &[ANN, BOB]);
    assert_eq!(rig.send(ANN, None, &echo), Verdict::Forward);
    assert_eq!(rig.read_all(BOB), [echo]);
}

#[test]
fn a_blip_is_seen_by_nobody_and_loses_nothing() {
    let mut rig = rig_with(&[ANN, BOB, "plain"]);
    rig.lose(ANN, Loss::Reset);
    rig.send(BOB, Some(ANN), "in the meantime");
    rig.advance(4_999);
    rig.connect(ANN).unwrap();
    assert_eq!(rig.read_all(ANN), ["in the meantime".to_owned(), format!(r#"{{"type":"hello","from":"{BOB}"}}"#)]);
    assert_eq!(json_of(&rig.read_all(BOB)[0])["data"]["type"], "cache.invalidate");
    assert!(rig.read_all("plain").is_empty());
    assert_eq!((count(&rig, NoteKind::SessionKept), count(&rig, NoteKind::SessionResumed)), (1, 1));
}

#[test]
fn a_session_ends_with_its_window_or_a_farewell() {
    let mut rig = rig_with(&[ANN, BOB]);
    rig.lose(ANN, Loss::Fin);
    assert_eq!(rig.coordinator.status().kept_sessions, 1);
    rig.advance(5_000);
    assert_eq!(rig.read_all(BOB), [format!("disconnect:{ANN}")]);

    connect(&mut rig, &[ANN]);
    rig.send(ANN, None, &format!(r#"{{"type":"bye","from":"{ANN}"}}"#));
    rig.lose(ANN, Loss::Fin);
    assert!(!rig.has_session(ANN) && rig.coordinator.is_idle());
}

#[test]
fn a_half_open_connection_is_taken_over_by_its_own_peer() {
    let mut rig = rig_with(&[ANN, BOB]);
    rig.connect(ANN).unwrap();
    assert!(rig.read_all(BOB).iter().all(|text| text.starts_with('{')));
}

#[test]
fn an_answer_that_a_worker_missed_waits_for_it() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    ask_lock(&mut rig, ANN, "r2", "t", true);
    rig.lose(ANN, Loss::Fin);
    assert_eq!(grant(&mut rig, ANN, "r1", 1, "t", true), Verdict::Forward);
    rig.advance(5_000);
    assert_eq!(grant(&mut rig, ANN, "r2", 2, "t", true), Verdict::Taken);
    rig.advance(4_999);
    rig.connect(ANN).unwrap();
    let ids: Vec<_> = rig.read_all(ANN).iter().filter_map(|text| field(text, "id")).collect();
    assert_eq!(ids, ["r1", "r2"]);
    rig.advance(60_000);
    assert_eq!(rig.coordinator.locks().len(), 2);
}

#[test]
fn requests_wait_in_order_for_a_master() {
    let mut rig = rig_with(&[ANN, BOB]);
    assert_eq!(ask_lock(&mut rig, ANN, "r1", "t", true), Verdict::Taken);
    ask(&mut rig, BOB, "request", "r2", json!({"type": "fst.allocate"}));
    ask_lock(&mut rig, ANN, "r3", "t", true);
    assert_eq!(rig.coordinator.status().held_requests, 3);
    rig.advance(59_999);
    rig.connect(MASTER).unwrap();
    assert_eq!(requests_read(&mut rig), ["r1", "r2", "r3"]);
    assert_eq!(ask_unlock(&mut rig, ANN, "r4", 9), Verdict::Forward);
}

#[test]
fn what_no_master_answers_in_time_fails_in_the_way_its_client_can_bear() {
    let mut rig = rig_with(&[ANN]);
    ask_lock(&mut rig, ANN, "lock", "t", true);
    ask_unlock(&mut rig, ANN, "unlock", 7);
    ask(&mut rig, ANN, "request", "fst", json!({"type": "fst.allocate"}));
    ask(&mut rig, ANN, "request", "kit", json!({"type": "kit.add", "key": "name"}));
    rig.advance(60_000);
    let answers: Vec<Value> = rig.read_all(ANN).iter().map(|text| json_of(text)).collect();
    assert_eq!(answers[0]["reason"], "No AceBase master answered within 60 s (acebase-ipc-server)");
    assert_eq!((&answers[0]["type"], &answers[0]["ok"]), (&json!("lock-result"), &json!(false)));
    assert_eq!((&answers[1]["type"], &answers[1]["ok"]), (&json!("unlock-result"), &json!(true)));
    assert_eq!((&answers[2]["type"], &answers[2]["ok"]), (&json!("result"), &json!(false)));
    assert_eq!((&answers[3]["ok"], &answers[3]["data"]["ok"]), (&json!(true), &json!(false)));
    assert!(rig.coordinator.is_idle());
}

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
fn a_release_whose_answer_was_lost_in_a_blip_is_made_sure_of() {
    let mut rig = rig_with(&[ANN]);
    let marks = connect_master(&mut rig);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    ask_unlock(&mut rig, ANN, "r2", 1);
    rig.read_all(MASTER);
    rig.lose(MASTER, Loss::Reset);
    resume_master(&mut rig, &marks);
    rig.read_all(ANN);
    answer_probe(&mut rig, &[]);
    let answer = json_of(&rig.read_all(ANN)[0]);
    assert_eq!((&answer["type"], &answer["id"], &answer["ok"]), (&json!("unlock-result"), &json!("r2"), &json!(true)));
    assert!(rig.coordinator.is_idle());
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
fn late_answers_of_a_former_master_are_swallowed() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    rig.lose(MASTER, Loss::Fin);
    replace_master(&mut rig);
    assert_eq!(grant(&mut rig, ANN, "r1", 1, "t", true), Verdict::Forward);
    assert_eq!(grant(&mut rig, ANN, "r1", 2, "t", true), Verdict::Taken);
    assert!(rig.read_all(MASTER).iter().any(|text| text.ends_with(r#""data":{"id":2}}"#)));
    assert_eq!(rig.coordinator.locks().len(), 1);
}

#[test]
fn an_answer_to_a_request_of_a_former_run_of_the_hub_reaches_its_worker() {
    let mut rig = rig_with(&[MASTER, ANN]);
    assert_eq!(grant(&mut rig, ANN, "of the former run", 5, "t", true), Verdict::Forward);
    assert_eq!(rig.coordinator.locks()[0].id, Some(5));
    // Its worker has not connected again yet.
    assert_eq!(grant(&mut rig, BOB, "of the former run", 6, "u", false), Verdict::Taken);
    rig.connect(BOB).unwrap();
    assert_eq!(field(rig.read_all(BOB).last().unwrap(), "id").unwrap(), "of the former run");
}

#[test]
fn a_request_past_the_bounds_is_answered_at_once_but_releases_pass() {
    let mut rig = Rig::new(CoordinationConfig { max_requests: 1, ..Default::default() });
    connect(&mut rig, &[MASTER, ANN]);
    assert_eq!(ask_lock(&mut rig, ANN, "r1", "t", true), Verdict::Forward);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.read_all(ANN);
    assert_eq!(ask_lock(&mut rig, ANN, "r2", "t", true), Verdict::Taken);
    assert_eq!(json_of(&rig.read_all(ANN)[0])["ok"], false);
    assert_eq!(ask_unlock(&mut rig, ANN, "r3", 1), Verdict::Forward);
}

#[test]
fn the_same_request_twice_is_taken_once() {
    let mut rig = rig_with(&[MASTER, ANN]);
    assert_eq!(ask_lock(&mut rig, ANN, "r1", "t", true), Verdict::Forward);
    assert_eq!(ask_lock(&mut rig, ANN, "r1", "t", true), Verdict::Taken);
}

#[test]
fn the_lock_table_follows_grant_move_and_release() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    let lock = &rig.coordinator.locks()[0];
    assert_eq!((lock.state, lock.path.as_str(), lock.write), (LockState::Waiting, "a/b", true));
    rig.advance(5);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    let lock = &rig.coordinator.locks()[0];
    assert_eq!((lock.state, lock.id, lock.since, lock.peer.as_str()), (LockState::Held, Some(1), 5, ANN));
    assert_eq!(lock.expires, Some(EPOCH_MS + 5 + LOCK_TIMEOUT_MS));

    ask(&mut rig, ANN, "move-lock-request", "r2", json!({"id": 1, "move_to": "parent"}));
    let data = json!({"id": 4, "path": "a", "tid": "t", "write": true});
    answer(&mut rig, ANN, "lock-result", "r2", json!({"ok": true, "data": data}));
    let locks = rig.coordinator.locks();
    assert_eq!((locks.len(), locks[0].id, locks[0].path.as_str()), (1, Some(4), "a"));

    ask_unlock(&mut rig, ANN, "r3", 4);
    assert_eq!(rig.coordinator.locks().len(), 1);
    answer(&mut rig, ANN, "unlock-result", "r3", json!({"ok": true, "data": {"id": 4}}));
    assert!(rig.coordinator.locks().is_empty() && rig.coordinator.is_idle());
}

#[test]
fn a_move_that_fails_leaves_no_lock_behind() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    ask(&mut rig, ANN, "move-lock-request", "r2", json!({"id": 1, "move_to": "parent"}));
    rig.read_all(MASTER);
    answer(&mut rig, ANN, "lock-result", "r2", json!({"ok": false, "reason": "no"}));
    assert!(rig.coordinator.locks().is_empty());
    assert!(rig.read_all(MASTER)[0].ends_with(r#""data":{"id":1}}"#));
}

/// Ann holds the write lock 1, and has asked for another; then her process ends.
fn with_orphans(loss: Loss) -> Rig {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    ask_lock(&mut rig, ANN, "r2", "u", true);
    ask_lock(&mut rig, BOB, "r3", "v", true);
    rig.read_all(MASTER);
    rig.lose(ANN, loss);
    rig
}

#[test]
fn locks_of_a_dead_worker_are_released() {
    for loss in [Loss::Fin, Loss::Reset, Loss::Closed] {
        let mut rig = with_orphans(loss);
        rig.advance(9_999);
        assert!(!rig.read_all(MASTER).iter().any(|text| text.contains("unlock-request")));
        rig.advance(1);
        let release = json_of(&rig.read_all(MASTER)[0]);
        assert_eq!((&release["type"], &release["data"]["id"]), (&json!("unlock-request"), &json!(1)), "{loss:?}");
        let (to, id) = (release["from"].as_str().unwrap(), release["id"].as_str().unwrap());
        let data = json!({"ok": true, "data": {"id": 1}});
        assert_eq!(answer(&mut rig, to, "unlock-result", id, data), Verdict::Taken);
        // What she had still queued is granted too late, and released.
        assert_eq!(grant(&mut rig, ANN, "r2", 2, "u", true), Verdict::Taken);
        assert!(rig.read_all(MASTER)[0].ends_with(r#""data":{"id":2}}"#));
        assert_eq!(count(&rig, NoteKind::LockReleased), 1);
        assert!(rig.coordinator.locks().iter().all(|lock| lock.peer == BOB));
    }
}

#[test]
fn locks_of_a_worker_that_is_cut_off_are_left_to_their_timeout() {
    let mut rig = with_orphans(Loss::Unreachable);
    rig.advance(60_000);
    assert!(!rig.read_all(MASTER).iter().any(|text| text.contains("unlock-request")));
    assert_eq!(grant(&mut rig, ANN, "r2", 2, "u", true), Verdict::Taken);
    assert!(rig.read_all(MASTER)[0].ends_with(r#""data":{"id":2}}"#));
    rig.advance(LOCK_TIMEOUT_MS);
    assert!(rig.coordinator.locks().iter().all(|lock| lock.peer == BOB));
}

#[test]
fn locks_of_a_worker_that_returns_in_time_stay_its_own() {
    let mut rig = with_orphans(Loss::Fin);
    rig.advance(9_000);
    rig.connect(ANN).unwrap();
    rig.advance(60_000);
    assert!(!rig.read_all(MASTER).iter().any(|text| text.contains("unlock-request")));
    assert_eq!(grant(&mut rig, ANN, "r2", 2, "u", true), Verdict::Forward);
}

#[test]
fn releasing_can_be_switched_off() {
    let mut rig = Rig::new(CoordinationConfig { release_locks_after: 0, ..Default::default() });
    connect(&mut rig, &[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.lose(ANN, Loss::Fin);
    rig.advance(60_000);
    assert_eq!((rig.coordinator.locks().len(), count(&rig, NoteKind::LockReleased)), (1, 0));
    rig.advance(LOCK_TIMEOUT_MS);
    assert!(rig.coordinator.is_idle());
}

#[test]
fn a_new_master_waits_for_the_locks_of_the_former() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.lose(MASTER, Loss::Fin);
    replace_master(&mut rig);
    rig.read_all(MASTER);
    assert_eq!(rig.coordinator.locks()[0].state, LockState::Fenced);
    assert_eq!(ask_lock(&mut rig, BOB, "r2", "u", false), Verdict::Taken);
    assert_eq!(ask_lock(&mut rig, ANN, "r3", "t", false), Verdict::Forward);
    rig.advance(100_000);
    rig.read_all(ANN);
    rig.read_all(MASTER);

    assert_eq!(ask(&mut rig, ANN, "move-lock-request", "r4", json!({"id": 1, "move_to": "parent"})), Verdict::Taken);
    let moved = json_of(&rig.read_all(ANN)[0]);
    assert_eq!((&moved["ok"], &moved["data"]["id"], &moved["data"]["path"]), (&json!(true), &json!(1), &json!("a")));
    assert!(requests_read(&mut rig).is_empty());

    assert_eq!(ask_unlock(&mut rig, ANN, "r5", 1), Verdict::Taken);
    assert_eq!(json_of(&rig.read_all(ANN)[0])["ok"], true);
    assert_eq!(requests_read(&mut rig), ["r2"]);
}

#[test]
fn a_fence_falls_when_its_lock_expires_and_its_number_stays_its_holders() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.lose(MASTER, Loss::Fin);
    replace_master(&mut rig);
    ask_lock(&mut rig, BOB, "r2", "u", true);
    rig.read_all(MASTER);
    rig.advance(LOCK_TIMEOUT_MS - rig.now - 1);
    assert!(requests_read(&mut rig).is_empty());
    rig.advance(1);
    assert_eq!(requests_read(&mut rig), ["r2"]);
    grant(&mut rig, BOB, "r2", 1, "u", true);
    // The number means Bob's lock now.
    assert_eq!(ask_unlock(&mut rig, ANN, "r3", 1), Verdict::Taken);
    assert_eq!(rig.coordinator.locks()[0].peer, BOB);
}

#[test]
fn what_concerns_locks_of_a_master_that_is_gone_is_answered_by_the_hub() {
    let mut rig = rig_with(&[MASTER, ANN]);
    for (id, lock) in [("r1", 1), ("r2", 2)] {
        ask_lock(&mut rig, ANN, id, "t", true);
        grant(&mut rig, ANN, id, lock, "t", true);
    }
    rig.read_all(ANN);
    ask_unlock(&mut rig, ANN, "r3", 1);
    ask(&mut rig, ANN, "move-lock-request", "r4", json!({"id": 2, "move_to": "parent"}));
    rig.lose(MASTER, Loss::Closed);
    let answers: Vec<Value> = rig.read_all(ANN).iter().filter(|t| t.starts_with('{')).map(|t| json_of(t)).collect();
    assert_eq!((&answers[0]["id"], &answers[0]["ok"]), (&json!("r3"), &json!(true)));
    assert_eq!((&answers[1]["id"], &answers[1]["data"]["id"]), (&json!("r4"), &json!(2)));
    assert_eq!(rig.coordinator.status().held_requests, 0);
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
fn two_masters_do_not_fight_for_long() {
    let mut rig = rig_with(&[MASTER]);
    replace_master(&mut rig);
    assert_eq!(count(&rig, NoteKind::MasterContested), 1);
    replace_master(&mut rig);
    assert!(rig.connect(MASTER).unwrap_err().contains("role \"worker\""));
    rig.advance(29_999);
    assert!(rig.connect(MASTER).is_err());
    rig.lose(MASTER, Loss::Fin);
    replace_master(&mut rig);
    assert_eq!(count(&rig, NoteKind::MasterContested), 1);
}

#[test]
fn everything_can_be_switched_off() {
    let config = CoordinationConfig {
        introductions: false,
        resume_window: 0,
        master_timeout: 0,
        lock_table: false,
        ..Default::default()
    };
    let mut rig = Rig::new(config);
    connect(&mut rig, &[ANN, BOB]);
    assert_eq!(ask_lock(&mut rig, ANN, "r1", "t", true), Verdict::Forward);
    rig.connect(MASTER).unwrap();
    rig.read_all(MASTER);
    assert_eq!(grant(&mut rig, ANN, "r1", 1, "t", true), Verdict::Forward);
    assert_eq!(grant(&mut rig, ANN, "r1", 1, "t", true), Verdict::Forward);
    rig.read_all(ANN);
    rig.lose(BOB, Loss::Fin);
    assert_eq!(rig.read_all(ANN), [format!("disconnect:{BOB}")]);
    assert!(rig.coordinator.is_idle() && rig.coordinator.deadline().is_none());
}

#[test]
fn what_does_not_concern_acebase_passes_untouched() {
    let mut rig = rig_with(&[MASTER, ANN]);
    for text in ["", "ping?", "{", r#"{"type":"lock-request""#, r#"{"type":"bye","from":7}"#, r#"{"type":"result"}"#] {
        assert_eq!(rig.send(ANN, Some(MASTER), text), Verdict::Forward, "{text}");
    }
    let of_another = format!(r#"{{"type":"lock-request","id":"r","from":"{BOB}","to":"[master]","data":{{}}}}"#);
    assert_eq!(rig.send(ANN, Some(MASTER), &of_another), Verdict::Forward);
    assert_eq!(rig.send(ANN, Some(BOB), &of_another.replace(BOB, ANN)), Verdict::Forward);
    assert!(rig.coordinator.is_idle());
    let address = Address::Others;
    let body = bytes::Bytes::from_static(br#"{"type":"result","id":"r","from":"[master]"}"#);
    let verdict = rig.coordinator.received(MASTER, address, &body, 0, &mut Vec::new());
    assert_eq!(verdict, Verdict::Forward);
}

#[test]
fn a_late_grant_for_what_waits_behind_a_fence_is_swallowed() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    ask_lock(&mut rig, BOB, "r1", "u", true);
    replace_master(&mut rig);
    ask_lock(&mut rig, ANN, "r2", "t", true);
    grant(&mut rig, ANN, "r2", 1, "t", true);
    // The first master is back, and has the request still; the second had granted a lock.
    replace_master(&mut rig);
    rig.read_all(MASTER);
    assert_eq!(rig.coordinator.status().held_requests, 1);
    assert_eq!(grant(&mut rig, BOB, "r1", 9, "u", true), Verdict::Taken);
    assert!(rig.read_all(MASTER)[0].ends_with(r#""data":{"id":9}}"#));
    ask_unlock(&mut rig, ANN, "r3", 1);
    assert_eq!(requests_read(&mut rig), ["r1"]);
}

#[test]
fn a_lock_is_released_only_by_the_master_that_granted_it() {
    let release_is_due_while_master_is_asked = || {
        let mut rig = rig_with(&[ANN]);
        let marks = connect_master(&mut rig);
        ask_lock(&mut rig, ANN, "r1", "t", true);
        grant(&mut rig, ANN, "r1", 1, "t", true);
        rig.read_all(MASTER);
        rig.lose(ANN, Loss::Fin);
        rig.advance(9_000);
        rig.lose(MASTER, Loss::Fin);
        rig.connect(MASTER).unwrap();
        rig.advance(1_000);
        (rig, marks)
    };
    let (mut rig, marks) = release_is_due_while_master_is_asked();
    answer_probe(&mut rig, &marks);
    assert!(rig.read_all(MASTER).iter().any(|text| text.ends_with(r#""data":{"id":1}}"#)));
    let (mut rig, _) = release_is_due_while_master_is_asked();
    answer_probe(&mut rig, &[]);
    assert!(rig.read_all(MASTER).is_empty());
}

#[test]
fn of_two_locks_with_one_number_the_stronger_is_kept_longer() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 1, "t", true);
    rig.lose(MASTER, Loss::Fin);
    replace_master(&mut rig);
    ask_lock(&mut rig, ANN, "r2", "t", false);
    grant(&mut rig, ANN, "r2", 1, "t", false);
    assert_eq!(ask_unlock(&mut rig, ANN, "r3", 1), Verdict::Forward);
    assert_eq!(ask_lock(&mut rig, BOB, "r4", "u", false), Verdict::Taken);
    assert_eq!(ask_unlock(&mut rig, ANN, "r5", 1), Verdict::Taken);
    assert_eq!(rig.coordinator.status().held_requests, 0);
}
