//! Large messages that wait at `/receive` (`largeMessages: 'download'` only): each for its addressees, once each, for a
//! minute.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{clock::Millis, protocol::Text};

/// How long a large message waits, in milliseconds: the original's 60 s.
const PARCEL_LIFETIME: Millis = 60_000;

/// Bytes of large messages that one database keeps; past it the oldest go. Two of the largest messages that clients
/// read.
const MAX_BYTES: usize = 200 * 1024 * 1024;

/// The large messages of a database that wait to be fetched.
#[derive(Default)]
pub struct Parcels {
    waiting: HashMap<String, Parcel>,
    /// Oldest first.
    order: VecDeque<(Millis, String)>,
    bytes: usize,
    count: u64,
    /// Makes ids that nobody can guess: a web page could use a message up that it cannot read.
    secret: RandomState,
}

struct Parcel {
    text: Text,
    addressees: HashSet<Arc<str>>,
}

/// A large message that waits, as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FrozenParcel {
    id: String,
    until: Millis,
    addressees: Vec<String>,
    text: Bytes,
}

impl Parcels {
    /// Takes all out, the oldest first.
    pub(super) fn freeze(&mut self) -> Vec<FrozenParcel> {
        let Self { mut waiting, order, .. } = std::mem::take(self);
        let frozen = |(until, id): (Millis, String)| {
            let Parcel { text, addressees } = waiting.remove(&id)?;
            let addressees = addressees.iter().map(|id| id.to_string()).collect();
            Some(FrozenParcel { id, until, addressees, text: text.into() })
        };
        order.into_iter().filter_map(frozen).collect()
    }

    /// Those that waited before. `None`: they are no texts.
    pub(super) fn thaw(frozen: Vec<FrozenParcel>) -> Option<Self> {
        let mut parcels = Self::default();
        for FrozenParcel { id, until, addressees, text } in frozen {
            let text = Text::try_from(text).ok()?;
            parcels.bytes += text.len();
            let addressees = addressees.into_iter().map(Arc::from).collect();
            parcels.waiting.insert(id.clone(), Parcel { text, addressees });
            parcels.order.push_back((until, id));
        }
        Some(parcels)
    }

    /// Keeps a message for its addressees and returns its id.
    pub fn keep(&mut self, text: Text, addressees: HashSet<Arc<str>>, now: Millis) -> String {
        self.count += 1;
        let id = format!("m{:016x}-{:x}", self.secret.hash_one(self.count), self.count);
        self.bytes += text.len();
        self.waiting.insert(id.clone(), Parcel { text, addressees });
        self.order.push_back((now + PARCEL_LIFETIME, id.clone()));
        while self.bytes > MAX_BYTES && self.order.len() > 1 {
            self.drop_oldest();
        }
        id
    }

    /// Hands a message out, once for each addressee.
    pub fn take(&mut self, id: &str, addressee: &str, now: Millis) -> Option<Text> {
        self.expire(now);
        let parcel = self.waiting.get_mut(id)?;
        if !parcel.addressees.remove(addressee) {
            return None;
        }
        let text = parcel.text.clone();
        if parcel.addressees.is_empty() {
            self.remove(id);
        }
        Some(text)
    }

    /// Drops what has waited too long.
    pub fn expire(&mut self, now: Millis) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.drop_oldest();
        }
    }

    /// When the oldest message goes.
    pub fn deadline(&self) -> Option<Millis> {
        self.order.front().map(|(until, _)| *until)
    }

    fn drop_oldest(&mut self) {
        if let Some((_, id)) = self.order.pop_front() {
            self.remove(&id);
        }
    }

    fn remove(&mut self, id: &str) {
        if let Some(parcel) = self.waiting.remove(id) {
            self.bytes -= parcel.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addressees(ids: &[&str]) -> HashSet<Arc<str>> {
        ids.iter().map(|id| Arc::from(*id)).collect()
    }

    #[test]
    fn a_message_is_handed_out_once_for_each_addressee() {
        let mut parcels = Parcels::default();
        let id = parcels.keep("large".into(), addressees(&["anna!", "berta"]), 0);
        assert_eq!(parcels.take(&id, "carla", 1), None);
        assert_eq!(parcels.take(&id, "anna!", 1).as_deref(), Some("large"));
        assert_eq!(parcels.take(&id, "anna!", 1), None);
        assert_eq!(parcels.take(&id, "berta", 1).as_deref(), Some("large"));
        assert_eq!(parcels.bytes, 0);
    }

    #[test]
    fn a_message_waits_a_minute() {
        let mut parcels = Parcels::default();
        let id = parcels.keep("large".into(), addressees(&["anna!"]), 0);
        assert_eq!(parcels.take(&id, "anna!", PARCEL_LIFETIME), None);
        assert_eq!(parcels.deadline(), None);
        assert_eq!(parcels.bytes, 0);
    }
}
