//! Which hub has which database, as the rest of the server sees it: looked up without waiting, waited for, watched.
//! Keeps what the node has found out; decides nothing.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, oneshot, watch},
    time::{Instant, timeout},
};

pub use super::owner::Owner;
use super::{
    estate::{Estate, NotTaken, Wish},
    member::Member,
    owner::Lease,
};

/// Databases that are known of. Their names come from clients, so there must be a bound; a cluster has a few.
const MAX_DATABASES: usize = 10_000;

/// What waits to be asked of the node, which is asked at once: more than there are databases that change their owner.
const MAX_WISHES: usize = 1_000;

/// How long a database that nobody uses stays known, and this hub's where it is: longer than clients are away that come
/// back.
const UNUSED_FOR: Duration = Duration::from_secs(60);

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// This hub has it.
    Here { epoch: u64 },
    /// Another hub has it.
    At(Owner),
    /// Nobody has it that is known of.
    Nobody(WhyNobody),
}

/// Why nobody is known to have a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyNobody {
    /// The engine is being asked.
    Asking,
    /// The engine does not answer.
    EngineDown,
    /// This hub had it, and could not be sure of it any more.
    GivenUp,
    /// This hub has it, and leaves it to another one.
    Leaving,
}

/// How it is with the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineState {
    /// Not asked yet.
    Unknown,
    /// It answered when it was asked last.
    Up,
    /// It does not answer.
    Down,
}

impl EngineState {
    /// In one word, for status and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// Which hub has which database. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Registry(Arc<Shared>);

struct Shared {
    me: Member,
    state: Mutex<State>,
    /// Rings when something is asked that the node does not know of.
    bell: Notify,
    relayed: AtomicUsize,
    waiting: AtomicUsize,
}

/// A connection counts for as long as this lives.
pub struct Counted {
    shared: Arc<Shared>,
    counter: fn(&Shared) -> &AtomicUsize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.counter)(&self.shared).fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct State {
    databases: HashMap<Arc<str>, Known>,
    asked: Asked,
    members: Vec<Member>,
    engine: Engine,
    /// The node has ended.
    is_over: bool,
}

/// What is known of the engine, for people.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Whether it answers.
    pub state: EngineState,
    /// Since when.
    pub since: Option<Instant>,
    /// What it said last when it did not.
    pub fault: Option<String>,
    /// It has answered since this hub was started.
    pub has_answered: bool,
}

impl Default for Engine {
    fn default() -> Self {
        Self { state: EngineState::Unknown, since: None, fault: None, has_answered: false }
    }
}

struct Known {
    whereabouts: watch::Sender<Whereabouts>,
    used: Instant,
    /// Of a database that is here: when its lease was asked for last.
    renewed: Option<Instant>,
}

/// What the node is to do.
#[derive(Default)]
pub struct Asked {
    /// Databases that are wanted, and not known yet.
    pub wanted: Vec<Arc<str>>,
    /// Owners that were not reached, or say that they are none.
    pub doubted: Vec<Lease>,
    /// Owners of whom another hub says that they have it no longer.
    pub moved: Vec<Lease>,
    /// What concerns databases that change their owner in order.
    pub wishes: Vec<Wish>,
}

/// A database, for status and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub db: Arc<str>,
    /// Where it is.
    pub whereabouts: Whereabouts,
    /// How long ago its lease was asked for last, where it is here.
    pub lease_age: Option<Duration>,
    /// How many watch where it is: connections that are relayed, or wait.
    pub watchers: usize,
}

impl Registry {
    /// Knows nothing yet. `me`: this hub.
    pub fn new(me: Member) -> Self {
        let state = State { members: vec![me.clone()], ..State::default() };
        Self(Arc::new(Shared {
            me,
            state: Mutex::new(state),
            bell: Notify::new(),
            relayed: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
        }))
    }

    /// Where a database is, without waiting. Where nobody is known to have it, the engine is asked from now on.
    pub fn look(&self, db: &str) -> Whereabouts {
        self.watch(db).borrow().clone()
    }

