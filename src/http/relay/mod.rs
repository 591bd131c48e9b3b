//! Clients of databases that other hubs have. What they must show, they show here; then their connections are opened at
//! the owner, and bytes are moved. A client that has to wait for an owner is let in, and waits in the lobby: the
//! published ones end when their handshake is not answered for five seconds. And databases that go to another hub.

mod calls;
mod carry;
mod errands;
mod lobby;
mod neighbours;
pub mod passing;
mod seek;
mod visitor;

pub use errands::close_client;
pub(super) use errands::{elsewhere, status};
pub use neighbours::AskingNeighbours;
pub(super) use visitor::Visitor;
