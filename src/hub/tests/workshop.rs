//! Tools for the hub's tests: a hub with settings, texts in.

use std::sync::Arc;

use crate::{
    hub::{
        Hub, PeerHandle, Settings,
        testing::{self, HandClock, Notebook, Wire},
    },
    protocol::Text,
};

pub fn settings() -> Settings {
    Settings { max_queue: 64 * 1024, max_payload: 100, download_large: false, coordinators: None }
}

pub fn hub(settings: Settings) -> (Hub, Arc<Notebook>) {
    let (hub, notebook, _) = hub_and_clock(settings);
    (hub, notebook)
}

pub fn hub_and_clock(settings: Settings) -> (Hub, Arc<Notebook>, Arc<HandClock>) {
    let (notebook, clock) = (Arc::new(Notebook::default()), Arc::new(HandClock::default()));
    (Hub::new(settings, notebook.clone(), clock.clone(), Box::new(|| {})), notebook, clock)
}

pub fn connect(hub: &Hub, db: &str, id: &str) -> (PeerHandle, Wire) {
    testing::connect(hub, db, id, 100).unwrap()
}

pub fn say(peer: &PeerHandle, texts: &[&str]) {
    peer.receive(texts.iter().map(|text| Text::from(*text)));
}
