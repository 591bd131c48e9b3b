//! Tools for the hub's tests: a transport that records, a hub with settings, texts in and out.

use std::{
    io,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    clock::SystemClock,
    hub::{
        Hub, Outbox, PeerHandle, Settings,
        event::{Event, Observer},
        trace::Trace,
        transport::{LinkId, Transport},
    },
    protocol::{Text, close::CloseReason, frame::Written},
};

/// What acknowledges everything.
const ALL: u64 = u64::MAX;

/// A connection that writes into memory.
pub struct Wire {
    link: LinkId,
    /// Weak, as the outbox holds its wire: a test must not leave a ring of both behind, or leak checkers could not
    /// tell it from a leak.
    outbox: Weak<Outbox>,
    stream: Mutex<Vec<u8>>,
    /// Bytes that the socket still takes.
    room: AtomicU64,
    acknowledged: AtomicU64,
    writes: AtomicU64,
    /// What may follow soon is waited for: until [`Wire::flush`].
    is_patient: AtomicBool,
    closed: Mutex<Option<CloseReason>>,
}

impl Wire {
    pub fn new(link: LinkId, outbox: &Arc<Outbox>) -> Arc<Self> {
        Arc::new(Self {
            link,
            outbox: Arc::downgrade(outbox),
            stream: Mutex::default(),
            room: AtomicU64::new(u64::MAX),
            acknowledged: AtomicU64::new(ALL),
            writes: AtomicU64::new(0),
            is_patient: AtomicBool::new(false),
            closed: Mutex::default(),
        })
    }

    /// From now on the socket takes so many bytes.
    pub fn set_room(&self, bytes: u64) {
        self.room.store(bytes, Ordering::Relaxed);
    }

    /// From now on it waits for more where more may follow.
    pub fn be_patient(&self) {
        self.is_patient.store(true, Ordering::Relaxed);
    }

    /// Writes so far.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// The other side has acknowledged so many texts of those written, and `extra` bytes of the next.
    pub fn acknowledge_texts(&self, count: usize, extra: u64) {
        let stream = self.stream.lock();
        let mut at = 0;
        for _ in 0..count {
            at += Written::parse(&stream[at..]).unwrap().len();
        }
        self.acknowledge(at as u64 + extra);
    }

    /// The other side has acknowledged so many bytes of those written.
    pub fn acknowledge(&self, bytes: u64) {
        self.acknowledged.store(bytes, Ordering::Relaxed);
    }

    /// The texts that were written, whole ones only.
    pub fn texts(&self) -> Vec<String> {
        let stream = self.stream.lock();
        let (mut texts, mut rest) = (Vec::new(), stream.as_slice());
        while let Some(written) = Written::parse(rest)
            && written.len() <= rest.len()
        {
            texts.push(String::from_utf8(rest[written.header..written.len()].to_vec()).unwrap());
            rest = &rest[written.len()..];
        }
        texts
    }

    /// As `texts`, without the welcome.
    pub fn news(&self) -> Vec<String> {
        self.texts().split_off(1)
    }

    pub fn closed(&self) -> Option<CloseReason> {
        *self.closed.lock()
    }
}

impl Transport for Wire {
    fn flush(&self) {
        let Some(outbox) = self.outbox.upgrade() else { return };
        outbox.write_with(self.link, |slices| {
            let offered: usize = slices.iter().map(|slice| slice.len()).sum();
            let room = self.room.load(Ordering::Relaxed);
            if room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let taken = offered.min(usize::try_from(room).unwrap_or(usize::MAX));
            self.room.store(room.saturating_sub(taken as u64), Ordering::Relaxed);
            self.writes.fetch_add(1, Ordering::Relaxed);
            let mut stream = self.stream.lock();
            let end = stream.len() + taken;
            slices.iter().for_each(|slice| stream.extend_from_slice(slice));
            stream.truncate(end);
            Ok(taken)
        });
    }

    fn flush_soon(&self) {
        if !self.is_patient.load(Ordering::Relaxed) {
            self.flush();
        }
    }

    fn close(&self, reason: CloseReason) {
        self.closed.lock().get_or_insert(reason);
    }

    fn acknowledged(&self) -> Option<u64> {
        Some(self.acknowledged.load(Ordering::Relaxed))
    }

    fn delivered(&self) -> Option<u64> {
        self.acknowledged()
    }

    fn round_trip(&self) -> Option<Duration> {
        None
    }
}

/// An observer that remembers.
#[derive(Default)]
pub struct Notebook(pub Mutex<Vec<String>>);

impl Observer for Notebook {
    fn event(&self, event: Event) {
        let line = match event {
            Event::Connect { db, id } => format!("connect {db} {id}"),
            Event::Disconnect { db, id, reason } => format!("disconnect {db} {id} {reason}"),
            Event::Message { id, text, .. } => format!("message {id} {}", String::from_utf8_lossy(&text)),
            Event::Warning { code, .. } => format!("warning {code}"),
            Event::Trace(trace) => describe(&trace),
            other => format!("{other:?}"),
        };
        self.0.lock().push(line);
    }
}

fn describe(trace: &Trace) -> String {
    let (from, to) = (trace.from.as_deref().unwrap_or("hub"), trace.to.as_deref().unwrap_or("all"));
    format!("trace {} {from}>{to} {} {} {}", trace.db, trace.bytes, trace.fate.name(), trace.text)
}

pub fn settings() -> Settings {
    Settings { max_queue: 64 * 1024, max_payload: 100, download_large: false, coordinators: None }
}

pub fn hub(settings: Settings) -> (Hub, Arc<Notebook>) {
    let notebook = Arc::new(Notebook::default());
    (Hub::new(settings, notebook.clone(), Arc::new(SystemClock::start()), Box::new(|| {})), notebook)
}

pub fn connect(hub: &Hub, db: &str, id: &str) -> (PeerHandle, Arc<Wire>) {
    let mut wire = None;
    let peer = hub
        .connect(db, id, 100, |link, outbox| {
            let made = Wire::new(link, &outbox);
            wire = Some(made.clone());
            made
        })
        .unwrap();
    (peer, wire.unwrap())
}

pub fn say(peer: &PeerHandle, texts: &[&str]) {
    peer.receive(texts.iter().map(|text| Text::from(*text)));
}
