//! What the hub tells its owner. Plain data and a trait: who listens (JavaScript, a test, nobody) is not known here.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;

use super::trace::Trace;
use crate::acebase::Note;

/// Something happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A peer has joined.
    Connect { db: Arc<str>, id: Arc<str> },
    /// A peer has left; `reason` is one word: how the connection was lost, or the label of a close reason.
    Disconnect { db: Arc<str>, id: Arc<str>, reason: &'static str },
    /// A peer sent a message (its text, without the address). Only while messages are wanted.
    Message { db: Arc<str>, id: Arc<str>, text: Bytes },
    /// The coordinator did something.
    Note { db: Arc<str>, note: Note },
    /// A connection was not taken.
    Refused(Refusal),
    /// A message of a database or a peer that is traced.
    Trace(Box<Trace>),
    /// Something worth knowing that needs nothing done.
    Notice { code: &'static str, message: String },
    /// Something is not as it should be, and the server goes on.
    Warning { code: &'static str, message: String },
    /// A part of the server failed; the server goes on.
    Error { message: String },
    /// The server itself failed: it serves no longer, or takes no more connections. Its owner must end or restart it.
    Failed { message: String },
}

/// Who was not let in, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The database that was asked for, or the beginning of an overlong name: a stranger chose it.
    pub db: Arc<str>,
    /// The HTTP status that it got.
    pub status: u16,
    /// One word.
    pub reason: &'static str,
    /// The address that it came from, as far as that is known behind proxies.
    pub remote: IpAddr,
    /// How many more of this reason came from that address since one was told last.
    pub left_out: u64,
}

/// Gets the events. Called from the server's threads, also while locks are held: must not block and must not call back.
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn event(&self, event: Event);
}

/// Listens to nothing.
pub struct Deaf;

impl Observer for Deaf {
    fn event(&self, _: Event) {}
}
