//! Bounds what all connections together have begun and not finished (`maxUnfinished`): bodies of requests that are
//! still being read, messages that lack some of their frames, TLS handshakes that begin with much.
//!
//! Before anything is read, as many bytes are [claimed](Claim) as were announced. So what is let in can also be
//! finished, however many others wait. A claim is only a number: memory is taken as bytes arrive ([`growing`]). Claims
//! get their turn in the order in which they came, and one that has waited too long is refused.
//!
//! The bound has parts, so that nobody can hold up everybody: small messages do not wait for large ones, strangers do
//! not take what members need, and one client has at most half of a part to itself.
//!
//! This module knows bytes and turns; not what is read, nor from where.

pub mod greeting;
pub mod growing;
pub mod room;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Bytes up to which a message is small: what one read of a socket brings.
pub const SMALL: usize = 128 * 1024;

/// The least bound, in bytes: a small message in each of its parts.
const LEAST: usize = 16 * SMALL;

/// Bytes that are counted as one. A message of a few bytes costs as much as the structures around it.
const UNIT: usize = 1024;

/// How long something may stay unfinished. A POST waits just as long for its turn, so that it outlasts those before it.
/// Clients are on fast networks.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much longer for each MiB: 8 Mbit/s are slow for a network between a database's processes.
const PATIENCE_PER_MIB: Duration = Duration::from_secs(1);

/// From so many remembered clients on, those that have nothing unfinished are forgotten.
const SWEEP_FROM: usize = 64;

/// How long so many bytes may take to arrive.
pub fn patience(bytes: usize) -> Duration {
    let mebibytes = u32::try_from(bytes / (1024 * 1024)).unwrap_or(u32::MAX);
    PATIENCE.saturating_add(PATIENCE_PER_MIB.saturating_mul(mebibytes))
}

/// There was no room in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server has no room for more unfinished messages: maxUnfinished is reached")]
pub struct Full;

/// How many bytes of unfinished things there may be at once, and who has claimed them.
pub struct Unfinished {
    messages: Parts,
    /// For what sessions have read already while they wait for their turn.
    waiting: Part,
    greetings: Part,
    clients: Mutex<Clients>,
    tell: Box<dyn Fn(Full) + Send + Sync>,
}

/// Small messages, and large ones.
struct Parts {
    small: Part,
    large: Part,
}

/// A part of the bound.
#[derive(Clone)]
struct Part {
    free: Arc<Semaphore>,
    units: u32,
}

/// What each client may have of its own, while it has something unfinished.
#[derive(Default)]
struct Clients {
    parts: HashMap<(String, String), Weak<Parts>>,
    sweep_at: usize,
}

/// Bytes that have been claimed, until it is dropped.
pub struct Claim {
    _of_all: OwnedSemaphorePermit,
    _own: Option<(OwnedSemaphorePermit, Arc<Parts>)>,
}

impl Unfinished {
    /// A bound of `limit` bytes. `tell` is called when something is refused.
    ///
    /// Three quarters are for large messages, an eighth for small ones, a sixteenth each for what waits and for
    /// greetings. A single message is let in, however large, when no other is in its part.
    pub fn new(limit: usize, tell: impl Fn(Full) + Send + Sync + 'static) -> Self {
        let sixteenth = limit.max(LEAST) / 16;
        Self {
            messages: Parts { small: Part::new(2 * sixteenth), large: Part::new(12 * sixteenth) },
            waiting: Part::new(sixteenth),
            greetings: Part::new(sixteenth),
            clients: Mutex::default(),
            tell: Box::new(tell),
        }
    }

    /// Claims `bytes` for a client of a database. Waits for its turn.
    ///
    /// # Errors
    /// [`Full`], when its turn has not come within [`patience`].
    pub async fn claim(&self, db: &str, client: &str, bytes: usize) -> Result<Claim, Full> {
        let parts = self.parts_of(db, client);
        let turn = async {
            // Its own part first: what one client leaves waiting stands in nobody else's way.
            let own = parts.of(bytes).claim(bytes).await?;
            Some((own, self.messages.of(bytes).claim(bytes).await?))
        };
        let turn = timeout(patience(bytes), turn).await.ok().flatten();
        let (own, of_all) = turn.ok_or(Full).inspect_err(|full| (self.tell)(*full))?;
        Ok(Claim { _of_all: of_all, _own: Some((own, parts)) })
    }

