//! Which peers and locks of a database matter most, and come first where not all can be shown.

use std::cmp::Ordering;

use crate::{
    acebase::{Lock, LockState, Role},
    hub::PeerSnapshot,
};

/// So many at most: the master first, then those with the fullest queues, then the busiest.
pub(super) fn peers(peers: &[PeerSnapshot], limit: usize) -> Vec<&PeerSnapshot> {
    let rank =
        |peer: &PeerSnapshot| (peer.role == Role::Master, peer.queued, peer.received.messages + peer.sent.messages);
    foremost(peers, limit, |a, b| rank(b).cmp(&rank(a)).then_with(|| a.id.cmp(&b.id)))
}

/// So many at most: granted ones first, then the waiting; the oldest of each first.
pub(super) fn locks(locks: &[Lock], limit: usize) -> Vec<&Lock> {
    let rank = |lock: &Lock| (lock.state == LockState::Waiting, lock.since, lock.id);
    foremost(locks, limit, |a, b| rank(a).cmp(&rank(b)))
}

/// The first few in an order. Only these are sorted.
fn foremost<T>(of: &[T], limit: usize, order: impl Fn(&T, &T) -> Ordering) -> Vec<&T> {
    let mut rows: Vec<_> = of.iter().collect();
    if limit < rows.len() {
        rows.select_nth_unstable_by(limit, |a, b| order(a, b));
        rows.truncate(limit);
    }
    rows.sort_by(|a, b| order(a, b));
    rows
}
