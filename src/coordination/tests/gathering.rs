//! What nobody waits for waits for others like it: never for long, and never behind what is told later.

use super::*;

/// So long they wait at most.
const WAIT_MS: u64 = super::super::DEFAULT_GATHER_NOTIFICATIONS_MS;

fn news(from: &str, path: &str) -> String {
    format!(
        r#"{{"type":"notification","from":"{from}","data":{{"type":"cache.invalidate","path":"{path}","recursive":true,"reason":"test"}}}}"#
    )
}

/// A master and two workers that have read all, of whom Ann has just told the others something.
fn with_news() -> Rig {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    rig.send(ANN, None, &news(ANN, "first"));
    assert_eq!(rig.read_all(BOB), [news(ANN, "first")], "the first is told at once");
    rig
}

#[test]
fn those_that_follow_soon_are_told_together() {
    let mut rig = with_news();
    for path in ["second", "third"] {
        assert_eq!(rig.send(ANN, None, &news(ANN, path)), Verdict::ForwardWithin(WAIT_MS));
        assert!(rig.read_all(BOB).is_empty());
    }
    rig.advance(WAIT_MS - 1);
    assert!(rig.read_all(BOB).is_empty());
    rig.advance(1);
    assert_eq!(rig.read_all(BOB), ["second", "third"].map(|path| news(ANN, path)));
    assert_eq!(rig.read_all(MASTER), ["first", "second", "third"].map(|path| news(ANN, path)));
    rig.advance(WAIT_MS);
    assert!(rig.deadline().is_none_or(|at| at > rig.now()), "nothing is left to do");
}

#[test]
fn they_go_ahead_of_whatever_else_their_receiver_is_told() {
    let mut rig = with_news();
    rig.send(ANN, None, &news(ANN, "second"));
    ask_lock(&mut rig, BOB, "r", "t", true);
    grant(&mut rig, BOB, "r", 1, "t", true);
    let texts = rig.read_all(BOB);
    assert_eq!(texts[0], news(ANN, "second"));
    assert!(texts.last().is_some_and(|text| text.contains("lock-result")), "{texts:?}");
}

#[test]
fn the_master_has_them_before_the_lock_comes_back() {
    let mut rig = with_news();
    ask_lock(&mut rig, ANN, "r", "t", true);
    grant(&mut rig, ANN, "r", 1, "t", true);
    let _ = rig.read_all(MASTER);
    rig.send(ANN, None, &news(ANN, "second"));
    assert!(rig.read_all(MASTER).is_empty());
    ask_unlock(&mut rig, ANN, "release", 1);
    let texts = rig.read_all(MASTER);
    assert_eq!(texts[0], news(ANN, "second"));
    assert!(texts[1].contains("unlock-request"), "{texts:?}");
}

#[test]
fn events_are_told_at_once() {
    let mut rig = with_news();
    rig.send(ANN, None, &news(ANN, "second"));
    let event = format!(
        r#"{{"type":"event","from":"{ANN}","path":"a","event":"value","data":{{"path":"a","val":1,"previous":0,"context":{{}}}}}}"#
    );
    rig.send(ANN, None, &event);
    assert_eq!(rig.read_all(BOB), [news(ANN, "second"), event]);
}

#[test]
fn another_hub_that_goes_on_tells_what_waited() {
    let mut rig = with_news();
    rig.send(ANN, None, &news(ANN, "second"));
    rig.succeed();
    rig.advance(0);
    assert_eq!(rig.read_all(BOB), [news(ANN, "second")]);
}

/// A worker whose release of its only lock was answered, which it has read nothing of. `life`: it has the extension.
fn with_released(life: Option<&str>) -> Rig {
    let mut rig = rig_with(&[MASTER]);
    match life {
        Some(life) => rig.connect_reliably(ANN, life),
        None => rig.connect(ANN).unwrap(),
    }
    rig.advance(2_000);
    let of_ann = |number: u64, kind: &str, id: &str, data: Value| {
        let text =
            format!(r#"to:[master];{{"type":"{kind}","id":"{id}","from":"{ANN}","to":"[master]","data":{data}}}"#);
        if life.is_some() { format!("#{number} {text}") } else { text }
    };
    let wanted = json!({"path": "a/b", "tid": "t", "write": true, "comment": "test"});
    rig.send_frame(ANN, &of_ann(1, "lock-request", "r", wanted));
    grant(&mut rig, ANN, "r", 1, "t", true);
    [MASTER, ANN].iter().for_each(|peer| drop(rig.read_all(peer)));
    rig.send_frame(ANN, &of_ann(2, "unlock-request", "release", json!({"id": 1})));
    assert!(rig.read_all(MASTER).iter().any(|text| text.contains("unlock-request")), "the master has it at once");
    rig
}

#[test]
fn the_answer_to_a_release_waits_where_its_client_does_not_wait_for_it() {
    let mut rig = with_released(Some("lifeOfAnn0000000000000"));
    let answers = |rig: &mut Rig| rig.read_all(ANN).iter().filter(|text| text.contains("unlock-result")).count();
    assert_eq!(answers(&mut rig), 0);
    rig.advance(WAIT_MS);
    assert_eq!(answers(&mut rig), 1);
    let mut rig = with_released(None);
    assert_eq!(answers(&mut rig), 1, "a published client waits");
}
