//! Journals in a test's hands: their memory outlives the hub, which can be killed at any moment, and another one plays
//! back what happened.

use std::{
    collections::BTreeMap,
    io::IoSlice,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use parking_lot::Mutex;

use super::Wire;
use crate::{
    hub::{
        FrozenHub, Hub, Settings,
        journal::{
            Area, Memory, MemoryFactory, Provenance, Reader, Replayed, Standing, Witness,
            replay::{Going, Scene},
        },
        transport::LinkId,
    },
    protocol::Text,
};

/// Bytes of an area: so few that there are new snapshots, too.
const AREA: usize = 96 << 10;

/// Numbers of connections in memory, as a system numbers sockets.
static SOCKETS: AtomicU64 = AtomicU64::new(1);

/// What counts of one journal.
type Kept = Arc<Mutex<Option<(Area, Vec<u8>)>>>;

/// The journals of one hub.
#[derive(Clone)]
pub struct Journals {
    all: Arc<Mutex<Vec<Kept>>>,
    /// Bytes of an area.
    area: usize,
}

impl Default for Journals {
    fn default() -> Self {
        Self::with_area(AREA)
    }
}

/// The memory of one journal. What counts is copied, so that a hub that is killed leaves that and nothing else.
struct Copied {
    areas: [Vec<u8>; 2],
    kept: Kept,
}

/// The number of a connection that has no socket.
pub(super) fn next_socket() -> u64 {
    SOCKETS.fetch_add(1, Relaxed)
}

impl Journals {
    /// In memory of two times so many bytes each.
    pub fn with_area(area: usize) -> Self {
        Self { all: Arc::default(), area }
    }

    /// For [`Hub::keep_journals`].
    pub fn factory(&self) -> MemoryFactory {
        let Self { all, area } = self.clone();
        Box::new(move || {
            let kept = Kept::default();
            all.lock().push(kept.clone());
            Some(Box::new(Copied { areas: [vec![0; area], vec![0; area]], kept }))
        })
    }

    /// How many of them count: those of databases that have not come to an orderly end.
    pub fn count(&self) -> usize {
        self.all.lock().iter().filter(|kept| kept.lock().is_some()).count()
    }

    /// The hub that has these journals is killed: what another one goes on with, as bytes, and the connections that go
    /// on, by their numbers. `settings` makes those of the hub that is killed.
    ///
    /// # Panics
    /// What is played back is not what has happened.
    pub fn play_back<'a>(
        &self,
        settings: impl Fn() -> Settings,
        wires: impl Iterator<Item = &'a Wire> + Clone,
    ) -> (FrozenHub, Vec<Going>) {
        let streams = wires.clone().map(|wire| (wire.link(), wire.written())).collect();
        let witness = watcher(streams);
        let standings: BTreeMap<u64, Standing> = wires.map(|wire| (wire.socket(), wire.standing())).collect();
        let mut replayed = Replayed::new();
        for kept in self.all.lock().iter() {
            let Some((_, journal)) = kept.lock().clone() else { continue };
            let scene = Scene {
                standing: &|socket| standings.get(&socket).copied(),
                reader: &|_, _| Box::<Lines>::default(),
                witness: &witness,
            };
            replayed.add(&journal, settings(), &scene).expect("a journal cannot be played back");
        }
        assert_eq!(replayed.broken, 0, "connections cannot go on");
        let (hub, going) = replayed.into_hub();
        let bytes = rmp_serde::to_vec_named(&hub).expect("a hub cannot be written");
        (rmp_serde::from_slice(&bytes).expect("what was written cannot be read"), going)
    }
}

/// Holds what is played back against what was written.
fn watcher(streams: BTreeMap<LinkId, Vec<u8>>) -> Witness {
    Arc::new(move |link: LinkId, offset: u64, slices: &[IoSlice<'_>]| {
        let Some(stream) = streams.get(&link) else { return };
        let played: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let written = stream.get(offset as usize..).unwrap_or_default();
        let common = played.len().min(written.len());
        assert!(
            played[..common] == written[..common],
            "{link:?} was written {:?} from {offset} on, and {:?} is played back",
            String::from_utf8_lossy(&written[..common]),
            String::from_utf8_lossy(&played[..common]),
        );
    })
}

/// One hub is killed, and another one goes on, with nothing in common but bytes. Connections are to be
/// [reattached](super::reattach), and [`Hub::settle`] must follow.
///
/// # Panics
/// What is played back is not what has happened.
pub fn go_on_after_crash<'a>(
    journals: &Journals,
    settings: impl Fn() -> Settings,
    wires: impl Iterator<Item = &'a Wire> + Clone,
    to: &Hub,
) {
    let (hub, going) = journals.play_back(settings, wires.clone());
    for wire in wires {
        let goes_on = going.iter().any(|going| going.link == wire.link().0);
        assert!(goes_on || wire.closed().is_some(), "{:?} does not go on", wire.link());
    }
    to.thaw(hub).expect("a hub cannot go on");
}

impl Memory for Copied {
    fn area(&mut self, area: Area) -> &mut [u8] {
        &mut self.areas[area]
    }

    fn commit(&mut self, area: Area, length: usize) {
        let mut kept = self.kept.lock();
        let bytes = &self.areas[area][..length];
        match &mut *kept {
            Some((before, kept)) if *before == area && kept.len() <= length => {
                kept.extend_from_slice(&bytes[kept.len()..]);
            }
            other => *other = Some((area, bytes.to_vec())),
        }
    }

    fn close(&mut self) {
        *self.kept.lock() = None;
    }
}

/// What is read from a connection in memory, where it is not messages at once: each line is one.
#[derive(Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    /// Nothing is unfinished.
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }
}

impl Reader for Lines {
    fn read(&mut self, bytes: &[u8]) -> Vec<Text> {
        self.0.extend_from_slice(bytes);
        let end = self.0.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let whole = String::from_utf8(self.0.drain(..end).collect()).expect("what is read is no text");
        whole.lines().map(Text::from).collect()
    }

    fn unread(self: Box<Self>) -> Option<Bytes> {
        Some(self.0.into())
    }
}

/// What a connection in memory was before.
pub(super) fn origin(socket: u64) -> Provenance {
    Provenance { socket, ..Provenance::default() }
}
