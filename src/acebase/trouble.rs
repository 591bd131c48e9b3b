//! What keeps a cluster, or one of its processes, from its work: what it is, who it is, and what to do next. Plain
//! data.

use std::{net::SocketAddr, sync::Arc};

use serde::Serialize;

/// How much a trouble matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Worth knowing: nothing stands still by it.
    Notice,
    /// Somebody is hindered, or will be.
    Hindrance,
    /// Writes stand still.
    Standstill,
}

/// The kinds of trouble, those first that explain the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TroubleKind {
    /// A part of the server failed.
    ServerFault,
    /// The server is stopping.
    Stopping,
    /// No process of the database that was asked for is connected.
    NoClient,
    /// No master takes requests.
    NoMaster,
    /// The master has given no sign of life for long, and requests are with it.
    MasterSilent,
    /// A lock that others wait for is held for long.
    LockHeld,
    /// A lock is waited for that nobody is seen to hold.
    LockAwaited,
    /// A second process wants to be the master.
    SecondMaster,
    /// Requests and locks are near their bound, or were refused because of it.
    RequestsFull,
    /// A peer does not take its mail.
    SlowClient,
    /// Clients that send no token are refused.
    TokenMissing,
    /// Clients that send a wrong token are refused.
    TokenWrong,
    /// Clients of a database that is not served are refused.
    Unlisted,
    /// Clients speak TLS to a plain port, or the reverse.
    WrongProtocol,
    /// The server was restarted, and has not gone on with the connections of the former one.
    Restarted,
}

impl TroubleKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::ServerFault,
        Self::Stopping,
        Self::NoClient,
        Self::NoMaster,
        Self::MasterSilent,
        Self::LockHeld,
        Self::LockAwaited,
        Self::SecondMaster,
        Self::RequestsFull,
        Self::SlowClient,
        Self::TokenMissing,
        Self::TokenWrong,
        Self::Unlisted,
        Self::WrongProtocol,
        Self::Restarted,
    ];

    /// The kind in one word, for events, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerFault => "server-fault",
            Self::Stopping => "stopping",
            Self::NoClient => "no-client",
            Self::NoMaster => "no-master",
            Self::MasterSilent => "master-silent",
            Self::LockHeld => "lock-held",
            Self::LockAwaited => "lock-awaited",
            Self::SecondMaster => "second-master",
            Self::RequestsFull => "requests-full",
            Self::SlowClient => "slow-client",
            Self::TokenMissing => "token-missing",
            Self::TokenWrong => "token-wrong",
            Self::Unlisted => "unlisted",
            Self::WrongProtocol => "wrong-protocol",
            Self::Restarted => "restarted",
        }
    }
}

/// A process on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// What it was started with, shortened.
    pub command: Arc<str>,
}

/// Who a trouble is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// The client's id, where one is known.
    pub id: Option<Arc<str>>,
    /// The address that it is connected from.
    pub remote: Option<SocketAddr>,
    /// Its process, where the system tells.
    pub process: Option<Process>,
}

/// A trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What it is.
    pub kind: TroubleKind,
    /// How much it matters.
    pub gravity: Gravity,
    /// The database that it is about, if it is about one.
    pub db: Option<Arc<str>>,
    /// Who it is about, if it is about somebody.
    pub who: Option<Who>,
    /// What tells it from others of its kind and database.
    pub subject: String,
    /// For how long it has been so, in milliseconds.
    pub age: u64,
    /// One sentence for a person: what, who, since when.
    pub text: String,
    /// What to do next.
    pub advice: String,
}
