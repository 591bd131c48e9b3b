//! Seeing the hub: what has happened, how things stand, how they have gone in the last minutes; as JSON, as Prometheus metrics,
//! and as a page that shows both to a person.
//!
//! A [`Watch`] stands between the server and its owner's observer: it notes each event and passes it on. It asks the hub for
//! figures once a second. It decides nothing, and the server would run as well without it. How a request reaches it, and who
//! may look, is not known here.

mod history;
pub mod metrics;
pub mod page;
mod process;
mod recent;
pub mod report;
mod tally;
mod waiting;

use std::sync::Arc;

use parking_lot::Mutex;

use self::{history::History, recent::Recent, tally::Tally};
use crate::hub::{
    self, Hub,
    event::{Event, Observer},
};

/// Databases that are counted and remembered by name, each. Their names come from clients, so there must be a bound; a hub
/// serves a few. Those beyond it are counted together.
const MAX_DATABASES: usize = 64;

/// See the module's description.
pub struct Watch {
    owner: Arc<dyn Observer>,
    /// Milliseconds since the Unix epoch.
    started: u64,
    tally: Mutex<Tally>,
    recent: Mutex<Recent>,
    history: Mutex<History>,
}

impl Watch {
    /// A watch that has seen nothing yet, and passes on to `owner`.
    pub fn new(owner: Arc<dyn Observer>) -> Self {
        Self {
            owner,
            started: hub::unix_millis(),
            tally: Mutex::default(),
            recent: Mutex::default(),
            history: Mutex::default(),
        }
    }

    /// Takes down how things stand. To be called once a second.
    pub fn sample(&self, hub: &Hub) {
        let figures = hub.figures();
        self.tally.lock().make_room(&figures);
        self.history.lock().add(hub::unix_millis(), figures);
    }

    fn note(&self, event: &Event) {
        self.tally.lock().count(event);
        self.recent.lock().add(hub::unix_millis(), event);
    }
}

impl Observer for Watch {
    fn event(&self, event: Event) {
        // These two come as often as messages do, and are the owner's alone.
        if !matches!(event, Event::Message { .. } | Event::Trace(_)) {
            self.note(&event);
        }
        self.owner.event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::coordinator::{Note, NoteKind};

    #[derive(Default)]
    struct Counting(Mutex<usize>);

    impl Observer for Counting {
        fn event(&self, _: Event) {
            *self.0.lock() += 1;
        }
    }

    #[test]
    fn every_event_is_passed_on_and_all_but_messages_are_noted() {
        let owner = Arc::new(Counting::default());
        let watch = Watch::new(owner.clone());
        let note = Note { kind: NoteKind::SessionKept, peer: "peer".into(), detail: "it is".into() };
        watch.event(Event::Note { db: "db".into(), note });
        watch.event(Event::Message { db: "db".into(), id: "peer".into(), text: "text".into() });
        assert_eq!(*owner.0.lock(), 2);
        assert_eq!(watch.recent.lock().since(0).count(), 1);
    }
}
