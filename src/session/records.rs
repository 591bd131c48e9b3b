//! TLS records of a connection whose handshake was done in another process: all that is left of TLS are the keys, and
//! how many records each of them has protected (RFC 8446 §5).
//!
//! Nothing but data and the end of the stream is understood. The clients that there are say nothing else after the
//! handshake; one that does, by changing its keys, must connect anew.

use std::{fmt, io::IoSlice};

use bytes::{BufMut, BytesMut};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::{ConnectionTrafficSecrets, ExtractedSecrets};
use serde::{Deserialize, Serialize};

use super::record_tail::{self, HEADER_LEN};

/// What every record says of itself, whatever is in it: data, of TLS 1.2.
const OUTER: [u8; 3] = [Content::DATA, 3, 3];

/// Most plain text of one record, in bytes.
const MAX_PLAIN_LEN: usize = 1 << 14;

/// What one key may protect, in bytes: AES-GCM's bound of 2^24.5 full records, rounded down.
const MAX_PROTECTED: u64 = 1 << 38;

/// What a record costs of that beside its text: its first and last block.
const COST_OF_RECORD: u64 = 32;

/// Which way records are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Suite {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

/// The keys of a connection, as plain data. They are secrets, and not shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenRecords {
    read: FrozenKey,
    write: FrozenKey,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FrozenKey {
    suite: Suite,
    key: Vec<u8>,
    iv: [u8; aead::NONCE_LEN],
    /// Records that it has protected.
    sequence: u64,
}

/// The keys of a connection.
pub(super) struct Records {
    read: Key,
    write: Key,
    /// Bytes of plain text that were ever written.
    written: u64,
    /// The end of the stream is written.
    has_ended: bool,
}

/// One direction's key.
struct Key {
    frozen: FrozenKey,
    key: LessSafeKey,
}

/// What is in a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// Plain text.
    Data(&'a [u8]),
    /// The other side ends the stream, or says what cannot be followed.
    End,
}

impl Content<'_> {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    const DATA: u8 = 23;
}

/// An alert that closes the stream in order.
const CLOSE_NOTIFY: [u8; 2] = [1, 0];

/// A record is not the other side's, or nothing that may come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRecord;

/// No more may be written under this key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WornOut;

impl FrozenRecords {
    /// What rustls had. `None`: it is no suite of TLS 1.3 that is known here.
    pub(super) fn new(secrets: ExtractedSecrets) -> Option<Self> {
        let (read, write) = (secrets.rx, secrets.tx);
        Some(Self { read: FrozenKey::new(read.0, &read.1)?, write: FrozenKey::new(write.0, &write.1)? })
    }
}

impl FrozenKey {
    fn new(sequence: u64, secrets: &ConnectionTrafficSecrets) -> Option<Self> {
        let (suite, key, iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Suite::Aes128Gcm, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Suite::Aes256Gcm, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (Suite::ChaCha20Poly1305, key, iv),
            _ => return None,
        };
        Some(Self { suite, key: key.as_ref().to_vec(), iv: iv.as_ref().try_into().ok()?, sequence })
    }

    fn thaw(self) -> Option<Key> {
        let algorithm = match self.suite {
            Suite::Aes128Gcm => &aead::AES_128_GCM,
            Suite::Aes256Gcm => &aead::AES_256_GCM,
            Suite::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, &self.key).ok()?);
        Some(Key { frozen: self, key })
    }
}

impl Records {
    /// Goes on where another process has stopped, which had written so many bytes of plain text. `None`: these are no
    /// keys.
    pub(super) fn thaw(frozen: FrozenRecords, written: u64) -> Option<Self> {
        Some(Self { read: frozen.read.thaw()?, write: frozen.write.thaw()?, written, has_ended: false })
    }

    /// The keys as they are now.
    pub(super) fn freeze(self) -> FrozenRecords {
        FrozenRecords { read: self.read.frozen, write: self.write.frozen }
    }

