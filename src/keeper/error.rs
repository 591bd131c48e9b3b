//! Why a legacy could not be handed over.

use std::io;

use thiserror::Error;

/// Why a legacy could not be handed over. Nothing of it is with a keeper, and the connections are the server's still.
#[derive(Debug, Error)]
pub enum HandOverError {
    /// The keeper has died, and the next one is not started yet.
    #[error("the port has no keeper at present")]
    NoKeeper,
    /// No keeper takes so many.
    #[error("{count} connections are more than the {most} that can be handed over")]
    TooManyConnections {
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// No keeper takes so much.
    #[error("the state is {bytes} bytes long, but {most} can be handed over at most")]
    TooMuchState {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// The keeper's process may not have as many open files.
    #[error(
        "the keeper's limit of open files ({limit}) is too low for {connections} connections: raise the hard limit of \
         RLIMIT_NOFILE (ulimit -Hn) of the process that starts the server"
    )]
    OpenFiles {
        /// The limit.
        limit: u32,
        /// How many connections there are.
        connections: usize,
    },
    /// The file for the state could not be written.
    #[error("the state cannot be written: {0}")]
    State(#[source] io::Error),
    /// The keeper has died meanwhile, does not answer, or is of an older version.
    #[error("the keeper of the port did not take all: {0}")]
    Broken(#[source] io::Error),
}
