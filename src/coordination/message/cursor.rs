//! Goes through compact JSON as `JSON.stringify` writes it, without building anything of it.
//!
//! Every method returns `None` for what is not JSON, and also for JSON that is written otherwise: with white space
//! between its tokens, or nested deeper than [`MAX_DEPTH`]. Whoever calls must then read completely. What it accepts,
//! any JSON parser does.
//!
//! Every message of a database passes here: what is inlined makes a difference of half of the time. Strings are most of
//! it, and `scan` finds their ends.

use super::scan::{LANES, marks, special};

/// Objects and arrays within each other: one bit each.
const MAX_DEPTH: u32 = 64;

/// The largest whole number that JavaScript tells from its neighbours.
pub(super) const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// What is left of a text. It is handed on by value, so that it stays in the processor's registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// Goes on behind these bytes, if they are next. Their number is known to the compiler, which then compares them at
    /// once.
    #[inline(always)]
    pub(super) fn eat<const N: usize>(self, bytes: &[u8; N]) -> Option<Self> {
        let (next, rest) = self.rest.split_first_chunk::<N>()?;
        (next == bytes).then_some(Self { rest })
    }

    /// Goes on behind these bytes of any number, if they are next.
    #[inline]
    pub(super) fn eat_all(self, bytes: &[u8]) -> Option<Self> {
        Some(Self { rest: self.rest.strip_prefix(bytes)? })
    }

    /// Goes on behind a member that may be there, with any value.
    #[inline(always)]
    pub(super) fn optional<const N: usize>(self, name: &[u8; N]) -> Option<Self> {
        match self.eat(name) {
            Some(behind) => behind.value(),
            None => Some(self),
        }
    }

    /// These bytes are all that is left.
    #[inline(always)]
    pub(super) fn ends_with<const N: usize>(self, bytes: &[u8; N]) -> Option<()> {
        (self.rest == bytes).then_some(())
    }

    /// The rest of a string without escapes, behind its opening quote; and what follows.
    #[inline(always)]
    pub(super) fn plain(self) -> Option<(&'a [u8], Self)> {
        let (text, rest) = self.rest.split_at(special(self.rest)?);
        let behind = Self { rest }.eat(b"\"")?;
        Some((text, behind))
    }

    /// Goes on behind the rest of a string without escapes that most often has so many words of bytes. Where it has,
    /// what follows need not wait until its end is found.
    #[inline(always)]
    pub(super) fn plain_of_about<const WORDS: usize>(self) -> Option<Self> {
        let (words, _) = self.rest.as_chunks::<LANES>();
        if let Some(words) = words.first_chunk::<WORDS>()
            && words.iter().all(|word| marks(*word) == 0)
            && let Some(rest) = self.rest.get(WORDS * LANES..)
            && let Some(behind) = (Self { rest }).eat(b"\"")
        {
            return Some(behind);
        }
        self.plain().map(|(_, behind)| behind)
    }

    /// Goes on behind the rest of any string, behind its opening quote.
    #[inline(always)]
    pub(super) fn string(self) -> Option<Self> {
        let rest = self.rest.get(special(self.rest)?..)?;
        match (Self { rest }).next()? {
            (b'"', behind) => Some(behind),
            (b'\\', behind) => behind.string_behind_backslash(),
            _ => None,
        }
    }

    fn string_behind_backslash(self) -> Option<Self> {
        let mut cursor = self.escape()?;
        loop {
            let rest = cursor.rest.get(special(cursor.rest)?..)?;
            match (Self { rest }).next()? {
                (b'"', behind) => return Some(behind),
                (b'\\', behind) => cursor = behind.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(self) -> Option<Self> {
        match self.next()? {
            (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', behind) => Some(behind),
            (b'u', behind) => {
                let (digits, rest) = behind.rest.split_first_chunk::<4>()?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(Self { rest })
            }
            _ => None,
        }
    }

    /// A whole number as JavaScript writes it: digits without leading zeros, and not beyond [`MAX_SAFE_INTEGER`]; and
    /// what follows, which must not be part of a number: the caller sees to that by what it expects next.
    pub(super) fn whole(self) -> Option<(u64, Self)> {
        let (number, rest) = self.rest.split_at(digits(self.rest));
        Some((whole(number)?, Self { rest }))
    }

    /// The next byte, and what follows.
    #[inline(always)]
    fn next(self) -> Option<(u8, Self)> {
        let (next, rest) = self.rest.split_first()?;
        Some((*next, Self { rest }))
    }

    /// Goes on behind any value.
    #[inline]
    pub(super) fn value(self) -> Option<Self> {
        match self.next()? {
            (b'"', behind) => behind.string(),
            (b'{' | b'[', _) => self.nested(),
            _ => self.scalar(),
        }
    }

    /// Goes on behind a value that is no string and has no parts.
    fn scalar(self) -> Option<Self> {
        match self.rest.first()? {
            b't' => self.eat(b"true"),
            b'f' => self.eat(b"false"),
            b'n' => self.eat(b"null"),
            _ => self.number(),
        }
    }

    fn number(self) -> Option<Self> {
        let positive = self.eat(b"-").unwrap_or(self);
        let mut cursor = match positive.eat(b"0") {
            Some(behind) => behind,
            None => positive.digits()?,
        };
        if let Some(fraction) = cursor.eat(b".") {
            cursor = fraction.digits()?;
        }
        if let Some(exponent) = cursor.eat(b"e").or_else(|| cursor.eat(b"E")) {
            let signed = exponent.eat(b"+").or_else(|| exponent.eat(b"-"));
            cursor = signed.unwrap_or(exponent).digits()?;
        }
        Some(cursor)
    }

    fn digits(self) -> Option<Self> {
        let count = digits(self.rest);
        let rest = self.rest.get(count..)?;
        (count > 0).then_some(Self { rest })
    }

    /// Goes on behind an object or an array, with what is in it.
    fn nested(self) -> Option<Self> {
        let (mut cursor, mut open) = (self, Levels::default());
        loop {
            match cursor.next()? {
                (b'"', behind) => cursor = behind.string()?,
                (b'{', behind) => match behind.eat(b"}") {
                    Some(empty) => cursor = empty,
                    None => {
                        open.enter_object()?;
                        cursor = behind.name()?;
                        continue;
                    }
                },
                (b'[', behind) => match behind.eat(b"]") {
                    Some(empty) => cursor = empty,
                    None => {
                        open.enter_array()?;
                        cursor = behind;
                        continue;
                    }
                },
                _ => cursor = cursor.scalar()?,
            }
            // A value has ended, and others with it perhaps.
            loop {
                if open.is_empty() {
                    return Some(cursor);
                }
                let (next, behind) = cursor.next()?;
                cursor = behind;
                match (next, open.in_object()) {
                    (b',', true) => {
                        cursor = cursor.name()?;
                        break;
                    }
                    (b',', false) => break,
                    (b'}', true) | (b']', false) => open.leave(),
                    _ => return None,
                }
            }
        }
    }

    /// Goes on behind the name of a member and its colon.
    #[inline(always)]
    fn name(self) -> Option<Self> {
        self.eat(b"\"")?.string()?.eat(b":")
    }
}

/// The objects and arrays that are open: a bit for each, 1 for an object.
#[derive(Default)]
struct Levels {
    bits: u64,
    depth: u32,
}

impl Levels {
    fn enter_object(&mut self) -> Option<()> {
        self.enter_array()?;
        self.bits |= 1;
        Some(())
    }

    /// `None`: it is too deep.
    fn enter_array(&mut self) -> Option<()> {
        self.bits <<= 1;
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())
    }

    fn leave(&mut self) {
        self.bits >>= 1;
        self.depth -= 1;
    }

    fn in_object(&self) -> bool {
        self.bits & 1 == 1
    }

    fn is_empty(&self) -> bool {
        self.depth == 0
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn is_value(text: &str) -> bool {
        Cursor::new(text.as_bytes()).value().is_some_and(|cursor| cursor.rest.is_empty())
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
            assert_eq!(Cursor::new(text.as_bytes()).whole().map(|(number, _)| number), number, "{text}");
        }
        for text in ["", "-1", "01", "9007199254740992", "99999999999999999999", "x"] {
            assert!(Cursor::new(text.as_bytes()).whole().is_none(), "{text}");
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
