//! Who was turned away lately, and why: refused connections that somebody should look at. Strangers cause them, so that
//! only a few are kept, and those that have not come again for a while are forgotten.

use std::{net::SocketAddr, sync::Arc};

use crate::{
    acebase::TroubleKind,
    clock::Millis,
    hub::event::{Event, Refusal},
};

/// How long after the last time it counts, in milliseconds: a process manager starts a refused process again within
/// seconds.
const REMEMBERED_MS: u64 = 60_000;

/// Databases and reasons that are told apart.
const MAX_KEPT: usize = 32;

/// What somebody was turned away for, again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub kind: TroubleKind,
    pub db: Option<Arc<str>>,
    /// Where the last one came from, where that is known.
    pub remote: Option<SocketAddr>,
    /// How many there were.
    pub count: u64,
    pub first: Millis,
    pub last: Millis,
    /// What was said of the last one, where that is more than the kind.
    pub message: Option<String>,
}

/// Those that were turned away lately.
#[derive(Debug, Default)]
pub struct TurnedAway(Vec<Rejection>);

impl TurnedAway {
    /// Takes down an event, if it tells that somebody was turned away.
    pub fn note(&mut self, event: &Event, now: Millis) {
        let Some((kind, db, remote, message)) = read(event) else { return };
        self.0.retain(|rejection| now.saturating_sub(rejection.last) < REMEMBERED_MS);
        match self.0.iter_mut().find(|rejection| rejection.kind == kind && rejection.db == db) {
            Some(rejection) => {
                (rejection.last, rejection.remote, rejection.message) = (now, remote, message);
                rejection.count += 1;
            }
            None => {
                self.0.push(Rejection { kind, db, remote, count: 1, first: now, last: now, message });
                self.0.truncate(MAX_KEPT);
            }
        }
    }

    /// Those that still count.
    pub fn at(&self, now: Millis) -> Vec<Rejection> {
        self.0.iter().filter(|rejection| now.saturating_sub(rejection.last) < REMEMBERED_MS).cloned().collect()
    }
}

type Read = (TroubleKind, Option<Arc<str>>, Option<SocketAddr>, Option<String>);

fn read(event: &Event) -> Option<Read> {
    match event {
        Event::Refused(Refusal { db, reason, remote, .. }) => {
            let kind = match *reason {
                "token-missing" => TroubleKind::TokenMissing,
                "token-wrong" => TroubleKind::TokenWrong,
                "unlisted" => TroubleKind::Unlisted,
                "master" => TroubleKind::SecondMaster,
                _ => return None,
            };
            Some((kind, Some(db.clone()), Some(*remote), None))
        }
        Event::Warning { code: "plain-http-on-tls-port" | "tls-on-plain-port", message } => {
            Some((TroubleKind::WrongProtocol, None, None, Some(message.clone())))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(db: &str, reason: &'static str) -> Event {
        let remote = ([127, 0, 0, 1], 4711).into();
        Event::Refused(Refusal { db: db.into(), status: 403, reason, remote, process: None, left_out: 0 })
    }

    #[test]
    fn refusals_of_a_kind_are_counted_and_forgotten_a_minute_after_the_last() {
        let mut away = TurnedAway::default();
        for (at, event) in [(0, refusal("db", "token-wrong")), (5, refusal("db", "origin"))] {
            away.note(&event, at);
        }
        away.note(&refusal("db", "token-wrong"), 10);
        let found = away.at(10 + REMEMBERED_MS - 1);
        assert_eq!((found.len(), found[0].count, found[0].first, found[0].last), (1, 2, 0, 10));
        assert!(away.at(10 + REMEMBERED_MS).is_empty());
    }

    #[test]
    fn no_number_of_databases_fills_the_memory() {
        let mut away = TurnedAway::default();
        (0..1_000).for_each(|number| away.note(&refusal(&number.to_string(), "unlisted"), 0));
        assert_eq!(away.at(0).len(), MAX_KEPT);
    }
}
