//! Random interleavings of everything that can happen to clients with the extension and to their hub, on a real
//! hub: cuts of connections in the middle of anything, crashes of the hub, hand-overs, clients that read or
//! acknowledge late.
//!
//! Checked at every step: nobody gets anything twice, after it has dropped the doubles that it can know; what one
//! client sends another comes in the order of sending. At the end, when all are connected for long enough: everybody
//! has got everything that was for it, unless it was away for too long; and every client has been told that all it has
//! sent has reached its end. One without the extension gets each message once at most.

mod client;
mod keeper;
#[cfg(test)]
mod tests;
mod world;

pub use self::world::World;
use crate::hub::CoordinatorFactory;

/// What may happen next.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// A client says something: to another one, or to all.
    Say(usize, Option<usize>),
    /// A client says something to another one that the coordinator keeps back for a moment.
    Ask(usize, usize),
    /// So many frames of a client reach the hub.
    Deliver(usize, usize),
    /// A client reads so many frames.
    Read(usize, usize),
    /// A client acknowledges what it has read.
    Acknowledge(usize),
    /// A client asks for a sign of life.
    Ping(usize),
    /// A client's connection breaks.
    Cut(usize),
    /// A client connects, whether or not it is connected.
    Connect(usize),
    /// The hub ends without a word, and another one comes up.
    Crash,
    /// The hub hands over to another one.
    HandOver,
    /// The hub is killed, and another one goes on with what was written down.
    Survive,
    /// So many milliseconds pass.
    Pass(u64),
}

/// Makes coordinators that keep everybody's session for a while, and do nothing else for plain texts.
pub fn keepers() -> CoordinatorFactory {
    Box::new(|| Box::new(keeper::Keeper::default()))
}

/// How many clients there are; the last one has not the extension.
pub const CLIENTS: usize = 4;
