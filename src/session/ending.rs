//! Why a session ends.

use crate::{hub::coordinator::Loss, protocol::close::CloseReason};

/// Why a session's reading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The connection is gone, or the peer has closed it.
    Lost(Loss),
    /// The server's side closes it.
    Close(CloseReason),
    /// It goes on in another process.
    Parked,
}
