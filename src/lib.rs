//! The router of `acebase-ipc-server`: a message hub for AceBase clusters. `docs/architecture.md` is its map.
pub mod acebase;
pub mod clock;
pub mod cluster;
pub mod coordination;
pub mod guard;
pub mod http;
pub mod hub;
pub mod keeper;
#[cfg(feature = "node")]
pub mod node;
pub mod observe;
pub mod protocol;
pub mod server;
pub mod session;
pub mod tls;
pub mod unfinished;
