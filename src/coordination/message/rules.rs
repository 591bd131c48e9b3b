//! What the published clients can take: the rules that a message must keep so that no receiver ends, stands still, or
//! believes what is not so.
//!
//! Read from the published code, acebase 1.12.3 to 1.29.13. A message that a client receives is handled in an async
//! function that nobody awaits: whatever throws there is an unhandled rejection, and **the process ends**. What is
//! thrown in the listeners for `notification` is caught and printed; but a promise that they return is not waited for,
//! so its rejection ends the process too.
//!
//! | text | must have | else the receiver |
//! |---|---|---|
//! | begins with `{` | be JSON; none of the members that are read twice | ends (`JSON.parse`); takes the last of two |
//! | `welcome:…` `disconnect:…` `get:…` `connect:…` `pong` | come from the hub | ends (no JSON), changes where it sends long messages; takes a peer for gone and says `bye` for it; leaves a request to the hub half open; takes it for a sign of life |
//! | any other text | nothing | prints it |
//! | **any type below** | `from`: the sender's own id, but for `bye` | takes it for another's word, and answers that one |
//! | another `type`, or none | nothing | does nothing |
//! | `hello` | nothing | |
//! | `bye` | its own, or that of a peer that is gone | drops a peer that is there with its subscriptions |
//! | `subscribe` `unsubscribe` | `data.event`: one of twelve; `data.path`: a path in its normal form that is no name of `Object.prototype` | ends; or fails in each later write below that path |
//! | `event` | `data`: an object; `data.path`: a string; `data.context`: none, or an object | ends |
//! | `lock-request` | go from a worker to the master; `id`: a string; `data.path`: a string; `data.tid`: a string or a number; `data.write`: a boolean; `data.comment`: none, or a string | ends (a worker); grants a lock that nobody can follow or release; takes no `write` for a write lock; ends while it answers (a comment too deep to be written) |
//! | `unlock-request` | go to the master; `id`; `data.id`: the whole number of a lock of the sender | ends; releases another's lock (`3.0` is 3) |
//! | `move-lock-request` | as before; `data.move_to`: `parent` | ends (a worker); moves another's lock |
//! | `request` | go to the master; `id`; `data.type`: a string; and by that: | ends (a worker, by some of them) |
//! | … `fst.allocate` | `records`: none, or a whole number within [`MAX_RECORDS`] | makes pages without end; adds texts to its numbers |
//! | … `fst.release` | `ranges`: at most [`MAX_RANGES`] of page, first record and length, as a file can have | ends; writes zeros into its table of free space; sorts for minutes |
//! | … `kit.add` | `key`: none, or a string that is not empty | ends while it writes its table; loses all later keys when it opens the file again |
//! | … `index.create` | `path`, `key`: strings | leaves a broken index in its list for a while |
//! | … `index.update` | `fileName`: none, or a string; of a geo index `path`: a string, and one that leads to something that the index can have | ends (a geo index does not wait for its own promise) |
//! | `lock-result` `unlock-result` `result` | come from the master, and from the hub for it; go to a worker; `id`: of a request of that worker that is not answered, and of that kind; `ok`: a boolean; `reason`: none, or a string | ends ("The request must be known to us"; an object that makes no string) |
//! | … `lock-result`, ok | `data`: `id` (a whole number), `tid`, `write`, and what else is there of the right type | holds a lock that it can neither use nor release |
//! | … `result`, ok | `data`: an object; of `kit.add` an `index` within the table, or none | ends |
//! | `notification` | `data.type`: a string; and by that: | prints an error |
//! | … `root.update` | `address`: `path` empty, `pageNr`, `recordNr`, as a file can have | ends; writes zeros into the file's head |
//! | … `cache.update` | `info`: `path`, and an `address` as before with any path | prints an error |
//! | … `cache.invalidate` | `path`: a string | prints an error |
//! | … `kit.new_key` | come from the master; `index` within the table; `key`: a string | writes records with wrong keys |
//! | … `index.created` | come from the master; `fileName`: a string | ends at the second one whose file is not there |
//! | … `index.deleted` | `fileName`: of an index that there is | ends |
//!
//! What is *in* values, addresses and indexes is not judged: a worker may say that a node has moved, or free what it
//! does not own, and only the files could tell. Nor are values looked at that only the classes and callbacks of an
//! application cannot take.
//!
//! Types of messages, requests and notifications that are not in the table pass: a later client may have them, and
//! those published so far do nothing about them but print.

/// Records that one request may ask for: 2 GiB at the usual 128 bytes each, more than a string of JavaScript can have.
pub(super) const MAX_RECORDS: u64 = 1 << 24;

/// Ranges that one release may have: as many as the table of free space in a file holds. The master compares each with
/// each.
pub(super) const MAX_RANGES: usize = 8_191;

/// Records of a page at most.
const MAX_PAGE: u64 = 1 << 16;

/// Entries of the table of keys at most: each takes two bytes or more of 64 KiB.
pub(super) const MAX_KEYS: u64 = 1 << 15;

/// The longest key of a node, in UTF-16 units.
const MAX_KEY_LENGTH: usize = 128;

