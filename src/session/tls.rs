//! TLS on a connection that several tasks write to, without I/O of its own.
//!
//! Plain text goes in record by record, and each record's end is remembered in both streams: so what the peer's kernel
//! has acknowledged of the encrypted stream tells which messages it can have read.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
};

use bytes::{Buf, Bytes, BytesMut};
use rustls::ServerConnection;
use serde::{Deserialize, Serialize};

use super::{
    record_tail::RecordTail,
    tls_engine::{Engine, FrozenEngine, Plain},
};
use crate::hub::{Drain, Outbox, transport::LinkId};

/// Most plain text of one TLS record, in bytes (RFC 8446 §5.1).
const RECORD_LEN: usize = 16 * 1024;

/// Encrypted bytes collected before they are written: four records.
const CIPHER_LEN: usize = 4 * RECORD_LEN;

/// Records remembered before the kernel is asked what it has acknowledged.
const REMEMBERED_RECORDS: usize = 64;

/// The TLS state of one connection.
pub struct Tls {
    engine: Engine,
    /// Encrypted, not written yet.
    cipher: BytesMut,
    /// Bytes of plain text and of cipher text produced so far.
    produced: Mark,
    /// The ends of records that may not be acknowledged yet, oldest first.
    records: VecDeque<Mark>,
    arrived_plain: u64,
}

/// A place in both streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    plain: u64,
    cipher: u64,
}

/// The TLS state of a connection as plain data: its keys are in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenTls {
    engine: FrozenEngine,
    /// Encrypted, and not written.
    cipher: Bytes,
    produced: Mark,
    records: Vec<Mark>,
    arrived_plain: u64,
}

impl Tls {
    /// Goes on with a connection whose handshake is done.
    /// `tail`: it has followed what rustls has got.
    pub fn new(connection: ServerConnection, tail: RecordTail) -> Self {
        Self {
            engine: Engine::new(connection, tail),
            cipher: BytesMut::new(),
            produced: Mark::default(),
            records: VecDeque::new(),
            arrived_plain: 0,
        }
    }

    /// Another process could go on with it.
    pub fn is_movable(&self) -> bool {
        self.engine.is_movable()
    }

    /// Takes it apart, for another process to go on with. `None`: that cannot be.
    pub fn freeze(mut self) -> Option<FrozenTls> {
        self.collect();
        let Self { engine, cipher, produced, records, arrived_plain } = self;
        Some(FrozenTls {
            engine: engine.freeze()?,
            cipher: cipher.freeze(),
            produced,
            records: records.into(),
            arrived_plain,
        })
    }

    /// Goes on where another process has stopped. `None`: that cannot be.
    pub fn thaw(frozen: FrozenTls) -> Option<Self> {
        let FrozenTls { engine, cipher, produced, records, arrived_plain } = frozen;
        Some(Self {
            engine: Engine::thaw(engine, produced.plain)?,
            cipher: BytesMut::from(&*cipher),
            produced,
            records: records.into(),
            arrived_plain,
        })
    }

    /// Decrypts what the socket gave, after what was left when the connection was taken over. What has to be answered
    /// waits for [`Tls::write`].
    pub fn decrypt(&mut self, cipher: &[u8]) -> Plain {
        self.engine.decrypt(cipher)
    }

    /// Encrypts and writes what is in the outbox.
    pub fn drain(&mut self, outbox: &Outbox, link: LinkId, mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> Drain {
        loop {
            let taken = self.encrypt_some(outbox, link);
            if let Err(stopped) = self.write(&mut write) {
                return stopped;
            }
            match taken {
                Drain::Blocked => {}
                other => return other,
            }
        }
    }

    /// Writes what rustls itself has to say (handshake, alerts) and what is encrypted already.
    pub fn write(&mut self, write: &mut impl FnMut(&[u8]) -> io::Result<usize>) -> Result<(), Drain> {
        self.collect();
        while !self.cipher.is_empty() {
            match write(&self.cipher) {
                Ok(0) => return Err(Drain::Failed(io::ErrorKind::WriteZero.into())),
                Ok(count) => self.cipher.advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(Drain::Blocked),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Drain::Failed(error)),
            }
        }
        // An idle connection keeps no buffer.
        self.cipher = BytesMut::new();
        Ok(())
    }

    /// How much of the plain stream has reached the other side, when so much of the encrypted stream has.
    pub fn arrived(&mut self, cipher: u64) -> u64 {
        while let Some(record) = self.records.front()
            && record.cipher <= cipher
        {
            self.arrived_plain = record.plain;
            self.records.pop_front();
        }
        self.arrived_plain
    }

    /// It is time to ask what has been acknowledged.
    pub fn remembers_much(&self) -> bool {
        self.records.len() > REMEMBERED_RECORDS
    }

    /// Says goodbye in TLS's words.
    pub fn send_close_notify(&mut self) {
        let before = self.cipher.len();
        self.engine.send_close_notify(&mut self.cipher);
        self.count_since(before);
    }

    /// Takes plain text from the outbox, record by record, until enough is encrypted. `Blocked`: there may be more.
    fn encrypt_some(&mut self, outbox: &Outbox, link: LinkId) -> Drain {
        outbox.write_with(link, |slices| {
            if self.cipher.len() >= CIPHER_LEN {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.encrypt_record(slices)
        })
    }

    fn encrypt_record(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut taken = 0;
        let mut record = [IoSlice::new(&[]); 64];
        let mut count = 0;
        for slice in slices.iter().take(record.len()) {
            let part = slice.len().min(RECORD_LEN - taken);
            record[count] = IoSlice::new(&slice[..part]);
            (taken, count) = (taken + part, count + 1);
            if taken == RECORD_LEN {
                break;
            }
        }
        let before = self.cipher.len();
        let encrypted = self.engine.encrypt(&record[..count], &mut self.cipher);
        self.count_since(before);
        let written = encrypted?;
        self.produced.plain += written as u64;
        self.records.push_back(self.produced);
        Ok(written)
    }

    /// Takes over what rustls has encrypted.
    fn collect(&mut self) {
        let before = self.cipher.len();
        self.engine.collect(&mut self.cipher);
        self.count_since(before);
    }

    fn count_since(&mut self, before: usize) {
        self.produced.cipher += (self.cipher.len() - before) as u64;
    }
}