    /// Where a database is, as far as that is known: nobody is asked. `None`: nothing is.
    pub fn peek(&self, db: &str) -> Option<Whereabouts> {
        self.0.state.lock().databases.get(db).map(|known| known.whereabouts.borrow().clone())
    }

    /// As [`Registry::look`], but waits for so long until somebody has it.
    pub async fn find(&self, db: &str, patience: Duration) -> Whereabouts {
        let mut watched = self.watch(db);
        let is_found = |whereabouts: &Whereabouts| !matches!(whereabouts, Whereabouts::Nobody(_));
        let _ = timeout(patience, watched.wait_for(is_found)).await;
        watched.borrow().clone()
    }

    /// Tells where a database is, and each time that it changes. As long as somebody watches it, the engine is asked
    /// for its owner. Where the node has ended, or too many databases are wanted, nobody has it.
    pub fn watch(&self, db: &str) -> watch::Receiver<Whereabouts> {
        let mut state = self.0.state.lock();
        if let Some(known) = state.databases.get_mut(db) {
            known.used = Instant::now();
            return known.whereabouts.subscribe();
        }
        let whereabouts = watch::Sender::new(Whereabouts::Nobody(WhyNobody::Asking));
        let watched = whereabouts.subscribe();
        if state.databases.len() < MAX_DATABASES {
            let db: Arc<str> = db.into();
            state.asked.wanted.push(db.clone());
            state.databases.insert(db, Known { whereabouts, used: Instant::now(), renewed: None });
            self.0.bell.notify_one();
        }
        watched
    }

    /// This owner was not reached, or says that it is none: the engine is asked again at once.
    pub fn doubt(&self, db: &str, owner: &Owner) {
        self.ask_anew(db, owner.epoch, |asked| &mut asked.doubted);
    }

    /// Another hub has taken the database from the owner that had it under this epoch, as it says.
    pub fn has_moved(&self, db: &str, epoch: u64) {
        self.ask_anew(db, epoch, |asked| &mut asked.moved);
    }

    fn ask_anew(&self, db: &str, epoch: u64, list: fn(&mut Asked) -> &mut Vec<Lease>) {
        let mut state = self.0.state.lock();
        let Some((db, _)) = state.databases.get_key_value(db) else { return };
        let (lease, list) = ((db.clone(), epoch), list(&mut state.asked));
        if !list.contains(&lease) && list.len() < MAX_DATABASES {
            list.push(lease);
            self.0.bell.notify_one();
        }
    }

