//! Why a connection is gone, as far as the system tells.

use std::io;

use crate::hub::coordinator::Loss;

/// What an error of the socket says about the other side.
pub(super) fn loss_of(error: &io::Error) -> Loss {
    use io::ErrorKind::{HostUnreachable, NetworkUnreachable, TimedOut};
    match error.kind() {
        TimedOut | HostUnreachable | NetworkUnreachable => Loss::Unreachable,
        _ => Loss::Reset,
    }
}
