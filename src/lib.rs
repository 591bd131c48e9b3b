//! The router of `acebase-ipc-server`: a message hub for AceBase clusters.
pub mod guard;
pub mod hub;
pub mod http;
pub mod protocol;
pub mod server;
pub mod session;
pub mod tls;
