//! Write locks that pass from worker to worker.

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
