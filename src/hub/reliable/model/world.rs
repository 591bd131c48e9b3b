//! The hub, its clients, and what happens to them.

use std::{collections::BTreeMap, sync::Arc};

use super::{CLIENTS, Step, client::Client, keeper::Keeper};
use crate::{
    clock::Millis,
    hub::{
        Hub, Settings,
        event::Deaf,
        reliable::model::keeper::WINDOW_MS,
        testing::{self, HandClock, Journals, Watch},
    },
    protocol::close::CloseReason,
};

const DB: &str = "db";

/// Rounds in which all must come to rest.
const MAX_ROUNDS: usize = 200;

/// How long a hub has been up that takes the place of another one, in milliseconds.
const LONG_MS: Millis = 3_600_000;

/// As long as whatever is waited for in a world at rest.
const ROUND_MS: Millis = 60;

/// A hub and its clients.
pub struct World {
    hub: Hub,
    journals: Journals,
    watch: Watch<Keeper>,
    clock: Arc<HandClock>,
    max_queue: usize,
    /// So little may wait for a client that it can be too much.
    is_tight: bool,
    clients: Vec<Client>,
    /// Who must get which numbers of whom, by the receiver and the sender.
    expected: BTreeMap<(usize, String), Vec<u64>>,
    crashes: usize,
}

fn settings(max_queue: usize, watch: &Watch<Keeper>) -> Settings {
    let coordinators = Some(watch.factory(Keeper::default));
    Settings { max_queue, max_payload: 100, download_large: false, coordinators }
}

impl World {
    /// All clients are connected. `is_tight`: so little may wait for one that it can be too much.
    pub fn new(is_tight: bool) -> Self {
        let max_queue = if is_tight { 600 } else { 1 << 20 };
        let (watch, _) = Watch::new(Keeper::default);
        let clock = Arc::new(HandClock::default());
        let hub = Hub::new(settings(max_queue, &watch), Arc::new(Deaf), clock.clone(), Box::new(|| {}));
        let reliable =
            (0..CLIENTS - 1).map(|at| Client::new(format!("peer-{at}"), Some(format!("life0000000000000{at}"))));
        let clients = reliable.chain([Client::new("plain-client".to_owned(), None)]).collect();
        let journals = Journals::default();
        hub.keep_journals(journals.factory());
        let mut world =
            Self { hub, journals, watch, clock, max_queue, is_tight, clients, expected: BTreeMap::new(), crashes: 0 };
        (0..CLIENTS).for_each(|at| world.connect(at));
        (0..CLIENTS).for_each(|at| world.read(at, 1).unwrap_or_else(|wrong| panic!("{wrong}")));
        world
    }

