//! A connection in memory: a socket that takes so many bytes, and another side that has got, or read, so many of them.

use std::{
    io::{self, IoSlice},
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    hub::{
        Drain, Outbox,
        journal::Standing,
        transport::{LinkId, Transport},
    },
    protocol::{
        close::CloseReason,
        frame::{self, Written},
    },
};

/// No bound: a socket that takes everything, all of which has arrived.
const ALL: u64 = u64::MAX;

/// The test's end of a connection.
pub struct Wire {
    carrier: Arc<Carrier>,
    /// The hub lets go of the outbox of a session that is over; what is left of it may still be read.
    outbox: Arc<Outbox>,
}

/// The hub's end. It holds its outbox weakly, as that holds it: a test must not leave a ring of both behind, or leak
/// checkers could not tell it from a leak.
struct Carrier {
    link: LinkId,
    /// Its number in the system.
    number: u64,
    outbox: Weak<Outbox>,
    socket: Mutex<Socket>,
}

struct Socket {
    /// What was written.
    stream: Vec<u8>,
    /// Bytes that it still takes.
    room: u64,
    /// Bytes of the stream that the other side has got, and has acknowledged.
    arrived: u64,
    /// Bytes of the stream that were read, text by text.
    read: usize,
    writes: u64,
    /// Bytes that the hub has read.
    heard: u64,
    /// It has taken less than there was.
    is_blocked: bool,
    /// What may follow soon is waited for: until [`Wire::flush`].
    is_patient: bool,
    has_hung_up: bool,
    closed: Option<CloseReason>,
}

impl Wire {
    /// A connection that takes everything at once, and where all that was written has arrived.
    pub fn new(link: LinkId, outbox: Arc<Outbox>) -> Self {
        let socket = Mutex::new(Socket::new());
        let carrier = Carrier { link, number: 0, outbox: Arc::downgrade(&outbox), socket };
        Self { carrier: Arc::new(carrier), outbox }
    }

    /// The same, with a number in the system. Before it is used.
    pub(super) fn with_socket(self, number: u64) -> Self {
        let Self { carrier, outbox } = self;
        let (link, socket) = (carrier.link, Mutex::new(std::mem::replace(&mut *carrier.socket.lock(), Socket::new())));
        Self { carrier: Arc::new(Carrier { link, number, outbox: Arc::downgrade(&outbox), socket }), outbox }
    }

    /// The connection's number in the system.
    pub fn socket(&self) -> u64 {
        self.carrier.number
    }

    /// All that was written.
    pub(super) fn written(&self) -> Vec<u8> {
        self.carrier.socket.lock().stream.clone()
    }

    /// So many bytes were read from the connection.
    pub fn was_read(&self, bytes: usize) {
        self.carrier.socket.lock().heard += bytes as u64;
    }

    /// How far the kernel would have come with it.
    pub fn standing(&self) -> Standing {
        let socket = self.carrier.socket.lock();
        let written = socket.stream.len() as u64;
        Standing { read: socket.heard, written, acknowledged: socket.arrived.min(written) }
    }

    /// The same connection, of another hub that goes on where its own has stopped, with the outbox that is there. Of
    /// this one nothing is left.
    pub fn passed_on(&self, outbox: Arc<Outbox>) -> Self {
        let socket = std::mem::replace(&mut *self.carrier.socket.lock(), Socket::new());
        let (link, number) = (self.carrier.link, self.carrier.number);
        let carrier = Carrier { link, number, outbox: Arc::downgrade(&outbox), socket: Mutex::new(socket) };
        Self { carrier: Arc::new(carrier), outbox }
    }

    /// The connection's number in the hub.
    pub fn link(&self) -> LinkId {
        self.carrier.link
    }

    /// What the hub writes to.
    pub fn transport(&self) -> Arc<dyn Transport> {
        self.carrier.clone()
    }

    /// Writes what can be written.
    pub fn flush(&self) {
        self.carrier.flush();
    }

    /// From now on the socket takes so many bytes.
    pub fn set_room(&self, bytes: u64) {
        self.carrier.socket.lock().room = bytes;
    }

    /// The socket takes so many bytes more, and gets them if they are there.
    pub fn make_room(&self, bytes: u64) {
        {
            let mut socket = self.carrier.socket.lock();
            socket.room = socket.room.saturating_add(bytes);
        }
        self.flush();
    }

    /// The socket has taken less than there was.
    pub fn is_blocked(&self) -> bool {
        self.carrier.socket.lock().is_blocked
    }

    /// From now on it waits for more where more may follow.
    pub fn be_patient(&self) {
        self.carrier.socket.lock().is_patient = true;
    }

    /// Writes so far.
    pub fn writes(&self) -> u64 {
        self.carrier.socket.lock().writes
    }

    /// So many bytes have arrived, of those that were written and will be.
    pub fn set_arrived(&self, bytes: u64) {
        self.carrier.socket.lock().arrived = bytes;
    }

    /// So many texts have arrived, and `extra` bytes of the next.
    pub fn set_texts_arrived(&self, count: usize, extra: u64) {
        let mut socket = self.carrier.socket.lock();
        let whole: usize = frames(&socket.stream).take(count).map(|(written, _)| written.len()).sum();
        socket.arrived = whole as u64 + extra;
    }

