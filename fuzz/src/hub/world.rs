//! The hub, its peers, and what happens to them.

use std::{collections::BTreeSet, sync::Arc};

use acebase_ipc_server::{
    clock::{SystemClock, unix_millis},
    coordination::{ClusterCoordinator, CoordinationConfig},
    hub::{
        CoordinatorFactory, Hub, PeerHandle, Settings,
        coordinator::Loss,
        event::Deaf,
        testing::{self, Journals, Watch},
    },
    protocol::{Text, close::CloseReason},
};

use super::peer::{MARK, Peer};
use crate::input::Input;

const DB: &str = "db";

/// Two that are known as AceBase's by their ids, whose sessions are kept; two that are not.
const IDS: [&str; 4] = ["worker000000000000000001", "worker000000000000000002", "plain1", "plain2"];

/// Lengths of texts in bytes: on both sides of what is copied, what is large, and what a frame's header can say.
const LENGTHS: [usize; 8] = [1, 60, 99, 101, 126, 2_100, 5_000, 66_000];

/// Texts of more UTF-16 units are large.
const MAX_PAYLOAD: usize = 100;

/// Bytes of texts in one run, so that runs are short.
const MAX_BYTES: usize = 3_000_000;

/// Bytes that the hub itself may put into an outbox in a run, beside the texts: welcomes, notices, introductions,
/// headers.
const NOTICES: usize = 128 * 1024;

/// Kinds of events. Each may come in the same moment as the one before it, or in the next.
const EVENTS: usize = 12;

/// The events among those in which the hub hands over to another one. Rare: what others find must not depend on it.
const HANDS_OVER: [u8; 2] = [239, 251];

/// The events among those in which the hub is killed, and another one goes on.
const CRASHES: [u8; 2] = [227, 215];

/// Losses after which a session may be kept, and after which it is not.
const LOSSES: [Loss; 5] = [Loss::Fin, Loss::Reset, Loss::Unreachable, Loss::Closed, Loss::Violation];

fn maker(config: CoordinationConfig) -> impl Fn() -> ClusterCoordinator {
    move || ClusterCoordinator::new(config.clone(), |_| unix_millis())
}

fn settings(max_queue: usize, fetches: bool, coordinators: Option<CoordinatorFactory>) -> Settings {
    Settings { max_queue, max_payload: MAX_PAYLOAD, download_large: fetches, coordinators }
}

pub struct World {
    hub: Hub,
    journals: Journals,
    config: CoordinationConfig,
    watch: Watch<ClusterCoordinator>,
    max_queue: usize,
    keeps_sessions: bool,
    /// Large texts are fetched.
    fetches: bool,
    peers: Vec<Peer>,
    /// Handles of connections that are over.
    ghosts: Vec<PeerHandle>,
    texts: usize,
    bytes: usize,
    /// Bytes of texts in the present event: they may all be for one peer, and come before any of them is sent.
    event_bytes: usize,
    /// The most that there were in an event: what comes at once goes into an empty outbox, however large.
    most_bytes: usize,
}

impl World {
    pub fn new(input: &mut Input<'_>) -> Self {
        let coordinates = input.flag();
        let max_queue = input.pick(&[1 << 20, 1_000, 10_000]);
        let config = CoordinationConfig { introductions: input.flag(), ..Default::default() };
        let fetches = input.flag();
        let (watch, coordinators) = Watch::new(maker(config.clone()));
        let settings = settings(max_queue, fetches, coordinates.then_some(coordinators));
        let hub = Hub::new(settings, Arc::new(Deaf), Arc::new(SystemClock::start()), Box::new(|| {}));
        let journals = Journals::default();
        hub.keep_journals(journals.factory());
        Self {
            hub,
            journals,
            config,
            watch,
            max_queue,
            keeps_sessions: coordinates,
            fetches,
            peers: Vec::new(),
            ghosts: Vec::new(),
            texts: 0,
            bytes: 0,
            event_bytes: 0,
            most_bytes: 0,
        }
    }

    pub fn play(&mut self, input: &mut Input<'_>) {
        self.event_bytes = 0;
        let id = input.pick(&IDS);
        let number = input.byte();
        let what = usize::from(number) % (2 * EVENTS);
        if what < EVENTS {
            // The moment has passed for which what is to be sent soon may wait.
            self.peers.iter().filter(|peer| peer.is_connected).for_each(|peer| peer.wire.flush());
        }
        match what % EVENTS {
            0 => self.connect(id, distance(input)),
            1 => self.lose(id, input.pick(&LOSSES), distance(input)),
            2 => self.with(id, |peer| peer.wire.set_room(0)),
            3 => self.with(id, |peer| peer.wire.make_room(distance(input))),
            4 => self.with(id, |peer| peer.wire.arrive(distance(input))),
            5 => self.post(id, input),
            6 => self.kick(id),
            7 => self.owner_sends(id, input),
            8 => self.ghosts_speak(),
            9 => {
                self.hub.tick();
                self.hub.trim();
            }
            _ if HANDS_OVER.contains(&number) => self.hand_over(),
            _ if CRASHES.contains(&number) && !self.fetches => self.crash(),
            _ => self.send(id, input),
        }
        self.remove_slow();
    }

