//! Those who have asked to come in: their places, and what they are told.

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, Sender, channel},
};

use crate::hub::{Admission, Hub, Place, Refused, coordinator::Decision};

/// One who has asked to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller(u64);

/// What one who has asked to come in is told at once.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// It may come in.
    Come,
    /// It must wait to be told.
    Wait,
    /// It stays out.
    Out(Refused),
}

/// Where those wait who have asked to come in.
pub struct Lobby {
    places: BTreeMap<Caller, Place>,
    callers: u64,
    tell: Sender<(Caller, Decision)>,
    told: Receiver<(Caller, Decision)>,
}

impl Default for Lobby {
    fn default() -> Self {
        let (tell, told) = channel();
        Self { places: BTreeMap::new(), callers: 0, tell, told }
    }
}

impl Lobby {
    /// Somebody asks to come in, and keeps its place, or waits for one, until [`Lobby::leave`].
    pub fn ask_in(&mut self, hub: &Hub, db: &str, id: &str) -> (Caller, Answer) {
        self.callers += 1;
        let (caller, tell) = (Caller(self.callers), self.tell.clone());
        // Nobody listens where the lobby is gone.
        let admission = hub.admit(db, id, Box::new(move |decision| drop(tell.send((caller, decision)))));
        let (place, answer) = match admission {
            Admission::Open(place) => (place, Answer::Come),
            Admission::Wait(place) => (place, Answer::Wait),
            Admission::Refused(refused) => return (caller, Answer::Out(refused)),
        };
        self.places.insert(caller, place);
        (caller, answer)
    }

    /// One has come in, or gone away.
    pub fn leave(&mut self, caller: Caller) {
        self.places.remove(&caller);
    }

    /// What those were told who wait, one at a time, oldest first. What was told to one who has left since is left out.
    pub fn next_decision(&mut self) -> Option<(Caller, Decision)> {
        self.told.try_iter().find(|(caller, _)| self.places.contains_key(caller))
    }
}
