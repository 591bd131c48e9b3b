//! Single values of a message that is read completely: what each is, told from its own text.

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use serde_json::value::RawValue;

use super::cursor;

/// Absent, or `null` (which are one here), or as it must be.
pub(super) fn absent_or(value: Option<&RawValue>, is_right: impl FnOnce(&RawValue) -> bool) -> Option<()> {
    value.is_none_or(is_right).then_some(())
}

/// An object with its members. An array is none, though a parser may take it for one.
pub(super) fn object_of<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Option<T> {
    is_object(value).then(|| serde_json::from_str(value.get()).ok())?
}

/// An object, whatever its members.
pub(super) fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// A text, whatever it says.
pub(super) fn is_text(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

/// A text exactly, as it must be where it is compared.
pub(super) fn exact_text_of(value: &RawValue) -> Option<Cow<'_, str>> {
    // A text without escapes is as it stands.
    let inner = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(value.get()).ok().map(Cow::Owned)
}

/// A text for people; of surrogates without their other half, which JavaScript allows, it has replacement characters.
pub(super) fn text_of(value: &RawValue) -> Option<Cow<'_, str>> {
    exact_text_of(value).or_else(|| {
        let Lossy(text) = serde_json::from_str(value.get()).ok()?;
        Some(Cow::Owned(text))
    })
}

struct Lossy(String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(LossyVisitor)
    }
}

struct LossyVisitor;

impl Visitor<'_> for LossyVisitor {
    type Value = Lossy;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<Lossy, E> {
        Ok(Lossy(String::from_utf8_lossy(text).into_owned()))
    }
}

/// A boolean.
pub(super) fn flag_of(value: &RawValue) -> Option<bool> {
    match value.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A whole number in the form in which JavaScript writes it: `3`, neither `3.0` nor `3e0`.
pub(super) fn whole_of(value: &RawValue) -> Option<u64> {
    cursor::whole(value.get().as_bytes())
}

/// A number's text.
pub(super) fn number_of(value: &RawValue) -> Option<&str> {
    let text = value.get();
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then_some(text)
}
