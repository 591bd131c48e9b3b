//! Keeps a server's port open while the server restarts, also after it crashed: connection attempts wait in the
//! kernel's backlog instead of being refused.
//!
//! A small process of its own, the keeper, holds duplicates of the listening sockets. It never accepts a connection.
//! Its life:
//!
//! ```text
//!  deposit ──> attended ──────── the server says go ────────────> gone, the port is free
//!               │    ^
//!     server's  │    │ the next server claims
//!     end       v    │ the sockets
//!              waiting ──────── nobody came within PATIENCE ────> gone, the port is free
//! ```
//!
//! A server that leaves can hand a legacy over to the keeper, for the next server: some bytes that only servers
//! understand, and connected sockets, which clients take for a server that is slow. It is with the keeper whole or not
//! at all, and until the next server has said that it has it, [`PATIENCE`] at most.
//!
//! A server that lives can have the keeper hold duplicates of what it has open, too: should it be killed, these are
//! what *remains* of it, and the next server gets them in the same way.
//!
//! Server and keeper speak over one Unix connection, which lives as long as both do: its end is how each learns of the
//! other's. A legacy travels over another one, which is made for it. The next server finds the keeper by a socket file
//! in a directory that only this user can enter. One keeper serves one server at a time; a server whose keeper died
//! starts another.
//!
//! The module knows sockets and processes. It does not know what is served, nor which program the keeper is run by:
//! that is [`Launch`]'s. Elsewhere than on Unix there is no keeper, and a warning says so.

#[cfg(unix)]
mod attended;
#[cfg(unix)]
mod bequest;
#[cfg(unix)]
mod claim;
#[cfg(unix)]
mod deposit;
#[cfg(unix)]
mod descriptors;
#[cfg(unix)]
mod errand;
mod error;
#[cfg(unix)]
mod estate;
#[cfg(unix)]
mod handle;
#[cfg(unix)]
mod held;
#[cfg(unix)]
mod holds;
#[cfg(unix)]
mod last_words;
mod legacy;
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
mod memory_file;
#[cfg(unix)]
mod open_files;
mod opened;
#[cfg(unix)]
mod remains;
#[cfg(unix)]
mod rendezvous;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod state_file;
#[cfg(all(test, unix))]
mod tests;
#[cfg(not(unix))]
mod unsupported;
#[cfg(unix)]
mod words;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

#[cfg(unix)]
pub use claim::open;
#[cfg(unix)]
pub use descriptors::MAX_CONNECTIONS;
pub use error::HandOverError;
#[cfg(unix)]
pub use handle::Keeper;
#[cfg(unix)]
pub use holds::{Held, Holdable, Holds};
pub use legacy::Legacy;
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub use memory_file::memory_file;
#[cfg(target_os = "linux")]
pub use open_files::limit as limit_of_open_files;
pub use opened::Opened;
#[cfg(unix)]
pub use remains::Remains;
#[cfg(unix)]
pub use serve::serve_standard_input;
#[cfg(unix)]
pub use state_file::MAX_STATE;
#[cfg(not(unix))]
pub use unsupported::{Keeper, open, serve_standard_input};

/// How long a keeper waits for the next server. A restart takes seconds; after a minute nobody is coming, and whoever
/// waits in the backlog should be told.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How a keeper is started: a program that starts the keeper detached from itself, so that it is no child of the
/// server, and ends at once. The keeper must run [`serve_standard_input`] with the launcher's standard input as its
/// own. What the launcher writes on its standard error before it fails, and the keeper before it ends, is a part of the
/// warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// The program's absolute path: it is run in the root directory.
    pub program: PathBuf,
    /// Its arguments. The path of the keeper's socket file is added as the last.
    pub args: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
}

/// The port that a server wants to listen on, and how it would do that by itself.
pub struct Wanted<'a> {
    /// Where to listen, as configured. Part of the keeper's name.
    pub host: Option<&'a str>,
    /// The port: not 0, for the next server could not know which.
    pub port: u16,
    /// Binds the listening sockets.
    pub bind: &'a dyn Fn() -> io::Result<Vec<TcpListener>>,
    /// Whether sockets at these addresses are what `bind` would make.
    pub fits: &'a dyn Fn(&[SocketAddr]) -> bool,
}

/// Told, in a sentence, why the port is not kept. The server goes on.
pub type Warn = Arc<dyn Fn(String) + Send + Sync>;
