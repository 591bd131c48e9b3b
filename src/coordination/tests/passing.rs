//! Write locks that pass from worker to worker.

mod absences;
mod former_hubs;

use super::*;
use crate::acebase::Lock;

pub(super) const CLEO: &str = "cleo00000000000000000000";

/// When nobody can have requested anything under a former run of the hub.
const LATER_MS: u64 = 30_000;

/// A master and three workers, who came long after the hub's start.
fn later_rig() -> Rig {
    later_rig_with(CoordinationConfig::default())
}

fn later_rig_with(config: CoordinationConfig) -> Rig {
    let mut rig = Rig::new(config);
    rig.advance(LATER_MS);
    connect(&mut rig, &[MASTER, ANN, BOB, CLEO]);
    rig.advance(1_000);
    rig
}

#[test]
fn a_lock_of_a_transaction_that_may_have_others_from_another_hub_is_not_passed_on() {
    let mut rig = Rig::new(CoordinationConfig::default());
    rig.advance(LATER_MS);
    rig.take_over();
    connect(&mut rig, &[MASTER, ANN, BOB]);
    // What a worker has requested here tells what it may have requested there.
    ask_lock(&mut rig, ANN, "a1", "a", true);
    grant(&mut rig, ANN, "a1", 7, "a", true);
    rig.read_all(MASTER);
    assert_eq!(ask_lock(&mut rig, BOB, "b1", "b", true), Verdict::Forward, "the master decides");
}

/// The same, and Ann has the master's lock 7.
pub(super) fn rig_with_writer() -> Rig {
    let mut rig = later_rig();
    ann_writes(&mut rig);
    rig
}

fn ann_writes(rig: &mut Rig) {
    assert_eq!(ask_lock(rig, ANN, "a1", "a", true), Verdict::Forward);
    grant(rig, ANN, "a1", 7, "a", true);
    rig.read_all(ANN);
    rig.read_all(MASTER);
}

/// The same, and Bob has got it from Ann.
pub(super) fn rig_with_borrower() -> Rig {
    let mut rig = rig_with_writer();
    ask_lock(&mut rig, BOB, "b1", "b", true);
    ask_unlock(&mut rig, ANN, "a2", 7);
    assert_eq!(grants_read(&mut rig, BOB), [("b1".to_owned(), 7)]);
    rig.read_all(ANN);
    rig
}

/// Request and lock of each grant that a worker reads now.
pub(super) fn grants_read(rig: &mut Rig, worker: &str) -> Vec<(String, u64)> {
    let texts = rig.read_all(worker);
    let answers = texts.iter().filter(|text| field(text, "type").is_some_and(|kind| kind == "lock-result"));
    answers.map(|text| (field(text, "id").unwrap(), json_of(text)["data"]["id"].as_u64().unwrap_or_default())).collect()
}

/// What the master reads now: the workers' requests by their ids, releases by the lock's number.
pub(super) fn master_reads(rig: &mut Rig) -> Vec<String> {
    let texts = rig.read_all(MASTER);
    let what = |text: &String| match field(text, "from")?.as_str() {
        HUB => Some(format!("unlock {}", json_of(text)["data"]["id"])),
        _ => field(text, "id"),
    };
    texts.iter().filter_map(what).collect()
}

pub(super) fn held(rig: &Rig) -> Vec<Lock> {
    rig.locks().into_iter().filter(|lock| lock.state == LockState::Held).collect()
}

#[test]
fn a_returned_lock_goes_to_the_first_in_line_under_its_own_number() {
    let mut rig = rig_with_writer();
    assert_eq!(ask_lock(&mut rig, BOB, "b1", "b", true), Verdict::Taken);
    assert_eq!(ask_lock(&mut rig, CLEO, "c1", "c", true), Verdict::Taken);
    rig.advance(5);
    assert_eq!(ask_unlock(&mut rig, ANN, "a2", 7), Verdict::Taken);
    assert_eq!(json_of(&rig.read_all(ANN)[0])["ok"], true);

    let grant = json_of(&rig.read_all(BOB)[0]);
    let data = &grant["data"];
    assert_eq!((&grant["type"], &grant["id"], &grant["ok"]), (&json!("lock-result"), &json!("b1"), &json!(true)));
    let expires = EPOCH_MS + LATER_MS + 1_000 + LOCK_TIMEOUT_MS;
    assert_eq!((&data["id"], &data["tid"], &data["path"]), (&json!(7), &json!("b"), &json!("a/b")));
    assert_eq!((&data["write"], &data["expires"], &data["comment"]), (&json!(true), &json!(expires), &json!("test")));

    ask_unlock(&mut rig, BOB, "b2", 7);
    assert_eq!(grants_read(&mut rig, CLEO), [("c1".to_owned(), 7)]);
    assert!(master_reads(&mut rig).is_empty());
    ask_unlock(&mut rig, CLEO, "c2", 7);
    assert_eq!(master_reads(&mut rig), ["unlock 7"]);
    assert!(rig.is_idle());
}