    /// Does what happens next.
    ///
    /// # Errors
    /// What is not as it must be.
    pub fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Say(at, to) => self.say(at % CLIENTS, to.map(|to| to % CLIENTS)),
            Step::Ask(at, to) => self.ask(at % (CLIENTS - 1), to % (CLIENTS - 1)),
            Step::Deliver(at, count) => self.clients[at % CLIENTS].delivers(count),
            Step::Read(at, count) => self.read(at % CLIENTS, count)?,
            Step::Acknowledge(at) => self.clients[at % CLIENTS].acknowledges(),
            Step::Ping(at) => self.clients[at % CLIENTS].pings(),
            Step::Cut(at) => self.cut(at % CLIENTS),
            Step::Connect(at) => self.connect(at % CLIENTS),
            Step::Crash => self.crash(),
            Step::HandOver => self.hand_over()?,
            Step::Survive => self.survive()?,
            Step::Pass(time) => self.pass(time),
        }
        self.notice_closed()?;
        if self.is_tight {
            // More may wait for who is away than is kept.
            let away = self.clients.iter_mut().filter(|client| !client.is_connected());
            away.for_each(|client| client.may_have_missed = true);
        }
        Ok(())
    }

    fn say(&mut self, at: usize, to: Option<usize>) {
        let receivers: Vec<usize> =
            (0..CLIENTS).filter(|other| *other != at && to.is_none_or(|to| to == *other)).collect();
        if receivers.is_empty() {
            return;
        }
        let to = to.map(|to| self.clients[to].id.clone());
        let Some(number) = self.clients[at].say(to.as_deref()) else { return };
        let from = self.clients[at].id.clone();
        for receiver in receivers {
            self.expected.entry((receiver, from.clone())).or_default().push(number);
        }
    }

    /// What is kept back may be overtaken by all else, so that it counts as said by somebody else.
    fn ask(&mut self, at: usize, to: usize) {
        if at == to {
            return;
        }
        let (from, to_id) = (format!("{}~", self.clients[at].id), self.clients[to].id.clone());
        if let Some(number) = self.clients[at].say_as(&from, Some(&to_id)) {
            self.expected.entry((to, from)).or_default().push(number);
        }
    }

    fn read(&mut self, at: usize, count: usize) -> Result<(), String> {
        let fellows: Vec<String> = self.clients.iter().map(|client| client.id.clone()).collect();
        self.clients[at].reads(count, &fellows).map(drop)
    }

    fn cut(&mut self, at: usize) {
        if self.clients[at].is_connected() {
            self.clients[at].is_cut();
        }
    }

    fn connect(&mut self, at: usize) {
        let client = &self.clients[at];
        let taken = match client.offer() {
            Some(offer) => testing::connect_reliably(&self.hub, DB, &client.id, offer),
            None => testing::connect(&self.hub, DB, &client.id, 100),
        };
        if let Ok(taken) = taken {
            self.clients[at].is_taken(taken);
        }
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.clients.iter_mut().for_each(Client::forget_connection);
        self.clock = Arc::new(HandClock::default());
        // Each second one has been up for long, in a cluster of several.
        self.clock.set(if self.crashes.is_multiple_of(2) { LONG_MS } else { 0 });
        self.hub = self.next_hub();
        self.journals = Journals::default();
        self.hub.keep_journals(self.journals.factory());
    }

    fn next_hub(&self) -> Hub {
        Hub::new(settings(self.max_queue, &self.watch), Arc::new(Deaf), self.clock.clone(), Box::new(|| {}))
    }

    fn hand_over(&mut self) -> Result<(), String> {
        let next = self.next_hub();
        testing::pass_on(&self.hub, &next);
        self.go_on_with(next)
    }

    fn survive(&mut self) -> Result<(), String> {
        let next = self.next_hub();
        let max_queue = self.max_queue;
        let played_back = || Settings {
            max_queue,
            max_payload: 100,
            download_large: false,
            coordinators: Some(Box::new(|| Box::new(Keeper::default()))),
        };
        let wires = self.clients.iter().filter_map(Client::wire);
        testing::go_on_after_crash(&self.journals, played_back, wires, &next);
        self.go_on_with(next)
    }

    fn go_on_with(&mut self, next: Hub) -> Result<(), String> {
        for client in &mut self.clients {
            let id = client.id.clone();
            client.passes_on(|wire| testing::reattach(&next, DB, &id, wire))?;
        }
        next.settle();
        self.journals = Journals::default();
        next.keep_journals(self.journals.factory());
        self.hub = next;
        Ok(())
    }

    fn pass(&mut self, time: Millis) {
        let end = self.hub.now() + time;
        for client in &mut self.clients {
            if let Some(away) = &mut client.away {
                *away += time;
                client.may_have_missed |= *away >= WINDOW_MS;
            }
        }
        while self.clock.moves_to_tick(&self.hub, end) {
            self.hub.tick();
        }
        self.hub.trim();
    }

    /// Whose connection the hub has closed knows it.
    fn notice_closed(&mut self) -> Result<(), String> {
        for client in &mut self.clients {
            match client.was_closed() {
                None => {}
                Some(CloseReason::Slow) => {
                    client.may_have_missed = true;
                    client.forget_connection();
                }
                Some(reason) => return Err(format!("the connection of {} is closed: {reason:?}", client.id)),
            }
        }
        Ok(())
    }

    /// Lets everything come to its end, and looks at it.
    ///
    /// # Errors
    /// What is not as it must be.
    pub fn come_to_rest(&mut self) -> Result<(), String> {
        for _ in 0..MAX_ROUNDS {
            for at in 0..CLIENTS {
                if !self.clients[at].is_connected() {
                    self.connect(at);
                }
                self.read(at, usize::MAX)?;
                self.clients[at].acknowledges();
                self.clients[at].delivers(usize::MAX);
            }
            self.notice_closed()?;
            self.pass(ROUND_MS);
            if self.clients.iter().all(Client::is_done) && self.all_is_read() {
                return self.check_all();
            }
        }
        let undone = self.clients.iter().filter(|client| !client.is_done()).map(|client| client.id.as_str());
        Err(format!("no rest: {:?} wait for acknowledgements", undone.collect::<Vec<_>>()))
    }

    fn all_is_read(&mut self) -> bool {
        (0..CLIENTS).all(|at| self.read(at, 1).is_ok() && !self.clients[at].has_news())
    }

    fn check_all(&self) -> Result<(), String> {
        for ((receiver, from), expected) in &self.expected {
            let receiver = &self.clients[*receiver];
            let got = receiver.got.get(from).cloned().unwrap_or_default();
            let sender_is_plain = !from.starts_with("peer-");
            let may_miss = receiver.may_have_missed || !receiver.is_reliable() || sender_is_plain;
            if !may_miss && got != *expected {
                return Err(format!("{} has got {got:?} of {from}, of {expected:?}", receiver.id));
            }
            if !got.iter().all(|number| expected.contains(number)) {
                return Err(format!("{} has got {got:?} of {from}, and more than {expected:?}", receiver.id));
            }
        }
        Ok(())
    }
}
