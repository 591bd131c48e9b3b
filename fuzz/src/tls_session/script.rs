//! What the client sends: records and other bytes.

use std::io::Write;

use rustls::{ClientConnection, ProtocolVersion};

use crate::input::Input;

/// Bytes of plain text in one run, so that runs are short.
const MAX_BYTES: usize = 300_000;

/// New keys in one run: rustls suspects a peer that sends more of them in a row.
const MAX_NEW_KEYS: usize = 30;

/// The numbers from this one on are hand-overs, and not what the client does.
const FIRST_HAND_OVER: u8 = 224;

/// Hand-overs in one run, so that runs are short.
const MAX_HAND_OVERS: usize = 8;

/// Bytes of a record's header, which tells its length.
const RECORD_HEADER: usize = 5;

/// What has become of the encrypted stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Open,
    /// By a close_notify, or by new keys that the server cannot follow.
    Ended,
    /// By bytes that no TLS has made.
    Derailed,
}

/// All that a client sends, and what the server must make of it.
pub struct Script {
    /// All that the client sends.
    pub cipher: Vec<u8>,
    /// The plain text that the server must find in it.
    pub plain: Vec<u8>,
    pub stream: Stream,
    /// How much has come each time that the server hands over to another one.
    pub hand_overs: Vec<usize>,
    new_keys: usize,
    /// Where the last new keys are behind.
    renewed_at: usize,
    client: ClientConnection,
}

impl Script {
    pub fn write(mut client: ClientConnection, input: &mut Input<'_>) -> Self {
        client.set_buffer_limit(None);
        let mut script = Self {
            cipher: Vec::new(),
            plain: Vec::new(),
            stream: Stream::Open,
            hand_overs: Vec::new(),
            new_keys: 0,
            renewed_at: 0,
            client,
        };
        let mut bytes = 0;
        while !input.is_empty() && bytes < MAX_BYTES {
            bytes += script.step(input);
        }
        script
    }

    /// One thing that the client does. Gives the bytes of plain text in it.
    fn step(&mut self, input: &mut Input<'_>) -> usize {
        let number = input.byte();
        if number >= FIRST_HAND_OVER {
            self.hand_over(input.below(64));
            return 0;
        }
        match number % 8 {
            0..=2 => {
                let (text, times) = (input.until(b'\n'), 1 + input.below(64));
                self.say(&frame(text).repeat(times))
            }
            3 => {
                let bytes = input.until(b'\n');
                self.say(bytes)
            }
            4 => {
                self.client.send_close_notify();
                self.record();
                self.becomes(Stream::Ended);
                0
            }
            5 => {
                let (bytes, times) = (input.until(b'\n'), 1 + 16 * input.below(256));
                self.derail(&bytes.repeat(times))
            }
            6 => {
                self.renew_keys();
                0
            }
            _ => self.say_spoilt(input),
        }
    }

    fn say(&mut self, plain: &[u8]) -> usize {
        // After its own close_notify it takes nothing.
        let _ = self.client.writer().write_all(plain);
        self.record();
        if self.stream == Stream::Open {
            self.plain.extend_from_slice(plain);
        }
        plain.len()
    }

    fn renew_keys(&mut self) {
        self.new_keys += 1;
        if self.new_keys <= MAX_NEW_KEYS {
            // TLS 1.2 has none.
            let has_new_keys = self.client.refresh_traffic_keys().is_ok();
            self.record();
            self.renewed_at = self.cipher.len();
            if has_new_keys && !self.hand_overs.is_empty() {
                // Whoever has nothing but the keys cannot follow.
                self.becomes(Stream::Ended);
            }
        }
    }

    /// The server hands over so many bytes before the end of what has been said. Before TLS 1.3 connections stay.
    fn hand_over(&mut self, before: usize) {
        if self.client.protocol_version() == Some(ProtocolVersion::TLSv1_3) && self.hand_overs.len() < MAX_HAND_OVERS {
            let earliest = self.hand_overs.last().map_or(self.renewed_at, |last| self.renewed_at.max(*last));
            self.hand_overs.push(self.cipher.len().saturating_sub(before).max(earliest));
        }
    }

    fn record(&mut self) {
        while self.client.wants_write() {
            self.client.write_tls(&mut self.cipher).expect("memory takes no bytes");
        }
    }

    /// Bytes past TLS.
    fn derail(&mut self, bytes: &[u8]) -> usize {
        self.cipher.extend_from_slice(bytes);
        if !bytes.is_empty() {
            self.becomes(Stream::Derailed);
        }
        bytes.len()
    }

    /// A record in which one bit is not as it was.
    fn say_spoilt(&mut self, input: &mut Input<'_>) -> usize {
        let (start, bit) = (self.cipher.len(), input.below(8));
        let _ = self.client.writer().write_all(&frame(input.until(b'\n')));
        self.record();
        let body = self.cipher.get_mut(start + RECORD_HEADER..).unwrap_or_default();
        let at = input.below(body.len().clamp(1, 256));
        if let Some(byte) = body.get_mut(at) {
            *byte ^= 1 << bit;
        }
        self.becomes(Stream::Derailed);
        self.cipher.len() - start
    }

    fn becomes(&mut self, stream: Stream) {
        if self.stream == Stream::Open {
            self.stream = stream;
        }
    }
}

/// A text frame of a client, with a mask that changes nothing.
fn frame(text: &[u8]) -> Vec<u8> {
    let len = match text.len() {
        short @ 0..=125 => vec![0x80 | short as u8],
        long => [&[0x80 | 126][..], &(long.min(0xffff) as u16).to_be_bytes()].concat(),
    };
    [&[0x81][..], &len, &[0; 4], &text[..text.len().min(0xffff)]].concat()
}
