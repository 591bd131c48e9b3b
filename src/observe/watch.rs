//! Stands between the server and its owner's observer: notes each event, and passes it on.

use std::{net::IpAddr, sync::Arc, time::Instant};

use parking_lot::Mutex;

use super::{history::History, recent::Recent, tally::Tally, throttle::Throttle};
use crate::{
    clock,
    hub::{
        Hub,
        event::{Event, Observer},
    },
};

/// Notes what happens, and passes it on.
pub struct Watch {
    owner: Arc<dyn Observer>,
    /// Milliseconds since the Unix epoch.
    pub(super) started: u64,
    pub(super) tally: Mutex<Tally>,
    pub(super) recent: Mutex<Recent>,
    pub(super) history: Mutex<History>,
    throttle: Mutex<Throttle>,
}

impl Watch {
    /// A watch that has seen nothing yet, and passes on to `owner`.
    pub fn new(owner: Arc<dyn Observer>) -> Self {
        Self {
            owner,
            started: clock::unix_millis(),
            tally: Mutex::default(),
            recent: Mutex::default(),
            history: Mutex::default(),
            throttle: Mutex::default(),
        }
    }

    /// Takes an event that anybody who reaches the port can cause at will. It is counted each time, but told now and
    /// then only, so that nobody fills a disk. `from`: who caused it, if it matters.
    pub fn event_of_stranger(&self, from: Option<IpAddr>, event: Event) {
        self.tally.lock().count(&event);
        let told = self.throttle.lock().pass(from, event, Instant::now());
        self.tell_all(told);
    }

    /// Tells what strangers have caused and was held back. To be called when the server ends: there is no later.
    pub fn tell_rest(&self) {
        let rest = self.throttle.lock().rest();
        self.tell_all(rest);
    }

    /// Notes how things stand, and tells what was held back and is due now. To be called once a second.
    pub fn sample(&self, hub: &Hub) {
        let due = self.throttle.lock().due(Instant::now());
        self.tell_all(due);
        let figures = hub.figures();
        self.tally.lock().make_room(&figures);
        self.history.lock().add(clock::unix_millis(), figures);
    }

    /// Passes events on that are counted already.
    fn tell_all(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.recent.lock().add(clock::unix_millis(), &event);
            self.owner.event(event);
        }
    }
}

impl Observer for Watch {
    fn event(&self, event: Event) {
        // These two come as often as messages do, and are the owner's alone.
        if matches!(event, Event::Message { .. } | Event::Trace(_)) {
            self.owner.event(event);
        } else {
            self.tally.lock().count(&event);
            self.tell_all([event]);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        acebase::{Note, NoteKind},
        hub::event::Refusal,
    };

    pub fn refusal(reason: &'static str) -> Refusal {
        Refusal { db: "db".into(), status: 403, reason, remote: [127, 0, 0, 1].into(), left_out: 0 }
    }

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

    #[test]
    fn strangers_are_counted_each_time_and_told_of_now_and_then() {
        let owner = Arc::new(Counting::default());
        let watch = Watch::new(owner.clone());
        for _ in 0..100 {
            watch.event_of_stranger(Some([10, 0, 0, 1].into()), Event::Refused(refusal("token")));
        }
        assert_eq!((*owner.0.lock(), watch.tally.lock().refusals["token"]), (1, 100));
        watch.tell_rest();
        assert_eq!((*owner.0.lock(), watch.tally.lock().refusals["token"]), (2, 100));
    }
}
