//! Nothing that happens may cost more than it has to do with: how long things take among thousands of locks and
//! requests. The bounds are a hundred times what a quiet machine takes, and a fraction of what looking at everything
//! takes.

use std::time::Duration;

use super::*;

const MANY: usize = 5_000;

/// Releases that are timed.
const SOME: usize = 50;

/// The processor time that this thread has had: a busy machine does not make it more.
fn processor_time() -> Duration {
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).unwrap()
}

fn timed(what: &str, most: Duration, act: impl FnOnce()) {
    let began = processor_time();
    act();
    let took = processor_time() - began;
    assert!(took < most, "{what} took {took:?}");
}

/// A worker holds locks of many transactions when their master ends, and another one asks for as many. All but the last
/// lock let these in: whoever looks at one lock after the other looks at all of them.
fn fenced_off() -> Rig {
    let mut rig = rig_with(&[MASTER, ANN, BOB]);
    for number in 0..MANY {
        let (id, tid, write) = (format!("held{number}"), format!("t{number}"), number == MANY - 1);
        ask_lock(&mut rig, ANN, &id, &tid, write);
        grant(&mut rig, ANN, &id, number as u64, &tid, write);
    }
    rig.lose(MASTER, Loss::Closed);
    for number in 0..MANY {
        ask_lock(&mut rig, BOB, &format!("wanted{number}"), &format!("u{number}"), false);
    }
    rig
}

#[test]
fn a_new_master_among_thousands_of_locks_and_requests() {
    let mut rig = fenced_off();
    timed("the arrival", Duration::from_secs(3), || rig.connect(MASTER).unwrap());
    let status = rig.status();
    assert_eq!((status.fenced_locks, status.held_requests), (MANY, MANY));
    timed("releases", Duration::from_millis(500), || {
        for lock in 0..SOME {
            ask_unlock(&mut rig, ANN, &format!("release{lock}"), lock as u64);
        }
    });
    assert_eq!(rig.status().fenced_locks, MANY - SOME);
    for lock in SOME..MANY {
        ask_unlock(&mut rig, ANN, &format!("release{lock}"), lock as u64);
    }
    assert_eq!(rig.status().delivered_requests, MANY);
}

#[test]
fn workers_that_go_at_once_among_thousands_of_requests() {
    let mut rig = fenced_off();
    rig.connect(MASTER).unwrap();
    let workers: Vec<String> = (0..500).map(|number| format!("worker{number:018}")).collect();
    for worker in &workers {
        rig.connect(worker).unwrap();
        ask_lock(&mut rig, worker, "r", "t", false);
        rig.lose(worker, Loss::Fin);
    }
    timed("forgetting them", Duration::from_secs(3), || rig.advance(10_000));
    assert_eq!(rig.status().held_requests, MANY);
}

#[test]
fn requests_that_were_with_a_master_when_it_ended() {
    let mut rig = rig_with(&[MASTER, ANN]);
    for number in 0..MANY {
        ask_lock(&mut rig, ANN, &format!("r{number}"), "t", true);
    }
    rig.read_all(MASTER);
    rig.lose(MASTER, Loss::Closed);
    timed("giving them to the next one by one", Duration::from_secs(3), || {
        rig.connect(MASTER).unwrap();
        while !requests_read_and_questions_answered(&mut rig).is_empty() {}
    });
    assert_eq!(rig.status().delivered_requests, MANY);
}

fn requests_read_and_questions_answered(rig: &mut Rig) -> Vec<String> {
    let texts = rig.read_all(MASTER);
    for text in texts.iter().filter(|text| field(text, "from").as_deref() == Some(HUB)) {
        let id = field(text, "id").unwrap();
        answer(rig, HUB, "unlock-result", &id, json!({"ok": false, "reason": "unknown"}));
    }
    texts
}
