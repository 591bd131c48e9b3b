//! A connection in memory: a socket that takes so many bytes, and another side that has got so many.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use acebase_ipc_server::{
    hub::{
        Drain, Outbox,
        transport::{LinkId, Transport},
    },
    protocol::{close::CloseReason, frame::Written},
};
use parking_lot::Mutex;

/// A connection in memory: what its socket takes, and what has come out at the other side.
pub struct Wire {
    link: LinkId,
    outbox: Arc<Outbox>,
    stream: Mutex<Vec<u8>>,
    /// Bytes that the socket still takes.
    room: AtomicU64,
    is_blocked: AtomicBool,
    acknowledged: AtomicU64,
    /// Bytes that had arrived when the connection broke.
    delivered: AtomicU64,
    closed: Mutex<Option<CloseReason>>,
}

impl Wire {
    pub fn new(link: LinkId, outbox: Arc<Outbox>) -> Arc<Self> {
        Arc::new(Self {
            link,
            outbox,
            stream: Mutex::default(),
            room: AtomicU64::new(u64::MAX),
            is_blocked: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            closed: Mutex::default(),
        })
    }

    /// From now on the socket takes nothing until it is read.
    pub fn stall(&self) {
        self.room.store(0, Relaxed);
    }

    /// The other side reads: the socket takes so many bytes more.
    pub fn read(&self, bytes: u64) {
        self.room.store(self.room.load(Relaxed).saturating_add(bytes), Relaxed);
        self.flush();
    }

    /// The other side's kernel acknowledges so many bytes more.
    pub fn acknowledge(&self, bytes: u64) {
        let acknowledged = self.acknowledged.load(Relaxed).saturating_add(bytes);
        self.acknowledged.store(acknowledged.min(self.written()), Relaxed);
    }

    /// The session that had the connection lets go of it.
    pub fn release(&self) {
        self.outbox.release(self.link);
    }

    /// The connection breaks: of what was not acknowledged, so many bytes had arrived.
    pub fn cut(&self, bytes: u64) {
        self.stall();
        self.acknowledge(bytes);
        self.delivered.store(self.acknowledged.load(Relaxed), Relaxed);
    }

    /// The socket has taken less than there was.
    pub fn is_blocked(&self) -> bool {
        self.is_blocked.load(Relaxed)
    }

    pub fn closed(&self) -> Option<CloseReason> {
        *self.closed.lock()
    }

    fn written(&self) -> u64 {
        self.stream.lock().len() as u64
    }

    /// The whole texts among what had arrived when the connection was cut.
    pub fn arrived(&self) -> Vec<String> {
        let stream = self.stream.lock();
        let mut rest = &stream[..self.delivered.load(Relaxed) as usize];
        let mut texts = Vec::new();
        while let Some(written) = Written::parse(rest)
            && written.len() <= rest.len()
        {
            assert!(written.is_text, "a control frame that nobody asked for");
            texts.push(String::from_utf8(rest[written.header..written.len()].to_vec()).expect("a text is not UTF-8"));
            rest = &rest[written.len()..];
        }
        texts
    }
}

impl Transport for Wire {
    fn flush(&self) {
        let drained = self.outbox.write_with(self.link, |slices| {
            let offered: usize = slices.iter().map(|slice| slice.len()).sum();
            let room = self.room.load(Relaxed);
            if room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let taken = offered.min(usize::try_from(room).unwrap_or(usize::MAX));
            if room != u64::MAX {
                self.room.store(room - taken as u64, Relaxed);
            }
            let mut stream = self.stream.lock();
            let end = stream.len() + taken;
            slices.iter().for_each(|slice| stream.extend_from_slice(slice));
            stream.truncate(end);
            Ok(taken)
        });
        self.is_blocked.store(matches!(drained, Drain::Blocked), Relaxed);
        self.outbox.trim_if_due();
    }

    fn flush_soon(&self) {
        // The world says when the moment has passed.
    }

    fn close(&self, reason: CloseReason) {
        self.closed.lock().get_or_insert(reason);
    }

    fn acknowledged(&self) -> Option<u64> {
        Some(self.acknowledged.load(Relaxed))
    }

    fn delivered(&self) -> Option<u64> {
        Some(self.delivered.load(Relaxed))
    }

    fn round_trip(&self) -> Option<Duration> {
        None
    }
}