    /// What is in a whole record.
    pub(super) fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<Content<'a>, BadRecord> {
        let (header, body) = record.split_first_chunk_mut::<HEADER_LEN>().ok_or(BadRecord)?;
        if !header.starts_with(&OUTER) {
            return Err(BadRecord);
        }
        let inner = self.read.open(*header, body)?;
        // The kind is behind the text; zeros behind that hide how long the text is.
        let end = inner.iter().rposition(|byte| *byte != 0).ok_or(BadRecord)?;
        let (text, kind) = (&inner[..end], inner[end]);
        match kind {
            Content::DATA if text.len() <= MAX_PLAIN_LEN => Ok(Content::Data(text)),
            Content::ALERT if text == CLOSE_NOTIFY => Ok(Content::End),
            Content::HANDSHAKE => Ok(Content::End),
            _ => Err(BadRecord),
        }
    }

    /// Appends a record of plain text, [`MAX_PLAIN_LEN`] bytes at most.
    pub(super) fn seal(&mut self, parts: &[IoSlice<'_>], cipher: &mut BytesMut) -> Result<usize, WornOut> {
        let is_aes = self.write.frozen.suite != Suite::ChaCha20Poly1305;
        let protected = self.written.saturating_add(self.write.frozen.sequence.saturating_mul(COST_OF_RECORD));
        if self.has_ended || is_aes && protected >= MAX_PROTECTED {
            return Err(WornOut);
        }
        let len = self.write.seal(Content::DATA, parts, cipher)?;
        self.written += len as u64;
        Ok(len)
    }

    /// Appends the end of the stream, once: nothing may follow.
    pub(super) fn seal_end(&mut self, cipher: &mut BytesMut) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        // Where even that cannot be, the socket's end must do.
        let _ = self.write.seal(Content::ALERT, &[IoSlice::new(&CLOSE_NOTIFY)], cipher);
    }
}

impl Key {
    /// Each number is used once, so that each record has a nonce of its own.
    fn nonce(&mut self) -> Option<Nonce> {
        let mut nonce = self.frozen.iv;
        let sequence = self.frozen.sequence.to_be_bytes();
        for (byte, part) in nonce[aead::NONCE_LEN - sequence.len()..].iter_mut().zip(sequence) {
            *byte ^= part;
        }
        self.frozen.sequence = self.frozen.sequence.checked_add(1)?;
        Some(Nonce::assume_unique_for_key(nonce))
    }

    fn open<'a>(&mut self, header: [u8; HEADER_LEN], body: &'a mut [u8]) -> Result<&'a [u8], BadRecord> {
        let nonce = self.nonce().ok_or(BadRecord)?;
        self.key.open_in_place(nonce, Aad::from(header), body).map(|inner| &*inner).map_err(|_| BadRecord)
    }

    fn seal(&mut self, kind: u8, parts: &[IoSlice<'_>], cipher: &mut BytesMut) -> Result<usize, WornOut> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let header = record_tail::header(OUTER, len + 1 + self.key.algorithm().tag_len());
        let nonce = self.nonce().ok_or(WornOut)?;
        let start = cipher.len() + HEADER_LEN;
        cipher.extend_from_slice(&header);
        parts.iter().for_each(|part| cipher.extend_from_slice(part));
        cipher.put_u8(kind);
        let sealed = self.key.seal_in_place_separate_tag(nonce, Aad::from(header), &mut cipher[start..]);
        let Ok(tag) = sealed else {
            // Nothing of it may leave in plain.
            cipher.truncate(start - HEADER_LEN);
            return Err(WornOut);
        };
        cipher.extend_from_slice(tag.as_ref());
        Ok(len)
    }
}

