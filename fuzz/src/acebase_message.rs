//! AceBase's own messages: read as far as the hub needs, and written in AceBase's words.

use acebase_ipc_server::{
    acebase::{Lock, LockState},
    coordination::message::{
        Answer, Ask, Due, Grant, HUB, MASTER, Message, Reading, RefusalForm, Request, Said, Unsound, WantedLock,
        disconnected, failed, granted, hello, index_challenge, invalidate_cache, is_acebase_id, is_usual, mark_hello,
        parent_path, read, read_completely, refused, unlock_request, unlocked,
    },
};
use bytes::Bytes;
use serde_json::Value;

use crate::{
    input::{self, Input},
    published::Js,
};

/// Any message, from any sender.
///
/// - What is read of a message is what JavaScript finds there, also where a member stands there twice or is written
///   with escapes: sender, ids, locks. Nothing that JavaScript cannot parse is taken for sound.
/// - The quick reading takes nothing that the complete one does not take in the same meaning.
/// - What the hub writes is JSON, is recognised as what it is meant to be, and says what it was made of, also when ids,
///   paths and reasons are any text.
/// - An answer on the master's behalf carries the id of the request, so that the client finds it.
pub fn acebase_message(data: &[u8]) {
    let mut input = Input::new(data);
    let words = [(); 3].map(|()| input::text(input.until(b'\n')));
    let number = input.take(8).iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let message = input::text(input.rest());
    check_read(&message);
    check_written(&words, number >> 11);
    check_names(&message);
}

fn check_read(text: &str) {
    let reading = read(text.as_bytes());
    assert_eq!(reading, read_completely(text.as_bytes()), "{text}");
    if is_usual(text.as_bytes()) {
        assert!(matches!(reading, Reading::Sound(_)));
    }
    match reading {
        Reading::Sound(said) => {
            let message = Js::parse(text).unwrap_or_else(|| panic!("JavaScript cannot parse {text:?}"));
            check_said(&message, said);
        }
        Reading::Foreign => assert!(Js::parse(text).is_some(), "JavaScript cannot parse {text:?}"),
        Reading::Unsound(Unsound { due, .. }) => check_due(text, due),
        Reading::Ignored | Reading::Notice => assert!(!text.starts_with('{')),
    }
}

fn check_said(message: &Js, Said { from, message: said }: Said<'_>) {
    let part = |name: &str| message.member(name).cloned().unwrap_or(Js::Undefined);
    assert_eq!(part("from").text().as_deref().map(str::as_bytes), Some(&*from), "the sender");
    let data = part("data");
    match said {
        Message::Request(Request { id, ask }) => {
            assert!(part("id").is(&id) && !id.is_empty());
            check_ask(&ask, &data);
            check_failure(&input::text(&from), &id, &ask, "no");
        }
        Message::Answer(Answer { id, grant, .. }) => {
            assert!(part("id").is(&id) && !id.is_empty());
            if let Some(Grant { id, write, path, .. }) = grant {
                assert_eq!(part("ok"), Js::Flag(true), "a grant that is none");
                assert_eq!(number(&data, "id"), Some(id as f64));
                assert_eq!(data.member("write"), Some(&Js::Flag(write)));
                assert_eq!(own_text(&data, "path"), whole(&path.unwrap_or_default()));
            }
        }
        Message::IndexCreated { file_name } | Message::IndexDeleted { file_name } => {
            assert_eq!(own_text(&data, "fileName"), whole(&file_name));
        }
        Message::News | Message::RootMoved(_) | Message::NewKey { .. } | Message::Interest | Message::Bye => {}
    }
}

/// Whom the hub answers because of a message that cannot be taken: a request by its id, as JavaScript has it.
fn check_due(text: &str, due: Option<Due>) {
    if let Some(Due::Request { id, .. } | Due::Answer { id }) = due {
        let message = Js::parse(text).unwrap_or(Js::Undefined);
        assert!(message.member("id").is_some_and(|own| own.is(&id)) && !id.is_empty(), "{text}");
    }
}

fn number(data: &Js, name: &str) -> Option<f64> {
    match data.member(name)? {
        Js::Number(number) => Some(*number),
        _ => None,
    }
}

/// A text of a message, but for the halves of characters in it, of which there is no saying how they are shown.
fn own_text(data: &Js, name: &str) -> String {
    whole(&data.member(name).and_then(Js::text).unwrap_or_default())
}

fn whole(text: &str) -> String {
    text.replace('\u{fffd}', "")
}

