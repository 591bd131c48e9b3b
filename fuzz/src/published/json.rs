//! `JSON.parse`, as JavaScript has it: the last of two members with one name, texts of UTF-16 units with halves of
//! characters among them, numbers of 64 bits, any depth. Written for the model alone, so that it shares no mistake with
//! the server.

use std::collections::BTreeMap;

/// A value of JavaScript, as it comes from JSON.
#[derive(Debug, Clone, PartialEq)]
pub enum Js {
    /// A member that is not there.
    Undefined,
    Null,
    Flag(bool),
    Number(f64),
    Text(Vec<u16>),
    Array(Vec<Js>),
    Object(BTreeMap<Vec<u16>, Js>),
}

impl Js {
    /// Parses a text. `None`: `JSON.parse` throws.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser(text);
        parser.skip_space();
        let value = parser.value()?;
        parser.skip_space();
        parser.0.is_empty().then_some(value)
    }

    /// `value.name`. `None`: it throws, for nothing has no members.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Undefined | Self::Null => None,
            Self::Object(members) => Some(members.get(&utf16(name)).unwrap_or(&Self::Undefined)),
            _ => Some(&Self::Undefined),
        }
    }

    /// `value === text`
    pub fn is(&self, text: &str) -> bool {
        matches!(self, Self::Text(own) if *own == utf16(text))
    }

    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(String::from_utf16_lossy(text)),
            _ => None,
        }
    }

    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }

    /// Whether it is a whole number from `0` to `most`.
    pub fn is_whole(&self, most: f64) -> bool {
        matches!(self, Self::Number(number) if number.fract() == 0.0 && (0.0..=most).contains(number))
    }
}

fn utf16(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

struct Parser<'a>(&'a str);

impl Parser<'_> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn eat(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    fn next(&mut self) -> Option<char> {
        let next = self.0.chars().next()?;
        self.0 = &self.0[next.len_utf8()..];
        Some(next)
    }

    fn value(&mut self) -> Option<Js> {
        match self.0.chars().next()? {
            '{' => self.object(),
            '[' => self.array(),
            '"' => self.text().map(Js::Text),
            't' => self.eat("true").map(|()| Js::Flag(true)),
            'f' => self.eat("false").map(|()| Js::Flag(false)),
            'n' => self.eat("null").map(|()| Js::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self) -> Option<Js> {
        self.eat("{")?;
        let mut members = BTreeMap::new();
        self.skip_space();
        if self.eat("}").is_some() {
            return Some(Js::Object(members));
        }
        loop {
            self.skip_space();
            let name = self.text()?;
            self.skip_space();
            self.eat(":")?;
            self.skip_space();
            members.insert(name, self.value()?);
            self.skip_space();
            if self.eat(",").is_none() {
                return self.eat("}").map(|()| Js::Object(members));
            }
        }
    }

    fn array(&mut self) -> Option<Js> {
        self.eat("[")?;
        let mut items = Vec::new();
        self.skip_space();
        if self.eat("]").is_some() {
            return Some(Js::Array(items));
        }
        loop {
            self.skip_space();
            items.push(self.value()?);
            self.skip_space();
            if self.eat(",").is_none() {
                return self.eat("]").map(|()| Js::Array(items));
            }
        }
    }

    fn text(&mut self) -> Option<Vec<u16>> {
        self.eat("\"")?;
        let mut units = Vec::new();
        loop {
            match self.next()? {
                '"' => return Some(units),
                '\\' => units.push(self.escape()?),
                '\0'..' ' => return None,
                char => units.extend_from_slice(char.encode_utf16(&mut [0; 2])),
            }
        }
    }

    fn escape(&mut self) -> Option<u16> {
        let char = match self.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            char @ ('"' | '\\' | '/') => char,
            'u' => return (0..4).try_fold(0, |unit, _| Some(unit << 4 | self.next()?.to_digit(16)? as u16)),
            _ => return None,
        };
        u16::try_from(char).ok()
    }

    fn number(&mut self) -> Option<Js> {
        let end = self.0.find(|char: char| !"+-.eE0123456789".contains(char)).unwrap_or(self.0.len());
        let (number, rest) = self.0.split_at(end);
        let whole = number.strip_prefix('-').unwrap_or(number);
        let (mantissa, exponent) = whole.split_once(['e', 'E']).unwrap_or((whole, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
        if !are_digits(whole) || !are_digits(fraction) || !are_digits(exponent) || has_leading_zero {
            return None;
        }
        self.0 = rest;
        number.parse().ok().map(Js::Number)
    }
}
