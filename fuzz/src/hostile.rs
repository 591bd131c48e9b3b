//! The coordination layer among peers that do not behave: any messages, in anybody's name, at any time.

mod stage;

use acebase_ipc_server::{
    clock::WallClock,
    coordination::{CoordinationConfig, message::MASTER},
    hub::coordinator::Loss,
};
use bytes::Bytes;

use self::stage::Stage;
use crate::{
    input::{self, Input},
    published::GEO_INDEX,
};

/// Events of one run.
const MAX_EVENTS: usize = 300;

/// Milliseconds since the Unix epoch when the clock here is 0.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// Clocks of the hub's host: right, an hour ahead, and set back again and again.
const CLOCKS: [WallClock; 3] = [|now| EPOCH_MS + now, |now| EPOCH_MS + 3_600_000 + now, |now| EPOCH_MS + now % 20_000];

const IDS: [&str; 5] = [MASTER, "worker000000000000000001", "worker000000000000000002", "plain", "acebase-ipc-server"];

const LOSSES: [Loss; 7] =
    [Loss::Fin, Loss::Reset, Loss::Unreachable, Loss::Closed, Loss::Slow, Loss::Kicked, Loss::Violation];

const TYPES: [&str; 12] = [
    "lock-request",
    "unlock-request",
    "move-lock-request",
    "request",
    "lock-result",
    "unlock-result",
    "result",
    "hello",
    "bye",
    "subscribe",
    "notification",
    "event",
];

/// Any peers, among them two masters in turn, saying anything: broken JSON, ids that are taken, answers to what nobody
/// asked, names of others, numbers of locks out of the air.
///
/// - No message of one of them ends, blocks or deceives another, as a model of the published client has it
///   (`published`): none that its code cannot take, none in another's name, no word of the hub's, no answer that it
///   does not wait for, or a second one; nor does a master let go of a lock because somebody else says so. Nor does
///   what the hub says itself.
/// - Requests, locks and bytes stay within their bounds.
/// - Time goes on: a deadline that has passed is dealt with, and does not come again and again.
/// - Nothing is posted but text that JSON clients can read, or a notice.
/// - Whoever waits at the door is told, once, what becomes of it; few wait.
/// - When all have left and time has passed, nothing is left of them.
pub fn hostile(data: &[u8]) {
    let mut input = Input::new(data);
    let config = CoordinationConfig {
        max_requests: input.pick(&[8, 1, 100]),
        max_request_bytes: input.pick(&[40_000, 4_000]),
        resume_window: input.pick(&[5_000, 0]),
        master_timeout: input.pick(&[60_000, 0]),
        lock_table: input.pick(&[true, false]),
        release_locks_after: input.pick(&[10_000, 0]),
        introductions: input.pick(&[true, false]),
        ..Default::default()
    };
    let mut stage = Stage::new(config, input.pick(&CLOCKS));
    for _ in 0..MAX_EVENTS {
        if input.is_empty() {
            break;
        }
        stage.play(&mut input);
        stage.check();
    }
    stage.clear();
}

/// A message: of AceBase's form with odd contents, with contents for its type, or any text.
fn message(input: &mut Input<'_>, sender: &str) -> Bytes {
    let form = input.below(8);
    if form == 7 {
        return Bytes::from(input::text(input.until(b'\n')));
    }
    let kind = input.pick(&TYPES);
    let from = if input.below(8) == 7 { input.pick(&IDS) } else { sender };
    let (id, ok) = (input.below(6), input.below(4) > 0);
    let data = if form == 6 { fitting(kind, input) } else { any(input) };
    Bytes::from(format!(r#"{{"type":"{kind}","id":"{id}","from":"{from}","to":"[master]","ok":{ok},"data":{data}}}"#))
}

fn any(input: &mut Input<'_>) -> String {
    match input.below(6) {
        0 => String::from("null"),
        1 => format!(r#"{{"type":"{}"}}"#, input.pick(&["kit.add", "fst.release", "fst.allocate", "index.create"])),
        2 => input::text(input.until(b'\n')),
        _ => lock(input),
    }
}

fn fitting(kind: &str, input: &mut Input<'_>) -> String {
    match kind {
        "request" | "result" => asked(input),
        "unlock-request" | "move-lock-request" => {
            let id = input.pick(&["1", "1.0", "2", "2e0", "3", "\"1\"", "[1]", "01"]);
            let target = input.pick(&["parent", "child", ""]);
            format!(r#"{{"id":{id},"move_to":"{target}"}}"#)
        }
        "lock-request" | "lock-result" | "unlock-result" => lock(input),
        _ => told(input),
    }
}

/// What events, subscriptions and notifications have: usual, and odd.
fn told(input: &mut Input<'_>) -> String {
    let kind = input.pick(&[
        "cache.invalidate",
        "cache.update",
        "root.update",
        "kit.new_key",
        "index.created",
        "index.deleted",
        "unheard.of",
    ]);
    let path = input.pick(&["\"a\"", "\"\"", "\"constructor\"", "\"a//b\"", "7", "null", "\"a[*]\""]);
    let event = input.pick(&["\"value\"", "\"notify_mutated\"", "\"odd\"", "null", "[\"value\"]"]);
    let context = input.pick(&["{}", "null", "\"text\"", "0", "true", "[]"]);
    let page = input.pick(&["0", "4294967295", "4294967296", "1.0", "\"1\"", "null"]);
    let file = input.pick(&["\"known.idx\"", "\"unknown.idx\"", "null"]);
    let address = format!(r#"{{"path":"","pageNr":{page},"recordNr":5}}"#);
    let info = format!(r#"{{"path":{path},"address":{address}}}"#);
    format!(
        r#"{{"type":"{kind}","path":{path},"event":{event},"val":1,"context":{context},"address":{address},"info":{info},"fileName":{file},"key":"k","index":3}}"#
    )
}

/// What requests have: usual, and odd.
fn asked(input: &mut Input<'_>) -> String {
    let kind = input.pick(&["fst.allocate", "fst.release", "kit.add", "index.create", "index.update", "unheard.of"]);
    let records = input.pick(&["1", "0", "1e12", "\"5\"", "1.5", "-1", "null"]);
    let length = input.pick(&["1", "65536", "0", "null", "\"1\"", "1.0"]);
    let ranges = match input.below(4) {
        0 => String::from("null"),
        1 => String::from("[null]"),
        _ => format!(r#"[{{"pageNr":0,"recordNr":0,"length":{length}}}]"#),
    };
    let key = input.pick(&["\"name\"", "\"\"", "7", "[\"ab\",\"cd\"]", "null"]);
    let path = input.pick(&["\"places/a\"", "\"places[1]\"", "\"\"", "7", "null"]);
    let file = if input.flag() { GEO_INDEX } else { "known.idx" };
    format!(
        r#"{{"type":"{kind}","records":{records},"ranges":{ranges},"key":{key},"path":{path},"fileName":"{file}","oldValue":null}}"#
    )
}

fn lock(input: &mut Input<'_>) -> String {
    let id = input.pick(&["1", "2", "3", "0", "18446744073709551615", "-1", "1.5", "null"]);
    let path = input.pick(&["a", "a/b", "a/b[3]", "", "c"]);
    let tid = input.pick(&["\"t1\"", "\"t2\"", "3", "null"]);
    let expires = input.pick(&["1700000040000", "1700000000001", "0", "-5", "1e300", "null"]);
    let write = input.flag();
    format!(r#"{{"id":{id},"path":"{path}","tid":{tid},"write":{write},"expires":{expires},"comment":"c"}}"#)
}
