//! Blips, ends, and what workers leave behind.

use super::*;

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
    assert_eq!(rig.status().kept_sessions, 1);
    rig.advance(5_000);
    assert_eq!(rig.read_all(BOB), [format!("disconnect:{ANN}")]);

    connect(&mut rig, &[ANN]);
    rig.send(ANN, None, &format!(r#"{{"type":"bye","from":"{ANN}"}}"#));
    rig.lose(ANN, Loss::Fin);
    assert!(!rig.has_session(ANN) && rig.is_idle());
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
    assert_eq!(rig.locks().len(), 2);
}

#[test]
fn an_answer_that_was_on_its_way_is_not_lost_with_a_session_that_is_not_kept() {
    for (resume_window, loss) in [(0, Loss::Fin), (0, Loss::Reset), (0, Loss::Unreachable), (5_000, Loss::Slow)] {
        let mut rig = Rig::new(CoordinationConfig { resume_window, ..Default::default() });
        connect(&mut rig, &[MASTER, ANN]);
        for (id, lock) in [("r1", 1), ("r2", 2)] {
            ask_lock(&mut rig, ANN, id, "t", true);
            grant(&mut rig, ANN, id, lock, "t", true);
        }
        assert_eq!(field(&rig.read(ANN).unwrap(), "id").as_deref(), Some("r1"));
        rig.lose(ANN, loss);
        assert!(!rig.has_session(ANN));
        rig.connect(ANN).unwrap();
        let ids: Vec<_> = rig.read_all(ANN).iter().filter_map(|text| field(text, "id")).collect();
        assert_eq!(ids, ["r2"], "{loss:?}");
    }
}

#[test]
fn an_answer_for_a_worker_whose_session_ends_in_the_same_moment_waits_for_it() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_unlock(&mut rig, ANN, "r1", 7);
    // The master's session ends first, and the hub answers on its behalf.
    rig.lose(MASTER, Loss::Fin);
    rig.lose(ANN, Loss::Fin);
    rig.advance(5_000);
    assert!(!rig.has_session(MASTER) && !rig.has_session(ANN));
    rig.connect(ANN).unwrap();
    let ids: Vec<_> = rig.read_all(ANN).iter().filter_map(|text| field(text, "id")).collect();
    assert_eq!(ids, ["r1"]);
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
        assert!(rig.locks().iter().all(|lock| lock.peer == BOB));
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
    assert!(rig.locks().iter().all(|lock| lock.peer == BOB));
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
    assert_eq!((rig.locks().len(), count(&rig, NoteKind::LockReleased)), (1, 0));
    rig.advance(LOCK_TIMEOUT_MS);
    assert!(rig.is_idle());
}

#[test]
fn requests_of_a_worker_that_is_away_go_to_the_master_when_it_returns() {
    let mut rig = rig_with(&[ANN]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    rig.lose(ANN, Loss::Reset);
    rig.connect(MASTER).unwrap();
    assert!(requests_read(&mut rig).is_empty());
    rig.connect(ANN).unwrap();
    assert_eq!(requests_read(&mut rig), ["r1"]);
}
