//! Clients with the extension, and what becomes of their messages after a crash.

use super::*;

const LIFE_OF_ANN: &str = "lifeOfAnn0000000000000";
const LIFE_OF_MASTER: &str = "lifeOfMaster0000000000";

/// A rig where Ann has the extension, and the master, or not.
fn reliable_rig(master: bool) -> Rig {
    let mut rig = rig();
    match master {
        true => rig.connect_reliably(MASTER, LIFE_OF_MASTER),
        false => rig.connect(MASTER).unwrap(),
    }
    rig.connect_reliably(ANN, LIFE_OF_ANN);
    rig.advance(2_000);
    [MASTER, ANN].iter().for_each(|peer| drop(rig.read_all(peer)));
    rig
}

fn request(kind: &str, id: &str, data: &Value) -> String {
    format!(r#"to:[master];{{"type":"{kind}","id":"{id}","from":"{ANN}","to":"[master]","data":{data}}}"#)
}

fn lock_request(id: &str) -> String {
    request("lock-request", id, &json!({"path": "a/b", "tid": "t", "write": true, "comment": "test"}))
}

fn lock_result(to: &str, id: &str, lock: u64) -> String {
    let data = json!({"id": lock, "path": "a/b", "tid": "t", "write": true, "expires": EPOCH_MS + LOCK_TIMEOUT_MS});
    format!(r#"to:{to};{{"type":"lock-result","id":"{id}","from":"[master]","to":"{to}","ok":true,"data":{data}}}"#)
}

/// What is acknowledged to a peer when it asks.
fn acknowledged(rig: &mut Rig, peer: &str) -> Vec<String> {
    rig.send_frame(peer, "ping");
    rig.read_all(peer).into_iter().filter(|frame| frame.starts_with('=')).collect()
}

/// What of this life reaches a peer now.
fn read_of(rig: &mut Rig, peer: &str, life: &str) -> Vec<String> {
    let begin = format!("#{life},");
    rig.read_all(peer).iter().filter_map(|frame| frame.strip_prefix(&begin)).map(str::to_owned).collect()
}

#[test]
fn a_request_that_is_kept_back_is_at_its_end_when_a_master_has_had_it() {
    let mut rig = rig();
    rig.connect_reliably(ANN, LIFE_OF_ANN);
    assert_eq!(rig.send_frame(ANN, &format!("#1 {}", lock_request("r1"))), Some(Verdict::Kept));
    rig.send_frame(ANN, r#"#2 to:all;{"type":"odd"}"#);
    assert!(acknowledged(&mut rig, ANN).is_empty());
    rig.connect_reliably(MASTER, LIFE_OF_MASTER);
    let frames = rig.read_all(MASTER);
    assert!(frames.iter().any(|frame| frame.starts_with(&format!("#{LIFE_OF_ANN},1 "))), "{frames:?}");
    // It may have been answered by the hub: what Ann was sent meanwhile must have come, too.
    let heard = rig.read_all(ANN).len();
    rig.send_frame(ANN, &format!("={heard}"));
    assert!(acknowledged(&mut rig, ANN).is_empty());
    rig.send_frame(MASTER, &format!("={}", frames.len()));
    assert_eq!(acknowledged(&mut rig, ANN), ["=2"]);
}

#[test]
fn a_request_that_nobody_answers_is_at_its_end_when_its_worker_has_had_the_hubs_answer() {
    let mut rig = rig();
    rig.connect_reliably(ANN, LIFE_OF_ANN);
    rig.send_frame(ANN, &format!("#1 {}", lock_request("r1")));
    rig.advance(CoordinationConfig::default().master_timeout);
    let frames = rig.read_all(ANN);
    assert!(frames.iter().any(|frame| frame.contains("lock-result") && frame.starts_with("# ")), "{frames:?}");
    assert!(acknowledged(&mut rig, ANN).is_empty());
    rig.send_frame(ANN, &format!("={}", frames.len()));
    assert_eq!(acknowledged(&mut rig, ANN), ["=1"]);
}

#[test]
fn a_master_that_knows_doubles_gets_again_what_it_may_have_had() {
    let mut rig = reliable_rig(true);
    assert_eq!(rig.send_frame(ANN, &format!("!7 {}", lock_request("r1"))), Some(Verdict::ForwardAgain));
    assert_eq!(read_of(&mut rig, MASTER, LIFE_OF_ANN).len(), 1);
    // It has had it, and answers what it has answered before.
    rig.send_frame(MASTER, &format!("!3 {}", lock_result(ANN, "r1", 5)));
    assert_eq!(read_of(&mut rig, ANN, LIFE_OF_MASTER).len(), 1);
    assert_eq!(rig.locks().iter().map(|lock| (lock.id, lock.state)).collect::<Vec<_>>(), [(Some(5), LockState::Held)]);
}

#[test]
fn a_master_that_does_not_know_doubles_gets_again_but_releases() {
    let mut rig = reliable_rig(false);
    rig.send_frame(ANN, &format!("!7 {}", lock_request("r1")));
    assert!(requests_read(&mut rig).is_empty());
    let answers = rig.read_all(ANN);
    assert!(answers.iter().any(|answer| answer.contains(r#""ok":false"#) && answer.contains("r1")), "{answers:?}");
    rig.send_frame(ANN, &format!("!8 {}", request("unlock-request", "r2", &json!({"id": 4}))));
    assert_eq!(requests_read(&mut rig), ["r2"]);
    rig.send_frame(ANN, &format!("#9 {}", lock_request("r3")));
    assert_eq!(requests_read(&mut rig), ["r3"]);
}

#[test]
fn a_request_of_unknown_fate_that_waits_for_a_master_fails_when_one_comes_that_does_not_know_doubles() {
    let mut rig = rig();
    rig.connect_reliably(ANN, LIFE_OF_ANN);
    assert_eq!(rig.send_frame(ANN, &format!("!7 {}", lock_request("r1"))), Some(Verdict::Kept));
    drop(rig.read_all(ANN));
    rig.connect(MASTER).unwrap();
    assert!(requests_read(&mut rig).is_empty());
    assert!(rig.read_all(ANN).iter().any(|answer| answer.contains(r#""ok":false"#)));
}

#[test]
fn an_answer_sent_again_is_given_to_those_only_who_are_known_to_wait_for_it() {
    let mut rig = reliable_rig(true);
    rig.connect(BOB).unwrap();
    drop(rig.read_all(BOB));
    rig.send_frame(MASTER, &format!("!1 {}", lock_result(BOB, "of before", 4)));
    assert!(rig.read_all(BOB).is_empty());
    ask_lock(&mut rig, BOB, "r1", "u", true);
    rig.send_frame(MASTER, &format!("!2 {}", lock_result(BOB, "r1", 5)));
    assert_eq!(rig.read_all(BOB).len(), 1);
}

#[test]
fn what_workers_tell_fills_the_tables() {
    let mut rig = reliable_rig(true);
    let lock = json!({"id": 5, "tid": "t", "path": "a/b", "write": true, "expires": EPOCH_MS + LOCK_TIMEOUT_MS});
    let of_another = json!({"id": 3, "tid": "u", "path": "a", "write": false, "by": "anotherLife00000000000"});
    let requests = json!([{"id": "r1", "type": "lock-request"}, {"id": "r2", "type": "nonsense"}, 7]);
    let state = json!({"locks": [lock, of_another, {"id": "odd"}], "requests": requests, "peers": []});
    rig.send_frame(ANN, &format!("~{state}"));
    let locks = rig.locks();
    let rows: Vec<_> = locks.iter().map(|lock| (lock.id, lock.state)).collect();
    let waiting = (None, LockState::Waiting);
    assert_eq!(rows, [(Some(5), LockState::Held), (Some(3), LockState::Fenced), waiting]);
    // The answer to what was requested before finds its way, and the lock is followed.
    rig.send_frame(MASTER, &format!("#1 {}", lock_result(ANN, "r1", 6)));
    assert_eq!(read_of(&mut rig, ANN, LIFE_OF_MASTER).len(), 1);
    let granted = rig.locks().into_iter().find(|lock| lock.id == Some(6)).unwrap();
    assert_eq!((granted.peer.as_str(), granted.tid.as_str()), (ANN, "t"));
}

#[test]
fn locks_that_workers_have_told_of_are_the_next_masters_or_a_former_ones() {
    for (life, expected) in [(LIFE_OF_MASTER, LockState::Held), ("anotherLife00000000000", LockState::Fenced)] {
        let mut rig = rig();
        rig.connect_reliably(ANN, LIFE_OF_ANN);
        let lock = json!({"id": 5, "tid": "t", "path": "a/b", "write": true, "by": LIFE_OF_MASTER});
        rig.send_frame(ANN, &format!("~{}", json!({ "locks": [lock] })));
        rig.connect_reliably(MASTER, life);
        assert_eq!(rig.locks()[0].state, expected);
    }
}

#[test]
fn a_request_that_is_told_of_and_then_sent_again_is_one() {
    let mut rig = reliable_rig(true);
    rig.send_frame(ANN, &format!("~{}", json!({"requests": [{"id": "r1", "type": "lock-request"}]})));
    rig.send_frame(ANN, &format!("!7 {}", lock_request("r1")));
    assert_eq!(read_of(&mut rig, MASTER, LIFE_OF_ANN).len(), 1);
    assert_eq!(rig.status().delivered_requests, 1);
    rig.send_frame(MASTER, &format!("#1 {}", lock_result(ANN, "r1", 6)));
    assert_eq!((rig.status().delivered_requests, rig.locks().len()), (0, 1));
}

#[test]
fn what_was_only_told_of_fails_with_its_master() {
    let mut rig = reliable_rig(true);
    rig.send_frame(ANN, &format!("~{}", json!({"requests": [{"id": "r1", "type": "lock-request"}]})));
    rig.lose(MASTER, Loss::Closed);
    assert!(rig.read_all(ANN).iter().any(|answer| answer.contains(r#""ok":false"#) && answer.contains("r1")));
}

#[test]
fn a_master_with_the_extension_is_known_without_being_asked() {
    let mut rig = reliable_rig(true);
    rig.send_frame(ANN, &format!("#1 {}", lock_request("r1")));
    drop(rig.read_all(MASTER));
    rig.lose(MASTER, Loss::Fin);
    rig.connect_reliably(MASTER, "anotherLife00000000000");
    // It is another one, and gets what the former one has not answered.
    assert_eq!((rig.identified, rig.status().delivered_requests), (None, 1));
    assert_eq!(read_of(&mut rig, MASTER, LIFE_OF_ANN).len(), 1);
}

/// After a crash, a lock may have been passed on from one worker to the other, which is not back yet.
#[test]
fn a_release_that_is_sent_again_waits_until_nobody_else_can_have_the_lock() {
    let of_bob = json!([{"id": 7, "tid": "u", "path": "a", "write": true}]);
    let cases = [(json!([]), vec!["r1"], false), (of_bob.clone(), vec![], false), (of_bob, vec![], true)];
    for (locks, expected, is_there) in cases {
        let mut rig = rig();
        rig.connect(MASTER).unwrap();
        rig.connect_reliably(ANN, LIFE_OF_ANN);
        if is_there {
            rig.connect_reliably(BOB, "lifeOfBob0000000000000");
        }
        rig.send_frame(ANN, &format!("~{}", json!({"peers": [BOB, MASTER]})));
        let release = request("unlock-request", "r1", &json!({"id": 7}));
        assert_eq!(rig.send_frame(ANN, &format!("!1 {release}")), Some(Verdict::Kept));
        if !is_there {
            rig.connect_reliably(BOB, "lifeOfBob0000000000000");
        }
        assert!(requests_read(&mut rig).is_empty());
        rig.send_frame(BOB, &format!("~{}", json!({ "locks": locks })));
        assert_eq!(requests_read(&mut rig), expected);
        let is_answered = rig.read_all(ANN).iter().any(|frame| frame.contains("unlock-result"));
        assert_eq!(is_answered, expected.is_empty());
    }
}

/// What Ann tells of one of her locks.
fn told(id: u64, tid: &str, write: bool) -> Value {
    let expires = EPOCH_MS + LOCK_TIMEOUT_MS;
    json!({"id": id, "tid": tid, "path": "a/b", "write": write, "expires": expires, "by": LIFE_OF_MASTER})
}

fn tell(rig: &mut Rig, locks: &[Value]) {
    rig.send_frame(ANN, &format!("~{}", json!({ "locks": locks })));
}

/// She also tells that she awaits the answers to `r1`, a lock, and `r2`.
fn tell_all(rig: &mut Rig, locks: &[Value]) {
    let requests = json!([{"id": "r1", "type": "lock-request"}, {"id": "r2", "type": "move-lock-request", "lock": 7}]);
    rig.send_frame(ANN, &format!("~{}", json!({ "locks": locks, "requests": requests })));
}

/// The locks that the answers grant which Ann reads now, by the requests.
fn granted_to_ann(rig: &mut Rig) -> Vec<(String, Value)> {
    let frames = rig.read_all(ANN);
    let texts = frames.iter().filter(|frame| frame.contains("lock-result")).filter_map(|frame| frame.split_once(' '));
    let answers = texts.map(|(_, text)| json_of(text)).filter(|answer| answer["ok"] == true);
    answers.map(|answer| (answer["id"].as_str().unwrap().to_owned(), answer["data"].clone())).collect()
}

/// The locks that the hub itself requests the master to release.
fn releases_read(rig: &mut Rig) -> Vec<u64> {
    let frames = rig.read_all(MASTER);
    let texts = frames.iter().filter_map(|frame| frame.split_once(' ')).map(|(_, text)| text);
    let releases = texts.filter(|text| text.contains("unlock-request") && text.contains(HUB));
    releases.filter_map(|text| json_of(text)["data"]["id"].as_u64()).collect()
}

fn unlock(rig: &mut Rig, frame: u64, lock: u64) {
    rig.send_frame(ANN, &format!("#{frame} {}", request("unlock-request", &format!("u{frame}"), &json!({"id": lock}))));
}

/// To the master, a lock that was passed on before the crash is another transaction's.
#[test]
fn a_write_lock_that_a_worker_tells_of_may_be_lent_and_its_transaction_gets_the_rest_from_the_hub() {
    for (mark, tell) in [('!', tell_all as fn(&mut Rig, &[Value])), ('#', tell)] {
        let mut rig = reliable_rig(true);
        tell(&mut rig, &[told(7, "t", true)]);
        rig.send_frame(ANN, &format!("{mark}1 {}", lock_request("r1")));
        rig.send_frame(
            ANN,
            &format!("{mark}2 {}", request("move-lock-request", "r2", &json!({"id": 7, "move_to": "parent"}))),
        );
        let granted = granted_to_ann(&mut rig);
        let [(first, beside), (second, moved)] = &granted[..] else { panic!("{granted:?}") };
        assert_eq!((first.as_str(), second.as_str()), ("r1", "r2"));
        assert_eq!((&moved["id"], &moved["path"]), (&json!(7), &json!("a")));
        assert!(read_of(&mut rig, MASTER, LIFE_OF_ANN).is_empty());
        unlock(&mut rig, 3, 7);
        assert!(releases_read(&mut rig).is_empty());
        unlock(&mut rig, 4, beside["id"].as_u64().unwrap());
        assert_eq!(releases_read(&mut rig), [7]);
        assert!(rig.locks().is_empty());
    }
}

#[test]
fn what_is_sent_again_before_the_locks_are_told_is_answered_when_they_are() {
    let mut rig = reliable_rig(true);
    rig.send_frame(ANN, &format!("!1 {}", lock_request("r1")));
    tell(&mut rig, &[told(7, "t", true)]);
    assert_eq!(granted_to_ann(&mut rig).len(), 1);
    assert_eq!(rig.locks().len(), 2);
}

/// The master may have the request from before the crash. It grants it, at the latest, when it has the lock back.
#[test]
fn what_the_master_grants_besides_is_given_back_and_the_told_lock_stays() {
    for (number, is_first) in [("#1", true), ("!1", true), ("#1", false), ("!1", false)] {
        let mut rig = reliable_rig(true);
        if !is_first {
            rig.send_frame(ANN, &format!("!1 {}", lock_request("r1")));
        }
        tell_all(&mut rig, &[told(7, "t", true)]);
        if is_first {
            rig.send_frame(ANN, &format!("!1 {}", lock_request("r1")));
        }
        drop((rig.read_all(ANN), rig.read_all(MASTER)));
        rig.send_frame(MASTER, &format!("{number} {}", lock_result(ANN, "r1", 9)));
        assert_eq!(releases_read(&mut rig), [9]);
        assert!(granted_to_ann(&mut rig).is_empty());
        assert!(rig.locks().iter().all(|lock| lock.state == LockState::Held) && rig.locks().len() == 2);
    }
}

#[test]
fn a_move_that_the_master_has_from_before_the_crash_does_not_end_the_lock() {
    for number in ["#1", "!1"] {
        let mut rig = reliable_rig(true);
        tell_all(&mut rig, &[told(7, "t", true)]);
        rig.send_frame(
            ANN,
            &format!("!1 {}", request("move-lock-request", "r1", &json!({"id": 7, "move_to": "parent"}))),
        );
        assert_eq!(granted_to_ann(&mut rig).len(), 1);
        rig.send_frame(MASTER, &format!("{number} {}", lock_result(ANN, "r1", 7)));
        assert!(releases_read(&mut rig).is_empty() && granted_to_ann(&mut rig).is_empty());
        assert_eq!(rig.locks().iter().map(|lock| lock.id).collect::<Vec<_>>(), [Some(7)]);
    }
}

/// The master would grant the one whose lock was passed on more, beside whoever has it.
#[test]
fn others_wait_until_a_told_write_lock_is_returned() {
    let mut rig = reliable_rig(true);
    tell(&mut rig, &[told(7, "t", true)]);
    rig.connect(BOB).unwrap();
    assert_eq!(ask_lock(&mut rig, BOB, "b1", "u", false), Verdict::Taken);
    unlock(&mut rig, 1, 7);
    let frames = rig.read_all(MASTER);
    let place = |what: &str| frames.iter().position(|frame| frame.contains(what));
    assert!(place("unlock-request").is_some() && place("unlock-request") < place("b1"), "{frames:?}");
}

#[test]
fn read_locks_and_older_write_locks_that_are_told_are_the_masters_only() {
    let mut rig = reliable_rig(true);
    tell(&mut rig, &[told(8, "v", false)]);
    assert_eq!(rig.send_frame(ANN, &format!("#1 {}", lock_request("r1"))), Some(Verdict::Forward));
    let mut rig = reliable_rig(true);
    tell(&mut rig, &[told(7, "u", true), told(9, "t", true), told(8, "v", true)]);
    rig.send_frame(ANN, &format!("#1 {}", lock_request("r1")));
    assert_eq!(granted_to_ann(&mut rig).len(), 1);
    unlock(&mut rig, 2, 7);
    assert_eq!(releases_read(&mut rig), [7]);
}

#[test]
fn what_the_former_hub_granted_itself_keeps_others_out_and_ends_without_a_word_to_the_master() {
    let own = 1 << 52;
    let mut rig = reliable_rig(true);
    tell(&mut rig, &[told(own, "t", true)]);
    rig.connect(BOB).unwrap();
    assert_eq!(ask_lock(&mut rig, BOB, "b1", "u", true), Verdict::Taken);
    assert_eq!(read_of(&mut rig, MASTER, LIFE_OF_ANN).len(), 0);
    unlock(&mut rig, 1, own);
    let frames = rig.read_all(MASTER);
    assert!(frames.iter().any(|frame| frame.contains("b1")), "{frames:?}");
    assert!(!frames.iter().any(|frame| frame.contains("unlock-request")), "{frames:?}");
}

#[test]
fn a_told_lock_that_is_returned_before_its_master_is_back_is_released_by_that_one_only() {
    for (life, expected) in [(LIFE_OF_MASTER, vec![7]), ("anotherLife00000000000", vec![])] {
        let mut rig = rig();
        rig.connect_reliably(ANN, LIFE_OF_ANN);
        tell(&mut rig, &[told(7, "t", true)]);
        unlock(&mut rig, 1, 7);
        rig.connect_reliably(MASTER, life);
        assert_eq!(releases_read(&mut rig), expected);
    }
}

/// The former hub may have answered it itself: to the master it would be new.
#[test]
fn a_request_that_is_sent_again_and_whose_answer_nobody_awaits_does_not_reach_the_master() {
    let mut rig = reliable_rig(true);
    tell(&mut rig, &[]);
    rig.send_frame(ANN, &format!("!1 {}", lock_request("r1")));
    rig.send_frame(ANN, &format!("!2 {}", request("unlock-request", "r2", &json!({"id": 4}))));
    let read = read_of(&mut rig, MASTER, LIFE_OF_ANN);
    assert!(read.len() == 1 && read[0].starts_with("2 "), "{read:?}");
}

fn release_again(rig: &mut Rig) {
    rig.send_frame(ANN, &format!("!1 {}", request("unlock-request", "r1", &json!({"id": 7}))));
}

/// A lock can be passed back to a worker before that is told that its release of it has reached its end.
#[test]
fn a_release_that_is_sent_again_does_not_end_a_lock_that_is_told() {
    for by in [LIFE_OF_MASTER, "anotherLife00000000000"] {
        let mut rig = reliable_rig(true);
        let mut lock = told(7, "t", true);
        lock["by"] = json!(by);
        tell(&mut rig, &[lock]);
        release_again(&mut rig);
        assert_eq!((releases_read(&mut rig), rig.locks().len()), (vec![], 1));
        unlock(&mut rig, 2, 7);
        assert!(rig.locks().is_empty());
    }
}

#[test]
fn a_release_that_is_sent_again_and_awaited_is_done() {
    let mut rig = reliable_rig(true);
    let release = json!({"id": "r1", "type": "unlock-request", "lock": 7});
    rig.send_frame(ANN, &format!("~{}", json!({ "locks": [told(7, "t", true)], "requests": [release] })));
    release_again(&mut rig);
    assert_eq!((releases_read(&mut rig), rig.locks().len()), (vec![7], 0));
}

#[test]
fn a_release_that_this_hub_has_missed_is_done_when_it_is_sent_again() {
    let mut rig = reliable_rig(true);
    tell(&mut rig, &[told(7, "t", true)]);
    rig.lose(ANN, Loss::Closed);
    rig.connect_reliably(ANN, LIFE_OF_ANN);
    tell(&mut rig, &[]);
    release_again(&mut rig);
    assert_eq!((releases_read(&mut rig), rig.locks().len()), (vec![7], 0));
}

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