/// The events that can be subscribed to.
const EVENTS: [&str; 6] = ["value", "child_added", "child_changed", "child_removed", "mutated", "mutations"];

/// What begins the names of the same events without values.
const NOTIFY: &str = "notify_";

/// What the name of a geo index's file ends with.
const GEO_INDEX: &str = ".geo.idx";

/// What every object of JavaScript has: as the name of an entry it finds that instead.
const PROTOTYPE: [&str; 12] = [
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
];

/// The place of a record in a file.
pub(super) fn is_place(page: u64, record: u64) -> bool {
    page <= u64::from(u32::MAX) && record < MAX_PAGE
}

/// Records of one page that are next to each other.
pub(super) fn is_range(page: u64, record: u64, length: u64) -> bool {
    is_place(page, record) && (1..=MAX_PAGE - record).contains(&length)
}

/// An event that can be subscribed to.
pub(super) fn is_event(name: &str) -> bool {
    EVENTS.contains(&name.strip_prefix(NOTIFY).unwrap_or(name))
}

/// A path that can be subscribed to: in its normal form, as AceBase compares paths by their texts and cuts them by
/// their lengths.
pub(super) fn is_subscribable(path: &str) -> bool {
    !PROTOTYPE.contains(&path) && (path.is_empty() || path.split('/').all(is_step))
}

/// A key, and the indexes of arrays behind it.
fn is_step(step: &str) -> bool {
    let mut parts = step.split('[');
    parts.next().is_some_and(is_key) && parts.all(|part| part.strip_suffix(']').is_some_and(is_index))
}

fn is_key(key: &str) -> bool {
    let is_allowed = |char: char| !matches!(char, '\\' | ']' | '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}');
    !key.is_empty() && key.encode_utf16().count() <= MAX_KEY_LENGTH && key.chars().all(is_allowed)
}

fn is_index(index: &str) -> bool {
    let is_wildcard = index == "*" || index.strip_prefix('$').is_some_and(is_key);
    is_wildcard || (index.len() <= 10 && super::cursor::whole(index.as_bytes()).is_some())
}

/// Whether the index in this file can take an update of what is at this path. A geo index does not wait for its own
/// work, so that a path that it cannot take ends the process; others answer that they cannot.
pub(super) fn is_for_index(file_name: &str, path: &str) -> bool {
    !file_name.ends_with(GEO_INDEX) || ends_with_key(path) && steps(path) >= steps_of_index(file_name)
}

fn ends_with_key(path: &str) -> bool {
    path.trim_end_matches('/').rsplit('/').next().is_some_and(|step| !step.is_empty() && !step.contains('['))
}

fn steps(path: &str) -> usize {
    1 + path.trim_matches('/').matches(['/', '[']).count()
}

/// How many steps a path needs at least so that each wildcard in the index's own path stands for one. The file is named
/// by that path, with `~` between its steps and `#` for a wildcard.
fn steps_of_index(file_name: &str) -> usize {
    let name = file_name.rsplit('/').next().unwrap_or_default();
    name.rfind('#').map_or(1, |wildcard| 1 + name[..wildcard].matches('~').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_are_to_events_and_paths_that_there_can_be() {
        for name in ["value", "notify_value", "mutations", "notify_child_removed"] {
            assert!(is_event(name), "{name}");
        }
        for name in ["", "notify_", "notify_notify_value", "Value", "changed"] {
            assert!(!is_event(name), "{name}");
        }
        for path in
            ["", "a", "a/b", "a[0]/b", "a[12][3]", "users/$uid/*", "a[*]/b", "a[$n]", "constructor/x", "größe", "a b"]
        {
            assert!(is_subscribable(path), "{path}");
        }
        let long = "k".repeat(129);
        for path in [
            "constructor",
            "__proto__",
            "a//b",
            "/a",
            "a/",
            "a[03]",
            "a[x]",
            "[0]",
            "a]b",
            "a\\b",
            "a\u{1}",
            "a[1]b",
            &long,
        ] {
            assert!(!is_subscribable(path), "{path}");
        }
    }

    #[test]
    fn ranges_lie_within_a_page() {
        assert!(is_range(0, 0, 65_536) && is_range(4_294_967_295, 65_535, 1));
        assert!(!is_range(0, 0, 0) && !is_range(0, 1, 65_536) && !is_range(0, 65_536, 1) && !is_range(1 << 32, 0, 1));
    }

    #[test]
    fn a_geo_index_is_told_of_what_it_can_find_its_way_to() {
        for path in ["places/a", "a"] {
            assert!(is_for_index("db.acebase/places-location.geo.idx", path), "{path}");
        }
        for path in ["", "/", "places[3]", "places/[3]", "places/a[3]/"] {
            assert!(!is_for_index("places-location.geo.idx", path), "{path}");
            assert!(is_for_index("places-name.idx", path), "{path}");
        }
        let of_users = "users~#~places-location.geo.idx";
        assert!(is_for_index(of_users, "users/ann/places/home") && !is_for_index(of_users, "users"));
    }
}
