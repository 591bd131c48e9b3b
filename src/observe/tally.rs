//! Counts of what has happened since the server started. They only grow, as metrics must.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::hub::{DatabaseFigures, event::Event};

/// The name that databases beyond the bound are counted under. No client can use it: names of databases are not empty.
pub(super) const OTHERS: &str = "";

/// Databases that are counted and remembered by name, each. Their names come from clients, so there must be a bound; a
/// hub serves a few. Those beyond it are counted together.
pub(super) const MAX_DATABASES: usize = 64;

/// How often, by one word: a reason, a kind, a code. The words are the program's own, so that there are few.
pub(super) type ByWord = BTreeMap<&'static str, u64>;

/// What has happened in one database.
#[derive(Debug, Clone, Default)]
pub(super) struct DatabaseTally {
    pub(super) connects: u64,
    /// By the reason.
    pub(super) disconnects: ByWord,
    /// What the coordinator did, by the kind.
    pub(super) notes: ByWord,
}

/// How often each thing has happened since the start, by database and by word.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) databases: HashMap<Arc<str>, DatabaseTally>,
    /// Connections that were not taken, by the reason.
    pub(super) refusals: ByWord,
    /// By the code.
    pub(super) warnings: ByWord,
    /// By the code.
    pub(super) notices: ByWord,
    pub(super) errors: u64,
    /// Troubles that have begun, by the kind.
    pub(super) troubles: ByWord,
}

impl Tally {
    pub(super) fn count(&mut self, event: &Event) {
        match event {
            Event::Connect { db, .. } => self.database(db).connects += 1,
            Event::Disconnect { db, reason, .. } => count(&mut self.database(db).disconnects, reason),
            Event::Note { db, note } => count(&mut self.database(db).notes, note.kind.name()),
            Event::Refused(refusal) => count(&mut self.refusals, refusal.reason),
            Event::Warning { code, .. } => count(&mut self.warnings, code),
            Event::Notice { code, .. } => count(&mut self.notices, code),
            Event::Error { .. } | Event::Failed { .. } => self.errors += 1,
            Event::Trouble { trouble, is_over: false } => count(&mut self.troubles, trouble.kind.name()),
            Event::Trouble { is_over: true, .. }
            | Event::Identified { .. }
            | Event::Message { .. }
            | Event::Trace(_) => {}
        }
    }

    /// Where the bound is reached, databases that are gone make room for those that are there.
    pub(super) fn make_room(&mut self, present: &[DatabaseFigures]) {
        let is_missing = |database: &DatabaseFigures| !self.databases.contains_key(&database.name);
        if self.databases.len() > MAX_DATABASES && present.iter().any(is_missing) {
            self.databases.retain(|name, _| &**name == OTHERS || present.iter().any(|database| database.name == *name));
        }
        for database in present {
            self.database(&database.name);
        }
    }

    /// The name that a database is counted under.
    pub(super) fn label<'a>(&self, name: &'a str) -> &'a str {
        if self.databases.contains_key(name) { name } else { OTHERS }
    }

    fn database(&mut self, name: &Arc<str>) -> &mut DatabaseTally {
        let is_counted_by_name = self.databases.contains_key(name) || self.databases.len() < MAX_DATABASES;
        let name = if is_counted_by_name { name.clone() } else { OTHERS.into() };
        self.databases.entry(name).or_default()
    }
}

fn count(by_word: &mut ByWord, word: &'static str) {
    *by_word.entry(word).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::watch::tests::refusal;

    fn connect(db: &str) -> Event {
        Event::Connect { db: db.into(), id: "peer".into(), remote: None }
    }

    fn figures(name: &str) -> DatabaseFigures {
        DatabaseFigures { name: name.into(), peers: 1, ..Default::default() }
    }

    #[test]
    fn things_are_counted_by_database_and_word() {
        let mut tally = Tally::default();
        tally.count(&connect("db"));
        for reason in ["fin", "fin", "slow-peer"] {
            tally.count(&Event::Disconnect { db: "db".into(), id: "peer".into(), reason, remote: None });
        }
        tally.count(&Event::Refused(refusal("token")));
        assert_eq!(tally.databases["db"].connects, 1);
        assert_eq!(tally.databases["db"].disconnects, BTreeMap::from([("fin", 2), ("slow-peer", 1)]));
        assert_eq!(tally.refusals, BTreeMap::from([("token", 1)]));
    }

    #[test]
    fn databases_beyond_the_bound_are_counted_together_until_others_are_gone() {
        let mut tally = Tally::default();
        for number in 0..MAX_DATABASES + 10 {
            tally.count(&connect(&format!("db-{number}")));
        }
        assert_eq!(tally.databases.len(), MAX_DATABASES + 1);
        assert_eq!(tally.databases[OTHERS].connects, 10);
        assert_eq!(tally.label("db-70"), OTHERS);
        tally.make_room(&[figures("db-3"), figures("db-70")]);
        assert_eq!(tally.databases.len(), 3);
        assert_eq!(tally.label("db-70"), "db-70");
        assert_eq!(tally.databases["db-3"].connects, 1);
    }
}
