//! Messages that somebody who looks from outside has asked to see: of a database, or of one peer. They are kept for the
//! next question, and nobody has to say that it is over: who asks no more is forgotten.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{clock, hub::trace::Trace};

/// How long a trace goes on without another question.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// Traces at a time. One is usual.
const MAX_TRACES: usize = 8;

/// Messages that wait for the next question; of more, the newest are left out.
const MAX_WAITING: usize = 1_000;

/// A database, and a peer of it or all.
pub(super) type Subject = (String, Option<String>);

/// The traces that are going on.
#[derive(Debug, Default)]
pub(super) struct Tracing(HashMap<Subject, Waiting>);

#[derive(Debug)]
struct Waiting {
    asked: Instant,
    messages: VecDeque<Traced>,
    left_out: u64,
}

/// A message, as whoever asks gets it.
#[derive(Debug, Clone, Serialize)]
struct Traced {
    /// Milliseconds since the Unix epoch.
    at: u64,
    from: Option<String>,
    to: Option<String>,
    bytes: usize,
    fate: &'static str,
    text: String,
}

/// What has come since the last question.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    messages: VecDeque<Traced>,
    left_out: u64,
}

impl Tracing {
    /// What has come of this subject since it was asked for last. `None`: it was not; from now on it is traced, unless
    /// there are too many already.
    pub(super) fn ask(&mut self, subject: &Subject, now: Instant) -> Option<Answer> {
        let waiting = self.0.get_mut(subject)?;
        waiting.asked = now;
        Some(Answer {
            messages: std::mem::take(&mut waiting.messages),
            left_out: std::mem::take(&mut waiting.left_out),
        })
    }

    /// Begins one. `false`: there are too many.
    pub(super) fn begin(&mut self, subject: Subject, now: Instant) -> bool {
        let has_room = self.0.len() < MAX_TRACES;
        if has_room {
            self.0.insert(subject, Waiting { asked: now, messages: VecDeque::new(), left_out: 0 });
        }
        has_room
    }

    /// Takes down a message for those who have asked for it.
    pub(super) fn note(&mut self, trace: &Trace) {
        for ((db, peer), waiting) in &mut self.0 {
            if **db == *trace.db && trace.concerns(peer.as_deref()) {
                waiting.add(trace);
            }
        }
    }

    /// Those that nobody asks for any more. They are over.
    pub(super) fn take_forgotten(&mut self, now: Instant) -> Vec<Subject> {
        let mut forgotten = Vec::new();
        self.0.retain(|subject, waiting| {
            let is_asked_for = now.saturating_duration_since(waiting.asked) < FORGOTTEN_AFTER;
            if !is_asked_for {
                forgotten.push(subject.clone());
            }
            is_asked_for
        });
        forgotten
    }
}

impl Waiting {
    fn add(&mut self, trace: &Trace) {
        if self.messages.len() >= MAX_WAITING {
            self.left_out += 1;
            return;
        }
        self.messages.push_back(Traced {
            at: clock::unix_millis(),
            from: trace.from.as_deref().map(Into::into),
            to: trace.to.as_deref().map(Into::into),
            bytes: trace.bytes,
            fate: trace.fate.name(),
            text: trace.text.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::trace::MessageFate;

    fn trace(from: &str, to: &str) -> Trace {
        let (db, from, to) = ("db".into(), Some(from.into()), Some(to.into()));
        Trace { db, from, to, bytes: 4, fate: MessageFate::Forwarded, text: "text".into() }
    }

    #[test]
    fn what_concerns_a_peer_waits_for_who_has_asked_until_it_is_forgotten() {
        let (mut tracing, now) = (Tracing::default(), Instant::now());
        let subject: Subject = ("db".into(), Some("a".into()));
        assert!(tracing.ask(&subject, now).is_none() && tracing.begin(subject.clone(), now));
        for (from, to) in [("a", "b"), ("b", "a"), ("b", "c")] {
            tracing.note(&trace(from, to));
        }
        assert_eq!(tracing.ask(&subject, now).map(|answer| answer.messages.len()), Some(2));
        (0..MAX_WAITING + 5).for_each(|_| tracing.note(&trace("a", "b")));
        let answer = tracing.ask(&subject, now).unwrap();
        assert_eq!((answer.messages.len(), answer.left_out), (MAX_WAITING, 5));
        assert!(tracing.take_forgotten(now).is_empty());
        assert_eq!(tracing.take_forgotten(now + FORGOTTEN_AFTER), [subject]);
    }

    #[test]
    fn there_are_only_so_many() {
        let (mut tracing, now) = (Tracing::default(), Instant::now());
        let begun = (0..MAX_TRACES + 1).filter(|number| tracing.begin((number.to_string(), None), now)).count();
        assert_eq!(begun, MAX_TRACES);
    }
}
