//! What is kept back, from whom, and what passes all the same.

use super::*;

/// How long after its start no client of a former run of the hub comes any more.
const SETTLED_MS: u64 = 31_000;

/// A rig that has been up for a while.
fn settled_rig(peers: &[&str]) -> Rig {
    let mut rig = rig();
    rig.advance(SETTLED_MS);
    connect(&mut rig, peers);
    rig.advance(SETTLED_MS);
    rig
}

fn said(from: &str, kind: &str, rest: &str) -> String {
    format!(r#"{{"type":"{kind}","from":"{from}"{rest}}}"#)
}

/// Sends a text and expects that nobody gets it.
fn is_kept_back(rig: &mut Rig, from: &str, to: Option<&str>, text: &str) {
    let before = count(rig, NoteKind::MessageRefused);
    rig.advance(60_000);
    let shown = text.get(..200).unwrap_or(text);
    assert_eq!(rig.send(from, to, text), Verdict::Taken, "{shown}");
    assert_eq!(count(rig, NoteKind::MessageRefused), before + 1, "{shown}");
    for peer in [MASTER, ANN, BOB] {
        let read = rig.read_all(peer);
        assert!(peer == from || read.is_empty(), "{peer} got {} texts for {shown}", read.len());
    }
}

#[test]
fn nobody_but_the_hub_says_its_words() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    for text in ["disconnect:x", "connect:x", "welcome:{", "get:1", "pong"] {
        is_kept_back(&mut rig, ANN, None, text);
        is_kept_back(&mut rig, ANN, Some(BOB), text);
        is_kept_back(&mut rig, MASTER, Some(BOB), text);
    }
}