    /// The hub stops in the middle of everything, and another one goes on: nobody notices.
    fn hand_over(&mut self) {
        let coordinators = self.keeps_sessions.then(|| self.watch.factory(maker(self.config.clone())));
        let clock = SystemClock::start();
        clock.go_on_from(self.hub.now());
        let settings = settings(self.max_queue, self.fetches, coordinators);
        let next = Hub::new(settings, Arc::new(Deaf), Arc::new(clock), Box::new(|| {}));
        testing::pass_on(&self.hub, &next);
        self.go_on(next);
    }

    /// The hub is killed in the middle of everything, and another one goes on: nobody notices.
    fn crash(&mut self) {
        if self.journals.count() == 0 {
            // More waits for somebody than is written down.
            return;
        }
        let coordinators = self.keeps_sessions.then(|| self.watch.factory(maker(self.config.clone())));
        let clock = SystemClock::start();
        clock.go_on_from(self.hub.now());
        let next = Hub::new(
            settings(self.max_queue, self.fetches, coordinators),
            Arc::new(Deaf),
            Arc::new(clock),
            Box::new(|| {}),
        );
        let played_back = || {
            let make = maker(self.config.clone());
            let coordinators =
                self.keeps_sessions.then(|| -> CoordinatorFactory { Box::new(move || Box::new(make())) });
            settings(self.max_queue, self.fetches, coordinators)
        };
        let connected = self.peers.iter().filter(|peer| peer.is_connected).map(|peer| &peer.wire);
        testing::go_on_after_crash(&self.journals, played_back, connected, &next);
        self.go_on(next);
    }

    fn go_on(&mut self, next: Hub) {
        for peer in self.peers.iter_mut().filter(|peer| peer.is_connected) {
            let taken = testing::reattach(&next, DB, peer.id, &peer.wire);
            (peer.handle, peer.wire) = taken.expect("a connection was not taken along");
        }
        next.settle();
        self.journals = Journals::default();
        next.keep_journals(self.journals.factory());
        self.hub = next;
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.peers.iter().position(|peer| peer.id == id)
    }

