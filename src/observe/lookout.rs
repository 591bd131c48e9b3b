//! Looks for trouble: once a second for the log and the events, and whenever somebody asks. Gathers what the rules look
//! at; what counts as trouble is `trouble`'s.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use parking_lot::Mutex;

use super::{
    neighbours::Neighbours,
    trouble::{self, Change, Fault, Ledger, Scene, Thresholds, TurnedAway},
};
use crate::{
    acebase::{MasterState, Process, Trouble},
    clock::{self, Millis},
    hub::{DatabaseFigures, Hub, LoopbackPeer, event::Event},
};

/// How long a request is unanswered, or a lock awaited, until the processes that matter are asked for a sign of life,
/// in milliseconds.
const ASK_AFTER_MS: u64 = 1_000;

/// What must be told to whoever looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setup {
    /// From when on something is trouble.
    pub thresholds: Thresholds,
    /// Bytes that may wait for one peer.
    pub max_queue: usize,
    /// How long after the end of its holder a lock is released, in milliseconds; 0: never.
    pub release_locks_after: u64,
}

/// Looks for trouble.
pub(super) struct Lookout {
    started: Instant,
    setup: Setup,
    neighbours: Arc<Neighbours>,
    turned_away: Mutex<TurnedAway>,
    fault: Mutex<Option<Fault>>,
    restarted: Mutex<Option<Millis>>,
    ledger: Mutex<Ledger>,
}

impl Lookout {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            started: Instant::now(),
            setup,
            neighbours: Arc::default(),
            turned_away: Mutex::default(),
            fault: Mutex::default(),
            restarted: Mutex::default(),
            ledger: Mutex::default(),
        }
    }

    /// Milliseconds since this was made.
    fn now(&self) -> Millis {
        clock::millis(self.started.elapsed())
    }

    /// Takes down an event.
    pub(super) fn note(&self, event: &Event) {
        self.turned_away.lock().note(event, self.now());
        if let Event::Error { message } | Event::Failed { message } = event {
            *self.fault.lock() = Some(Fault { at: self.now(), message: message.clone() });
        }
    }

    /// The server has taken the port over from one that has left nothing.
    pub(super) fn note_restart(&self) {
        *self.restarted.lock() = Some(self.now());
    }

    /// The process behind an address of this machine, as far as it was found.
    pub(super) fn process_at(&self, address: SocketAddr) -> Option<Process> {
        self.neighbours.at(address)
    }

    /// Finds out who is behind an address before its connection ends. Returns when that is done, some milliseconds
    /// later.
    pub(super) async fn identify(&self, address: SocketAddr) {
        self.neighbours.identify(address).await;
    }

    /// What is wrong in these databases. `asked`: the one that was asked for. `slow_lock`: instead of the option, in
    /// milliseconds.
    pub(super) fn troubles(
        &self,
        now: Millis,
        databases: &[DatabaseFigures],
        asked: Option<&str>,
        slow_lock: Option<u64>,
        is_stopping: bool,
    ) -> Vec<Trouble> {
        let mut turned_away = self.turned_away.lock().at(self.now());
        if let Some(asked) = asked {
            turned_away.retain(|rejection| rejection.db.as_deref() == Some(asked));
        }
        let fault = self.fault.lock().clone();
        let scene = Scene {
            now,
            own_now: self.now(),
            unix: clock::unix_millis(),
            databases,
            turned_away: &turned_away,
            fault: fault.as_ref(),
            restarted: *self.restarted.lock(),
            is_stopping,
            asked,
            max_queue: self.setup.max_queue,
            release_locks_after: self.setup.release_locks_after,
            process_at: &|address| self.neighbours.at(address),
        };
        let thresholds = self.setup.thresholds;
        let slow_lock = slow_lock.unwrap_or(thresholds.slow_lock);
        trouble::find(&scene, &Thresholds { slow_lock, ..thresholds })
    }

    /// Asks those for a sign of life on whom others wait. To be called once a second.
    pub(super) fn ask_for_life(&self, hub: &Hub, databases: &[DatabaseFigures]) {
        let now = hub.now();
        let is_long = |since: Option<Millis>| since.is_some_and(|since| now.saturating_sub(since) >= ASK_AFTER_MS);
        for DatabaseFigures { name, strain, master, holder, .. } in databases {
            let owes = strain.master == MasterState::Present && is_long(strain.oldest_request);
            let holds = is_long(strain.oldest_wait.as_ref().map(|wait| wait.since));
            let asked = [master.as_ref().filter(|_| owes), holder.as_ref().filter(|_| holds)];
            asked.into_iter().flatten().for_each(|peer| hub.ask_for_life(name, &peer.id));
        }
    }

    /// Looks for those who have come since, and forgets those who have gone. Tells of those who have been found since
    /// this was called last. To be called once a second.
    pub(super) fn get_to_know(&self, hub: &Hub) -> Vec<Event> {
        let turned_away = self.turned_away.lock().at(self.now());
        let refused = turned_away.into_iter().filter_map(|rejection| rejection.remote);
        let peers = hub.loopback_peers();
        let found = self.neighbours.take_found();
        self.neighbours.look_for(peers.iter().map(|peer| peer.remote).chain(refused));
        let identified = peers.into_iter().filter_map(|LoopbackPeer { db, id, remote }| {
            let process = found.get(&remote)?.clone();
            Some(Event::Identified { db, id, remote, process })
        });
        identified.collect()
    }

    /// What has changed since this was called last, as events. To be called once a second.
    pub(super) fn news(&self, now: Millis, databases: &[DatabaseFigures], is_stopping: bool) -> Vec<Event> {
        let found = self.troubles(now, databases, None, None, is_stopping);
        let changes = self.ledger.lock().enter(&found, now);
        changes.into_iter().map(into_event).collect()
    }
}

fn into_event(change: Change) -> Event {
    match change {
        Change::Begun(trouble) => Event::Trouble { trouble: Box::new(trouble), is_over: false },
        Change::Over(trouble) => Event::Trouble { trouble: Box::new(trouble), is_over: true },
    }
}
