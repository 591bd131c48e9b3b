//! The simplest coordinator that keeps sessions, everybody's, for a while; and that keeps some messages back, before it
//! passes them on.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    acebase::{Lock, Status},
    clock::Millis,
    hub::{
        Origin,
        coordinator::{Address, Coordinator, Fate, Life, Loss, Moment, Recognition, Return, Verdict},
    },
};

/// How long sessions are kept, in milliseconds.
pub(super) const WINDOW_MS: Millis = 5_000;

/// How long a message is kept back at least, in milliseconds.
const HOLD_MS: Millis = 40;

/// What stands in messages that are kept back.
pub(super) const HELD: &str = "~/";

/// Keeps sessions and messages.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Keeper {
    /// Everybody's session: until then, where its connection is lost.
    sessions: BTreeMap<String, Option<Millis>>,
    held: Vec<Held>,
    #[serde(skip)]
    let_go: Vec<Origin>,
}

/// A message that is kept back.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    to: String,
    body: Bytes,
    origin: Origin,
    until: Millis,
}

impl Coordinator for Keeper {
    fn joined(&mut self, peer: &str, _life: Option<Life<'_>>, moment: &mut Moment<'_>) {
        self.sessions.insert(peer.to_owned(), None);
        moment.retain(peer);
    }

    fn received(&mut self, _from: &str, to: Address<'_>, body: &Bytes, moment: &mut Moment<'_>) -> Verdict {
        let is_held = body.windows(HELD.len()).any(|part| part == HELD.as_bytes());
        let (true, Address::Peer(to), Some(origin)) = (is_held, to, moment.origin()) else { return Verdict::Forward };
        let (to, body, origin) = (to.to_owned(), body.clone(), origin.clone());
        self.held.push(Held { to, body, origin, until: moment.now + HOLD_MS });
        Verdict::Kept
    }

    fn take_let_go(&mut self) -> Vec<Origin> {
        std::mem::take(&mut self.let_go)
    }

    fn lost(&mut self, peer: &str, loss: Loss, moment: &mut Moment<'_>) -> Fate {
        if loss != Loss::Reset {
            return Fate::End;
        }
        self.sessions.insert(peer.to_owned(), Some(moment.now + WINDOW_MS));
        Fate::Keep
    }

    fn returned(&mut self, peer: &str, recognition: Recognition, _moment: &mut Moment<'_>) -> Return {
        if recognition == Recognition::Another {
            return Return::Renew;
        }
        self.sessions.insert(peer.to_owned(), None);
        Return::Resume
    }

    fn ended(&mut self, peer: &str, _undelivered: Vec<Bytes>, _moment: &mut Moment<'_>) {
        self.sessions.remove(peer);
    }

    fn deadline(&self) -> Option<Millis> {
        let messages = self.held.iter().map(|held| held.until);
        self.sessions.values().flatten().copied().chain(messages).min()
    }

    fn tick(&mut self, moment: &mut Moment<'_>) {
        let now = moment.now;
        for (peer, until) in &mut self.sessions {
            if until.take_if(|until| *until <= now).is_some() {
                moment.end(peer.clone());
            }
        }
        for mut held in std::mem::take(&mut self.held) {
            if held.until > now || !self.sessions.contains_key(&held.to) {
                held.until = held.until.max(now + 1);
                self.held.push(held);
                continue;
            }
            moment.go_on(&held.to, held.body, held.origin.clone());
            self.let_go.push(held.origin);
        }
    }

    fn locks(&self) -> Vec<Lock> {
        Vec::new()
    }

    fn status(&self) -> Status {
        Status::default()
    }

    fn is_idle(&self) -> bool {
        self.sessions.is_empty()
    }

    fn freeze(&self) -> Bytes {
        rmp_serde::to_vec_named(self).unwrap_or_default().into()
    }

    fn thaw(&mut self, frozen: &[u8]) -> Result<(), String> {
        *self = rmp_serde::from_slice(frozen).map_err(|error| error.to_string())?;
        Ok(())
    }
}
