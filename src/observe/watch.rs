//! Stands between the server and its owner's observer: notes each event, and passes it on.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Instant,
};

use parking_lot::Mutex;

use super::{
    history::History,
    lookout::{Lookout, Setup},
    recent::Recent,
    tally::Tally,
    throttle::Throttle,
    tracing::Tracing,
};
use crate::{
    acebase::{Process, Trouble},
    clock,
    cluster::Registry,
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
    pub(super) lookout: Lookout,
    /// What is known of the other hubs, where the server is one of several.
    pub(super) registry: OnceLock<Registry>,
    throttle: Mutex<Throttle>,
    tracing: Mutex<Tracing>,
}

impl Watch {
    /// A watch that has seen nothing yet, and passes on to `owner`.
    pub fn new(owner: Arc<dyn Observer>, setup: Setup) -> Self {
        Self {
            owner,
            started: clock::unix_millis(),
            tally: Mutex::default(),
            recent: Mutex::default(),
            history: Mutex::default(),
            lookout: Lookout::new(setup),
            registry: OnceLock::new(),
            throttle: Mutex::default(),
            tracing: Mutex::default(),
        }
    }

    /// The server is one of several hubs. To be told once, at its start.
    pub fn joins(&self, registry: Registry) {
        // The first one stays.
        let _ = self.registry.set(registry);
    }

    /// Takes an event that anybody who reaches the port can cause at will. It is counted each time, but told now and
    /// then only, so that nobody fills a disk. `from`: who caused it, if it matters.
    pub fn event_of_stranger(&self, from: Option<IpAddr>, event: Event) {
        self.tally.lock().count(&event);
        self.lookout.note(&event);
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
        let forgotten = self.tracing.lock().take_forgotten(Instant::now());
        for (db, peer) in forgotten {
            hub.trace_for_visitor(&db, peer.as_deref(), false);
        }
        let figures = hub.figures();
        let known = self.lookout.get_to_know(hub);
        self.tell_all(known);
        self.lookout.ask_for_life(hub, &figures);
        self.tell_all(self.lookout.news(hub.now(), &figures, false));
        self.tally.lock().make_room(&figures);
        self.history.lock().add(clock::unix_millis(), figures);
    }

    /// The server has taken the port over from one that has left nothing.
    pub fn note_restart(&self) {
        self.lookout.note_restart();
    }

    /// Finds out who is behind an address of this machine before its connection ends. Returns some milliseconds later;
    /// at once for all others.
    pub async fn identify(&self, address: SocketAddr) {
        self.lookout.identify(address).await;
    }

    /// The process behind an address of this machine, as far as it was found.
    pub fn process_at(&self, address: SocketAddr) -> Option<Process> {
        self.lookout.process_at(address)
    }

    /// The messages of a database, or of one peer, since this was asked last, as JSON; from the first question on until
    /// there is none for ten seconds. `None`: too many ask.
    pub fn trace(&self, hub: &Hub, db: &str, peer: Option<String>) -> Option<String> {
        let subject = (db.to_owned(), peer);
        let now = Instant::now();
        let mut tracing = self.tracing.lock();
        if let Some(answer) = tracing.ask(&subject, now) {
            return serde_json::to_string(&answer).ok();
        }
        let has_begun = tracing.begin(subject.clone(), now);
        // Whoever tells a message has the hub's locks, and takes this one then.
        drop(tracing);
        has_begun.then(|| {
            hub.trace_for_visitor(&subject.0, subject.1.as_deref(), true);
            r#"{"messages":[],"leftOut":0}"#.to_owned()
        })
    }

    /// What is wrong; in one database, where one is asked for, which then must have a master. `slow_lock`: instead of
    /// the option, in milliseconds.
    pub fn troubles(&self, hub: &Hub, asked: Option<&str>, slow_lock: Option<u64>, is_stopping: bool) -> Vec<Trouble> {
        let databases = match asked {
            None => hub.figures(),
            Some(db) => hub.figures_of(db).into_iter().collect(),
        };
        self.lookout.troubles(hub.now(), &databases, asked, slow_lock, is_stopping)
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
        if let Event::Trace(trace) = &event {
            self.tracing.lock().note(trace);
        }
        if matches!(event, Event::Message { .. } | Event::Trace(_)) {
            self.owner.event(event);
        } else {
            self.tally.lock().count(&event);
            self.lookout.note(&event);
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
        Refusal {
            db: "db".into(),
            status: 403,
            reason,
            remote: ([127, 0, 0, 1], 4711).into(),
            process: None,
            left_out: 0,
        }
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
        let watch = Watch::new(owner.clone(), Setup::default());
        let note = Note { kind: NoteKind::SessionKept, peer: "peer".into(), detail: "it is".into() };
        watch.event(Event::Note { db: "db".into(), note });
        watch.event(Event::Message { db: "db".into(), id: "peer".into(), text: "text".into() });
        assert_eq!(*owner.0.lock(), 2);
        assert_eq!(watch.recent.lock().since(0).count(), 1);
    }

    #[test]
    fn strangers_are_counted_each_time_and_told_of_now_and_then() {
        let owner = Arc::new(Counting::default());
        let watch = Watch::new(owner.clone(), Setup::default());
        for _ in 0..100 {
            watch.event_of_stranger(Some([10, 0, 0, 1].into()), Event::Refused(refusal("token-wrong")));
        }
        assert_eq!((*owner.0.lock(), watch.tally.lock().refusals["token-wrong"]), (1, 100));
        watch.tell_rest();
        assert_eq!((*owner.0.lock(), watch.tally.lock().refusals["token-wrong"]), (2, 100));
    }
}
