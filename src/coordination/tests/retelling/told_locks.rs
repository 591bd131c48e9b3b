//! Locks that clients tell of after a crash, whose end is to come.

use super::*;

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

/// Who is away for longer than others are waited for may have had an answer that is sent again, and may not.
#[test]
fn a_lock_of_which_only_an_answer_that_is_sent_again_tells_is_what_its_worker_says_when_it_is_back() {
    let told = |tid: &str| json!({"id": 7, "tid": tid, "path": "a/b", "write": true, "by": LIFE_OF_MASTER});
    let awaited = json!([{"id": "rb", "type": "lock-request"}]);
    let cases = [
        (json!({}), None, false),
        (json!({"locks": [told("t")]}), Some("t"), false),
        (json!({"locks": [told("u")]}), Some("u"), false),
        (json!({"requests": awaited}), Some("t"), true),
    ];
    for (state, tid, is_answered) in cases {
        let mut rig = rig();
        rig.connect_reliably(MASTER, LIFE_OF_MASTER);
        rig.send_frame(MASTER, &format!("~{}", json!({"peers": [BOB]})));
        rig.send_frame(MASTER, &format!("!1 {}", lock_result(BOB, "rb", 7)));
        rig.advance(12_000);
        rig.connect_reliably(BOB, LIFE_OF_BOB);
        rig.send_frame(BOB, &format!("~{state}"));
        let locks = rig.locks();
        assert_eq!(locks.first().map(|lock| &*lock.tid), tid, "{state}");
        assert!(locks.len() <= 1 && locks.iter().all(|lock| lock.peer == BOB));
        let answers = rig.read_all(BOB).iter().filter(|frame| frame.contains("lock-result")).count();
        assert!(!is_answered || answers == 1, "{state}");
    }
}
