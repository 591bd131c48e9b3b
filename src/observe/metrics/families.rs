//! The metrics that each database has one of, and where in its figures each is found.

use crate::{clock::Millis, hub::DatabaseFigures};

/// Reads a figure.
pub(super) type Reader = fn(&DatabaseFigures) -> u64;

/// A family with one series for each database.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) read: Reader,
}

/// What is counted.
pub(super) const COUNTERS: [Family; 6] = [
    Family { name: "received_messages", help: "Messages from peers", read: |d| d.totals.received.messages },
    Family { name: "received_bytes", help: "Bytes of messages from peers", read: |d| d.totals.received.bytes },
    Family {
        name: "sent_messages",
        help: "Deliveries: messages to peers, one for each",
        read: |d| d.totals.sent.messages,
    },
    Family { name: "sent_bytes", help: "Bytes of messages to peers", read: |d| d.totals.sent.bytes },
    Family { name: "large_messages", help: "Messages from peers longer than maxPayload", read: |d| d.totals.large },
    Family {
        name: "lock_passes",
        help: "Locks passed on from worker to worker, instead of through the master",
        read: |d| d.status.lock_passes,
    },
];

/// How much there is of something now.
pub(super) const GAUGES: [Family; 7] = [
    Family { name: "peers", help: "Sessions, kept ones included", read: |d| d.peers as u64 },
    Family { name: "reliable_peers", help: "Those that get each message exactly once", read: |d| d.reliable as u64 },
    Family { name: "kept_sessions", help: "Sessions of lost connections", read: |d| d.status.kept_sessions as u64 },
    Family { name: "queue_bytes", help: "Bytes that wait in all outboxes", read: |d| d.queued as u64 },
    Family { name: "master_present", help: "1 while a master answers", read: |d| d.status.master_present.into() },
    Family { name: "held_requests", help: "Requests that wait in the hub", read: |d| d.status.held_requests as u64 },
    Family {
        name: "delivered_requests",
        help: "Requests that a master has and has not answered",
        read: |d| d.status.delivered_requests as u64,
    },
];

/// A family of times that have passed, in seconds; 0 where nothing has begun.
pub(super) struct Ages {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) since: fn(&DatabaseFigures) -> Option<Millis>,
}

/// How long something has lasted.
pub(super) const AGES: [Ages; 4] = [
    Ages {
        name: "oldest_lock_wait_seconds",
        help: "How long the lock that was asked for first of those not granted has been waited for",
        since: |d| d.strain.oldest_wait.as_ref().map(|wait| wait.since),
    },
    Ages {
        name: "longest_lock_hold_seconds",
        help: "How long the lock that was granted first of those not released has been held",
        since: |d| d.strain.longest_hold,
    },
    Ages {
        name: "oldest_request_seconds",
        help: "How long the oldest request of a master has been unanswered",
        since: |d| d.strain.oldest_request,
    },
    Ages {
        name: "master_last_answer_seconds",
        help: "Time since the master last answered, or was asked first, while requests are with it; else 0",
        since: |d| {
            let oldest = d.strain.oldest_request.filter(|_| d.status.delivered_requests > 0)?;
            Some(d.strain.answered.map_or(oldest, |answered| answered.max(oldest)))
        },
    },
];

/// The states of locks, and how many are in each.
pub(super) const LOCK_STATES: [(&str, Reader); 3] = [
    ("held", |d| d.status.held_locks as u64),
    ("fenced", |d| d.status.fenced_locks as u64),
    ("waiting", |d| d.status.waiting_locks as u64),
];
