//! AceBase's own messages: read as far as the hub needs, and written in AceBase's words.

use acebase_ipc_server::{
    coordination::message::{
        AnswerKind, Ask, Grant, HUB, Kind, MASTER, RequestKind, Wanted, disconnected, failed, granted, hello,
        invalidate_cache, is_acebase_id, mark_hello, parent_path, read_answer, read_request, sender, unlock_request,
        unlocked,
    },
    hub::coordinator::{Lock, LockState},
};
use bytes::Bytes;
use serde_json::Value;

use crate::input::{self, Input};

const REQUESTS: [RequestKind; 4] = [RequestKind::Lock, RequestKind::Unlock, RequestKind::Move, RequestKind::Custom];
const ANSWERS: [AnswerKind; 2] = [AnswerKind::Lock, AnswerKind::Other];

/// Any message, from any sender.
///
/// - What is read of a message is what a JSON parser finds there: sender, ids, locks. Nothing is read in another's name.
/// - What the hub writes is JSON, is recognised as what it is meant to be, and says what it was made of, also when ids, paths
///   and reasons are any text.
/// - An answer on the master's behalf carries the id of the request, so that the client finds it.
pub fn acebase_message(data: &[u8]) {
    let mut input = Input::new(data);
    let words = [(); 3].map(|()| input::text(input.until(b'\n')));
    let number = input.take(8).iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let message = input::text(input.rest());
    check_read(message.as_bytes());
    check_written(&words, number);
    check_names(&message);
}

fn check_read(body: &[u8]) {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let Some(from) = sender(body) else {
        assert!(REQUESTS.iter().all(|kind| read_request(*kind, body, MASTER).is_none()));
        return;
    };
    if let Some(value) = &value {
        assert_eq!(value["from"].as_str(), Some(&*from), "the sender");
    }
    for kind in REQUESTS {
        assert_eq!(read_request(kind, body, &format!("{from}x")), None, "read in another's name");
        let request = read_request(kind, body, &from);
        if let (Some(request), Some(value)) = (&request, &value) {
            assert_eq!(Some(&*request.id), value["id"].as_str());
            check_ask(kind, &request.ask, &value["data"]);
        }
        if let Some(request) = request {
            check_failure(&from, &request.id, &request.ask, "no");
        }
    }
    for kind in ANSWERS {
        let answer = read_answer(kind, body);
        assert!(answer.is_none() || from == MASTER, "an answer of {from:?}");
        if let (Some(answer), Some(value)) = (answer, &value) {
            assert_eq!(Some(&*answer.id), value["id"].as_str());
            if let Some(grant) = answer.grant {
                assert!(kind == AnswerKind::Lock && value["ok"] == true, "a grant that is none");
                assert_eq!(Some(grant.id), value["data"]["id"].as_u64());
            }
        }
    }
}

fn check_ask(kind: RequestKind, ask: &Ask, data: &Value) {
    match (kind, ask) {
        (RequestKind::Lock, Ask::Lock(Wanted { path, write, comment, .. })) => {
            assert_eq!(data["path"].as_str().unwrap_or_default(), path);
            assert_eq!(data["write"].as_bool().unwrap_or_default(), *write);
            assert_eq!(data["comment"].as_str().unwrap_or_default(), comment);
        }
        (RequestKind::Unlock, Ask::Unlock { lock }) | (RequestKind::Move, Ask::Move { lock }) => {
            assert_eq!(data["id"].as_u64(), Some(*lock));
        }
        (RequestKind::Custom, Ask::AddKey) => assert_eq!(data["type"], "kit.add"),
        (RequestKind::Custom, Ask::Free) => assert_eq!(data["type"], "fst.release"),
        (RequestKind::Custom, Ask::Custom) => {}
        (kind, ask) => panic!("{kind:?} is read as {ask:?}"),
    }
}

fn check_written(words: &[String; 3], number: u64) {
    let [worker, id, text] = words;
    assert_eq!(parsed(&hello(worker), Kind::Interest)["from"], *worker);
    assert_eq!(parsed(&mark_hello(worker), Kind::Interest)["to"], MASTER);
    assert_eq!(parsed(&invalidate_cache(worker), Kind::News)["from"], *worker);
    assert_eq!(&disconnected(worker)[..], format!("disconnect:{worker}").as_bytes());
    for ask in
        [lock_of(words), Ask::Unlock { lock: number }, Ask::Move { lock: number }, Ask::AddKey, Ask::Free, Ask::Custom]
    {
        check_failure(worker, id, &ask, text);
    }
    let release = unlock_request(id, number);
    parsed(&release, Kind::Request(RequestKind::Unlock));
    let read = read_request(RequestKind::Unlock, &release, HUB);
    assert_eq!(read.map(|read| (read.id, read.ask)), named(id).map(|id| (id, Ask::Unlock { lock: number })));
    assert_eq!(parsed(&unlocked(worker, id, number), Kind::Answer(AnswerKind::Other))["data"]["id"], number);
    check_grant(words, number);
}

fn check_grant(words: &[String; 3], number: u64) {
    let [worker, id, text] = words;
    let lock = Lock {
        id: Some(number),
        peer: worker.clone(),
        path: text.clone(),
        tid: id.clone(),
        write: number.is_multiple_of(2),
        comment: text.clone(),
        state: LockState::Held,
        since: 0,
        expires: Some(number >> 11),
    };
    let grant = Grant {
        id: number,
        path: Some(text.clone()),
        tid: Some(id.clone()),
        write: lock.write,
        comment: Some(text.clone()),
        expires: lock.expires,
    };
    let written = granted(worker, id, &lock);
    assert_eq!(parsed(&written, Kind::Answer(AnswerKind::Lock))["to"], *worker);
    let read = read_answer(AnswerKind::Lock, &written);
    assert_eq!(read.map(|answer| (answer.id, answer.grant)), named(id).map(|id| (id, Some(grant))));
}

/// A failure answers its request: same id, to the worker, from the master.
fn check_failure(worker: &str, id: &str, ask: &Ask, reason: &str) {
    let kind = match ask {
        Ask::Lock(_) | Ask::Move { .. } => AnswerKind::Lock,
        _ => AnswerKind::Other,
    };
    let written = failed(worker, id, ask, reason);
    let value = parsed(&written, Kind::Answer(kind));
    assert_eq!((&value["id"], &value["to"], &value["from"]), (&id.into(), &worker.into(), &MASTER.into()));
    let answer = read_answer(kind, &written);
    assert_eq!(answer.map(|answer| (answer.id, answer.grant)), named(id).map(|id| (id, None)));
}

/// What the hub wrote: JSON, with the type first, of that kind.
fn parsed(written: &Bytes, kind: Kind) -> Value {
    assert_eq!(Kind::of(written), Some(kind), "{written:?}");
    serde_json::from_slice(written).unwrap_or_else(|error| panic!("{written:?}: {error}"))
}

/// A message without an id is not read.
fn named(id: &str) -> Option<String> {
    (!id.is_empty()).then(|| id.to_owned())
}

fn lock_of([_, tid, path]: &[String; 3]) -> Ask {
    Ask::Lock(Wanted { path: path.clone(), tid: tid.clone(), write: true, comment: String::new() })
}

fn check_names(text: &str) {
    let parent = parent_path(text);
    assert!(text.starts_with(parent) && (parent.len() < text.len() || text.is_empty()), "{parent:?} of {text:?}");
    assert!(!is_acebase_id(text) || text == MASTER || text.len() == 24);
}
