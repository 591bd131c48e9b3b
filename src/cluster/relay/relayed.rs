//! The clients that this hub relays, or holds in its lobby: for whoever wants to see them. As many as there are
//! connections, which are bounded.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use crate::clock;

/// All of them.
#[derive(Default)]
pub struct Relayed(Arc<Rows>);

#[derive(Default)]
struct Rows {
    next: AtomicU64,
    rows: Mutex<HashMap<u64, Row>>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its database.
    pub db: Arc<str>,
    /// Its id.
    pub id: Arc<str>,
    /// Whose connection it is.
    pub remote: SocketAddr,
    /// When it has come, in milliseconds since the Unix epoch.
    pub connected: u64,
    /// The name of the hub that has it; `None`: it is in the lobby.
    pub owner: Option<Arc<str>>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Another hub has them.
    pub attached: usize,
    /// Nobody has them.
    pub waiting: usize,
}

/// A client is in the list until this is dropped.
pub struct Listed {
    rows: Arc<Rows>,
    number: u64,
}

impl Relayed {
    /// A client comes in.
    pub fn list(&self, db: &str, id: &str, remote: SocketAddr) -> Listed {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let row = Row { db: db.into(), id: id.into(), remote, connected: clock::unix_millis(), owner: None };
        self.0.rows.lock().insert(number, row);
        Listed { rows: self.0.clone(), number }
    }

    /// Those of a database, in the order in which they have come.
    pub fn of(&self, db: &str) -> Vec<Row> {
        let mut found: Vec<_> =
            self.0.rows.lock().iter().filter(|(_, row)| &*row.db == db).map(|(n, row)| (*n, row.clone())).collect();
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, row)| row).collect()
    }

    /// How many there are.
    pub fn counts(&self) -> Counts {
        let rows = self.0.rows.lock();
        let attached = rows.values().filter(|row| row.owner.is_some()).count();
        Counts { attached, waiting: rows.len() - attached }
    }
}

impl Listed {
    /// The hub of this name has it now.
    pub fn attach(&self, owner: &str) {
        if let Some(row) = self.rows.rows.lock().get_mut(&self.number) {
            row.owner = Some(owner.into());
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.rows.rows.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_listed_as_long_as_it_is_there() {
        let relayed = Relayed::default();
        let remote = ([127, 0, 0, 1], 4711).into();
        let (first, second) = (relayed.list("db", "first", remote), relayed.list("db", "second", remote));
        let _other = relayed.list("other", "third", remote);
        second.attach("hub-b");
        assert_eq!(relayed.counts(), Counts { attached: 1, waiting: 2 });
        let rows: Vec<_> = relayed.of("db").into_iter().map(|row| (row.id, row.owner)).collect();
        assert_eq!(rows, [("first".into(), None), ("second".into(), Some("hub-b".into()))]);
        drop((first, second));
        assert_eq!(relayed.of("db"), []);
        assert_eq!(relayed.counts(), Counts { attached: 0, waiting: 1 });
    }
}
