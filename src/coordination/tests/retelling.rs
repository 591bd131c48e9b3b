//! Clients with the extension, and what becomes of their messages after a crash.

mod outlived_locks;
mod reunion;
mod told_locks;

use super::*;

const LIFE_OF_ANN: &str = "lifeOfAnn0000000000000";
const LIFE_OF_BOB: &str = "lifeOfBob0000000000000";
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

/// Ann has sent again the release of a lock that Bob may have, who has not told of it. Gives the request's id.
fn with_release_sent_again(rig: &mut Rig) -> &'static str {
    rig.connect(MASTER).unwrap();
    rig.connect_reliably(ANN, LIFE_OF_ANN);
    rig.send_frame(ANN, &format!("~{}", json!({"peers": [BOB, MASTER]})));
    let release = request("unlock-request", "r1", &json!({"id": 7}));
    assert_eq!(rig.send_frame(ANN, &format!("!1 {release}")), Some(Verdict::Kept));
    "r1"
}

/// After a crash, a lock may have been passed on from one worker to the other, which is not back yet.
#[test]
fn a_release_that_is_sent_again_waits_until_nobody_else_can_have_the_lock() {
    let of_bob = json!([{"id": 7, "tid": "u", "path": "a", "write": true}]);
    let cases = [(json!([]), true, false), (of_bob.clone(), false, false), (of_bob, false, true)];
    for (locks, is_released, is_there) in cases {
        let mut rig = rig();
        if is_there {
            rig.connect_reliably(BOB, LIFE_OF_BOB);
        }
        let release = with_release_sent_again(&mut rig);
        if !is_there {
            rig.connect_reliably(BOB, LIFE_OF_BOB);
        }
        assert!(requests_read(&mut rig).is_empty());
        rig.send_frame(BOB, &format!("~{}", json!({ "locks": locks })));
        assert_eq!(requests_read(&mut rig), if is_released { vec![release] } else { vec![] });
        let is_answered = rig.read_all(ANN).iter().any(|frame| frame.contains("unlock-result"));
        assert_eq!(is_answered, !is_released);
    }
}

/// As before. Where another hub had the database, Bob's machine may be cut off with that, and he may be writing.
#[test]
fn a_release_that_is_sent_again_waits_for_who_may_have_the_lock_as_long_as_it_may_last() {
    for comes_back in [true, false] {
        let mut rig = rig();
        rig.advance(1);
        rig.take_over();
        let release = with_release_sent_again(&mut rig);
        rig.advance(30_000);
        assert!(requests_read(&mut rig).is_empty(), "Bob may have it");
        if comes_back {
            rig.connect_reliably(BOB, LIFE_OF_BOB);
            rig.send_frame(BOB, &format!("~{}", json!({"locks": [{"id": 7, "tid": "u", "path": "a", "write": true}]})));
            assert!(requests_read(&mut rig).is_empty(), "Bob has it");
            assert!(rig.read_all(ANN).iter().any(|frame| frame.contains("unlock-result")));
        } else {
            rig.advance(LOCK_TIMEOUT_MS);
            assert_eq!(requests_read(&mut rig), [release], "the master has given it up itself");
        }
    }
}

/// Who does not come back to the hub that it had has ended, most likely, as published clients do.
#[test]
fn a_release_that_is_sent_again_waits_no_longer_than_clients_take_where_there_is_one_hub() {
    let mut rig = rig();
    let release = with_release_sent_again(&mut rig);
    rig.advance(9_000);
    assert!(requests_read(&mut rig).is_empty(), "Bob may come");
    rig.advance(2_000);
    assert_eq!(requests_read(&mut rig), [release]);
}
