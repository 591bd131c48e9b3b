//! The index that the master is creating. A second request for the same index is answered before the first has written
//! its file, and the worker that requested it ends by not finding it; so the master gets one such request at a time, of
//! whatever index.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// A request for an index that a master has.
#[derive(Debug, Serialize, Deserialize)]
struct Creation {
    worker: String,
    id: String,
    /// When it no longer counts, for its answer may be lost.
    until: Option<Millis>,
}

/// The one creation of an index that the master has, if any.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Indexing(Option<Creation>);

impl Indexing {
    /// The master is creating an index.
    pub(super) fn is_busy(&self) -> bool {
        self.0.is_some()
    }

    /// The master has been given this request for one.
    pub(super) fn begin(&mut self, worker: &str, id: &str) {
        self.0 = Some(Creation { worker: worker.to_owned(), id: id.to_owned(), until: None });
    }

    /// The master has answered this request, which may be the one. It counts also if nobody waits for its answer any
    /// more.
    pub(super) fn answered(&mut self, worker: &str, id: &str) {
        self.0.take_if(|creation| creation.worker == worker && creation.id == id);
    }

    /// The master's answer may have been lost: it is expected until then.
    pub(super) fn doubt(&mut self, until: Millis) {
        if let Some(creation) = &mut self.0 {
            creation.until.get_or_insert(until);
        }
    }

    /// The master is gone, with what it was doing.
    pub(super) fn end(&mut self) {
        self.0 = None;
    }

    /// When the creation no longer counts.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.0.as_ref()?.until
    }

    /// Forgets a creation that no longer counts.
    pub(super) fn expire(&mut self, now: Millis) {
        self.0.take_if(|creation| creation.until.is_some_and(|until| until <= now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_request_itself_ends_it() {
        let mut indexing = Indexing::default();
        indexing.begin("w", "1");
        indexing.answered("w", "2");
        indexing.answered("x", "1");
        assert!(indexing.is_busy());
        indexing.answered("w", "1");
        assert!(!indexing.is_busy());
    }

    #[test]
    fn an_answer_that_may_be_lost_is_not_waited_for_without_end() {
        let mut indexing = Indexing::default();
        indexing.doubt(5);
        assert_eq!(indexing.deadline(), None);
        indexing.begin("w", "1");
        indexing.doubt(10);
        indexing.doubt(20);
        indexing.expire(9);
        assert!(indexing.is_busy() && indexing.deadline() == Some(10));
        indexing.expire(10);
        assert!(!indexing.is_busy());
    }
}
