//! Where requests that are held wait, by what each waits for, so that whatever comes to pass is asked of those only
//! that waited for it.

use serde::{Deserialize, Serialize};

use std::{collections::BTreeSet, sync::Arc};

use super::line::Line;
pub(super) use super::line::Seq;

/// What a request waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Place {
    /// For a master that takes requests.
    Master,
    /// For the next server, for this one is about to stop.
    NextServer,
    /// For the return of its worker: until then nobody needs the answer.
    Worker(Arc<str>),
    /// For the end of locks of former masters, which keep its transaction from writing, or reading.
    Fence { write: bool, tid: Arc<str> },
    /// For its turn, while others write.
    Line { write: bool, tid: Arc<str> },
    /// For the new master, which is still reading its tables.
    Tables,
    /// For its turn among those that create indexes.
    Index,
    /// For its turn among those that may have ended a master.
    Trial,
    /// For others that may have the lock that it concerns, and have not told so after a crash of the hub.
    Reunion,
}

impl Place {
    /// How long a request may wait there.
    pub(super) fn patience(&self) -> Patience {
        match self {
            Self::Master | Self::NextServer => Patience::UntilFirstDeadline,
            Self::Worker(_) | Self::Trial => Patience::Anew,
            Self::Fence { .. } | Self::Line { .. } | Self::Tables | Self::Index | Self::Reunion => Patience::Endless,
        }
    }

    /// What comes after "waits".
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Master => "for an AceBase master",
            Self::NextServer => "for the next server",
            Self::Worker(_) => "until that worker is back",
            Self::Fence { .. } => "until locks that a former master granted are released",
            Self::Line { .. } => "until others have written",
            Self::Tables => "until the new master has read its tables",
            Self::Index => "until the master has created another index",
            Self::Reunion => "until all others are back after a crash of the server",
            Self::Trial => "until the new master has lived through others that were with the former one when it ended",
        }
    }

    /// Its owner is told of it: it is not what happens all the time.
    pub(super) fn is_remarkable(&self) -> bool {
        !matches!(self, Self::Line { .. })
    }
}

/// How long a request may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// There is no master, or soon no server: until the deadline that it got when it first waited for one.
    UntilFirstDeadline,
    /// There is a master, and others that may keep it from this request: as long as for a master, from now on.
    Anew,
    /// There is a master, and what stands in the way ends by itself.
    Endless,
}

/// The held requests, by the place at which each waits, in order of arrival.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Waiting {
    by_place: BTreeSet<(Place, Seq)>,
    /// Those in line, which follow from the others.
    #[serde(skip)]
    line: Line,
}

impl Waiting {
    pub(super) fn insert(&mut self, place: Place, seq: Seq) {
        if let Place::Line { write, .. } = place {
            self.line.insert(write, seq);
        }
        self.by_place.insert((place, seq));
    }

    pub(super) fn remove(&mut self, place: Place, seq: Seq) {
        if let Place::Line { write, .. } = place {
            self.line.remove(write, seq);
        }
        self.by_place.remove(&(place, seq));
    }

    /// Those that wait in line.
    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    /// These are another's, who has left them as data: what follows from them is found out again.
    pub(super) fn go_on(&mut self) {
        for (place, seq) in &self.by_place {
            if let Place::Line { write, .. } = place {
                self.line.insert(*write, *seq);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_place.len()
    }

    /// All, in order of arrival.
    pub(super) fn all(&self) -> Vec<Seq> {
        in_order(self.by_place.iter())
    }

    /// Those that wait for one thing, in order of arrival.
    pub(super) fn at(&self, place: &Place) -> Vec<Seq> {
        self.from(place).take_while(|(at, _)| at == place).map(|(_, seq)| *seq).collect()
    }

    /// The first of those.
    pub(super) fn first_at(&self, place: &Place) -> Option<Seq> {
        self.from(place).next().filter(|(at, _)| at == place).map(|(_, seq)| *seq)
    }

    /// Those that are kept from writing, or reading, by locks of any transaction; in order of arrival.
    pub(super) fn at_any_fence(&self, to_write: bool) -> Vec<Seq> {
        let first = Place::Fence { write: to_write, tid: "".into() };
        in_order(self.from(&first).take_while(|(at, _)| matches!(at, Place::Fence { write, .. } if *write == to_write)))
    }

    fn from(&self, place: &Place) -> impl Iterator<Item = &(Place, Seq)> {
        self.by_place.range((place.clone(), 0)..)
    }
}

fn in_order<'a>(waiting: impl Iterator<Item = &'a (Place, Seq)>) -> Vec<Seq> {
    let mut seqs: Vec<Seq> = waiting.map(|(_, seq)| *seq).collect();
    seqs.sort_unstable();
    seqs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(write: bool, tid: &str) -> Place {
        Place::Fence { write, tid: tid.into() }
    }

    #[test]
    fn each_place_has_its_own_in_order_of_arrival() {
        let mut waiting = Waiting::default();
        let places =
            [Place::Tables, fence(true, "u"), Place::Master, fence(false, "t"), fence(true, "t"), Place::Tables];
        for (seq, place) in places.into_iter().enumerate() {
            waiting.insert(place, seq as Seq);
        }
        assert_eq!(waiting.all(), [0, 1, 2, 3, 4, 5]);
        assert_eq!((waiting.at(&Place::Tables), waiting.first_at(&Place::Tables)), (vec![0, 5], Some(0)));
        assert_eq!(waiting.first_at(&Place::Index), None);
        assert!(waiting.at(&Place::Worker("w".into())).is_empty());
        assert_eq!(waiting.at(&fence(true, "t")), [4]);
        assert_eq!((waiting.at_any_fence(true), waiting.at_any_fence(false)), (vec![1, 4], vec![3]));
        waiting.remove(Place::Tables, 0);
        assert_eq!((waiting.at(&Place::Tables), waiting.len()), (vec![5], 5));
    }
}