impl fmt::Debug for FrozenRecords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "keys of {:?}, {} read, {} written", self.read.suite, self.read.sequence, self.write.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(suite: Suite, seed: u8) -> FrozenKey {
        let len = if suite == Suite::Aes128Gcm { 16 } else { 32 };
        FrozenKey { suite, key: vec![seed; len], iv: [seed; aead::NONCE_LEN], sequence: 7 }
    }

    /// Both ends of a connection.
    fn pair(suite: Suite) -> (Records, Records) {
        let ours = FrozenRecords { read: key(suite, 1), write: key(suite, 2) };
        let theirs = FrozenRecords { read: key(suite, 2), write: key(suite, 1) };
        (Records::thaw(ours, 0).unwrap(), Records::thaw(theirs, 0).unwrap())
    }

    fn sealed(records: &mut Records, kind: u8, text: &[u8]) -> BytesMut {
        let mut cipher = BytesMut::new();
        records.write.seal(kind, &[IoSlice::new(text)], &mut cipher).unwrap();
        cipher
    }

    #[test]
    fn what_one_end_writes_the_other_reads_in_order() {
        for suite in [Suite::Aes128Gcm, Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
            let (mut ours, theirs) = pair(suite);
            let mut theirs = Records::thaw(theirs.freeze(), 0).unwrap();
            for text in [&b"one"[..], b"", &[b'x'; MAX_PLAIN_LEN]] {
                let mut cipher = BytesMut::new();
                let (first, second) = text.split_at(text.len() / 2);
                let parts = [IoSlice::new(first), IoSlice::new(second)];
                assert_eq!(ours.seal(&parts, &mut cipher), Ok(text.len()));
                assert_eq!(theirs.open(&mut cipher), Ok(Content::Data(text)));
            }
            let mut end = BytesMut::new();
            ours.seal_end(&mut end);
            assert_eq!(theirs.open(&mut end), Ok(Content::End));
        }
    }

    #[test]
    fn a_record_that_was_changed_repeated_or_is_in_plain_is_refused() {
        let (mut ours, mut theirs) = pair(Suite::Aes256Gcm);
        let mut good = sealed(&mut ours, Content::DATA, b"text");
        let mut repeated = good.clone();
        assert_eq!(theirs.open(&mut good), Ok(Content::Data(b"text")));
        assert_eq!(theirs.open(&mut repeated), Err(BadRecord));
        for at in [0, 1, 4, HEADER_LEN, 10] {
            let (mut ours, mut theirs) = pair(Suite::Aes256Gcm);
            let mut changed = sealed(&mut ours, Content::DATA, b"text");
            changed[at] ^= 1;
            assert_eq!(theirs.open(&mut changed), Err(BadRecord), "{at}");
        }
        for mut short in [vec![], vec![23, 3, 3, 0], vec![23, 3, 3, 0, 0], vec![21, 3, 3, 0, 2, 1, 0]] {
            assert_eq!(pair(Suite::Aes256Gcm).1.open(&mut short), Err(BadRecord));
        }
    }

    #[test]
    fn what_is_no_data_ends_the_stream() {
        let (mut ours, mut theirs) = pair(Suite::ChaCha20Poly1305);
        assert_eq!(theirs.open(&mut sealed(&mut ours, Content::HANDSHAKE, b"new keys")), Ok(Content::End));
        assert_eq!(theirs.open(&mut sealed(&mut ours, Content::ALERT, &[2, 20])), Err(BadRecord));
        assert_eq!(theirs.open(&mut sealed(&mut ours, 99, b"?")), Err(BadRecord));
        assert_eq!(theirs.open(&mut sealed(&mut ours, 0, &[0; 9])), Err(BadRecord));
        // Zeros behind the text are no part of it.
        assert_eq!(theirs.open(&mut sealed(&mut ours, 0, b"text\x17\0\0")), Ok(Content::Data(b"text")));
    }

    #[test]
    fn a_key_that_has_protected_as_much_as_it_may_protects_the_end_only() {
        for (suite, expected) in [(Suite::Aes128Gcm, Err(WornOut)), (Suite::ChaCha20Poly1305, Ok(4))] {
            let (ours, _) = pair(suite);
            let mut ours = Records::thaw(ours.freeze(), MAX_PROTECTED).unwrap();
            let mut cipher = BytesMut::new();
            assert_eq!(ours.seal(&[IoSlice::new(b"text")], &mut cipher), expected);
            cipher.clear();
            ours.seal_end(&mut cipher);
            assert!(!cipher.is_empty());
            assert_eq!(ours.seal(&[IoSlice::new(b"text")], &mut cipher), Err(WornOut));
        }
    }

    #[test]
    fn keys_are_not_shown_and_those_of_a_wrong_length_are_none() {
        let (ours, _) = pair(Suite::Aes128Gcm);
        let mut frozen = ours.freeze();
        assert_eq!(format!("{frozen:?}"), "keys of Aes128Gcm, 7 read, 7 written");
        frozen.write.key.pop();
        assert!(Records::thaw(frozen, 0).is_none());
    }
}