    fn with(&mut self, id: &str, act: impl FnOnce(&mut Peer)) {
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == id && peer.is_connected) {
            act(peer);
        }
    }

    /// Its session is kept when its connection breaks.
    fn is_kept(&self, id: &str) -> bool {
        self.keeps_sessions && id.starts_with("worker")
    }

    /// A connection under this id. By an old one that it takes the place of, so many bytes more have arrived.
    fn connect(&mut self, id: &'static str, arrived: u64) {
        let old = self.position(id);
        let goes_on = self.is_kept(id);
        if let (Some(old), true) = (old, goes_on) {
            self.cut(old, arrived);
        }
        let taken = testing::connect_by(&self.hub, DB, id, MAX_PAYLOAD, |wire| {
            wire.set_arrived(0);
            // The world says when the moment has passed.
            wire.be_patient();
        });
        let (handle, wire) = taken.expect("it is not let in");
        match old {
            Some(old) if goes_on => self.peers[old].returns(handle, wire),
            Some(old) => {
                self.end(old, CloseReason::Replaced);
                self.join(Peer::new(id, handle, wire));
            }
            None => self.join(Peer::new(id, handle, wire)),
        }
    }

    fn join(&mut self, peer: Peer) {
        for other in &mut self.peers {
            other.newer.insert(peer.id);
        }
        self.peers.push(peer);
    }

    fn cut(&mut self, peer: usize, arrived: u64) {
        let peer = &mut self.peers[peer];
        if peer.is_connected {
            self.ghosts.push(peer.handle.clone());
            peer.is_cut(arrived, &self.hub, DB);
        }
    }

    fn lose(&mut self, id: &str, loss: Loss, arrived: u64) {
        let Some(peer) = self.position(id).filter(|peer| self.peers[*peer].is_connected) else { return };
        self.cut(peer, arrived);
        self.peers[peer].handle.lost(loss);
        let may_return = matches!(loss, Loss::Fin | Loss::Reset | Loss::Unreachable);
        if !(may_return && self.is_kept(id)) {
            self.remove(peer);
        }
    }

    /// The server's side has closed the connection.
    fn end(&mut self, peer: usize, reason: CloseReason) {
        let peer = self.remove(peer);
        self.ghosts.push(peer.handle.clone());
        assert!(!peer.is_connected || peer.wire.closed() == Some(reason), "{} is not told {reason:?}", peer.id);
        peer.ends(&self.hub, DB);
    }

    fn remove(&mut self, peer: usize) -> Peer {
        let removed = self.peers.remove(peer);
        for other in &mut self.peers {
            other.newer.remove(removed.id);
        }
        removed
    }

    fn kick(&mut self, id: &str) {
        let peer = self.position(id);
        assert_eq!(self.hub.kick(DB, id), peer.is_some());
        if let Some(peer) = peer {
            self.end(peer, CloseReason::Kicked);
        }
    }

    /// A connected peer says some things at once.
    fn send(&mut self, from: &str, input: &mut Input<'_>) {
        let connected = self.peers.iter().find(|peer| peer.id == from && peer.is_connected);
        let Some(handle) = connected.map(|peer| peer.handle.clone()) else { return };
        let said: Vec<Text> = (0..=input.below(4)).map(|_| self.say(from, input)).collect();
        handle.receive(said.into_iter());
    }

    /// A message that comes by POST, also from a peer that is away.
    fn post(&mut self, from: &str, input: &mut Input<'_>) {
        let handle = self.hub.peer(DB, from);
        assert_eq!(handle.is_some(), self.position(from).is_some());
        if let Some(handle) = handle {
            handle.receive(std::iter::once(self.say(from, input)));
        }
    }

    fn owner_sends(&mut self, to: &str, input: &mut Input<'_>) {
        let text = self.text(input);
        let addressee = self.peers.iter_mut().find(|peer| peer.id == to);
        assert_eq!(self.hub.send(DB, to, text.as_str().into()), addressee.is_some());
        if let Some(peer) = addressee {
            peer.expect(&text);
        }
    }

    /// Makes what a peer says, and lets those for whom it is expect it.
    fn say(&mut self, from: &str, input: &mut Input<'_>) -> Text {
        let to = input.below(IDS.len() + 4);
        let text = self.text(input);
        for peer in &mut self.peers {
            if IDS.get(to).map_or(peer.id != from, |to| peer.id == *to) {
                peer.expect(&text);
            }
        }
        let said = match IDS.get(to) {
            Some(to) => format!("to:{to};{text}"),
            None if to == IDS.len() => format!("to:all;{text}"),
            None => text,
        };
        said.into()
    }

    /// A text that there was not before.
    fn text(&mut self, input: &mut Input<'_>) -> String {
        let wanted = input.pick(&LENGTHS);
        let length = if self.bytes + wanted > MAX_BYTES { 1 } else { wanted };
        self.texts += 1;
        self.bytes += length;
        self.event_bytes += length;
        self.most_bytes = self.most_bytes.max(self.event_bytes);
        format!("{MARK}{} {}", self.texts, "x".repeat(length))
    }

    /// What is said by connections that are over, nobody gets; that they are lost once more, matters to nobody.
    fn ghosts_speak(&self) {
        for ghost in &self.ghosts {
            ghost.receive(std::iter::once(format!("{MARK}from the grave").into()));
            ghost.lost(Loss::Fin);
        }
    }

    /// Those who do not keep up are cut off: connected, they are told so.
    fn remove_slow(&mut self) {
        let there = self.ids();
        while let Some(slow) = self.peers.iter().position(|peer| !there.contains(peer.id)) {
            let peer = &self.peers[slow];
            let owed = peer.owed();
            assert!(owed + NOTICES > self.max_queue, "{} is owed {owed} bytes, and is too slow", peer.id);
            let waits = !peer.is_connected || peer.has_returned || peer.wire.is_blocked();
            assert!(waits || self.event_bytes + NOTICES > self.max_queue, "{} reads, and is too slow", peer.id);
            self.end(slow, CloseReason::Slow);
        }
    }

    fn ids(&self) -> BTreeSet<String> {
        self.hub.clients(DB).iter().map(|client| client.id.to_string()).collect()
    }

    pub fn check(&self) {
        let clients = self.hub.clients(DB);
        assert_eq!(clients.len(), self.peers.len(), "who is there?");
        for client in clients {
            let Some(peer) = self.position(&client.id).map(|peer| &self.peers[peer]) else { panic!("who is this?") };
            assert_eq!(client.is_away, !peer.is_connected);
            assert!(client.queued <= peer.owed() + NOTICES, "{} bytes wait for {}", client.queued, client.id);
            let bound = self.max_queue.max(self.most_bytes) + NOTICES;
            assert!(peer.has_returned || !peer.is_connected || client.queued <= bound, "{} bytes wait", client.queued);
            assert!(peer.wire.closed().is_none() || !peer.is_connected, "{} is closed, and there", client.id);
        }
    }

    /// All return and read; then all leave.
    pub fn come_to_rest(mut self) {
        let away: Vec<_> = self.peers.iter().filter(|peer| !peer.is_connected).map(|peer| peer.id).collect();
        for id in away {
            self.event_bytes = 0;
            self.connect(id, 0);
            self.remove_slow();
        }
        for peer in &mut self.peers {
            peer.is_at_rest(&self.hub, DB);
        }
        self.peers.iter().for_each(|peer| peer.handle.lost(Loss::Closed));
        assert!(self.hub.clients(DB).is_empty());
        self.hub.tick();
        assert!(self.fetches || self.hub.snapshot().is_empty(), "the database is still there");
    }
}

/// So many bytes: a few, or a good part of what there may be, or all.
fn distance(input: &mut Input<'_>) -> u64 {
    match input.byte() {
        few @ 0..150 => u64::from(few),
        more @ 150..250 => 700 * u64::from(more - 149),
        _ => u64::MAX,
    }
}
