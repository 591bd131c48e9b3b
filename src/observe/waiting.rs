//! Who waits for whom, read off the lock table.

use crate::hub::coordinator::{Lock, LockState};

/// Blockers that are named for one waiting lock; a write may wait for every reader there is.
pub(super) const MAX_BLOCKERS: usize = 8;

/// The locks that keep a waiting one from being granted: of another transaction, and either of the two writes. AceBase grants
/// one write at a time in the whole database, so paths make no difference.
pub(super) fn blockers<'a>(waiting: &'a Lock, table: &'a [Lock]) -> impl Iterator<Item = &'a Lock> {
    let is_waiting = waiting.state == LockState::Waiting;
    table.iter().filter(move |lock| {
        is_waiting && lock.state != LockState::Waiting && lock.tid != waiting.tid && (lock.write || waiting.write)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(peer: &str, tid: &str, write: bool, state: LockState) -> Lock {
        let (peer, tid) = (peer.into(), tid.into());
        Lock { id: Some(1), peer, path: "a".into(), tid, write, comment: String::new(), state, since: 0, expires: None }
    }

    fn blocking(waiting: &Lock, table: &[Lock]) -> Vec<String> {
        blockers(waiting, table).map(|lock| lock.peer.clone()).collect()
    }

    #[test]
    fn a_write_waits_for_all_of_other_transactions_and_a_read_for_writes() {
        let table = [
            lock("reader", "1", false, LockState::Held),
            lock("writer", "2", true, LockState::Fenced),
            lock("queued", "3", true, LockState::Waiting),
        ];
        assert_eq!(blocking(&lock("w", "9", true, LockState::Waiting), &table), ["reader", "writer"]);
        assert_eq!(blocking(&lock("w", "9", false, LockState::Waiting), &table), ["writer"]);
        assert_eq!(blocking(&lock("w", "2", true, LockState::Waiting), &table), ["reader"]);
        assert!(blocking(&table[0], &table).is_empty());
    }
}
