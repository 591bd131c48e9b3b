//! What lets a server's connections outlive it, should it be killed: the keeper holds duplicates of their sockets, and
//! of the memory of the journals, from which the next server learns what this one knew. Linux only.

mod aftermath;
mod lasting;

use std::{
    fs::File,
    os::fd::AsFd,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

pub use aftermath::{Found, look_through};
use lasting::Lasting;

use super::config::Config;
use crate::{
    hub::{Hub, journal::Memory},
    keeper::{Held, Holdable, Holds},
    session::{
        link::Link,
        survival::{Keep, Kept},
    },
};

/// Databases with a journal at most. Each takes two descriptors, and some memory.
const MAX_JOURNALS: usize = 256;

/// What a server does so that another one can go on where it is killed.
pub struct Survival {
    holds: Arc<Holds>,
    /// What a server must be like that goes on.
    likeness: Arc<str>,
}

impl Survival {
    /// With the keeper's help.
    pub fn new(holds: Arc<Holds>, config: &Config) -> Self {
        Self { holds, likeness: likeness(config).into() }
    }

    /// Keeps duplicates of connections.
    pub fn keep(&self) -> Arc<dyn Keep> {
        Arc::new(Sockets(self.holds.clone()))
    }

    /// From now on what happens in a hub is written down. What the former server has left may go then.
    pub fn begin(&self, hub: &Hub) {
        let (holds, likeness) = (self.holds.clone(), self.likeness.clone());
        let count = Arc::new(AtomicUsize::new(0));
        hub.keep_journals(Box::new(move || new_journal(&holds, &likeness, &count)));
        self.holds.forget_remains();
    }
}

/// What decides how a hub behaves, beside its inputs: another one that is not like it cannot play them back.
fn likeness(config: &Config) -> String {
    format!(
        "{} {} {} {:?}",
        env!("CARGO_PKG_VERSION"),
        config.effective_max_payload(),
        config.max_message_size,
        config.coordination
    )
}

fn new_journal(holds: &Arc<Holds>, likeness: &str, count: &Arc<AtomicUsize>) -> Option<Box<dyn Memory>> {
    let place = Place::take(count)?;
    let (lasting, file) = Lasting::new(likeness).ok()?;
    let file = Arc::new(file);
    let what: Weak<Holdable> = Arc::downgrade(&(file.clone() as Arc<Holdable>));
    Some(Box::new(Journal { lasting, _held: holds.hold(what), _file: file, _place: place }))
}

/// A place among [`MAX_JOURNALS`].
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(count: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(count.clone());
        (count.fetch_add(1, Relaxed) < MAX_JOURNALS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A journal's memory, which the keeper holds.
struct Journal {
    lasting: Lasting,
    _held: Held,
    _file: Arc<File>,
    _place: Place,
}

impl Memory for Journal {
    fn area(&mut self, area: usize) -> &mut [u8] {
        self.lasting.area(area)
    }

    fn commit(&mut self, area: usize, length: usize) {
        self.lasting.commit(area, length);
    }

    fn close(&mut self) {
        self.lasting.close();
    }
}

/// Sockets that the keeper holds.
struct Sockets(Arc<Holds>);

impl Keep for Sockets {
    fn keep(&self, link: Weak<Link>) -> Kept {
        Box::new(self.0.hold(link as Weak<dyn AsFd + Send + Sync>))
    }
}
