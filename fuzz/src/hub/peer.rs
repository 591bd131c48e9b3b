//! One session of a peer: what it should get, and what it has got.

use std::collections::BTreeSet;

use acebase_ipc_server::{
    hub::{Hub, PeerHandle, testing::Wire},
    protocol::close::CloseReason,
};

/// What begins a text of a peer's own; nothing that the hub says begins so.
pub const MARK: char = '#';

/// One session, over all its connections.
pub struct Peer {
    pub id: &'static str,
    pub handle: PeerHandle,
    pub wire: Wire,
    pub is_connected: bool,
    /// Its connection has broken once, so that what was sent may have to be sent again.
    pub has_returned: bool,
    /// Those who have joined after it and are there.
    pub newer: BTreeSet<&'static str>,
    /// The texts that are for it, in order.
    expected: Vec<String>,
    /// Those that it has got.
    got: Vec<String>,
    /// The ids that it was told of, and not that they have left.
    told: BTreeSet<String>,
}

impl Peer {
    pub fn new(id: &'static str, handle: PeerHandle, wire: Wire) -> Self {
        Self {
            id,
            handle,
            wire,
            is_connected: true,
            has_returned: false,
            newer: BTreeSet::new(),
            expected: Vec::new(),
            got: Vec::new(),
            told: BTreeSet::new(),
        }
    }

    /// Somebody sends it a text.
    pub fn expect(&mut self, text: &str) {
        self.expected.push(text.to_owned());
    }

    /// Bytes of the texts that it may not have got.
    pub fn owed(&self) -> usize {
        self.expected[self.got.len()..].iter().map(String::len).sum()
    }

    /// Its connection is over, after so many bytes more have arrived.
    pub fn is_cut(&mut self, bytes: u64, hub: &Hub, db: &str) {
        self.wire.cut(bytes);
        self.read(hub, db);
        self.is_connected = false;
    }

    /// Its session goes on with another connection.
    pub fn returns(&mut self, handle: PeerHandle, wire: Wire) {
        self.wire.release();
        (self.handle, self.wire, self.is_connected, self.has_returned) = (handle, wire, true, true);
    }

    /// Its session is over. What it was sent before that reaches it still, unless it was too slow.
    pub fn ends(mut self, hub: &Hub, db: &str) {
        if self.is_connected {
            self.read_all(hub, db);
            let is_slow = self.wire.closed() == Some(CloseReason::Slow);
            assert!(is_slow || self.got == self.expected, "{} got {:?} of {:?}", self.id, self.got, self.expected);
        }
    }

    /// All is read: it has got everything, and knows who has come after it.
    pub fn is_at_rest(&mut self, hub: &Hub, db: &str) {
        self.read_all(hub, db);
        assert_eq!(self.got, self.expected, "{} has not got everything", self.id);
        assert!(self.told.iter().eq(&self.newer), "{} knows {:?}, and there are {:?}", self.id, self.told, self.newer);
    }

    fn read_all(&mut self, hub: &Hub, db: &str) {
        self.wire.make_room(u64::MAX);
        self.wire.cut(u64::MAX);
        self.read(hub, db);
    }

    /// Reads what has arrived by its connection, which is over.
    fn read(&mut self, hub: &Hub, db: &str) {
        let mut texts = self.wire.texts_arrived().into_iter();
        if let Some(first) = texts.next() {
            assert!(first.starts_with("welcome:"), "{first} comes first");
        }
        texts.for_each(|text| self.take(text, hub, db));
        let so_far = self.expected.get(..self.got.len());
        assert!(so_far == Some(&self.got), "{} got {:?} of {:?}", self.id, self.got, self.expected);
    }

    fn take(&mut self, text: String, hub: &Hub, db: &str) {
        if let Some(other) = text.strip_prefix("connect:") {
            assert!(self.told.insert(other.to_owned()), "{other} joins twice");
        } else if let Some(other) = text.strip_prefix("disconnect:") {
            self.told.remove(other);
        } else if let Some(parcel) = text.strip_prefix("get:") {
            let fetched = hub.take_parcel(db, self.id, parcel).expect("a large text is not there");
            assert!(hub.take_parcel(db, self.id, parcel).is_none(), "a large text is there twice");
            self.got.push(fetched.to_string());
        } else if text.starts_with(MARK) {
            self.got.push(text);
        }
    }
}