    /// So many bytes more of what was written arrive.
    pub fn arrive(&self, bytes: u64) {
        let mut socket = self.carrier.socket.lock();
        let written = socket.stream.len() as u64;
        socket.arrived = socket.arrived.saturating_add(bytes).min(written);
    }

    /// The connection breaks, after so many bytes more have arrived: nothing is written any more.
    pub fn cut(&self, bytes: u64) {
        self.set_room(0);
        self.arrive(bytes);
    }

    /// The other side has ended the connection, which the hub is not told yet; or it has not.
    pub fn set_hung_up(&self, has_hung_up: bool) {
        self.carrier.socket.lock().has_hung_up = has_hung_up;
    }

    /// The session that had the connection lets go of it.
    pub fn release(&self) {
        self.outbox.release(self.carrier.link);
    }

    /// Why the hub has closed it, if it has.
    pub fn closed(&self) -> Option<CloseReason> {
        self.carrier.socket.lock().closed
    }

    /// Takes the next text that was written. Once texts are read so, what was read has arrived, and no more.
    ///
    /// # Panics
    /// A text is not UTF-8.
    pub fn read(&self) -> Option<String> {
        let mut socket = self.carrier.socket.lock();
        let (written, payload) = frames(&socket.stream[socket.read..]).next()?;
        let text = text(payload);
        socket.read += written.len();
        socket.arrived = socket.read as u64;
        Some(text)
    }

    /// Something can be read.
    pub fn has_news(&self) -> bool {
        let socket = self.carrier.socket.lock();
        socket.read < socket.stream.len()
    }

    /// The texts that were written, whole ones only.
    ///
    /// # Panics
    /// A text is not UTF-8.
    pub fn texts(&self) -> Vec<String> {
        texts(&self.carrier.socket.lock().stream)
    }

    /// As [`Wire::texts`], without the welcome.
    ///
    /// # Panics
    /// There is no welcome, or a text is not UTF-8.
    pub fn news(&self) -> Vec<String> {
        self.texts().split_off(1)
    }

    /// The whole texts among what has arrived.
    ///
    /// # Panics
    /// A text is not UTF-8, or something is no text.
    pub fn texts_arrived(&self) -> Vec<String> {
        let socket = self.carrier.socket.lock();
        let arrived = socket.stream.len().min(usize::try_from(socket.arrived).unwrap_or(usize::MAX));
        let arrived = &socket.stream[..arrived];
        assert!(frames(arrived).all(|(written, _)| written.is_text), "a control frame that nobody asked for");
        texts(arrived)
    }
}

impl Transport for Carrier {
    fn flush(&self) {
        let Some(outbox) = self.outbox.upgrade() else { return };
        let drained = outbox.write_with(self.link, |slices| self.socket.lock().write(slices));
        self.socket.lock().is_blocked = matches!(drained, Drain::Blocked);
        outbox.trim_if_due();
    }

    fn flush_soon(&self) {
        if !self.socket.lock().is_patient {
            self.flush();
        }
    }

    fn close(&self, reason: CloseReason) {
        self.socket.lock().closed.get_or_insert(reason);
    }

    fn acknowledged(&self) -> Option<u64> {
        Some(self.socket.lock().arrived)
    }

    fn delivered(&self) -> Option<u64> {
        self.acknowledged()
    }

    fn is_open(&self) -> bool {
        !self.socket.lock().has_hung_up
    }

    fn ask_for_life(&self) {
        if let Some(outbox) = self.outbox.upgrade() {
            outbox.push_control(self.link, &frame::PING);
            self.flush();
        }
    }

    fn round_trip(&self) -> Option<Duration> {
        None
    }
}

impl Socket {
    fn new() -> Self {
        Self {
            stream: Vec::new(),
            room: ALL,
            arrived: ALL,
            read: 0,
            writes: 0,
            heard: 0,
            is_blocked: false,
            is_patient: false,
            has_hung_up: false,
            closed: None,
        }
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        if self.room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = offered.min(usize::try_from(self.room).unwrap_or(usize::MAX));
        if self.room != ALL {
            self.room -= taken as u64;
        }
        self.writes += 1;
        let end = self.stream.len() + taken;
        slices.iter().for_each(|slice| self.stream.extend_from_slice(slice));
        self.stream.truncate(end);
        Ok(taken)
    }
}

/// The whole frames of a stream, with their payloads.
fn frames(mut stream: &[u8]) -> impl Iterator<Item = (Written, &[u8])> {
    std::iter::from_fn(move || {
        let written = Written::parse(stream).filter(|written| written.len() <= stream.len())?;
        let (frame, rest) = stream.split_at(written.len());
        stream = rest;
        Some((written, &frame[written.header..]))
    })
}

fn texts(stream: &[u8]) -> Vec<String> {
    frames(stream).map(|(_, payload)| text(payload)).collect()
}

fn text(payload: &[u8]) -> String {
    String::from_utf8(payload.to_vec()).expect("a text is not UTF-8")
}
