//! Words of clients as a person may be shown them. What clients call themselves and their databases must not write
//! lines of their own into a log, move the cursor of a terminal, turn the direction of a line around, or hide in it.
//!
//! The same rule in JavaScript is in lib/printable.js; a test holds them to each other.

use std::{fmt::Write, ops::RangeInclusive};

/// Unicode's format characters (`Cf`), and its separators of lines and paragraphs (`Zl`, `Zp`).
const UNSEEN: [RangeInclusive<char>; 21] = [
    '\u{ad}'..='\u{ad}',
    '\u{600}'..='\u{605}',
    '\u{61c}'..='\u{61c}',
    '\u{6dd}'..='\u{6dd}',
    '\u{70f}'..='\u{70f}',
    '\u{890}'..='\u{891}',
    '\u{8e2}'..='\u{8e2}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{2064}',
    '\u{2066}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{110bd}'..='\u{110bd}',
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0001}'..='\u{e0001}',
    '\u{e0020}'..='\u{e007f}',
];

/// The text with control, format and separating characters written out: `\x0a`, `\u{202e}`.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let code = u32::from(character);
        // Writing into a string does not fail.
        let _ = match is_printable(character) {
            true => shown.write_char(character),
            false if code <= 0xff => write!(shown, "\\x{code:02x}"),
            false => write!(shown, "\\u{{{code:x}}}"),
        };
    }
    shown
}

fn is_printable(character: char) -> bool {
    !character.is_control() && !UNSEEN.iter().any(|range| range.contains(&character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out_and_all_else_is_left() {
        assert_eq!(printable("a\n\u{1b}[2J\u{9b}\u{ad}"), "a\\x0a\\x1b[2J\\x9b\\xad");
        assert_eq!(printable("\u{202e}\u{2028}\u{feff}\u{e0041}"), "\\u{202e}\\u{2028}\\u{feff}\\u{e0041}");
        assert_eq!(printable("[master] é שלום 😀 \\"), "[master] é שלום 😀 \\");
    }
}
