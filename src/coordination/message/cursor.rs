//! Goes through compact JSON as `JSON.stringify` writes it, without building anything of it.
//!
//! Every method returns `None` for what is not JSON, and also for JSON that is written otherwise: with white space between its
//! tokens, or nested deeper than [`MAX_DEPTH`]. Whoever calls must then read completely. What it accepts, any JSON parser does.
//!
//! Every message of a database passes here: strings are looked at eight bytes at a time, and what is inlined makes a difference of
//! half of the time.

/// Objects and arrays within each other: one bit each.
const MAX_DEPTH: u32 = 64;

/// The largest whole number that JavaScript tells from its neighbours.
pub(super) const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Bytes that are looked at together.
const LANES: usize = 8;

/// One in each byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;

/// The highest bit of each byte of a word.
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// A place in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// Goes on behind these bytes, if they are next.
    #[inline]
    pub(super) fn eat(&mut self, bytes: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(bytes)?;
        Some(())
    }

    /// Goes on behind these bytes, if they are next. `true`: they were.
    #[inline]
    pub(super) fn has(&mut self, bytes: &[u8]) -> bool {
        self.eat(bytes).is_some()
    }

    /// These bytes are all that is left.
    #[inline]
    pub(super) fn ends_with(&self, bytes: &[u8]) -> Option<()> {
        (self.rest == bytes).then_some(())
    }

    /// The rest of a string without escapes, behind its opening quote.
    #[inline(always)]
    pub(super) fn plain(&mut self) -> Option<&'a [u8]> {
        let end = special(self.rest)?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest.strip_prefix(b"\"")?;
        Some(text)
    }

    /// The rest of any string, behind its opening quote.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Option<()> {
        loop {
            let at = special(self.rest)?;
            let found = *self.rest.get(at)?;
            self.rest = self.rest.get(at + 1..)?;
            match found {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let (kind, rest) = self.rest.split_first()?;
        self.rest = rest;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let (digits, rest) = self.rest.split_first_chunk::<4>()?;
                self.rest = rest;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    /// A whole number as JavaScript writes it: digits without leading zeros, and not beyond [`MAX_SAFE_INTEGER`]. What
    /// follows must not be part of a number; the caller sees to that by what it expects next.
    pub(super) fn whole(&mut self) -> Option<u64> {
        let count = digits(self.rest);
        let (number, rest) = self.rest.split_at(count);
        self.rest = rest;
        whole(number)
    }

    /// Any value.
    #[inline]
    pub(super) fn value(&mut self) -> Option<()> {
        match self.rest.first()? {
            b'"' => {
                self.rest = &self.rest[1..];
                self.string()
            }
            b'{' | b'[' => self.nested(),
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Option<()> {
        match self.rest.first()? {
            b'"' => {
                self.rest = &self.rest[1..];
                self.string()
            }
            b't' => self.eat(b"true"),
            b'f' => self.eat(b"false"),
            b'n' => self.eat(b"null"),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Option<()> {
        self.has(b"-");
        if !self.has(b"0") {
            self.digits()?;
        }
        if self.has(b".") {
            self.digits()?;
        }
        if self.has(b"e") || self.has(b"E") {
            if !self.has(b"+") {
                self.has(b"-");
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let count = digits(self.rest);
        self.rest = &self.rest[count..];
        (count > 0).then_some(())
    }

    /// An object or an array, with a bit for each level that is open: 1 is an object.
    fn nested(&mut self) -> Option<()> {
        let (mut levels, mut depth) = (0u64, 0);
        loop {
            // A value begins.
            if self.has(b"{") {
                if !self.has(b"}") {
                    (levels, depth) = (levels << 1 | 1, depth + 1);
                    self.name()?;
                    if depth > MAX_DEPTH {
                        return None;
                    }
                    continue;
                }
            } else if self.has(b"[") {
                if !self.has(b"]") {
                    (levels, depth) = (levels << 1, depth + 1);
                    if depth > MAX_DEPTH {
                        return None;
                    }
                    continue;
                }
            } else {
                self.scalar()?;
            }
            // It has ended, and others with it perhaps.
            loop {
                if depth == 0 {
                    return Some(());
                }
                let in_object = levels & 1 == 1;
                if self.has(b",") {
                    if in_object {
                        self.name()?;
                    }
                    break;
                }
                self.eat(if in_object { b"}" } else { b"]" })?;
                (levels, depth) = (levels >> 1, depth - 1);
            }
        }
    }

    fn name(&mut self) -> Option<()> {
        self.eat(b"\"")?;
        self.string()?;
        self.eat(b":")
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The whole number that these digits are, as JavaScript writes it.
pub(super) fn whole(digits: &[u8]) -> Option<u64> {
    let is_canonical = digits == b"0" || digits.first().is_some_and(|first| *first != b'0');
    if !is_canonical || digits.len() > 16 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    (number <= MAX_SAFE_INTEGER).then_some(number)
}

/// Where the first byte is that ends or interrupts a string: a quote, a backslash or a control character.
#[inline(always)]
fn special(text: &[u8]) -> Option<usize> {
    let (pairs, rest) = text.as_chunks::<{ 2 * LANES }>();
    for (number, pair) in pairs.iter().enumerate() {
        let (words, _) = pair.as_chunks::<LANES>();
        let [first, second] = [0, 1].map(|word: usize| words.get(word).map_or(0, |word| marks(*word)));
        if first | second != 0 {
            let lane = if first == 0 { LANES + lane(second) } else { lane(first) };
            return Some(2 * LANES * number + lane);
        }
    }
    special_in_few(rest).map(|at| text.len() - rest.len() + at)
}

fn special_in_few(text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<LANES>();
    for (number, word) in words.iter().enumerate() {
        let marks = marks(*word);
        if marks != 0 {
            return Some(LANES * number + lane(marks));
        }
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    rest.iter().position(ends).map(|at| text.len() - rest.len() + at)
}

/// The first byte of a word that is marked.
#[inline]
fn lane(marks: u64) -> usize {
    marks.trailing_zeros() as usize / LANES
}

/// Marks the first special byte of a word, and of those behind it others perhaps too.
#[inline]
fn marks(word: [u8; LANES]) -> u64 {
    let word = u64::from_le_bytes(word);
    (zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c)) | below_space(word)) & HIGHS
}

/// Marks each byte that is zero; of those behind the first such byte, others perhaps too.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

/// Marks each byte that is below a space; of those behind the first such byte, others perhaps too.
#[inline]
fn below_space(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn is_value(text: &str) -> bool {
        let mut cursor = Cursor::new(text.as_bytes());
        cursor.value().is_some() && cursor.rest.is_empty()
    }

    #[test]
    fn values_are_what_javascript_writes() {
        for text in [
            "0",
            "-0",
            "1.5e-7",
            "1E+5",
            "true",
            "false",
            "null",
            r#""""#,
            r#""a\"\\\/\b\f\n\r\t\u00fF\ud800""#,
            "[]",
            "{}",
            r#"{"a":[1,{"b":{}},[]],"":"é","a":2}"#,
            r#""0123456 01234567é😀 ""#,
        ] {
            assert!(is_value(text), "{text}");
        }
        for text in [
            "",
            "01",
            "1.",
            ".5",
            "-",
            "+1",
            "1e",
            "1e+",
            "NaN",
            "nul",
            "truE",
            "\"",
            r#""\x41""#,
            r#""\u12""#,
            "\"\t\"",
            "[1,]",
            "[,1]",
            "[",
            "]",
            "{",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{a:1}"#,
            r#"{"a":1,}"#,
            "[}",
            r#"{"a":1]"#,
            "[1 ,2]",
            "1 ",
            " 1",
            "\"01234567\u{1}\"",
        ] {
            assert!(!is_value(text), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(is_value(&nested(MAX_DEPTH as usize + 1)) && !is_value(&nested(MAX_DEPTH as usize + 2)));
        let mixed = r#"{"a":["#.repeat(32) + &"]}".repeat(32);
        assert!(is_value(&mixed) && !is_value(&format!(r#"{{"b":[{mixed}]}}"#)));
    }

    #[test]
    fn whole_numbers_are_those_that_javascript_tells_apart() {
        for (text, number) in [("0", Some(0)), ("9007199254740991", Some(MAX_SAFE_INTEGER)), ("7,", Some(7))] {
            assert_eq!(Cursor::new(text.as_bytes()).whole(), number, "{text}");
        }
        for text in ["", "-1", "01", "9007199254740992", "99999999999999999999", "x"] {
            assert_eq!(Cursor::new(text.as_bytes()).whole(), None, "{text}");
        }
    }

    #[test]
    fn the_end_of_a_string_is_found_wherever_it_is() {
        for length in 0..40 {
            for end in ["\"", "\\", "\u{1f}"] {
                let text = "é".repeat(length / 2) + &"x".repeat(length % 2) + end + "\"\\\0";
                assert_eq!(special(text.as_bytes()), Some(length), "{text:?}");
            }
            assert_eq!(special("~".repeat(length).as_bytes()), None);
        }
    }

    /// Texts that are nearly JSON.
    fn nearly_json() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u00e9", "\\ud800", "\\n", "\"a\"", "\"a\":", "0", "1", "-",
            ".", "e", "+", "true", "false", "null", " ", "\n", "é", "x", "{}", "[]", "\"a\":1", "\u{1}",
        ]);
        prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_json(text in nearly_json()) {
            if is_value(&text) {
                prop_assert!(serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{text}");
            }
        }

        #[test]
        fn what_is_json_without_white_space_is_accepted(text in nearly_json()) {
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) {
                prop_assert!(is_value(&value.to_string()), "{value}");
            }
        }
    }
}
