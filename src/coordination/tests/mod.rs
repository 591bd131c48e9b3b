//! The promises of this layer, one by one, as peers see them.

mod catching_up;
mod etiquette;
mod farewells;
mod gathering;
mod given_back;
mod introductions;
mod lending;
mod locks;
mod masters;
mod newcomers;
mod own_grants;
mod passing;
mod quiet;
mod requests;
mod retelling;
#[cfg(unix)]
mod scale;
mod sessions;
mod turns;
mod vigil;

use serde_json::{Value, json};

use super::{
    CoordinationConfig,
    message::{HUB, MASTER},
    rig::Rig,
};
use crate::{
    acebase::{LockState, NoteKind},
    hub::{
        coordinator::{Loss, Verdict},
        testing::EPOCH_MS,
    },
};

/// Ids of the form that acebase-core generates.
const ANN: &str = "ann000000000000000000000";
const BOB: &str = "bob000000000000000000000";

const LOCK_TIMEOUT_MS: u64 = 120_000;

fn rig() -> Rig {
    Rig::new(CoordinationConfig::default())
}

/// A rig with these peers, who have read what came of their joining.
fn rig_with(peers: &[&str]) -> Rig {
    let mut rig = rig();
    connect(&mut rig, peers);
    rig
}

fn connect(rig: &mut Rig, peers: &[&str]) {
    peers.iter().for_each(|peer| rig.connect(peer).unwrap());
    peers.iter().for_each(|peer| drop(rig.read_all(peer)));
}

fn ask(rig: &mut Rig, worker: &str, kind: &str, id: &str, data: Value) -> Verdict {
    let data = data.to_string();
    let text = format!(r#"{{"type":"{kind}","id":"{id}","from":"{worker}","to":"[master]","data":{data}}}"#);
    rig.send(worker, Some(MASTER), &text)
}

fn ask_lock(rig: &mut Rig, worker: &str, id: &str, tid: &str, write: bool) -> Verdict {
    ask(rig, worker, "lock-request", id, json!({"path": "a/b", "tid": tid, "write": write, "comment": "test"}))
}

fn ask_unlock(rig: &mut Rig, worker: &str, id: &str, lock: u64) -> Verdict {
    ask(rig, worker, "unlock-request", id, json!({"id": lock}))
}

fn answer(rig: &mut Rig, to: &str, kind: &str, id: &str, rest: Value) -> Verdict {
    let rest = rest.to_string();
    let text = format!(r#"{{"type":"{kind}","id":"{id}","from":"[master]","to":"{to}",{}"#, &rest[1..]);
    rig.send(MASTER, Some(to), &text)
}

fn grant(rig: &mut Rig, to: &str, id: &str, lock: u64, tid: &str, write: bool) -> Verdict {
    let expires = EPOCH_MS + rig.now() + LOCK_TIMEOUT_MS;
    let data = json!({"id": lock, "path": "a/b", "tid": tid, "write": write, "expires": expires, "comment": "test"});
    answer(rig, to, "lock-result", id, json!({"ok": true, "data": data}))
}

/// The ids of the workers' requests among what the master reads now.
fn requests_read(rig: &mut Rig) -> Vec<String> {
    let texts = rig.read_all(MASTER);
    let of_workers = texts.iter().filter(|text| field(text, "from").is_some_and(|from| from != HUB));
    of_workers.filter_map(|text| field(text, "id")).collect()
}

fn field(text: &str, name: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some(value.get(name)?.as_str()?.to_owned())
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The master process answers the question who it is, as the published client does.
fn answer_probe(rig: &mut Rig, known_marks: &[String]) {
    for text in rig.read_all(MASTER) {
        if let Some(gone) = text.strip_prefix("disconnect:").filter(|gone| known_marks.iter().any(|mark| mark == gone))
        {
            let verdict = rig.send(MASTER, None, &format!(r#"{{"type":"bye","from":"{gone}"}}"#));
            assert_eq!(verdict, Verdict::Taken);
        }
        if field(&text, "type").is_some_and(|kind| kind == "unlock-request") {
            let id = field(&text, "id").unwrap();
            let to = field(&text, "from").unwrap();
            let verdict = answer(rig, &to, "unlock-result", &id, json!({"ok": false, "reason": "unknown"}));
            assert_eq!(verdict, Verdict::Taken);
        }
    }
}

/// Connects a master and returns the marks that it was given.
fn connect_master(rig: &mut Rig) -> Vec<String> {
    rig.connect(MASTER).unwrap();
    let hellos = rig.read_all(MASTER);
    let marks = hellos.iter().filter(|text| field(text, "to").is_some()).filter_map(|text| field(text, "from"));
    marks.collect()
}

/// A new process takes the place of the master, which is gone.
fn replace_master(rig: &mut Rig) {
    if rig.is_connected(MASTER) {
        rig.lose(MASTER, Loss::Fin);
    }
    rig.connect(MASTER).unwrap();
    answer_probe(rig, &[]);
    assert_eq!(rig.identified.take(), Some(false));
}

fn resume_master(rig: &mut Rig, marks: &[String]) {
    rig.connect(MASTER).unwrap();
    answer_probe(rig, marks);
    assert_eq!(rig.identified.take(), Some(true));
}

fn count(rig: &Rig, kind: NoteKind) -> usize {
    rig.notes.iter().filter(|note| note.kind == kind).count()
}
