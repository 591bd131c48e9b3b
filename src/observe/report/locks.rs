//! A database's lock table in a report: each lock with those that it waits for.

use serde::Serialize;

use super::foremost;
use crate::{acebase::Lock, observe::waiting::Granted};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LockRow<'a> {
    id: Option<u64>,
    state: &'static str,
    peer: &'a str,
    path: &'a str,
    write: bool,
    tid: &'a str,
    comment: &'a str,
    /// How long it has been in this state.
    age_ms: u64,
    expires_at: Option<u64>,
    /// How often it has been passed on since the master granted it.
    passed: u64,
    /// It counts no longer: nobody waits for it.
    has_expired: bool,
    /// The locks that it waits for, the first few. A lock that waits for none of the table waits for one of the
    /// master's own, which the hub does not see, or for a master.
    waits_for: Vec<BlockerRow<'a>>,
    waits_for_count: usize,
}

#[derive(Serialize)]
struct BlockerRow<'a> {
    id: Option<u64>,
    peer: &'a str,
    path: &'a str,
}

pub(super) fn rows(locks: &[Lock], now: u64, limit: usize) -> Vec<LockRow<'_>> {
    let granted = Granted::of(locks);
    foremost::locks(locks, limit).into_iter().map(|lock| row(lock, &granted, now)).collect()
}

fn row<'a>(lock: &'a Lock, granted: &Granted<'a>, now: u64) -> LockRow<'a> {
    let blockers = granted.blockers(lock);
    let blocker = |lock: &'a Lock| BlockerRow { id: lock.id, peer: &lock.peer, path: &lock.path };
    LockRow {
        id: lock.id,
        state: lock.state.name(),
        peer: &lock.peer,
        path: &lock.path,
        write: lock.write,
        tid: &lock.tid,
        comment: &lock.comment,
        age_ms: now.saturating_sub(lock.since),
        expires_at: lock.expires,
        passed: lock.passed,
        has_expired: lock.has_expired,
        waits_for: blockers.first.into_iter().map(blocker).collect(),
        waits_for_count: blockers.count,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::acebase::LockState;

    fn write_lock(number: u64) -> Lock {
        Lock {
            id: None,
            peer: "peer".into(),
            path: "a/b".into(),
            tid: number.to_string(),
            write: true,
            comment: "set".into(),
            state: [LockState::Held, LockState::Waiting][number as usize % 2],
            since: number,
            expires: None,
            passed: 0,
            has_expired: false,
        }
    }

    /// A long table takes time in proportion to its length: compared lock by lock, this one would take a minute.
    #[test]
    fn a_long_table_of_locks_is_told_soon() {
        const LOCKS: u64 = 30_000;
        let locks: Vec<_> = (0..LOCKS).map(write_lock).collect();
        let begun = Instant::now();
        let rows = rows(&locks, 100, usize::MAX);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        let waiting = &rows[LOCKS as usize - 1];
        assert_eq!((waiting.waits_for_count, waiting.waits_for.len()), (LOCKS as usize / 2, 8));
    }
}
