//! Which troubles have begun and which are over since they were looked at last. Each is told when it begins, when it
//! becomes worse, and when it is over: not every second. Knows no clock but the one that it is given.

use std::{collections::HashMap, sync::Arc};

use crate::{
    acebase::{Gravity, Trouble, TroubleKind},
    clock::Millis,
};

/// Troubles that are followed at most. There are a few of each database, and a hub serves a few.
const MAX_FOLLOWED: usize = 256;

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It has begun, or has become worse.
    Begun(Trouble),
    /// It is over: as it was seen last, with the time that it has taken in all.
    Over(Trouble),
}

type Key = (TroubleKind, Option<Arc<str>>, String);

/// The troubles that there were when they were looked at last.
#[derive(Debug, Default)]
pub struct Ledger(HashMap<Key, Followed>);

#[derive(Debug)]
struct Followed {
    last: Trouble,
    seen: Millis,
}

impl Ledger {
    /// Takes down what there is now; gives what has changed since, those that are over first.
    pub fn enter(&mut self, found: &[Trouble], now: Millis) -> Vec<Change> {
        let mut changes = Vec::new();
        for trouble in found {
            let key = (trouble.kind, trouble.db.clone(), trouble.subject.clone());
            let before = self.0.get(&key).map(|followed| followed.last.gravity);
            if before.is_none() && self.0.len() >= MAX_FOLLOWED {
                continue;
            }
            if before.is_none_or(|before: Gravity| before < trouble.gravity) {
                changes.push(Change::Begun(trouble.clone()));
            }
            self.0.insert(key, Followed { last: trouble.clone(), seen: now });
        }
        let mut over = Vec::new();
        self.0.retain(|_, followed| {
            let is_there = followed.seen == now;
            if !is_there {
                let age = followed.last.age + (now - followed.seen);
                over.push(Change::Over(Trouble { age, ..followed.last.clone() }));
            }
            is_there
        });
        over.extend(changes);
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(subject: &str, gravity: Gravity) -> Trouble {
        Trouble {
            kind: TroubleKind::LockHeld,
            gravity,
            db: Some("db".into()),
            who: None,
            subject: subject.into(),
            age: 5_000,
            text: String::new(),
            advice: String::new(),
        }
    }

    fn told(changes: &[Change]) -> Vec<String> {
        let tell = |change: &Change| match change {
            Change::Begun(trouble) => format!("{} begins", trouble.subject),
            Change::Over(trouble) => format!("{} is over after {}", trouble.subject, trouble.age),
        };
        changes.iter().map(tell).collect()
    }

    #[test]
    fn a_trouble_is_told_when_it_begins_and_when_it_is_over() {
        let mut ledger = Ledger::default();
        let (one, two) = (trouble("one", Gravity::Hindrance), trouble("two", Gravity::Hindrance));
        assert_eq!(told(&ledger.enter(&[one.clone(), two.clone()], 0)), ["one begins", "two begins"]);
        assert!(ledger.enter(&[one.clone(), two], 1_000).is_empty());
        assert_eq!(told(&ledger.enter(&[one], 2_000)), ["two is over after 6000"]);
    }

    #[test]
    fn it_is_told_again_when_it_becomes_worse() {
        let mut ledger = Ledger::default();
        ledger.enter(&[trouble("one", Gravity::Hindrance)], 0);
        assert_eq!(told(&ledger.enter(&[trouble("one", Gravity::Standstill)], 1)), ["one begins"]);
        assert!(ledger.enter(&[trouble("one", Gravity::Hindrance)], 2).is_empty());
    }

    #[test]
    fn no_number_of_troubles_fills_the_memory() {
        let mut ledger = Ledger::default();
        let many: Vec<_> = (0..2 * MAX_FOLLOWED).map(|n| trouble(&n.to_string(), Gravity::Notice)).collect();
        assert_eq!(ledger.enter(&many, 0).len(), MAX_FOLLOWED);
        assert_eq!(ledger.enter(&[], 1).len(), MAX_FOLLOWED);
    }
}
