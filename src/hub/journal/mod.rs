//! What happens in a database, written down as it happens, into memory that outlives the process: so that another
//! process can go on where this one was killed.
//!
//! A hub is a machine whose inputs decide all that it does. So the journal has a *snapshot* of the database, and behind
//! it a *record* of each input since: what was read from which connection, who came and went, what time it was. Each
//! is written before the turn that it brings about. Who [replays](replay) them gets the same database, and the same
//! stream of bytes for each connection; the kernel knows how much of that was written.
//!
//! ```text
//!   area 0: | snapshot | record | record | record |      the memory says which area counts, and how much of it
//!   area 1: | an older snapshot | …
//! ```
//!
//! Where records would take too much, or where something has decided that no record tells, a new snapshot is written
//! into the other area. Knows nothing of what the memory is, nor of sockets.

mod input;
mod provenance;
mod record;
pub mod replay;
mod replay_socket;
mod snapshot;
mod writing;

pub(super) use self::{
    input::{Input, SharedInput},
    record::{Kind, Rare},
    snapshot::Snapshot,
    writing::Journal,
};
pub use self::{
    provenance::{Provenance, Read},
    replay::{Reader, Replayed, Standing},
    replay_socket::Witness,
    writing::{Area, MAX_SNAPSHOT, Memory, MemoryFactory},
};
