//! A hub that is killed at any moment, and what another one plays back. With coordination the model does the same
//! (`coordination/model`), and with everything that can happen to connections a fuzz target.

use std::sync::Arc;

use bytes::Bytes;

use super::workshop::{connect, hub_and_clock, say, settings};
use crate::{
    hub::{
        Hub, PeerHandle, Settings,
        event::Event,
        journal::{MAX_SNAPSHOT, Read, Reader},
        testing::{self, HandClock, Journals, Lines, Notebook, Wire},
    },
    protocol::Text,
};

const DB: &str = "db";

/// More than a journal's memory in a test holds of records: there is a new snapshot after so much.
const MUCH: usize = 200 << 10;

/// A hub that can be killed, and the connections to it.
struct Scene {
    hub: Hub,
    clock: Arc<HandClock>,
    notebook: Arc<Notebook>,
    journals: Journals,
    max_queue: usize,
    speakers: Vec<Speaker>,
}

/// A peer, and what was read from its connection.
struct Speaker {
    id: &'static str,
    peer: PeerHandle,
    wire: Wire,
    lines: Lines,
    /// What no turn has had yet.
    rest: std::vec::IntoIter<Text>,
}

fn small(max_queue: usize) -> Settings {
    Settings { max_queue, ..settings() }
}

impl Scene {
    fn new(max_queue: usize) -> Self {
        Self::with(max_queue, Journals::default())
    }

    fn with(max_queue: usize, journals: Journals) -> Self {
        let (hub, notebook, clock) = hub_and_clock(small(max_queue));
        hub.keep_journals(journals.factory());
        Self { hub, clock, notebook, journals, max_queue, speakers: Vec::new() }
    }

    fn join(&mut self, id: &'static str) {
        let (peer, wire) = connect(&self.hub, DB, id);
        let speaker = Speaker { id, peer, wire, lines: Lines::default(), rest: Vec::new().into_iter() };
        self.speakers.push(speaker);
    }

    fn speaker(&mut self, id: &str) -> &mut Speaker {
        self.speakers.iter_mut().find(|speaker| speaker.id == id).unwrap()
    }

    /// Bytes are read from a connection.
    fn read(&mut self, id: &str, bytes: &str) {
        let Speaker { peer, wire, lines, rest, .. } = self.speaker(id);
        let messages = lines.read(bytes.as_bytes());
        wire.was_read(bytes.len());
        *rest = messages.into_iter();
        peer.receive_read(Read { bytes: bytes.as_bytes(), is_whole: lines.is_whole() }, rest);
    }

    /// What another hub would have of each connection's beginning of a message.
    fn crash(&mut self) -> Vec<(String, Bytes)> {
        let (next, notebook, clock) = hub_and_clock(small(self.max_queue));
        clock.set(self.hub.now());
        let wires = self.speakers.iter().map(|speaker| &speaker.wire);
        let (frozen, mut going) = self.journals.play_back(|| small(self.max_queue), wires);
        next.thaw(frozen).unwrap();
        for speaker in &mut self.speakers {
            if let Some((peer, wire)) = testing::reattach(&next, DB, speaker.id, &speaker.wire) {
                (speaker.peer, speaker.wire) = (peer, wire);
            }
        }
        next.settle();
        let _ = self.hub.freeze();
        self.journals = Journals::default();
        next.keep_journals(self.journals.factory());
        (self.hub, self.notebook, self.clock) = (next, notebook, clock);
        going.sort_unstable_by_key(|going| going.link);
        going.into_iter().map(|going| (going.id, going.unread)).collect()
    }

    fn news(&mut self, id: &str) -> Vec<String> {
        self.speaker(id).wire.news()
    }
}

#[test]
fn what_was_written_is_not_written_again_and_what_was_not_is() {
    let mut scene = Scene::new(1 << 20);
    scene.join("anna");
    scene.join("berta");
    scene.speaker("berta").wire.set_room(10);
    scene.read("anna", "one\ntwo\n");
    scene.crash();
    scene.speaker("berta").wire.make_room(u64::MAX);
    assert_eq!(scene.news("berta"), ["one", "two"]);
    assert_eq!(scene.news("anna"), ["connect:berta"]);
}

#[test]
fn the_beginning_of_a_message_is_read_on() {
    let mut scene = Scene::new(1 << 20);
    scene.join("anna");
    scene.join("berta");
    scene.read("anna", "one\ntw");
    let going = scene.crash();
    assert_eq!(going, [("anna".to_owned(), Bytes::from_static(b"tw")), ("berta".to_owned(), Bytes::new())]);
    assert_eq!(scene.news("berta"), ["one"]);
}

