//! Random interleavings of everything that can happen, against simple models of the published client's worker and
//! master.
//!
//! Checked at every step: a worker is answered only what it has asked and has not been answered; no master gets a
//! request twice, or out of order; no request ends more than two masters, and where nothing else ends one, no other
//! request is blamed for it; what one peer tells another comes in order; no two living workers hold conflicting locks,
//! nor a worker and the master itself; a lock is passed on only if the master has it, and for as long as it may be;
//! a returned master is told from a new one; of two living masters one is let in; a master creates one index at a time;
//! nothing passes its bound. At the end, when all is well for long enough: every request has had
//! its answer, all peers know each other, and when all have left nothing is left of them.

mod checks;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod interleavings;
mod master;
mod mastery;
mod quiet;
mod rest;
mod rivals;
#[cfg(test)]
mod under_way;
mod worker;
mod world;

pub use self::world::World;
use crate::hub::coordinator::Loss;

/// The master's lock timeout here, in milliseconds: short enough to pass within a run.
pub const LOCK_TIMEOUT_MS: u64 = 40_000;

/// What may happen next. A worker, a lock or a master that a number does not pick is left out: nothing happens then.
#[derive(Debug, Clone)]
pub enum Step {
    /// A worker process starts, if there are no more than so many.
    Start(usize),
    /// The connection of a worker breaks.
    Lose(usize, Loss),
    /// A worker connects, whether or not it is connected.
    Return(usize),
    /// A worker process ends.
    Die(usize, Loss),
    /// A worker closes its database, if it holds no lock, and ends.
    Bye(usize, Loss),
    /// A worker asks for a lock for one of its transactions, to write or to read.
    Lock(usize, u8, bool),
    /// A worker releases one of its locks.
    Release(usize, usize),
    /// A worker moves one of its locks to the parent.
    Move(usize, usize),
    /// A worker asks for a key to be added, or for something else.
    Ask(usize, bool),
    /// A worker asks for an index.
    CreateIndex(usize),
    /// A worker asks for something, a lock or not, that ends each master that reads it.
    Poison(usize, bool),
    /// A worker tells one peer, or all others, something new.
    Tell(usize, Option<usize>),
    /// A worker reads so many texts.
    Read(usize, usize),
    /// A master process starts, if none is connected.
    StartMaster,
    /// A master process starts while one is connected: it wants its place.
    Rival,
    /// A newcomer goes away while it waits for the place.
    RivalLeaves,
    /// The connected master stands still, and a master process that starts gets its place.
    TakeOver,
    /// The hub hands over to another one, which goes on where it has stopped.
    HandOver,
    /// The hub is killed, and another one goes on with what was written down.
    Survive,
    /// The hub lets all come to its end, closes all connections, and another one goes on.
    StopQuietly,
    /// The master's connection breaks, once it has read, and the hub has got, so many texts more.
    LoseMaster(Loss, usize, usize),
    /// One of the masters that live and are not connected connects.
    ReturnMaster(usize),
    /// As `LoseMaster`, and the process ends.
    KillMaster(Loss, usize, usize),
    /// The master closes its database, if nobody holds a lock.
    MasterBye,
    /// The master itself wants a lock for one of its transactions, to write or to read.
    MasterLocks(u8, bool),
    /// The master releases one of its own locks.
    MasterReleases(usize),
    /// The master reads so many texts.
    MasterReads(usize),
    /// So many texts of the master's reach the hub.
    MasterWrites(usize),
    /// Everybody reads, answers and is heard, until all is quiet.
    Flow,
    /// So many milliseconds pass.
    Pass(u64),
}

/// With which master all comes to rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ending {
    /// With the one that was there last.
    SameMaster,
    /// With one that knows nothing.
    NewMaster,
    /// Workers that are away return only when there is a new master.
    NewMasterFirst,
}
