//! Processes that want the master's place while it is taken.

use super::{
    super::succession::{ANSWER_TIMEOUT_MS, IMPATIENCE_MS, STAND_BY_MS},
    *,
};
use crate::hub::{
    coordinator::Decision,
    testing::{Answer, Caller},
};

/// A newcomer asks to come in, and has to wait, kept from writing.
fn comes(rig: &mut Rig) -> Caller {
    let (caller, answer) = rig.ask_in(MASTER);
    assert_eq!(answer, Answer::Wait);
    if rig.is_connected(MASTER) {
        assert!(matches!(told(rig, caller), Some(Decision::StandBy(_))));
    }
    caller
}

/// What a newcomer is told now, once.
fn told(rig: &mut Rig, caller: Caller) -> Option<Decision> {
    let (to, decision) = rig.decisions.pop_front()?;
    assert_eq!(to, caller);
    Some(decision)
}

fn is_refused(decision: Option<Decision>) -> bool {
    matches!(decision, Some(Decision::Refuse(reason)) if reason.to_string().contains("role \"worker\""))
}

fn says_bye(rig: &mut Rig) {
    rig.send(MASTER, None, r#"{"type":"bye","from":"[master]"}"#);
}

/// A living master, and a newcomer that stands by.
fn with_candidate() -> (Rig, Caller) {
    let mut rig = rig_with(&[MASTER, ANN]);
    let caller = comes(&mut rig);
    answer_probe(&mut rig, &[]);
    assert_eq!(told(&mut rig, caller), None);
    (rig, caller)
}

#[test]
fn of_two_that_come_together_the_second_waits() {
    let mut rig = rig();
    let (first, answer) = rig.ask_in(MASTER);
    assert_eq!(answer, Answer::Come);
    let second = comes(&mut rig);
    rig.enter(MASTER, first);
    assert!(matches!(told(&mut rig, second), Some(Decision::StandBy(_))) && is_refused(told(&mut rig, second)));
    assert_eq!(count(&rig, NoteKind::MasterContested), 1);
}

#[test]
fn a_place_that_nobody_comes_for_goes_to_the_next() {
    let mut rig = rig();
    let (first, _) = rig.ask_in(MASTER);
    let second = comes(&mut rig);
    rig.withdraw(first);
    assert_eq!(told(&mut rig, second), Some(Decision::LetIn));
    rig.withdraw(second);
    assert!(rig.is_idle());
    rig.advance(0);
    assert!(rig.is_forgotten() && rig.deadline().is_none());
}

#[test]
fn a_newcomer_to_a_living_master_is_refused_with_a_warning() {
    let (mut rig, caller) = with_candidate();
    rig.advance(STAND_BY_MS - 1);
    assert_eq!(told(&mut rig, caller), None);
    rig.advance(1);
    assert!(is_refused(told(&mut rig, caller)));
    // It comes back at once, and ends; and is started again, and again.
    for _ in 0..3 {
        let (back, answer) = rig.ask_in(MASTER);
        assert_eq!((answer, told(&mut rig, back)), (Answer::Wait, None));
        rig.advance(IMPATIENCE_MS - 1);
        assert!(is_refused(told(&mut rig, back)));
        let caller = comes(&mut rig);
        answer_probe(&mut rig, &[]);
        assert!(is_refused(told(&mut rig, caller)));
    }
    assert_eq!(count(&rig, NoteKind::MasterContested), 2, "a warning a minute is enough");
}

#[test]
fn the_place_of_a_master_that_leaves_in_time_is_taken_at_once() {
    for leave in [says_bye as fn(&mut Rig), |rig| rig.lose(MASTER, Loss::Fin), |rig| rig.lose(MASTER, Loss::Closed)] {
        let (mut rig, caller) = with_candidate();
        leave(&mut rig);
        assert_eq!(told(&mut rig, caller), Some(Decision::LetIn));
        rig.enter(MASTER, caller);
        answer_probe(&mut rig, &[]);
        assert_eq!(ask_lock(&mut rig, ANN, "r1", "t", true), Verdict::Forward);
    }
}

#[test]
fn the_lock_that_kept_a_newcomer_from_writing_is_released() {
    let (mut rig, caller) = with_candidate();
    rig.lose(MASTER, Loss::Fin);
    rig.enter(MASTER, caller);
    assert_eq!(grant(&mut rig, HUB, "hold", 7, HUB, true), Verdict::Taken);
    let release = |text: &String| text.contains("unlock-request") && text.ends_with(r#""data":{"id":7}}"#);
    assert!(rig.read_all(MASTER).iter().any(release), "it gets through before the newcomer is known");
}

#[test]
fn a_newcomer_is_refused_when_files_change_while_it_stands_by() {
    let news = |rig: &mut Rig, from: &str| {
        let data = r#"{"type":"root.update","address":{"path":"","pageNr":1,"recordNr":2}}"#;
        rig.send(from, None, &format!(r#"{{"type":"notification","from":"{from}","data":{data}}}"#));
    };
    let (mut rig, caller) = with_candidate();
    news(&mut rig, ANN);
    assert!(is_refused(told(&mut rig, caller)));

    let (mut rig, caller) = with_candidate();
    news(&mut rig, MASTER);
    assert!(is_refused(told(&mut rig, caller)));

    let (mut rig, caller) = with_candidate();
    rig.advance(2_000);
    ask(&mut rig, ANN, "request", "r1", json!({"type": "fst.allocate", "records": 1}));
    answer(&mut rig, ANN, "result", "r1", json!({"ok": true, "data": {"ok": true}}));
    assert!(is_refused(told(&mut rig, caller)));
}

#[test]
fn reading_does_not_matter_to_a_newcomer() {
    let (mut rig, caller) = with_candidate();
    ask_lock(&mut rig, ANN, "r1", "t", false);
    grant(&mut rig, ANN, "r1", 1, "t", false);
    ask_unlock(&mut rig, ANN, "r2", 1);
    answer(&mut rig, ANN, "unlock-result", "r2", json!({"ok": true, "data": {"id": 1}}));
    assert_eq!(told(&mut rig, caller), None);
    rig.lose(MASTER, Loss::Fin);
    assert_eq!(told(&mut rig, caller), Some(Decision::LetIn));
}

#[test]
fn a_silent_master_is_replaced_and_refused_when_it_is_back() {
    let mut rig = rig_with(&[MASTER, ANN]);
    let caller = comes(&mut rig);
    rig.read_all(MASTER);
    rig.advance(ANSWER_TIMEOUT_MS - 1);
    assert_eq!(told(&mut rig, caller), None);
    rig.advance(1);
    assert_eq!(told(&mut rig, caller), Some(Decision::LetIn));
    rig.enter(MASTER, caller);
    answer_probe(&mut rig, &[]);
    assert_eq!((rig.identified, count(&rig, NoteKind::MasterSilent)), (Some(false), 1));

    // However late it is: it may be in the middle of writing.
    rig.advance(3_600_000);
    let former = comes(&mut rig);
    answer_probe(&mut rig, &[]);
    assert!(is_refused(told(&mut rig, former)));
}

#[test]
fn the_same_master_whose_old_connection_is_half_open_comes_back_to_its_session() {
    let mut rig = rig_with(&[ANN]);
    let marks = connect_master(&mut rig);
    let caller = comes(&mut rig);
    rig.advance(ANSWER_TIMEOUT_MS);
    assert_eq!(told(&mut rig, caller), Some(Decision::LetIn));
    rig.enter(MASTER, caller);
    answer_probe(&mut rig, &marks);
    assert_eq!((rig.identified, count(&rig, NoteKind::MasterSilent)), (Some(true), 0));
}

#[test]
fn without_sessions_a_second_master_is_refused_as_well() {
    let mut rig = Rig::new(CoordinationConfig { resume_window: 0, introductions: false, ..Default::default() });
    connect(&mut rig, &[MASTER]);
    let caller = comes(&mut rig);
    answer_probe(&mut rig, &[]);
    rig.advance(STAND_BY_MS);
    assert!(is_refused(told(&mut rig, caller)));
}

#[test]
fn a_master_whose_connection_has_just_ended_is_not_disturbed() {
    let mut rig = rig_with(&[MASTER, ANN]);
    rig.hang_up(MASTER);
    let (caller, answer) = rig.ask_in(MASTER);
    assert_eq!((answer, told(&mut rig, caller)), (Answer::Wait, None));
    rig.lose(MASTER, Loss::Reset);
    assert_eq!(told(&mut rig, caller), Some(Decision::LetIn));
}

#[test]
fn workers_and_plain_clients_never_wait() {
    let mut rig = rig_with(&[MASTER, ANN, "plain"]);
    for id in [ANN, ANN, "plain", "plain"] {
        assert_eq!(rig.ask_in(id).1, Answer::Come);
    }
}
