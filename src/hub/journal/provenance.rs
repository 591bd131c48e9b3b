//! What is known of a connection when it becomes a peer's, and of what is read from it.

use serde::{Deserialize, Serialize};

/// What a connection was before it became a peer's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The system's number of its socket, which no other has. 0: it has none.
    pub socket: u64,
    /// Bytes that were read from it.
    pub read: u64,
    /// Bytes that were written to it.
    pub written: u64,
    /// The longest message that is taken from it, in bytes.
    pub max_message_size: usize,
}

/// Bytes as they were read from a connection.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Nothing unfinished is left of them, nor of what was read before.
    pub is_whole: bool,
}
