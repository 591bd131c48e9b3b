//! Why the hub answers on the master's behalf that a request has failed, in the words that its worker gets.

use crate::clock::Millis;

/// Why a request has failed. Each says that it is not the master who says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It is past the bounds.
    #[error("Too many requests of this database wait for the AceBase master (acebase-ipc-server)")]
    TooMany,
    /// A lock cannot be moved any more. Its release needs no reason: it succeeds.
    #[error("The lock is gone with the master that granted it (acebase-ipc-server)")]
    GoneWithMaster,
    /// Its transaction has had a lock for too long. As masters refuse it.
    #[error("A lock of this transaction has expired, it may not go on (acebase-ipc-server)")]
    Expired,
    /// It is not given to one master more.
    #[error(
        "Two AceBase masters ended while they had this request, so it is not given to a third (acebase-ipc-server)"
    )]
    EndsMasters,
    /// A master may have it, from a server that has ended, and would do it twice.
    #[error("The IPC server ended, and nobody knows whether the AceBase master has this request (acebase-ipc-server)")]
    UnknownFate,
    /// Nobody will answer it any more.
    #[error("The IPC server stops (acebase-ipc-server)")]
    Stopping,
    /// It waited for so long, in milliseconds.
    #[error("No AceBase master answered within {} s (acebase-ipc-server)", *.0 as f64 / 1_000.0)]
    NoAnswer(Millis),
    /// It is not in order: this is wrong with it.
    #[error("Refused, {0} (acebase-ipc-server)")]
    Refused(String),
    /// The master's answer is not in order: this is wrong with it.
    #[error("The master's answer was {0} (acebase-ipc-server)")]
    BadAnswer(String),
}
