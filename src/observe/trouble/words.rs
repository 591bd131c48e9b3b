//! How troubles are said: durations, sizes, counts, and who somebody is, in words for people.

use crate::acebase::{Process, Who};

/// The longest path or comment that is repeated, in characters.
const MAX_SHOWN: usize = 80;

/// A duration in its two greatest units.
pub(super) fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let mut parts = units.iter().skip_while(|(count, _)| *count == 0).take(2).filter(|(count, _)| *count > 0);
    match (parts.next(), parts.next()) {
        (None, _) => format!("{ms} ms"),
        (Some((first, unit)), None) => format!("{first} {unit}"),
        (Some((first, unit)), Some((second, other))) => format!("{first} {unit} {second} {other}"),
    }
}

/// A size in its greatest unit.
pub(super) fn bytes(size: usize) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut left = size as f64;
    let mut unit = 0;
    while left >= 1024.0 && unit < UNITS.len() - 1 {
        left /= 1024.0;
        unit += 1;
    }
    if unit > 0 && left < 10.0 { format!("{left:.1} {}", UNITS[unit]) } else { format!("{left:.0} {}", UNITS[unit]) }
}

/// How a thing is counted: `1 request`, `2 requests`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The beginning of a text.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// A process: `process 4711 (node master.js)`.
pub(super) fn process(Process { pid, command }: &Process) -> String {
    if command.is_empty() { format!("process {pid}") } else { format!("process {pid} ({command})") }
}

/// Who it is: `id at 127.0.0.1:50112, process 4711 (node master.js)`, as far as that is known.
pub(super) fn who(Who { id, remote, process: of }: &Who) -> String {
    let id = id.as_deref().unwrap_or_default();
    let at = remote.map(|remote| if id.is_empty() { remote.to_string() } else { format!(" at {remote}") });
    let of = of.as_ref().map(|of| format!(", {}", process(of)));
    format!("{id}{}{}", at.unwrap_or_default(), of.unwrap_or_default())
}

/// What to call a process's owner to: its number, where that is known.
pub(super) fn its_process(who: Option<&Who>) -> String {
    match who.and_then(|who| who.process.as_ref()) {
        Some(Process { pid, .. }) => format!("process {pid}"),
        None => "its process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_as_people_say_them() {
        let spoken = [0, 999, 1_000, 12_900, 60_000, 65_000, 7_260_000, 90_000_000].map(duration);
        assert_eq!(spoken, ["0 ms", "999 ms", "1 s", "12 s", "1 min", "1 min 5 s", "2 h 1 min", "1 d 1 h"]);
        assert_eq!([0, 1_023, 1_536, 134_217_728].map(bytes), ["0 B", "1023 B", "1.5 KiB", "128 MiB"]);
    }

    #[test]
    fn somebody_is_named_as_far_as_is_known() {
        let remote = "127.0.0.1:5".parse().ok();
        let process = Some(Process { pid: 7, command: "node x.js".into() });
        let of = |id: Option<&str>, remote, process| who(&Who { id: id.map(Into::into), remote, process });
        assert_eq!(of(Some("w"), remote, process), "w at 127.0.0.1:5, process 7 (node x.js)");
        assert_eq!(of(Some("w"), None, None), "w");
        assert_eq!(of(None, remote, None), "127.0.0.1:5");
    }
}