#[test]
fn the_lock_table_tells_who_really_has_it_since_when_and_how_often_it_was_passed_on() {
    let mut rig = rig_with_writer();
    ask_lock(&mut rig, BOB, "b1", "b", true);
    rig.advance(5);
    ask_unlock(&mut rig, ANN, "a2", 7);
    let locks = held(&rig);
    let [lock] = &locks[..] else { panic!("{locks:?}") };
    assert_eq!((lock.id, lock.peer.as_str(), lock.tid.as_str()), (Some(7), BOB, "b"));
    assert_eq!((lock.since, lock.passed, rig.status().lock_passes), (LATER_MS + 1_005, 1, 1));
    assert_eq!(rig.status().held_requests, 0);
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    rig.advance(2);
    ask_unlock(&mut rig, BOB, "b2", 7);
    let lock = held(&rig).remove(0);
    assert_eq!((lock.peer.as_str(), lock.since, lock.passed), (CLEO, LATER_MS + 1_007, 2));
}

#[test]
fn with_passing_off_the_master_has_every_request() {
    let mut rig = later_rig_with(CoordinationConfig { pass_locks_for: 0, ..Default::default() });
    ann_writes(&mut rig);
    assert_eq!(ask_lock(&mut rig, BOB, "b1", "b", true), Verdict::Forward);
    assert_eq!(ask_lock(&mut rig, CLEO, "c1", "c", true), Verdict::Forward);
    ask_unlock(&mut rig, ANN, "a2", 7);
    assert_eq!(master_reads(&mut rig), ["b1", "c1", "unlock 7"]);
}

#[test]
fn a_reader_that_is_first_in_line_sends_the_lock_back() {
    let mut rig = rig_with_writer();
    assert_eq!(ask_lock(&mut rig, BOB, "b1", "b", false), Verdict::Taken);
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    ask_lock(&mut rig, ANN, "a2", "another", false);
    ask_unlock(&mut rig, ANN, "a3", 7);
    assert_eq!(master_reads(&mut rig), ["unlock 7", "b1", "c1", "a2"]);
}

#[test]
fn behind_a_reader_one_writer_waits_at_the_master_and_the_others_here() {
    let mut rig = rig_with_writer();
    ask_lock(&mut rig, BOB, "b1", "b", false);
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    ask_lock(&mut rig, ANN, "a2", "another", true);
    ask_unlock(&mut rig, ANN, "a3", 7);
    assert_eq!(master_reads(&mut rig), ["unlock 7", "b1", "c1"]);
    grant(&mut rig, BOB, "b1", 8, "b", false);
    ask_unlock(&mut rig, BOB, "b2", 8);
    grant(&mut rig, CLEO, "c1", 9, "c", true);
    ask_unlock(&mut rig, CLEO, "c2", 9);
    assert_eq!(grants_read(&mut rig, ANN).last(), Some(&("a2".to_owned(), 9)));
}

#[test]
fn after_its_time_the_lock_goes_back_and_the_queue_follows() {
    let mut rig = rig_with_borrower();
    rig.advance(99);
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    ask_lock(&mut rig, ANN, "a3", "another", false);
    assert!(master_reads(&mut rig).is_empty());
    // They wait at the master from now on, and Bob may take as long as ever.
    rig.advance(1);
    assert_eq!(master_reads(&mut rig), ["c1", "a3"]);
    rig.advance(5_000);
    ask_unlock(&mut rig, BOB, "b2", 7);
    assert_eq!(master_reads(&mut rig), ["unlock 7"]);
    assert!(grants_read(&mut rig, CLEO).is_empty());
}

#[test]
fn however_often_it_is_passed_on_the_master_has_the_lock_back_in_time() {
    let mut rig = rig_with_writer();
    let mut holder = ANN;
    for turn in 1..=4 {
        let next = if holder == ANN { BOB } else { ANN };
        let request = format!("r{turn}");
        ask_lock(&mut rig, next, &request, &format!("t{turn}"), true);
        rig.advance(20);
        ask_unlock(&mut rig, holder, &format!("u{turn}"), 7);
        assert_eq!(grants_read(&mut rig, next), [(request, 7)]);
        holder = next;
    }
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    rig.advance(20);
    // Behind what the master itself wants.
    assert_eq!(master_reads(&mut rig), ["c1"]);
    ask_unlock(&mut rig, holder, "u5", 7);
    assert_eq!(master_reads(&mut rig), ["unlock 7"]);
}