fn check_ask(ask: &Ask, data: &Js) {
    match ask {
        Ask::Lock(WantedLock { path, write, comment, .. }) => {
            assert_eq!(own_text(data, "path"), whole(path));
            assert_eq!(data.member("write"), Some(&Js::Flag(*write)));
            assert_eq!(own_text(data, "comment"), whole(comment));
        }
        Ask::Unlock { lock } | Ask::Move { lock } => assert_eq!(number(data, "id"), Some(*lock as f64)),
        Ask::AddKey => assert!(data.member("type").is_some_and(|kind| kind.is("kit.add"))),
        Ask::Free => assert!(data.member("type").is_some_and(|kind| kind.is("fst.release"))),
        Ask::Allocate => assert!(data.member("type").is_some_and(|kind| kind.is("fst.allocate"))),
        Ask::CreateIndex | Ask::Custom => {}
    }
}

fn check_written(words: &[String; 3], number: u64) {
    let [worker, id, text] = words;
    assert_eq!(parsed(&hello(worker)), (value_of(&hello(worker)), Message::Interest));
    assert_eq!(value_of(&hello(worker))["from"], *worker);
    assert_eq!(value_of(&mark_hello(worker))["to"], MASTER);
    assert_eq!(parsed(&invalidate_cache(worker)).1, Message::News);
    assert_eq!(&disconnected(worker)[..], format!("disconnect:{worker}").as_bytes());
    for ask in [
        lock_of(words),
        Ask::Unlock { lock: number },
        Ask::Move { lock: number },
        Ask::AddKey,
        Ask::Free,
        Ask::Allocate,
        Ask::CreateIndex,
        Ask::Custom,
    ] {
        check_failure(worker, id, &ask, text);
    }
    for form in [RefusalForm::Lock, RefusalForm::Unlock, RefusalForm::Custom, RefusalForm::ByMaster] {
        check_answer(worker, id, &refused(worker, id, form, text));
    }
    let asked = |written: &Bytes| named(id).map(|_| parsed(written).1);
    let request = |ask| named(id).map(|id| Message::Request(Request { id, ask }));
    assert_eq!(asked(&unlock_request(id, number)), request(Ask::Unlock { lock: number }));
    assert_eq!(value_of(&unlock_request(id, number))["from"], HUB);
    assert_eq!(asked(&index_challenge(id, text)), request(Ask::Custom));
    assert_eq!(value_of(&index_challenge(id, text))["data"]["fileName"], *text);
    assert_eq!(value_of(&unlocked(worker, id, number))["data"]["id"], number);
    check_answer(worker, id, &unlocked(worker, id, number));
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
        expires: Some(number),
        passed: 0,
        has_expired: false,
    };
    let grant = Grant {
        id: number,
        path: Some(text.clone()),
        tid: Some(id.clone()),
        write: lock.write,
        comment: Some(text.clone()),
        expires: lock.expires,
    };
    let answer = check_answer(worker, id, &granted(worker, id, &lock));
    assert_eq!(answer.map(|answer| answer.grant), named(id).map(|_| Some(grant)));
}

/// A failure answers its request: same id, to the worker, from the master.
fn check_failure(worker: &str, id: &str, ask: &Ask, reason: &str) {
    let answer = check_answer(worker, id, &failed(worker, id, ask, reason));
    assert!(answer.is_none_or(|answer| answer.suits(ask) && answer.grant.is_none()));
}

/// What is written is an answer of the master's to this request.
fn check_answer(worker: &str, id: &str, written: &Bytes) -> Option<Answer> {
    let value = value_of(written);
    assert_eq!((&value["id"], &value["to"], &value["from"]), (&id.into(), &worker.into(), &MASTER.into()));
    let id = named(id)?;
    match parsed(written).1 {
        Message::Answer(answer) if answer.id == id => Some(answer),
        other => panic!("{written:?} is read as {other:?}"),
    }
}

fn value_of(written: &Bytes) -> Value {
    serde_json::from_slice(written).unwrap_or_else(|error| panic!("{written:?}: {error}"))
}

/// What the hub wrote: JSON, and sound.
fn parsed(written: &Bytes) -> (Value, Message) {
    match read(written) {
        Reading::Sound(said) => (value_of(written), said.message),
        other => panic!("{written:?} is read as {other:?}"),
    }
}

/// A message without an id is not read.
fn named(id: &str) -> Option<String> {
    (!id.is_empty()).then(|| id.to_owned())
}

fn lock_of([_, tid, path]: &[String; 3]) -> Ask {
    Ask::Lock(WantedLock { path: path.clone(), tid: tid.clone(), write: true, comment: String::new() })
}

fn check_names(text: &str) {
    let parent = parent_path(text);
    assert!(text.starts_with(parent) && (parent.len() < text.len() || text.is_empty()), "{parent:?} of {text:?}");
    assert!(!is_acebase_id(text) || text == MASTER || text.len() == 24);
}
