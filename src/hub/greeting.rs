//! What a connection asks for when it comes, and what it is told first.

use serde::{Deserialize, Serialize};

use super::{journal::Provenance, reliable::Exchange};
use crate::protocol::{
    self,
    reliable::{Offer, Terms},
};

/// What a connection asks for, and the bounds that it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Greeting {
    /// The longest text of a frame of a client without the extension, in UTF-16 units.
    pub max_payload: usize,
    /// The longest frame of a client with the extension, in bytes.
    pub max_message: usize,
    /// The client wants the extension.
    pub offer: Option<Offer>,
}

/// One process, from its beginning to its end, that has the extension.
#[derive(Debug, Clone, Copy)]
pub struct Life<'a> {
    /// What tells it from others.
    pub name: &'a str,
    /// It was in another session before, and tells first of all what it holds.
    pub must_tell: bool,
}

/// A connection that comes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Arrival {
    pub(super) greeting: Greeting,
    /// What it was before.
    pub(super) origin: Provenance,
    /// The name of its session in the extension, should a new one begin.
    pub(super) session: Option<String>,
}

impl Arrival {
    /// The longest text of a frame that is taken from it, in UTF-16 units.
    pub(super) fn max_payload(&self) -> usize {
        // Who has the extension sends all over the socket.
        if self.greeting.offer.is_some() { self.origin.max_message_size } else { self.greeting.max_payload }
    }
}

impl Greeting {
    /// The process that it is of, if that has the extension.
    pub(super) fn life(&self) -> Option<Life<'_>> {
        let offer = self.offer.as_ref()?;
        Some(Life { name: &offer.life, must_tell: offer.session.is_some() })
    }

    /// Of a client without the extension. `max_payload`: in UTF-16 units.
    pub fn published(max_payload: usize) -> Self {
        Self { max_payload, max_message: 0, offer: None }
    }

    /// The welcome of a client whose session in the extension is this one, if it has one. `fences`: masters are told
    /// which locks they must not give themselves.
    pub(super) fn welcome(&self, exchange: Option<&Exchange>, fences: bool) -> String {
        let Some(exchange) = exchange else { return protocol::welcome(self.max_payload) };
        let resumed = self.offer.as_ref().is_some_and(|offer| exchange.is_known_to(offer));
        let had = exchange.inbound.had();
        let (session, told) = (&exchange.sender.session, exchange.is_told);
        let terms = Terms { session, had, resumed, told, max_message: self.max_message, fences };
        protocol::reliable::welcome(self.max_payload, &terms)
    }
}
