//! Fuzz targets. Each is a plain function that takes any bytes and panics where the server is not as it must be:
//! libFuzzer drives it with what it makes up (`npm run fuzz`), a test with the kept seeds and finds (`cargo test`).
//!
//! What each target demands is said at its function.

mod acebase_message;
mod certificates;
mod coordination;
mod frames;
mod hostile;
mod hub;
mod hubs;
mod input;
mod memory;
mod published;
mod query;
mod reliable;
mod tls_session;
mod wire;

pub use self::{
    acebase_message::acebase_message, certificates::certificates, coordination::coordination, frames::frames,
    hostile::hostile, hub::hub, hubs::hubs, query::query, reliable::reliable, tls_session::tls_session, wire::wire,
};

/// Takes any input, and panics where the server is not as it must be.
pub type Target = fn(&[u8]);

/// All targets, by name.
pub const TARGETS: [(&str, Target); 11] = [
    ("acebase_message", acebase_message),
    ("certificates", certificates),
    ("coordination", coordination),
    ("frames", frames),
    ("hostile", hostile),
    ("hub", hub),
    ("hubs", hubs),
    ("query", query),
    ("reliable", reliable),
    ("tls_session", tls_session),
    ("wire", wire),
];
