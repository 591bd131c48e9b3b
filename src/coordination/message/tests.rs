//! What is read, by both ways of reading.

use super::*;

const WORKER: &str = "l8x0k2vq0000abcdef012345";

#[test]
fn ids_of_acebase_are_known_by_their_form() {
    assert!(is_acebase_id(MASTER));
    assert!(is_acebase_id(WORKER));
    for other in ["", "worker", "[master]x", "L8x0k2vq0000abcdef012345", "l8x0k2vq0000abcdef0123456"] {
        assert!(!is_acebase_id(other), "{other}");
    }
}

#[test]
fn paths_have_the_parents_that_acebase_gives_them() {
    for (path, parent) in [("a/b/c", "a/b"), ("a/b[3]", "a/b"), ("a[3]/b", "a[3]"), ("a", ""), ("", "")] {
        assert_eq!(parent_path(path), parent, "{path}");
    }
}

#[test]
fn what_begins_as_acebase_resembles_it() {
    assert!(resembles_acebase(br#"{"type":"hello"}"#) && resembles_acebase(br#"{"type":"move-lock-request","#));
    for other in
        ["", "{", r#"{"type":"hello"#, r#"{"type":"hello2"}"#, r#"{ "type":"hello"}"#, r#"{"from":"x","type":"hello"}"#]
    {
        assert!(!resembles_acebase(other.as_bytes()), "{other}");
    }
}

fn sound(text: &str) -> Message {
    match read(text.as_bytes()) {
        Reading::Sound(said) => said.message,
        other => panic!("{text}: {other:?}"),
    }
}

fn fault(text: &str) -> Fault {
    match read(text.as_bytes()) {
        Reading::Unsound(Unsound { fault, .. }) => fault,
        other => panic!("{text}: {other:?}"),
    }
}

fn with_data(kind: &str, data: &str) -> String {
    format!(r#"{{"type":"{kind}","id":"r","from":"w","to":"[master]","ok":true,"data":{data}}}"#)
}

/// What the published clients write, as it was seen on the wire.
const USUAL: [&str; 11] = [
    r#"{"type":"event","from":"w","to":"v","path":"a","event":"value","data":{"path":"a","val":{"x":[1,"é"]},"previous":null,"context":{"k":1}}}"#,
    r#"{"type":"event","from":"w","to":"v","path":"a/*","event":"notify_value","data":{"path":"a/\"b\"","context":{}}}"#,
    r#"{"type":"notification","from":"w","data":{"type":"cache.invalidate","path":"a/b","recursive":{"x":"delete"},"reason":"mergeNode"}}"#,
    r#"{"type":"notification","from":"w","data":{"type":"cache.invalidate","path":"","recursive":true}}"#,
    r#"{"type":"notification","from":"w","data":{"type":"cache.update","info":{"path":"a","type":1,"key":"a","exists":true,"address":{"path":"a","pageNr":0,"recordNr":5}}}}"#,
    r#"{"type":"lock-request","id":"r","from":"w","to":"[master]","data":{"path":"a","tid":"t","write":true,"comment":"c"}}"#,
    r#"{"type":"lock-request","id":"r","from":"w","to":"[master]","data":{"path":"","write":false,"tid":"t"}}"#,
    r#"{"type":"unlock-request","id":"r","from":"w","to":"[master]","data":{"id":7}}"#,
    r#"{"type":"lock-result","id":"r","from":"[master]","to":"w","ok":true,"data":{"id":3,"path":"a","tid":"t","write":true,"expires":1700000000000,"comment":"c"}}"#,
    r#"{"type":"lock-result","id":"r","from":"[master]","to":"w","ok":true,"data":{"id":3,"path":"a","write":false,"tid":"t"}}"#,
    r#"{"type":"unlock-result","id":"r","from":"[master]","to":"w","ok":true,"data":{"id":7}}"#,
];

#[test]
fn what_passes_all_the_time_is_read_quickly() {
    for text in USUAL {
        assert!(is_usual(text.as_bytes()), "{text}");
        let reading = read(text.as_bytes());
        assert_eq!(reading, read_completely(text.as_bytes()), "{text}");
        let is_news = matches!(reading, Reading::Sound(Said { message: Message::News, .. }));
        assert_eq!(is_usual_news(text.as_bytes(), "w"), is_news, "{text}");
        assert!(!is_usual_news(text.as_bytes(), "v"));
    }
}

#[test]
fn messages_are_read_as_clients_write_them() {
    let ask = |text: &str| match sound(text) {
        Message::Request(Request { ask, .. }) => ask,
        other => panic!("{other:?}"),
    };
    let wanted = WantedLock { path: "a/b".into(), tid: "t".into(), write: true, comment: "\"x\"".into() };
    let text = with_data("lock-request", r#"{"path":"a/b","tid":"t","write":true,"comment":"\"x\""}"#);
    assert_eq!(ask(&text), Ask::Lock(wanted.clone()));
    // A debugging build numbers its transactions; half of a character is no reason to fail.
    let text = with_data("lock-request", r#"{"path":"\ud800","tid":5,"write":true}"#);
    assert!(matches!(ask(&text), Ask::Lock(WantedLock { path, tid, .. }) if tid == "5" && path.contains('\u{fffd}')));
    assert_eq!(ask(&with_data("move-lock-request", r#"{"id":7,"move_to":"parent"}"#)), Ask::Move { lock: 7 });
    assert_eq!(ask(&with_data("request", r#"{"type":"kit.add","key":"name"}"#)), Ask::AddKey);
    let ranges = r#"[{"pageNr":0,"recordNr":1,"length":2},{"pageNr":1,"recordNr":0,"length":65536}]"#;
    assert_eq!(ask(&with_data("request", &format!(r#"{{"type":"fst.release","ranges":{ranges}}}"#))), Ask::Free);
    let index = r#"{"type":"index.create","path":"a","key":"b","options":{"rebuild":true}}"#;
    assert_eq!(ask(&with_data("request", index)), Ask::CreateIndex);
    assert_eq!(ask(&with_data("request", r#"{"type":"fst.allocate","records":12}"#)), Ask::Allocate);
    for data in [
        r#"{"type":"index.update","path":"a[1]","oldValue":null,"newValue":{"a":1}}"#,
        r#"{"type":"index.update","fileName":"a-b.idx","path":"a/b","newValue":1}"#,
        r#"{"type":"of a later client"}"#,
    ] {
        assert_eq!(ask(&with_data("request", data)), Ask::Custom, "{data}");
    }
    for (kind, data) in [
        ("subscribe", r#"{"path":"a/$b","event":"notify_child_added"}"#),
        ("unsubscribe", r#"{"path":"","event":"value"}"#),
    ] {
        assert_eq!(sound(&with_data(kind, data)), Message::Interest);
    }
    for data in [r#"{"type":"of a later client"}"#, r#"{"type":"cache.invalidate","path":"a"}"#] {
        assert_eq!(sound(&with_data("notification", data)), Message::News);
    }
}

#[test]
fn answers_are_read_as_masters_write_them() {
    let answer = |text: &str| match sound(text) {
        Message::Answer(answer) => answer,
        other => panic!("{other:?}"),
    };
    let data = r#"{"id":3,"path":null,"tid":5,"write":false,"expires":1700000000000.5,"comment":"c"}"#;
    let grant = answer(&with_data("lock-result", data)).grant.unwrap();
    assert_eq!((grant.id, grant.path, grant.tid.as_deref()), (3, None, Some("5")));
    assert_eq!(grant.expires, Some(1_700_000_000_000));
    let failed = answer(r#"{"type":"lock-result","id":"r","from":"[master]","to":"w","ok":false,"reason":"no"}"#);
    assert_eq!((failed.kind, failed.grant), (AnswerKind::Lock, None));
    assert!(answer(&with_data("result", r#"{"ok":true,"index":-1}"#)).suits(&Ask::AddKey));
    assert!(answer(&with_data("result", r#"{"ok":false,"reason":"Index a.idx not found"}"#)).denies_index);
    let key = answer(&with_data("result", r#"{"ok":true,"index":99999}"#));
    assert!(key.suits(&Ask::Custom) && !key.suits(&Ask::AddKey) && !key.suits(&Ask::Unlock { lock: 1 }));
}

#[test]
fn what_clients_cannot_take_is_told_from_what_they_can() {
    for text in ["{", r#"{"type":"event","from":"w","data":{"path":"a"}"#, r#"{"a":01}"#, "{} x", "{\"a\":\"\t\"}"] {
        assert_eq!(fault(text), Fault::NoJson, "{text}");
    }
    for text in [
        r#"{"type":"hello","from":"w","type":"event"}"#,
        r#"{"type":"hello","from":"w","\u0066rom":"v"}"#,
        r#"{"type":"bye","from":"w","from":"w"}"#,
        r#"{"type":"hello","from":"w","\ud800":1}"#,
    ] {
        assert_eq!(fault(text), Fault::Members, "{text}");
    }
    assert_eq!(fault(r#"{"type":"hello"}"#), Fault::Sender);
    assert_eq!(fault(r#"{"type":"hello","from":7}"#), Fault::Sender);
    for data in ["null", "7", "[]", r#"["a",7]"#, r#""text""#, r#"{"path":"a","path":"b"}"#] {
        for kind in &words::KINDS[..8] {
            if *kind != "unlock-result" {
                assert_eq!(fault(&with_data(kind, data)), Fault::Data, "{kind} {data}");
            }
        }
    }
    for (kind, data, member) in [
        ("event", r#"{"path":7}"#, "path"),
        ("event", r#"{"path":"a","context":"text"}"#, "context"),
        ("subscribe", r#"{"path":"a","event":"odd"}"#, "event"),
        ("subscribe", r#"{"path":"constructor","event":"value"}"#, "path"),
        ("lock-request", r#"{"path":7,"tid":"t","write":true}"#, "path"),
        ("lock-request", r#"{"path":"a","tid":null,"write":true}"#, "tid"),
        ("lock-request", r#"{"path":"a","tid":"t"}"#, "write"),
        ("lock-request", r#"{"path":"a","tid":"t","write":1}"#, "write"),
        ("lock-request", r#"{"path":"a","tid":"t","write":true,"comment":[]}"#, "comment"),
        ("unlock-request", r#"{"id":3.0}"#, "id"),
        ("unlock-request", r#"{"id":3e0}"#, "id"),
        ("unlock-request", r#"{"id":-3}"#, "id"),
        ("unlock-request", r#"{"id":9007199254740993}"#, "id"),
        ("move-lock-request", r#"{"id":3,"move_to":"child"}"#, "move_to"),
        ("request", "{}", "type"),
        ("request", r#"{"type":"fst.allocate","records":1e9}"#, "records"),
        ("request", r#"{"type":"fst.release"}"#, "ranges"),
        ("request", r#"{"type":"fst.release","ranges":{}}"#, "ranges"),
        ("request", r#"{"type":"fst.release","ranges":[[0,0,1]]}"#, "ranges"),
        ("request", r#"{"type":"kit.add","key":""}"#, "key"),
        ("request", r#"{"type":"index.create","path":7,"key":"a"}"#, "path"),
        ("request", r#"{"type":"index.update","fileName":7,"path":"a"}"#, "fileName"),
        ("request", r#"{"type":"index.update","fileName":"a.geo.idx","path":"a[1]"}"#, "path"),
        ("notification", "{}", "type"),
        ("notification", r#"{"type":"root.update","address":{"path":"a","pageNr":0,"recordNr":0}}"#, "address"),
        ("notification", r#"{"type":"root.update","address":{"path":"","pageNr":0,"recordNr":65536}}"#, "address"),
        ("notification", r#"{"type":"cache.update","info":{"path":"a"}}"#, "info"),
        ("notification", r#"{"type":"kit.new_key","index":1.5,"key":"a"}"#, "index"),
        ("notification", r#"{"type":"index.deleted"}"#, "fileName"),
        ("lock-result", r#"{"id":1,"tid":"t","write":true,"expires":"x"}"#, "expires"),
    ] {
        assert_eq!(fault(&with_data(kind, data)), Fault::Member(member), "{kind} {data}");
    }
    let many = vec![r#"{"pageNr":0,"recordNr":0,"length":1}"#; rules::MAX_RANGES + 1];
    let release =
        |ranges: &[&str]| with_data("request", &format!(r#"{{"type":"fst.release","ranges":[{}]}}"#, ranges.join(",")));
    assert!(matches!(sound(&release(&many[1..])), Message::Request(_)));
    assert_eq!(fault(&release(&many)), Fault::Member("ranges"));
}

#[test]
fn who_waits_because_of_a_message_is_known() {
    let due = |text: &str| match read(text.as_bytes()) {
        Reading::Unsound(Unsound { due, .. }) => due,
        other => panic!("{other:?}"),
    };
    let request = |form| Some(Due::Request { id: "r".into(), form });
    assert_eq!(due(&with_data("lock-request", "7")), request(RefusalForm::Lock));
    assert_eq!(due(&with_data("unlock-request", "7")), request(RefusalForm::Unlock));
    assert_eq!(due(&with_data("request", "7")), request(RefusalForm::Custom));
    assert_eq!(due(&with_data("request", r#"{"type":"fst.release"}"#)), request(RefusalForm::ByMaster));
    assert_eq!(due(&with_data("lock-result", "7")), Some(Due::Answer { id: "r".into() }));
    assert_eq!(due(&with_data("event", "7")), None);
    assert_eq!(due(&with_data("lock-request", "7").replace(r#""id":"r""#, r#""id":"""#)), None);
}

mod both_ways {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of messages, of which some fit together.
    fn piece() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            " ",
            "0",
            "1",
            "7",
            "-",
            ".0",
            "e0",
            "true",
            "false",
            "null",
            "{}",
            "[]",
            "\"a\"",
            "\"\"",
            "\\u0061",
            "\\ud800",
            "é",
            "\u{1}",
            "65536",
            "9007199254740993",
            ",\"val\":1",
            ",\"context\":{}",
            ",\"context\":null",
            ",\"previous\":[1,{}]",
            ",\"to\":\"v\"",
            ",\"from\":\"v\"",
            ",\"data\":null",
            ",\"path\":\"b\"",
            ",\"write\":true",
            ",\"comment\":\"c\"",
            ",\"expires\":1",
            ",\"recursive\":true",
            ",\"id\":3",
            ",\"ok\":true",
        ])
    }

    /// A usual message in which pieces were put in, taken out or written over.
    fn nearly_usual() -> impl Strategy<Value = String> {
        let edits = prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, piece()), 0..4);
        (prop::sample::select(USUAL.to_vec()), edits).prop_map(|(text, edits)| {
            let mut chars: Vec<char> = text.chars().collect();
            for (at, length, piece) in edits {
                let start = at.index(chars.len() + 1);
                let end = (start + length).min(chars.len());
                chars.splice(start..end, piece.chars());
            }
            chars.into_iter().collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_quickly_is_read_the_same_completely(text in nearly_usual()) {
            let completely = read_completely(text.as_bytes());
            if is_usual(text.as_bytes()) {
                prop_assert_eq!(&read(text.as_bytes()), &completely, "{}", text);
            }
            if is_usual_news(text.as_bytes(), "w") {
                prop_assert_eq!(completely, Reading::Sound(Said { from: b"w".as_slice().into(), message: Message::News }));
            }
        }
    }
}
