//! TLS on a connection that several tasks write to: rustls without its own I/O.
//!
//! Plain text goes in record by record, and each record's end is remembered in both streams: so what the peer's kernel
//! has acknowledged of the encrypted stream tells which messages it can have read.

use std::{
    collections::VecDeque,
    io::{self, BufRead, IoSlice, Write},
};

use bytes::{Buf, BytesMut};
use rustls::ServerConnection;

use crate::hub::{Drain, Outbox, transport::LinkId};

/// Most plain text of one TLS record, in bytes (RFC 8446 §5.1).
const RECORD_LEN: usize = 16 * 1024;

/// Encrypted bytes collected before they are written: four records.
const CIPHER_LEN: usize = 4 * RECORD_LEN;

/// Records remembered before the kernel is asked what it has acknowledged.
const REMEMBERED_RECORDS: usize = 64;

/// The TLS state of one connection.
pub struct Tls {
    connection: ServerConnection,
    /// Encrypted, not written yet.
    cipher: BytesMut,
    /// Bytes of plain text and of cipher text produced so far.
    produced: Mark,
    /// The ends of records that may not be acknowledged yet, oldest first.
    records: VecDeque<Mark>,
    arrived_plain: u64,
}

/// A place in both streams.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    plain: u64,
    cipher: u64,
}

/// What was decrypted.
pub struct Plain {
    /// The plain text. It is good, whatever comes of the stream.
    pub bytes: Vec<u8>,
    /// What comes of the stream.
    pub outlook: Outlook,
}

/// What can be expected of the encrypted stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// More may come.
    More,
    /// The peer has ended it (close_notify). Whatever follows means nothing, and rustls does not take it.
    Ended,
    /// It is no TLS, or not the peer's. An alert may be waiting for [`Tls::write`].
    Broken,
}

impl Tls {
    /// Goes on with a connection whose handshake is done.
    pub fn new(connection: ServerConnection) -> Self {
        Self {
            connection,
            cipher: BytesMut::new(),
            produced: Mark::default(),
            records: VecDeque::new(),
            arrived_plain: 0,
        }
    }

    /// Decrypts what the socket gave, after what was left when the connection was taken over. What has to be answered
    /// waits for [`Tls::write`].
    pub fn decrypt(&mut self, mut cipher: &[u8]) -> Plain {
        let mut plain = Plain { bytes: Vec::with_capacity(cipher.len()), outlook: Outlook::More };
        loop {
            plain.outlook = self.take_in(&mut plain.bytes);
            if plain.outlook != Outlook::More || cipher.is_empty() {
                return plain;
            }
            // Room was made above. If it takes nothing all the same, it never will.
            if !matches!(self.connection.read_tls(&mut cipher), Ok(1..)) {
                plain.outlook = Outlook::Broken;
                return plain;
            }
        }
    }

    /// Decrypts what rustls has, and appends it.
    fn take_in(&mut self, plain: &mut Vec<u8>) -> Outlook {
        let state = self.connection.process_new_packets();
        // What came before a bad record is good.
        let mut reader = self.connection.reader();
        while let Ok(chunk @ [_, ..]) = reader.fill_buf() {
            let count = chunk.len();
            plain.extend_from_slice(chunk);
            reader.consume(count);
        }
        match state {
            Ok(state) if state.peer_has_closed() => Outlook::Ended,
            Ok(_) => Outlook::More,
            Err(_) => Outlook::Broken,
        }
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
        self.connection.send_close_notify();
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
        let written = self.connection.writer().write_vectored(&record[..count])?;
        self.produced.plain += written as u64;
        self.collect();
        self.records.push_back(self.produced);
        Ok(written)
    }

    /// Takes over what rustls has encrypted.
    fn collect(&mut self) {
        let before = self.cipher.len();
        while self.connection.wants_write() {
            let mut writer = bytes::BufMut::writer(&mut self.cipher);
            if self.connection.write_tls(&mut writer).unwrap_or(0) == 0 {
                break;
            }
        }
        self.produced.cipher += (self.cipher.len() - before) as u64;
    }
}
