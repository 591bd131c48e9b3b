//! Places in the database's file, as messages name them: read, and looked at whether they can be.

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    rules::{self, MAX_RANGES},
    said::Place,
    value::{object_of, whole_of},
};

/// Where a node is.
#[derive(Deserialize)]
pub(super) struct Address<'a> {
    #[serde(borrow, default)]
    path: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "pageNr")]
    page: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "recordNr")]
    record: Option<&'a RawValue>,
}

impl<'a> Address<'a> {
    /// Of the node that is there.
    pub(super) fn path(&self) -> Option<&'a RawValue> {
        self.path
    }

    /// The place, if it is one that can be.
    pub(super) fn place(&self) -> Option<Place> {
        let (page, record) = self.page.and_then(whole_of).zip(self.record.and_then(whole_of))?;
        rules::is_place(page, record).then_some(Place { page, record })
    }
}

/// An array of ranges, looked at one by one.
pub(super) struct Ranges;

impl<'de> Deserialize<'de> for Ranges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self)
    }
}

impl<'de> Visitor<'de> for Ranges {
    type Value = Self;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ranges of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut ranges: A) -> Result<Self, A::Error> {
        let mut count = 0;
        while let Some(range) = ranges.next_element::<&RawValue>()? {
            count += 1;
            let range = object_of::<Range<'_>>(range).filter(|_| count <= MAX_RANGES);
            if !range.is_some_and(|range| range.is_one()) {
                return Err(A::Error::custom("no range of records"));
            }
        }
        Ok(self)
    }
}

/// Records that follow each other.
#[derive(Deserialize)]
struct Range<'a> {
    #[serde(borrow, default, rename = "pageNr")]
    page: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "recordNr")]
    record: Option<&'a RawValue>,
    #[serde(borrow, default)]
    length: Option<&'a RawValue>,
}

impl Range<'_> {
    fn is_one(&self) -> bool {
        let number = |value: Option<&RawValue>| value.and_then(whole_of);
        let parts = number(self.page).zip(number(self.record)).zip(number(self.length));
        parts.is_some_and(|((page, record), length)| rules::is_range(page, record, length))
    }
}
