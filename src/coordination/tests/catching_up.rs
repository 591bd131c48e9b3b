//! What was told of the files reaches those that have missed it, and echoes reach nobody.

use super::*;

const NEW_KEY: &str =
    r#"{"type":"notification","from":"[master]","data":{"type":"kit.new_key","key":"name","index":3}}"#;

fn root_at(from: &str, record: u64) -> String {
    format!(
        r#"{{"type":"notification","from":"{from}","data":{{"type":"root.update","address":{{"path":"","pageNr":0,"recordNr":{record}}}}}}}"#
    )
}

fn index(from: &str, kind: &str) -> String {
    format!(r#"{{"type":"notification","from":"{from}","data":{{"type":"{kind}","fileName":"a.idx"}}}}"#)
}

/// What a peer reads of what was told of the files.
fn file_news(rig: &mut Rig, peer: &str) -> Vec<String> {
    let texts = rig.read_all(peer);
    texts.into_iter().filter(|text| text.contains(r#""type":"notification""#)).collect()
}

/// A worker that has a lock to write.
fn writes(rig: &mut Rig, worker: &str, lock: u64) {
    let (id, tid) = (format!("request-{lock}"), format!("tid-{lock}"));
    ask_lock(rig, worker, &id, &tid, true);
    grant(rig, worker, &id, lock, &tid, true);
}

/// It has given it back, and the master knows.
fn has_written(rig: &mut Rig, worker: &str, lock: u64) {
    ask_unlock(rig, worker, &format!("release-of-{lock}"), lock);
    for text in rig.read_all(MASTER) {
        if field(&text, "type").is_some_and(|kind| kind == "unlock-request") {
            let id = field(&text, "id").unwrap();
            answer(rig, HUB, "unlock-result", &id, json!({"ok": true, "data": {"id": lock}}));
        }
    }
}

#[test]
fn who_joins_later_is_told_with_its_first_request_for_a_lock() {
    let mut rig = rig_with(&[MASTER, ANN]);
    rig.send(MASTER, None, NEW_KEY);
    rig.send(MASTER, None, &index(MASTER, "index.created"));
    writes(&mut rig, ANN, 1);
    rig.send(ANN, None, &root_at(ANN, 7));
    connect(&mut rig, &[BOB]);
    assert!(file_news(&mut rig, BOB).is_empty(), "it may not have read the files yet");
    writes(&mut rig, BOB, 2);
    assert_eq!(file_news(&mut rig, BOB), [NEW_KEY.into(), root_at(ANN, 7), index(MASTER, "index.created")]);
    ask_lock(&mut rig, BOB, "again", "tid-2", true);
    assert!(file_news(&mut rig, BOB).is_empty(), "once in a session");
}

#[test]
fn it_is_told_before_it_has_the_lock() {
    let mut rig = rig_with(&[MASTER]);
    rig.send(MASTER, None, NEW_KEY);
    connect(&mut rig, &[BOB]);
    writes(&mut rig, BOB, 1);
    let texts = rig.read_all(BOB);
    let places = ["kit.new_key", "lock-result"].map(|part| texts.iter().position(|text| text.contains(part)).unwrap());
    assert!(places.is_sorted(), "{texts:?}");
}

#[test]
fn an_index_that_is_gone_is_not_told_of() {
    let mut rig = rig_with(&[MASTER]);
    rig.send(MASTER, None, &index(MASTER, "index.created"));
    rig.send(MASTER, None, &index(MASTER, "index.deleted"));
    connect(&mut rig, &[BOB]);
    writes(&mut rig, BOB, 1);
    assert!(file_news(&mut rig, BOB).is_empty());
}

#[test]
fn another_hub_that_goes_on_tells_it_too() {
    let mut rig = rig_with(&[MASTER, ANN]);
    rig.send(MASTER, None, NEW_KEY);
    rig.succeed();
    connect(&mut rig, &[BOB]);
    writes(&mut rig, BOB, 1);
    assert_eq!(file_news(&mut rig, BOB), [NEW_KEY]);
}

#[test]
fn the_next_master_is_told_when_it_has_said_what_it_had_to_say() {
    let mut rig = rig_with(&[MASTER, ANN]);
    writes(&mut rig, ANN, 1);
    rig.send(ANN, None, &root_at(ANN, 7));
    replace_master(&mut rig);
    assert!(file_news(&mut rig, MASTER).is_empty());
    rig.send(MASTER, None, &root_at(MASTER, 9));
    rig.advance(super::super::DEFAULT_MASTER_WARM_UP_MS);
    assert_eq!(file_news(&mut rig, MASTER), [root_at(MASTER, 9)]);
}

#[test]
fn who_may_have_moved_the_root_and_is_gone_leaves_it_to_the_files() {
    let mut rig = rig_with(&[MASTER, ANN]);
    rig.send(MASTER, None, NEW_KEY);
    writes(&mut rig, ANN, 1);
    rig.send(ANN, None, &root_at(ANN, 7));
    rig.lose(ANN, Loss::Reset);
    connect(&mut rig, &[BOB]);
    writes(&mut rig, BOB, 2);
    assert_eq!(file_news(&mut rig, BOB), [NEW_KEY]);
}

#[test]
fn what_all_know_already_is_told_to_nobody() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    writes(&mut rig, ANN, 1);
    assert_eq!(rig.send(ANN, None, &root_at(ANN, 7)), Verdict::Forward);
    for peer in [MASTER, BOB] {
        assert_eq!(file_news(&mut rig, peer), [root_at(ANN, 7)]);
        assert_eq!(rig.send(peer, None, &root_at(peer, 7)), Verdict::Taken);
    }
    assert!(file_news(&mut rig, ANN).is_empty());
}

#[test]
fn a_late_echo_does_not_bring_a_former_root_back() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    writes(&mut rig, ANN, 1);
    rig.send(ANN, None, &root_at(ANN, 7));
    rig.send(ANN, None, &root_at(ANN, 8));
    has_written(&mut rig, ANN, 1);
    for peer in [BOB, MASTER] {
        assert_eq!(rig.send(peer, None, &root_at(peer, 7)), Verdict::Taken, "{peer}");
        assert_eq!(rig.send(peer, None, &root_at(peer, 8)), Verdict::Taken, "{peer}");
    }
}

#[test]
fn who_may_write_moves_the_root_back_to_where_it_was() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    writes(&mut rig, ANN, 1);
    rig.send(ANN, None, &root_at(ANN, 7));
    rig.send(ANN, None, &root_at(ANN, 8));
    assert_eq!(rig.send(ANN, None, &root_at(ANN, 7)), Verdict::Forward);
    has_written(&mut rig, ANN, 1);
    for record in [7, 8, 7] {
        assert_eq!(rig.send(MASTER, None, &root_at(MASTER, record)), Verdict::Taken, "it repeats what it was told");
    }
    assert_eq!(rig.send(MASTER, None, &root_at(MASTER, 8)), Verdict::Forward, "it has moved it itself");
    let _ = file_news(&mut rig, BOB);
    writes(&mut rig, BOB, 2);
    assert_eq!(rig.send(BOB, None, &root_at(BOB, 7)), Verdict::Forward);
    assert_eq!(file_news(&mut rig, ANN), [root_at(MASTER, 8), root_at(BOB, 7)]);
}