#[test]
fn nobody_speaks_in_anothers_name() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    for (kind, rest) in [
        ("hello", ""),
        ("event", r#","data":{"path":"a"}"#),
        ("notification", r#","data":{"type":"cache.invalidate","path":"a"}"#),
        ("subscribe", r#","data":{"path":"a","event":"value"}"#),
    ] {
        for other in [BOB, MASTER, "acebase-ipc-server", ""] {
            is_kept_back(&mut rig, ANN, None, &said(other, kind, rest));
        }
        let forwarded = match kind {
            "notification" => Verdict::ForwardWithin(super::super::DEFAULT_GATHER_NOTIFICATIONS_MS),
            _ => Verdict::Forward,
        };
        assert_eq!(rig.send(ANN, None, &said(ANN, kind, rest)), forwarded);
        rig.read_all(BOB);
        rig.read_all(MASTER);
    }
    let odd = format!(r#"{{"data":{{"path":"a"}},"\u0066rom":"{BOB}","type":"\u0065vent"}}"#);
    is_kept_back(&mut rig, ANN, None, &odd);
    assert_eq!(rig.send(ANN, None, &odd.replace(BOB, ANN)), Verdict::Forward);
}

#[test]
fn requests_go_from_workers_to_the_master_and_are_answered_otherwise() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    let lock = |from: &str, id: &str| {
        let data = r#""data":{"path":"a","tid":"t","write":true}"#;
        format!(r#"{{"type":"lock-request","id":"{id}","from":"{from}","to":"[master]",{data}}}"#)
    };
    for (to, from) in [(Some(BOB), ANN), (None, ANN), (Some(MASTER), BOB), (Some("nobody"), ANN)] {
        rig.send(ANN, to, &lock(from, "r"));
        let answer = json_of(&rig.read_all(ANN)[0]);
        assert_eq!(
            (&answer["type"], &answer["id"], &answer["ok"]),
            (&json!("lock-result"), &json!("r"), &json!(false))
        );
    }
    for to in [MASTER, ANN] {
        is_kept_back(&mut rig, MASTER, Some(to), &lock(MASTER, "r"));
    }
    assert!(rig.read_all(MASTER).is_empty() && rig.read_all(BOB).is_empty() && rig.is_idle());
}

#[test]
fn a_request_that_no_master_can_take_is_refused_in_the_way_that_its_client_can_bear() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    for (kind, data, answer_kind, ok) in [
        ("lock-request", json!({"path": 7, "tid": "t", "write": true}), "lock-result", false),
        ("move-lock-request", json!({"id": 3, "move_to": "child"}), "lock-result", false),
        ("unlock-request", json!({"id": "3"}), "unlock-result", false),
        ("request", json!({"type": "fst.allocate", "records": "5"}), "result", false),
        ("request", json!({"type": "kit.add", "key": ""}), "result", true),
        ("request", json!({"type": "fst.release"}), "result", true),
        (
            "request",
            json!({"type": "fst.release", "ranges": [{"pageNr": 0, "recordNr": 0, "length": 0}]}),
            "result",
            true,
        ),
        ("request", json!({"type": "index.update", "fileName": "a.geo.idx", "path": "a[1]"}), "result", true),
        ("request", json!(null), "result", false),
    ] {
        assert_eq!(ask(&mut rig, ANN, kind, "r", data.clone()), Verdict::Taken);
        let answer = json_of(&rig.read_all(ANN)[0]);
        assert_eq!((&answer["type"], &answer["ok"]), (&json!(answer_kind), &json!(ok)), "{data}");
        assert!(ok == (answer["data"]["ok"] == json!(false)), "{answer}");
        assert!(rig.read_all(MASTER).is_empty(), "{data}");
    }
    assert!(rig.is_idle());
}

#[test]
fn a_refusal_is_no_second_answer() {
    let mut rig = rig_with(&[MASTER, ANN]);
    ask_lock(&mut rig, ANN, "r", "t", true);
    ask(&mut rig, ANN, "lock-request", "r", json!({"path": 7}));
    assert!(rig.read_all(ANN).is_empty());
}

#[test]
fn a_lock_is_released_by_its_holder_only_however_its_number_is_written() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    ask_lock(&mut rig, ANN, "r1", "t", true);
    grant(&mut rig, ANN, "r1", 3, "t", true);
    for peer in [MASTER, ANN, BOB] {
        rig.read_all(peer);
    }
    for from in [BOB, ANN] {
        // 9 is a lock that the master has given itself.
        for number in ["3", "3.0", "3e0", "-0", "03", "9", "\"3\"", "[3]"] {
            for kind in ["unlock-request", "move-lock-request"] {
                let data = format!(r#"{{"id":{number},"move_to":"parent"}}"#);
                let text = format!(r#"{{"type":"{kind}","id":"r","from":"{from}","to":"[master]","data":{data}}}"#);
                assert_eq!(rig.send(BOB, Some(MASTER), &text), Verdict::Taken, "{text}");
            }
        }
    }
    let twice = format!(r#"{{"type":"unlock-request","id":"r","from":"{BOB}","data":{{"id":8,"id":3}}}}"#);
    assert_eq!(rig.send(BOB, Some(MASTER), &twice), Verdict::Taken);
    assert!(rig.read_all(MASTER).is_empty());
    assert_eq!(rig.locks()[0].peer, ANN);
}

#[test]
fn only_the_master_answers_and_only_who_waits_and_once() {
    let mut rig = settled_rig(&[MASTER, ANN, BOB]);
    let mut lock = 0;
    let mut text = |from: &str, id: &str| {
        lock += 1;
        let data = json!({"id": lock, "path": "a", "tid": "t", "write": true});
        let head = format!(r#""id":"{id}","from":"{from}","to":"{ANN}","ok":true"#);
        format!(r#"{{"type":"lock-result",{head},"data":{data}}}"#)
    };
    ask_lock(&mut rig, ANN, "asked", "t", true);
    rig.read_all(MASTER);
    for from in [BOB, MASTER] {
        for to in [Some(ANN), Some(MASTER), None] {
            is_kept_back(&mut rig, BOB, to, &text(from, "asked"));
        }
    }
    for to in [Some(MASTER), None] {
        is_kept_back(&mut rig, MASTER, to, &text(MASTER, "asked"));
    }
    rig.advance(60_000);
    assert_eq!(rig.send(MASTER, Some(ANN), &text(MASTER, "never asked")), Verdict::Taken);
    assert_eq!(rig.send(MASTER, Some(ANN), &text(MASTER, "asked")), Verdict::Forward);
    assert_eq!(rig.send(MASTER, Some(ANN), &text(MASTER, "asked")), Verdict::Taken);
    assert_eq!(rig.read_all(ANN).len(), 1);
    // What was granted to nobody is given back.
    assert_eq!(rig.read_all(MASTER).iter().filter(|text| text.contains("unlock-request")).count(), 2);
}

#[test]
fn soon_after_the_start_a_second_answer_is_swallowed_too() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    let ids = ["mib3xk2w0000p7q1rz000000", "mib3xk2x0001p7q1rz000000"];
    for _ in 0..2 {
        grant(&mut rig, BOB, "of the former run", 8, "u", false);
    }
    assert_eq!(rig.read_all(BOB).len(), 1);
    ask_lock(&mut rig, ANN, ids[1], "t", true);
    for _ in 0..2 {
        grant(&mut rig, ANN, ids[1], 9, "t", true);
    }
    assert_eq!(grant(&mut rig, ANN, ids[0], 7, "t", true), Verdict::Forward);
    assert_eq!(rig.read_all(ANN).len(), 2);
}

#[test]
fn an_answer_that_its_worker_cannot_take_fails_the_request() {
    for (kind, rest) in [
        ("result", json!({"ok": true, "data": {"id": 1}})),
        ("lock-result", json!({"ok": true})),
        ("lock-result", json!({"ok": 1, "data": {"id": 1, "path": "a", "tid": "t", "write": true}})),
        ("lock-result", json!({"ok": true, "data": {"id": 1.5, "path": "a", "tid": "t", "write": true}})),
        ("lock-result", json!({"ok": false, "reason": {"toString": 1}})),
    ] {
        let mut rig = settled_rig(&[MASTER, ANN]);
        ask_lock(&mut rig, ANN, "r", "t", true);
        assert_eq!(answer(&mut rig, ANN, kind, "r", rest.clone()), Verdict::Taken);
        let failure = json_of(&rig.read_all(ANN)[0]);
        assert_eq!((&failure["id"], &failure["ok"]), (&json!("r"), &json!(false)), "{rest}");
        assert!(rig.is_idle() && count(&rig, NoteKind::MessageRefused) == 1);
    }
    let mut rig = settled_rig(&[MASTER, ANN]);
    ask(&mut rig, ANN, "request", "r", json!({"type": "kit.add", "key": "name"}));
    answer(&mut rig, ANN, "result", "r", json!({"ok": true, "data": {"ok": true, "index": 4_000_000_000u64}}));
    assert_eq!(json_of(&rig.read_all(ANN)[0])["data"]["ok"], false);
}

#[test]
fn only_the_master_tells_of_keys_and_new_indexes() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    for data in [r#"{"type":"kit.new_key","key":"name","index":3}"#, r#"{"type":"index.created","fileName":"a.idx"}"#] {
        let rest = format!(r#","data":{data}"#);
        is_kept_back(&mut rig, ANN, None, &said(ANN, "notification", &rest));
        assert_eq!(rig.send(MASTER, None, &said(MASTER, "notification", &rest)), Verdict::Forward);
        rig.read_all(ANN);
        rig.read_all(BOB);
    }
}

#[test]
fn that_an_index_is_gone_is_told_if_the_master_had_it() {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    let gone = |from: &str| said(from, "notification", r#","data":{"type":"index.deleted","fileName":"a.idx"}"#);
    let had_it = |rig: &mut Rig, data: Value| {
        assert_eq!(rig.send(ANN, None, &gone(ANN)), Verdict::Taken);
        let question = json_of(&rig.read_all(MASTER)[0]);
        assert_eq!((&question["type"], &question["data"]["fileName"]), (&json!("request"), &json!("a.idx")));
        let (to, id) = (question["from"].as_str().unwrap(), question["id"].as_str().unwrap());
        assert_eq!(answer(rig, to, "result", id, json!({"ok": true, "data": data})), Verdict::Taken);
        rig.read_all(BOB)
    };
    assert!(had_it(&mut rig, json!({"ok": false, "reason": "Index a.idx not found"})).is_empty());
    assert_eq!(count(&rig, NoteKind::MessageRefused), 1);
    assert_eq!(had_it(&mut rig, json!({"ok": true})), [gone(ANN)]);
    assert_eq!(rig.read_all(MASTER), [gone(ANN)]);
    // Each hears it once, until there is one again.
    for peer in [BOB, MASTER, ANN] {
        assert_eq!(rig.send(peer, None, &gone(peer)), Verdict::Taken);
    }
    assert!([MASTER, ANN, BOB].iter().all(|peer| rig.read_all(peer).is_empty()));
    let created = said(MASTER, "notification", r#","data":{"type":"index.created","fileName":"a.idx"}"#);
    rig.send(MASTER, None, &created);
    rig.send(MASTER, None, &gone(MASTER));
    assert_eq!(rig.read_all(BOB), [created.clone(), gone(MASTER)]);
    rig.send(MASTER, None, &created);
    rig.lose(MASTER, Loss::Closed);
    rig.read_all(ANN);
    rig.read_all(BOB);
    is_kept_back(&mut rig, ANN, None, &gone(ANN));
    // Who has told it is not told of it.
    rig.connect(MASTER).unwrap();
    rig.send(MASTER, None, &gone(MASTER));
    assert!(!rig.read_all(ANN).contains(&gone(MASTER)) && rig.read_all(BOB).contains(&gone(MASTER)));
}

#[test]
fn plain_clients_keep_the_exact_wire_among_each_other() {
    let mut rig = rig_with(&["plain", "other", ANN]);
    for text in ["{", "disconnect:x", r#"{"type":"event","from":"other"}"#, r#"{"type":"result","id":"r"}"#] {
        for to in [None, Some("other")] {
            rig.send("plain", to, text);
            assert_eq!(rig.read_all("other"), [text], "{text}");
            assert!(rig.read_all(ANN).is_empty() && rig.read_all("plain").is_empty(), "{text}");
        }
        assert_eq!(rig.send("plain", Some(ANN), text), Verdict::Taken);
        assert!(rig.read_all(ANN).is_empty());
    }
    assert_eq!(count(&rig, NoteKind::MessageRefused), 1);
    let mut rig = rig_with(&["plain", "other"]);
    let request = r#"{"type":"lock-request","id":"r","from":"somebody","data":7}"#;
    assert_eq!(rig.send("plain", None, request), Verdict::Forward);
    assert!(rig.read_all("plain").is_empty() && rig.notes.is_empty());
}

#[test]
fn who_has_said_bye_is_still_kept_to_the_rules() {
    let mut rig = rig_with(&[MASTER, ANN, BOB, "own-id"]);
    for peer in [ANN, "own-id"] {
        rig.send(peer, None, &said(peer, "subscribe", r#","data":{"path":"a","event":"value"}"#));
        rig.send(peer, None, &said(peer, "bye", ""));
        for other in [MASTER, BOB, ANN] {
            rig.read_all(other);
        }
        for (to, text) in [(None, "disconnect:x".to_owned()), (Some(BOB), said(peer, "event", ""))] {
            assert_eq!(rig.send(peer, to, &text), Verdict::Taken, "{text}");
            assert!(rig.read_all(BOB).is_empty() && rig.read_all(MASTER).is_empty(), "{text}");
        }
    }
    assert_eq!(count(&rig, NoteKind::MessageRefused), 2, "one of each");
}

#[test]
fn the_rules_hold_whatever_else_is_switched_off() {
    let config = CoordinationConfig {
        introductions: false,
        resume_window: 0,
        master_timeout: 0,
        lock_table: false,
        ..Default::default()
    };
    let mut rig = Rig::new(config);
    connect(&mut rig, &[MASTER, ANN, BOB]);
    is_kept_back(&mut rig, ANN, None, "disconnect:x");
    is_kept_back(&mut rig, ANN, None, &said(ANN, "event", ""));
    is_kept_back(&mut rig, ANN, Some(BOB), &said(MASTER, "result", r#","id":"r","ok":true,"data":{}"#));
    is_kept_back(&mut rig, ANN, None, &said(ANN, "kit.new_key", "").replace("kit.new_key", "unlock-request"));
    assert_eq!(answer(&mut rig, ANN, "result", "r", json!({"ok": true, "data": {}})), Verdict::Forward);
}

#[test]
fn nobody_joins_under_a_name_of_the_hub() {
    let mut rig = rig();
    for id in ["acebase-ipc-server", "acebase-ipc-server-mark-1700000000000-1"] {
        assert!(rig.connect(id).unwrap_err().contains("server's own"), "{id}");
    }
}

#[test]
fn depth_and_size_of_values_do_not_matter() {
    let mut rig = rig_with(&[ANN, BOB]);
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let event = said(ANN, "event", &format!(r#","data":{{"path":"a","val":{deep}}}"#));
    assert_eq!(rig.send(ANN, None, &event), Verdict::Forward);
    assert_eq!(rig.read_all(BOB).len(), 1);
    is_kept_back(&mut rig, ANN, None, &event.replace("]}}", "}}"));
    is_kept_back(&mut rig, ANN, None, &said(ANN, "event", &format!(r#","data":{deep}"#)));
}
