//! Why a run failed. The difference that matters: the server broke its promise, or the run could not be made.

use std::io;

use crate::message::{TooSmall, Violation};

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("peer {peer}: {violation}")]
    Message { peer: usize, violation: Violation },
    #[error("{in_flight} messages are on their way and none arrived for {seconds} s")]
    Stalled { in_flight: u64, seconds: u64 },
    #[error("peer {peer} was disconnected: {how}")]
    Disconnected { peer: usize, how: String },
    #[error("peer {peer} received a frame that no server of this protocol writes: {first:#04x} {second:#04x}")]
    Frame { peer: usize, first: u8, second: u8 },
    #[error("peer {peer} received a frame larger than the read buffer")]
    FrameTooLarge { peer: usize },
    #[error("peer {peer} was refused: {answer}")]
    Refused { peer: usize, answer: String },
    #[error("only {connected} peers of {wanted} were welcomed within {seconds} s")]
    NotWelcomed { connected: usize, wanted: usize, seconds: u64 },
    #[error(transparent)]
    TooSmall(#[from] TooSmall),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Failure {
    /// Whether the server lost, doubled, reordered or damaged a message, or cut off a peer.
    pub fn is_violation(&self) -> bool {
        matches!(
            self,
            Failure::Message { .. }
                | Failure::Stalled { .. }
                | Failure::Disconnected { .. }
                | Failure::Frame { .. }
                | Failure::FrameTooLarge { .. }
        )
    }
}