#[test]
fn the_beginning_of_a_message_outlives_the_snapshots_that_come_meanwhile() {
    let mut scene = Scene::new(1 << 20);
    scene.join("anna");
    scene.join("berta");
    scene.read("berta", "a line\nthe beginn");
    for _ in 0..MUCH / 100 {
        scene.read("anna", &format!("{}\n", "x".repeat(99)));
    }
    scene.read("berta", "ing of");
    let going = scene.crash();
    assert_eq!(going[1], ("berta".to_owned(), Bytes::from_static(b"the beginning of")));
    assert_eq!(scene.news("anna"), ["connect:berta", "a line"]);
    assert_eq!(scene.news("berta").len(), MUCH / 100);
}

#[test]
fn a_message_in_very_many_pieces_is_one() {
    let mut scene = Scene::new(1 << 20);
    scene.join("anna");
    for _ in 0..5_000 {
        scene.read("anna", "x");
    }
    assert_eq!(scene.crash()[0].1.len(), 5_000);
}

#[test]
fn what_was_read_and_not_routed_is_routed() {
    // Reading costs as much as copying 256 bytes, and so does putting something into an outbox.
    const TOO_MANY_FOR_A_TURN: usize = 30_000;
    let mut scene = Scene::with(4 << 20, Journals::with_area(4 << 20));
    scene.join("anna");
    scene.join("berta");
    scene.speaker("berta").wire.set_room(0);
    scene.read("anna", &"to:berta;x\n".repeat(TOO_MANY_FOR_A_TURN));
    assert!(scene.speaker("anna").rest.len() > 0, "one turn has done all");
    scene.crash();
    scene.speaker("berta").wire.make_room(u64::MAX);
    assert_eq!(scene.news("berta").len(), TOO_MANY_FOR_A_TURN);
}

#[test]
fn a_peer_that_was_too_slow_is_gone() {
    let mut scene = Scene::new(1_000);
    for id in ["anna", "berta", "carla"] {
        scene.join(id);
    }
    scene.speaker("berta").wire.set_room(0);
    for number in 0..30 {
        scene.read("anna", &format!("to:berta;{number:0100}\n"));
    }
    scene.read("anna", "still here\n");
    let before = scene.news("carla");
    assert_eq!(before, ["disconnect:berta", "still here"]);
    assert_eq!(scene.crash().len(), 2);
    scene.read("anna", "and now\n");
    assert_eq!(scene.news("carla"), ["disconnect:berta", "still here", "and now"]);
}

#[test]
fn what_comes_by_post_from_the_owner_and_in_control_frames_is_played_back() {
    let mut scene = Scene::new(1 << 20);
    scene.join("anna");
    scene.join("berta");
    scene.speaker("berta").wire.set_room(0);
    say(&scene.hub.peer(DB, "anna").unwrap(), &["by post"]);
    scene.hub.send(DB, "berta", Text::from("from the owner"));
    scene.hub.kick(DB, "anna");
    scene.crash();
    scene.speaker("berta").wire.make_room(u64::MAX);
    assert_eq!(scene.news("berta"), ["by post", "from the owner", "disconnect:anna"]);
}

#[test]
fn a_peer_that_is_asked_for_a_sign_of_life_is_so_once() {
    let mut scene = Scene::new(1 << 20);
    scene.join("anna");
    scene.join("berta");
    scene.speaker("berta").wire.set_room(1);
    scene.hub.ask_for_life(DB, "berta");
    scene.read("anna", "one\n");
    scene.crash();
    scene.speaker("berta").wire.make_room(u64::MAX);
    // A ping is a frame without a text.
    assert_eq!(scene.news("berta"), ["", "one"]);
}

#[test]
fn a_database_that_comes_to_an_orderly_end_leaves_nothing() {
    let mut scene = Scene::new(1 << 20);
    scene.join("anna");
    assert_eq!(scene.journals.count(), 1);
    scene.speaker("anna").peer.lost(crate::hub::coordinator::Loss::Closed);
    scene.hub.tick();
    assert_eq!(scene.journals.count(), 0);
    scene.join("berta");
    assert_eq!(scene.journals.count(), 1);
    scene.hub.close();
    assert_eq!(scene.journals.count(), 0);
}

#[test]
fn a_database_that_is_too_large_is_not_written_down_any_more_which_is_told() {
    let mut scene = Scene::new(4 * MAX_SNAPSHOT);
    scene.join("anna");
    scene.join("berta");
    scene.notebook.take();
    scene.speaker("berta").wire.set_room(0);
    for number in 0..3 {
        scene.read("anna", &format!("{number}{}\n", "x".repeat(100 << 10)));
    }
    assert_eq!(scene.journals.count(), 0);
    let told = scene.notebook.take();
    assert!(told.iter().any(|event| matches!(event, Event::Notice { code: "journal", .. })), "{told:?}");
    scene.speaker("berta").wire.make_room(u64::MAX);
    assert_eq!(scene.news("berta").len(), 3);
}
