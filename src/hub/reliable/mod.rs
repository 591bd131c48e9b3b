//! What a hub and one life of a client make sure of together (docs/extension.md): which of the client's messages have
//! come, and have reached their end; and which of the hub's the client has had. Plain state: no I/O, no outbox, no
//! clock.
//!
//! ```text
//!   client ── #n ──> Inbound: had, and how many receivers still owe an acknowledgement for it ── =n ──> client
//!   hub ── # ──> Outbound: which messages wait for each frame that the client has not had <── =k ── client
//! ```

mod expected;
pub(super) mod frames;
mod inbound;
#[cfg(any(test, feature = "model"))]
pub mod model;
mod origin;
mod outbound;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(super) use self::{
    expected::{Expected, Kept},
    frames::Broadcast,
    inbound::{Inbound, Taken},
    origin::Sender,
    outbound::{Outbound, Waiting},
};
pub use origin::Origin;

use crate::{clock::Millis, protocol::reliable::Offer};

/// How long the hub waits before it acknowledges few messages, in milliseconds: it saves their sender some memory, no
/// time.
pub(super) const ACKNOWLEDGE_AFTER_MS: Millis = 50;

/// So many messages are acknowledged at once.
pub(super) const ACKNOWLEDGE_AT: u64 = 64;

/// One peer's session in the extension, as long as its session in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exchange {
    /// Who sends in it.
    pub(super) sender: Arc<Sender>,
    pub(super) inbound: Inbound,
    pub(super) outbound: Outbound,
    /// The client has told its state.
    pub(super) is_told: bool,
    /// It was in another session before, and has not told what it holds since.
    #[serde(default)]
    pub(super) must_tell: bool,
}

impl Exchange {
    /// A session that begins.
    pub(super) fn new(sender: Sender, must_tell: bool) -> Self {
        Self {
            sender: Arc::new(sender),
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            is_told: false,
            must_tell,
        }
    }

    /// The client that makes this offer is the one that the session is with, and both can go on with it: it knows the
    /// session, or it has never heard of it, for the welcome was lost.
    pub(super) fn goes_on_with(&self, offer: &Offer) -> bool {
        let can_go_on = if self.is_known_to(offer) {
            self.outbound.can_go_on_from(offer.had)
        } else {
            self.inbound.had() == 0 && !self.is_told && self.outbound.can_go_on_from(0)
        };
        self.sender.life == offer.life && can_go_on
    }

    /// The client knows of this session.
    pub(super) fn is_known_to(&self, offer: &Offer) -> bool {
        offer.session.as_ref() == Some(&self.sender.session)
    }

    /// How many frames of this session the client has had that makes this offer.
    pub(super) fn had_of(&self, offer: &Offer) -> u64 {
        if self.is_known_to(offer) { offer.had } else { 0 }
    }

    /// Whose message it is that the client has given this number.
    pub(super) fn origin(&self, number: u64) -> Origin {
        Origin::new(self.sender.clone(), number)
    }
}
