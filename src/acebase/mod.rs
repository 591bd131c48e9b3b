//! What a cluster of AceBase processes consists of, as plain data: roles, locks, what is counted, what is told. The
//! ground that the hub, its coordinator and whoever looks at them stand on; it knows none of them.

pub mod histogram;
mod lock;
mod note;
mod objection;
mod role;
mod status;
mod strain;
mod trouble;

pub use lock::{DEFAULT_LOCK_TIMEOUT_MS, Lock, LockState};
pub use note::{Note, NoteKind};
pub use objection::Objection;
pub use role::Role;
pub use status::Status;
pub use strain::{Fill, Hold, MasterState, Strain};
pub use trouble::{Gravity, Process, Trouble, TroubleKind, Who};
