//! Who protects the records of a connection: rustls, which has done the handshake, or, where another process has done
//! it, the keys that are left of that.

use std::io::{self, BufRead, IoSlice, Write};

use bytes::{BufMut, BytesMut};
use rustls::{ProtocolVersion, ServerConnection};
use serde::{Deserialize, Serialize};

use super::{
    record_tail::{RecordTail, whole_record},
    records::{Content, FrozenRecords, Records},
};

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
    /// It is no TLS, or not the peer's. An alert may be waiting to be written.
    Broken,
}

/// Who protects the records.
pub enum Engine {
    /// rustls; and what it has got of a record that is not whole.
    Rustls(Box<ServerConnection>, RecordTail),
    /// The keys; and what has come of a record that is not whole.
    Keys(Box<Records>, BytesMut),
}

/// An engine as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenEngine {
    records: FrozenRecords,
    /// What was read and is the beginning of a record.
    begun: bytes::Bytes,
}

impl Engine {
    /// Goes on with a connection whose handshake rustls has done. `tail`: it has followed what rustls has got.
    pub fn new(connection: ServerConnection, tail: RecordTail) -> Self {
        Self::Rustls(Box::new(connection), tail)
    }

    /// Another process could go on with it. Before TLS 1.3 it cannot.
    pub(super) fn is_movable(&self) -> bool {
        match self {
            Self::Rustls(connection, _) => connection.protocol_version() == Some(ProtocolVersion::TLSv1_3),
            Self::Keys(..) => true,
        }
    }

    /// Takes it apart, once all that it had to say is collected. `None`: it cannot go on elsewhere.
    pub(super) fn freeze(self) -> Option<FrozenEngine> {
        if !self.is_movable() {
            return None;
        }
        match self {
            Self::Rustls(connection, tail) => {
                let records = FrozenRecords::new(connection.dangerous_extract_secrets().ok()?)?;
                Some(FrozenEngine { records, begun: tail.into_begun().into() })
            }
            Self::Keys(records, begun) => Some(FrozenEngine { records: records.freeze(), begun: begun.freeze() }),
        }
    }

    /// Goes on where another process has stopped, which had written so many bytes of plain text. `None`: that cannot
    /// be.
    pub(super) fn thaw(frozen: FrozenEngine, written: u64) -> Option<Self> {
        let records = Records::thaw(frozen.records, written)?;
        Some(Self::Keys(Box::new(records), BytesMut::from(&*frozen.begun)))
    }

    /// Decrypts what the socket gave, after what was left when the connection was taken over. What has to be answered
    /// waits for [`Engine::collect`].
    pub(super) fn decrypt(&mut self, cipher: &[u8]) -> Plain {
        let mut plain = Plain { bytes: Vec::with_capacity(cipher.len()), outlook: Outlook::More };
        plain.outlook = match self {
            Self::Rustls(connection, tail) => {
                tail.follow(cipher);
                decrypt_by_rustls(connection, cipher, &mut plain.bytes)
            }
            Self::Keys(records, begun) => {
                begun.extend_from_slice(cipher);
                decrypt_by_keys(records, begun, &mut plain.bytes)
            }
        };
        plain
    }

    /// Encrypts one record.
    pub(super) fn encrypt(&mut self, parts: &[IoSlice<'_>], cipher: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Rustls(connection, _) => {
                let written = connection.writer().write_vectored(parts)?;
                collect(connection, cipher);
                Ok(written)
            }
            Self::Keys(records, _) => records.seal(parts, cipher).map_err(|_| {
                // The peer ends the connection then, and comes back on a new one.
                records.seal_end(cipher);
                io::ErrorKind::BrokenPipe.into()
            }),
        }
    }

    /// Appends what rustls itself has to say.
    pub(super) fn collect(&mut self, cipher: &mut BytesMut) {
        if let Self::Rustls(connection, _) = self {
            collect(connection, cipher);
        }
    }

    /// Says goodbye in TLS's words.
    pub(super) fn send_close_notify(&mut self, cipher: &mut BytesMut) {
        match self {
            Self::Rustls(connection, _) => connection.send_close_notify(),
            Self::Keys(records, _) => records.seal_end(cipher),
        }
    }
}

fn decrypt_by_rustls(connection: &mut ServerConnection, mut cipher: &[u8], plain: &mut Vec<u8>) -> Outlook {
    loop {
        let outlook = take_in(connection, plain);
        if outlook != Outlook::More || cipher.is_empty() {
            return outlook;
        }
        // Room was made above. If it takes nothing all the same, it never will.
        if !matches!(connection.read_tls(&mut cipher), Ok(1..)) {
            return Outlook::Broken;
        }
    }
}

/// Decrypts what rustls has, and appends it.
fn take_in(connection: &mut ServerConnection, plain: &mut Vec<u8>) -> Outlook {
    let state = connection.process_new_packets();
    // What came before a bad record is good.
    let mut reader = connection.reader();
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

fn decrypt_by_keys(records: &mut Records, begun: &mut BytesMut, plain: &mut Vec<u8>) -> Outlook {
    while let Some(len) = whole_record(begun) {
        match records.open(&mut begun.split_to(len)) {
            Ok(Content::Data(text)) => plain.extend_from_slice(text),
            Ok(Content::End) => return Outlook::Ended,
            Err(_) => return Outlook::Broken,
        }
    }
    if begun.is_empty() {
        // An idle connection keeps no buffer.
        *begun = BytesMut::new();
    }
    Outlook::More
}

/// Takes over what rustls has encrypted.
fn collect(connection: &mut ServerConnection, cipher: &mut BytesMut) {
    while connection.wants_write() {
        if connection.write_tls(&mut cipher.writer()).unwrap_or(0) == 0 {
            break;
        }
    }
}
