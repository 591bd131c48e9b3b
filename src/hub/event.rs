//! What the hub tells its owner. Plain data and a trait: who listens (JavaScript, a test, nobody) is not known here.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;

use super::trace::Trace;
use crate::acebase::{Note, Process, Trouble};

/// Something happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A peer has joined; `remote`: the address that it is connected from, where there is one.
    Connect { db: Arc<str>, id: Arc<str>, remote: Option<SocketAddr> },
    /// A peer has left; `reason` is one word: how the connection was lost, or the label of a close reason.
    Disconnect { db: Arc<str>, id: Arc<str>, reason: &'static str, remote: Option<SocketAddr> },
    /// It is known which process of this machine a peer is.
    Identified { db: Arc<str>, id: Arc<str>, remote: SocketAddr, process: Process },
    /// A peer sent a message (its text, without the address). Only while messages are wanted.
    Message { db: Arc<str>, id: Arc<str>, text: Bytes },
    /// The coordinator did something.
    Note { db: Arc<str>, note: Note },
    /// A connection was not taken.
    Refused(Refusal),
    /// Something keeps a database, or one of its processes, from its work, or does so no longer.
    Trouble {
        /// What it is.
        trouble: Box<Trouble>,
        /// It is over.
        is_over: bool,
    },
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
    /// Where it came from, as far as that is known behind proxies; a port that is not known is 0.
    pub remote: SocketAddr,
    /// Its process, where it is one of this machine that was found.
    pub process: Option<Process>,
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
