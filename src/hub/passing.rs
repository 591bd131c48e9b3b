//! One database of a hub that goes on, taken out as plain data for another hub to go on with, and put into that one.
//! Knows nothing of how the data travels, nor of who may have the database.
//!
//! ```text
//!   quiesce_database ──> part_database ──> freeze_database ──> (another hub) prepare ──> move_in
//! ```
//!
//! All times in a database are of its hub's clock: the clocks of two hubs must agree.

use std::{collections::HashMap, sync::Arc, sync::atomic::Ordering};

use super::{Database, FrozenHub, Hub, ThawError, event::Event, shelf::Shelf};
use crate::{clock::Millis, protocol::close::CloseReason};

/// How far the clocks of two hubs may be apart, in milliseconds: less than half of how long a session waits for its
/// client by default, for what has no more time than that here would be over there.
const MAX_CLOCK_DIFFERENCE: Millis = 2_000;

/// A database that can be moved in.
pub struct Estate {
    database: Arc<Database>,
    now: Millis,
    links: u64,
}

impl Hub {
    /// As [`Hub::quiesce`], of one database.
    pub fn quiesce_database(&self, db: &str) {
        if let Some(database) = self.find(db) {
            database.quiesce();
        }
    }

    /// As [`Hub::is_quiet`], of one database.
    pub fn is_database_quiet(&self, db: &str) -> bool {
        self.find(db).is_none_or(|database| database.is_quiet())
    }

    /// Closes all connections of a database, saying why, and keeps the sessions of peers that may be back. None is
    /// taken until it is frozen.
    pub fn part_database(&self, db: &str, why: CloseReason) {
        // The map stays locked, so that nobody comes in who has been let in already.
        let databases = self.databases.lock();
        let Some(database) = databases.get(db).cloned() else { return };
        database.shut();
        drop(databases);
        database.close_door();
        database.part(why);
    }

    /// All connections of a database have ended, and nothing that was sent beside them is under way.
    pub fn has_parted(&self, db: &str) -> bool {
        self.find(db).is_none_or(|database| database.has_parted())
    }

    /// Takes a database out. Whoever comes now begins it anew. For one that nobody was in: nothing.
    pub fn freeze_database(&self, db: &str) -> FrozenHub {
        let database = self.databases.lock().remove(db);
        let mut shelf = Shelf::default();
        let frozen = database.iter().map(|database| {
            database.tell_moved_out();
            database.freeze(&mut shelf)
        });
        let databases = frozen.collect();
        FrozenHub::of(self.now(), self.office.links.load(Ordering::Relaxed), databases, shelf)
    }

    /// Looks whether this hub can go on with a database, and makes it ready. Nobody sees it yet.
    ///
    /// # Errors
    /// See [`ThawError`].
    pub fn prepare(&self, db: &str, frozen: FrozenHub) -> Result<Estate, ThawError> {
        let apart = self.now().abs_diff(frozen.now);
        if apart > MAX_CLOCK_DIFFERENCE {
            return Err(ThawError::Clock { apart });
        }
        let (now, links) = (frozen.now, frozen.links());
        let mut thawed = self.thawed(frozen)?;
        let database = thawed.remove(db);
        if !thawed.is_empty() {
            return Err(ThawError::Damaged(db.to_owned()));
        }
        let database = database.unwrap_or_else(|| Arc::new(Database::new(db.into(), self.office.clone())));
        Ok(Estate { database, now, links })
    }

    /// Goes on with a database from now on, whatever there was of it here. Peers wait for their clients.
    pub fn move_in(&self, Estate { database, now, links }: Estate) {
        let name: Arc<str> = database.name().into();
        self.close_database(&name);
        self.office.clock.shows_at_least(now);
        self.office.links.fetch_max(links, Ordering::Relaxed);
        let mut databases = self.databases.lock();
        if self.office.is_closed.load(Ordering::Relaxed) {
            return;
        }
        // Whose connection had not ended by then has lost it.
        database.settle();
        database.begin_journal();
        databases.insert(name, database.clone());
        drop(databases);
        database.tell_moved_in();
        database.tick();
    }

    pub(super) fn thawed(&self, frozen: FrozenHub) -> Result<HashMap<Arc<str>, Arc<Database>>, ThawError> {
        frozen.into_databases(|database, shelf| {
            let name: Arc<str> = database.name().into();
            Ok((name, Arc::new(Database::thaw(database, &self.office, shelf)?)))
        })
    }
}

impl Database {
    /// Who observes this hub sees its peers go.
    fn tell_moved_out(&self) {
        for (id, remote) in self.who_is_there() {
            let reason = CloseReason::Moved.label();
            self.tell(Event::Disconnect { db: self.name().into(), id, reason, remote });
        }
    }

    /// Who observes this hub sees its peers come.
    fn tell_moved_in(&self) {
        for (id, remote) in self.who_is_there() {
            self.tell(Event::Connect { db: self.name().into(), id, remote });
        }
    }
}