    /// Serves a database no longer, and holds it for another hub to take. The epoch under which this hub has it;
    /// `None`: it has not. [`Registry::has_given`], [`Registry::give_up`] or [`Registry::take`] must follow.
    pub async fn part_with(&self, db: &str) -> Option<u64> {
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Part { db: db.into(), answer });
        answered.await.ok().flatten()
    }

    /// That hub has taken what this one has parted with.
    pub fn has_given(&self, lease: Lease, to: Owner) {
        self.wish(Wish::Given { lease, to });
    }

    /// Nobody has taken what this hub has parted with.
    pub fn give_up(&self, lease: Lease) {
        self.wish(Wish::GiveUp { lease });
    }

    /// Takes a database up as its owner has left it. The epoch under which this hub has it then.
    ///
    /// # Errors
    /// See [`NotTaken`].
    pub async fn take(&self, estate: Estate) -> Result<u64, NotTaken> {
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Take { estate: Box::new(estate), answer });
        answered.await.unwrap_or(Err(NotTaken::Unwanted))
    }

    /// Where there is no room, or nobody to do it any more, it is answered by being dropped.
    fn wish(&self, wish: Wish) {
        let mut state = self.0.state.lock();
        if state.asked.wishes.len() < MAX_WISHES && !state.is_over {
            state.asked.wishes.push(wish);
            self.0.bell.notify_one();
        }
    }

    /// The node has ended.
    pub(super) fn node_has_ended(&self) {
        let mut state = self.0.state.lock();
        state.is_over = true;
        state.asked.wishes.clear();
    }

    /// This hub.
    pub fn me(&self) -> &Member {
        &self.0.me
    }

    /// All hubs that live, as the engine knew when it was asked last, this one among them.
    pub fn members(&self) -> Vec<Member> {
        self.0.state.lock().members.clone()
    }

    /// Whether the engine answers.
    pub fn engine(&self) -> EngineState {
        self.0.state.lock().engine.state
    }

    /// Whether the engine answers, since when, and what it says.
    pub fn engine_in_words(&self) -> Engine {
        self.0.state.lock().engine.clone()
    }

    /// Counts a connection that is relayed, as long as what is given back lives.
    pub fn note_relayed(&self) -> Counted {
        self.count(|shared| &shared.relayed)
    }

    /// Counts a connection that waits until somebody has its database.
    pub fn note_waiting(&self) -> Counted {
        self.count(|shared| &shared.waiting)
    }

    fn count(&self, counter: fn(&Shared) -> &AtomicUsize) -> Counted {
        counter(&self.0).fetch_add(1, Ordering::Relaxed);
        Counted { shared: self.0.clone(), counter }
    }

    /// Connections that wait until somebody has their databases.
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// Connections that are relayed to other hubs.
    pub fn relayed(&self) -> usize {
        self.0.relayed.load(Ordering::Relaxed)
    }

    /// All databases that are known of, by name.
    pub fn rows(&self) -> Vec<Row> {
        let state = self.0.state.lock();
        let row = |(db, known): (&Arc<str>, &Known)| Row {
            db: db.clone(),
            whereabouts: known.whereabouts.borrow().clone(),
            lease_age: known.renewed.map(|renewed| renewed.elapsed()),
            watchers: known.whereabouts.receiver_count(),
        };
        let by_name: BTreeMap<_, _> = state.databases.iter().map(|known| (known.0.clone(), row(known))).collect();
        by_name.into_values().collect()
    }

    /// Returns when something is asked.
    pub(super) async fn is_asked(&self) {
        self.0.bell.notified().await;
    }

    pub(super) fn take_asked(&self) -> Asked {
        mem::take(&mut self.0.state.lock().asked)
    }

    /// It is there from now on, unless nobody wants to know any more.
    pub(super) fn set(&self, db: &Arc<str>, whereabouts: Whereabouts) {
        let mut state = self.0.state.lock();
        let is_here = matches!(whereabouts, Whereabouts::Here { .. });
        let known = state.databases.entry(db.clone()).or_insert_with(|| Known {
            whereabouts: watch::Sender::new(Whereabouts::Nobody(WhyNobody::Asking)),
            used: Instant::now(),
            renewed: None,
        });
        known.renewed = is_here.then(Instant::now);
        known.whereabouts.send_if_modified(|before| mem::replace(before, whereabouts.clone()) != whereabouts);
    }

    /// Leases of these databases were asked for then, and are good.
    pub(super) fn note_renewed<'a>(&self, dbs: impl Iterator<Item = &'a Arc<str>>, asked_at: Instant) {
        let mut state = self.0.state.lock();
        for db in dbs {
            if let Some(known) = state.databases.get_mut(db).filter(|known| known.renewed.is_some()) {
                known.renewed = Some(asked_at);
            }
        }
    }

    pub(super) fn set_members(&self, members: Vec<Member>) {
        self.0.state.lock().members = members;
    }

    pub(super) fn set_engine(&self, state: EngineState, fault: Option<String>) {
        let engine = &mut self.0.state.lock().engine;
        if engine.state != state {
            engine.state = state;
            engine.since = Some(Instant::now());
        }
        engine.fault = fault;
        engine.has_answered |= state == EngineState::Up;
    }

    /// Takes out what nobody uses: nobody has asked for it for a while, nobody watches it, and it is not `busy`.
    pub(super) fn take_unused(&self, is_busy: impl Fn(&str) -> bool) -> Vec<Arc<str>> {
        let mut state = self.0.state.lock();
        let is_unused = |db: &str, known: &Known| {
            known.used.elapsed() >= UNUSED_FOR && known.whereabouts.receiver_count() == 0 && !is_busy(db)
        };
        let unused: Vec<_> =
            state.databases.iter().filter(|(db, known)| is_unused(db, known)).map(|(db, _)| db.clone()).collect();
        for db in &unused {
            state.databases.remove(db);
        }
        unused
    }
}