    fn parts_of(&self, db: &str, client: &str) -> Arc<Parts> {
        let mut clients = self.clients.lock();
        clients.sweep();
        let known = clients.parts.entry((db.to_owned(), client.to_owned())).or_default();
        known.upgrade().unwrap_or_else(|| {
            let parts = Arc::new(self.messages.half());
            *known = Arc::downgrade(&parts);
            parts
        })
    }
}

impl Parts {
    /// The part for a message of so many bytes.
    fn of(&self, bytes: usize) -> &Part {
        if bytes <= SMALL { &self.small } else { &self.large }
    }

    fn half(&self) -> Self {
        Self { small: self.small.half(), large: self.large.half() }
    }
}

impl Part {
    fn new(bytes: usize) -> Self {
        Self::of_units(u32::try_from(bytes / UNIT).unwrap_or(u32::MAX))
    }

    fn of_units(units: u32) -> Self {
        let units = units.min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        Self { free: Arc::new(Semaphore::new(units as usize)), units }
    }

    fn half(&self) -> Self {
        Self::of_units(self.units / 2)
    }

    /// Units of so many bytes; what is larger than the part takes all of it.
    fn units(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units)
    }

    /// Never `None`: the semaphores are not closed.
    async fn claim(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.free.clone().acquire_many_owned(self.units(bytes)).await.ok()
    }

    fn try_claim(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_many_owned(self.units(bytes)).ok()
    }
}

impl Clients {
    fn sweep(&mut self) {
        if self.parts.len() >= self.sweep_at.max(SWEEP_FROM) {
            self.parts.retain(|_, parts| parts.strong_count() > 0);
            self.sweep_at = 2 * self.parts.len();
        }
    }
}

impl fmt::Debug for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unfinished").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;

    use super::*;

    const MIB: usize = 1024 * 1024;

    /// 12 MiB are for large messages, half of that for one client.
    fn unfinished() -> Unfinished {
        Unfinished::new(16 * MIB, |_| {})
    }

    /// A claim that needs not wait.
    fn now(unfinished: &Unfinished, client: &str, bytes: usize) -> Option<Claim> {
        unfinished.claim("db", client, bytes).now_or_never().map(Result::unwrap)
    }

    #[tokio::test]
    async fn one_client_has_half_to_itself_and_the_others_do_not_wait_for_it() {
        let unfinished = unfinished();
        let _first = now(&unfinished, "greedy", 4 * MIB).unwrap();
        let _second = now(&unfinished, "greedy", 2 * MIB).unwrap();
        assert!(now(&unfinished, "greedy", MIB).is_none());
        assert!(now(&unfinished, "modest", 6 * MIB).is_some());
        assert!(now(&unfinished, "greedy", SMALL).is_some(), "small ones do not wait for large ones");
    }

    #[tokio::test]
    async fn what_is_dropped_lets_the_next_one_in() {
        let unfinished = unfinished();
        let first = now(&unfinished, "one", 6 * MIB).unwrap();
        let _other = now(&unfinished, "two", 6 * MIB).unwrap();
        let mut waiting = Box::pin(unfinished.claim("db", "three", MIB));
        assert!((&mut waiting).now_or_never().is_none());
        drop(first);
        assert!(waiting.now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_is_larger_than_all_is_let_in_alone() {
        let unfinished = unfinished();
        let alone = now(&unfinished, "one", usize::MAX).unwrap();
        assert!(now(&unfinished, "two", SMALL + 1).is_none());
        assert!(now(&unfinished, "two", SMALL).is_some());
        drop(alone);
        assert!(now(&unfinished, "two", SMALL + 1).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_refused_and_it_is_told() {
        let told = Arc::new(AtomicUsize::new(0));
        let counter = told.clone();
        let unfinished = Unfinished::new(16 * MIB, move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let _first = now(&unfinished, "one", 6 * MIB).unwrap();
        assert_eq!(unfinished.claim("db", "one", MIB).await.err(), Some(Full));
        assert_eq!(told.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn clients_that_have_finished_are_forgotten() {
        let unfinished = unfinished();
        for n in 0..10 * SWEEP_FROM {
            drop(now(&unfinished, &format!("client-{n}"), 1));
        }
        assert!(unfinished.clients.lock().parts.len() <= SWEEP_FROM);
    }
}