#[test]
fn another_transaction_of_the_same_worker_waits_as_all_others() {
    let mut rig = rig_with_borrower();
    assert_eq!(ask_lock(&mut rig, BOB, "b2", "another", true), Verdict::Taken);
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    assert!(grants_read(&mut rig, BOB).is_empty());
    ask_unlock(&mut rig, BOB, "b3", 7);
    assert_eq!(grants_read(&mut rig, BOB), [("b2".to_owned(), 7)]);
    assert!(grants_read(&mut rig, CLEO).is_empty());
}

#[test]
fn the_transaction_that_gets_the_lock_gets_all_that_it_waits_for() {
    let mut rig = rig_with_writer();
    ask_lock(&mut rig, BOB, "b1", "b", true);
    ask_lock(&mut rig, CLEO, "c1", "c", true);
    ask_lock(&mut rig, BOB, "b2", "b", false);
    ask_unlock(&mut rig, ANN, "a2", 7);
    let grants = grants_read(&mut rig, BOB);
    assert!(matches!(&grants[..], [(first, 7), (second, own)] if first == "b1" && second == "b2" && *own != 7));
}

#[test]
fn a_lock_to_read_is_never_passed_on() {
    let mut rig = later_rig();
    ask_lock(&mut rig, ANN, "a1", "a", false);
    grant(&mut rig, ANN, "a1", 7, "a", false);
    assert_eq!(ask_lock(&mut rig, BOB, "b1", "b", true), Verdict::Forward);
    ask_unlock(&mut rig, ANN, "a2", 7);
    assert_eq!(master_reads(&mut rig), ["a1", "b1", "unlock 7"]);
}

#[test]
fn whoever_has_a_lock_may_ask_the_master_for_another_though_a_writer_waits_there() {
    let mut rig = later_rig();
    ask_lock(&mut rig, BOB, "b1", "b", false);
    grant(&mut rig, BOB, "b1", 7, "b", false);
    assert_eq!(ask_lock(&mut rig, ANN, "a1", "a", true), Verdict::Forward);
    // It may return the lock that Ann waits for only when it has this one.
    assert_eq!(ask_lock(&mut rig, BOB, "b2", "another", true), Verdict::Forward);
    assert_eq!(ask_lock(&mut rig, CLEO, "c1", "c", true), Verdict::Taken);
}

#[test]
fn a_lock_is_not_passed_on_for_more_than_half_of_its_life() {
    let mut rig = later_rig();
    ask_lock(&mut rig, ANN, "a1", "a", true);
    let data = json!({"id": 7, "path": "", "tid": "a", "write": true, "expires": EPOCH_MS + rig.now() + 60});
    answer(&mut rig, ANN, "lock-result", "a1", json!({"ok": true, "data": data}));
    assert_eq!(ask_lock(&mut rig, BOB, "b1", "b", true), Verdict::Taken);
    rig.read_all(MASTER);
    rig.advance(30);
    assert_eq!(master_reads(&mut rig), ["b1"]);
}

#[test]
fn a_lock_is_passed_on_only_when_its_transaction_has_returned_all() {
    let mut rig = rig_with_writer();
    assert_eq!(ask_lock(&mut rig, ANN, "a2", "a", false), Verdict::Forward);
    grant(&mut rig, ANN, "a2", 8, "a", false);
    ask_lock(&mut rig, BOB, "b1", "b", true);
    rig.read_all(MASTER);
    ask_unlock(&mut rig, ANN, "a3", 8);
    assert_eq!(master_reads(&mut rig), ["unlock 8"]);
    assert!(grants_read(&mut rig, BOB).is_empty());
    ask_unlock(&mut rig, ANN, "a4", 7);
    assert_eq!(grants_read(&mut rig, BOB), [("b1".to_owned(), 7)]);
}

#[test]
fn a_lock_that_is_back_at_the_master_is_not_passed_on() {
    let mut rig = rig_with_writer();
    ask_lock(&mut rig, ANN, "a2", "a", false);
    grant(&mut rig, ANN, "a2", 8, "a", false);
    ask_lock(&mut rig, BOB, "b1", "b", true);
    rig.read_all(MASTER);
    ask_unlock(&mut rig, ANN, "a3", 7);
    assert_eq!(master_reads(&mut rig), ["unlock 7"]);
    ask_unlock(&mut rig, ANN, "a4", 8);
    assert!(grants_read(&mut rig, BOB).is_empty());
    assert_eq!(master_reads(&mut rig), ["unlock 8", "b1"]);
}

#[test]
fn a_lock_is_not_passed_on_while_its_transaction_waits_for_another() {
    let mut rig = rig_with_writer();
    ask_lock(&mut rig, ANN, "a2", "a", false);
    ask_lock(&mut rig, BOB, "b1", "b", true);
    ask_unlock(&mut rig, ANN, "a3", 7);
    assert!(grants_read(&mut rig, BOB).is_empty());
    assert_eq!(master_reads(&mut rig), ["a2", "unlock 7", "b1"]);
}
