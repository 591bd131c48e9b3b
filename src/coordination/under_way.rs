//! Who is in the middle of something: the transactions, and the workers, that may go on when nothing new shall begin.

use std::collections::HashSet;

use super::message::Ask;

/// What was under way when the quiet began; as many as there were locks and requests, which are bounded. Nothing is
/// added, for nothing else is begun.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    transactions: HashSet<String>,
    workers: HashSet<String>,
}

impl UnderWay {
    /// A worker is in the middle of something, of this transaction where that is known.
    pub(super) fn add(&mut self, worker: &str, transaction: Option<&str>) {
        self.workers.insert(worker.to_owned());
        self.transactions.extend(transaction.map(str::to_owned));
    }

    /// The request serves what is under way. Without a lock table nobody knows who is.
    pub(super) fn needs(&self, worker: &str, ask: &Ask) -> bool {
        match ask {
            Ask::Unlock { .. } | Ask::Move { .. } => true,
            Ask::Lock(wanted) => self.transactions.contains(&wanted.tid),
            Ask::AddKey | Ask::Free | Ask::Allocate | Ask::CreateIndex | Ask::Custom => self.workers.contains(worker),
        }
    }
}
