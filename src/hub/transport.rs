//! How the hub reaches a peer's connection, without knowing what one is.
//!
//! This is the seam for peers that are not connected to this process: whatever implements [`Transport`] can carry mail.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crate::protocol::close::CloseReason;

/// Tells connections of one hub apart, also those of the same client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub u64);

/// Carries a peer's mail from its outbox to the peer. None of these may block, nor call back into the hub.
pub trait Transport: Send + Sync {
    /// There is mail in the outbox: send what can be sent now, and the rest as soon as possible.
    fn flush(&self);

    /// As [`Transport::flush`], where more mail may follow within the moment: of peers that come or go together. Sent
    /// when what is ready to run now has run, so that it shares a write with what follows.
    fn flush_soon(&self) {
        self.flush();
    }

    /// Say why, and end the connection once the outbox is empty (or at once, where that cannot be).
    fn close(&self, reason: CloseReason);

    /// The connection is about to go on in another process: stop reading and writing between two messages, and leave it
    /// open. Where it cannot be moved, end it, saying that the server stops.
    fn park(&self) {}

    /// How many bytes of the outbox's stream the peer's kernel has acknowledged since this transport was attached. They
    /// need not be kept any longer. `None` where that cannot be known: then all that was sent counts as delivered.
    fn acknowledged(&self) -> Option<u64>;

    /// Now that the connection is broken: how many bytes of the stream must be taken for delivered? What was
    /// acknowledged; and what was on its way, for the peer may have read it and not acknowledged it yet. `None` as
    /// above.
    fn delivered(&self) -> Option<u64>;

    /// The connection is open, as far as is known: its end may be on its way, with what the peer has said before.
    fn is_open(&self) -> bool {
        true
    }

    /// Something has come over the connection since this was asked last, if only a sign of life.
    fn has_been_heard(&self) -> bool {
        true
    }

    /// Asks the peer's program for a sign of life, which WebSocket libraries give by themselves.
    fn ask_for_life(&self) {}

    /// The address at the connection's other end, where there is one: a proxy's, if one is between.
    fn remote(&self) -> Option<SocketAddr> {
        None
    }

    /// The hub that passes the peer on, where another one does.
    fn via(&self) -> Option<Arc<str>> {
        None
    }

    /// The time that a message to the peer and an answer take on the network, where it is known.
    fn round_trip(&self) -> Option<Duration>;
}
