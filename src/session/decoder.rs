//! From bytes to messages: tungstenite, fed from the buffer that the socket was read into.
//!
//! tungstenite reads from a [`Feed`], which hands out what was read and then says that there is no more for now. What it
//! writes (pongs, the answer to a close frame) is collected there too.

use std::io::{self, Read, Write};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::{
    Error, Message,
    protocol::{Role, WebSocket, WebSocketConfig},
};

use crate::protocol::{self, Text, close::CloseReason};

/// Bytes that tungstenite allocates for a connection at once. Small, since most peers are idle; it grows with a message.
const READ_BUFFER: usize = 512;

/// UTF-8 bytes that a UTF-16 unit takes at most.
const MAX_BYTES_PER_UTF16_UNIT: usize = 3;

/// How a piece of the stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded {
    /// All is read; more may come.
    More,
    /// The peer has sent a close frame, and the answer is among the replies.
    Closed,
    /// The peer broke a rule. Messages before that are good.
    Broken(CloseReason),
}

/// Takes the messages that were read.
pub trait Inbox {
    /// A text within the bounds.
    fn text(&mut self, text: Text);

    /// A binary message. The protocol has none, so that they are ignored unless somebody wants them.
    fn binary(&mut self, _bytes: Bytes) {}
}

impl Inbox for Vec<Text> {
    fn text(&mut self, text: Text) {
        self.push(text);
    }
}

/// See the module's description.
pub struct Decoder {
    /// Made when the first bytes come: a peer that says nothing costs nothing here.
    socket: Option<Box<WebSocket<Feed>>>,
    max_payload: usize,
    max_bytes: usize,
}

impl Decoder {
    /// A decoder at the start of a stream. `max_payload` in UTF-16 units, `max_message_size` in bytes.
    pub fn new(max_payload: usize, max_message_size: usize) -> Self {
        let max_bytes = max_payload.saturating_mul(MAX_BYTES_PER_UTF16_UNIT).min(max_message_size);
        Self { socket: None, max_payload, max_bytes }
    }

    /// Decodes the first `len` of `bytes` and gives the messages to `inbox`.
    pub fn decode(&mut self, bytes: &mut Vec<u8>, len: usize, inbox: &mut impl Inbox) -> Decoded {
        let socket = self.socket.get_or_insert_with(|| {
            let config = websocket_config(self.max_bytes);
            Box::new(WebSocket::from_raw_socket(Feed::default(), Role::Server, Some(config)))
        });
        socket.get_mut().load(bytes, len);
        let decoded = read_all(socket, self.max_payload, inbox);
        socket.get_mut().unload(bytes);
        decoded
    }

    /// Control frames that answer what was read.
    pub fn take_replies(&mut self) -> Vec<u8> {
        self.socket.as_mut().map(|socket| std::mem::take(&mut socket.get_mut().replies)).unwrap_or_default()
    }
}

fn read_all(socket: &mut WebSocket<Feed>, max_payload: usize, inbox: &mut impl Inbox) -> Decoded {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) if protocol::exceeds_utf16(&text, max_payload) => {
                return Decoded::Broken(CloseReason::TooLarge);
            }
            Ok(Message::Text(text)) => inbox.text(text),
            Ok(Message::Binary(bytes)) => inbox.binary(bytes),
            // Pings are answered and close frames completed by the next read.
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Decoded::More,
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Decoded::Closed,
            Err(Error::Capacity(_)) => return Decoded::Broken(CloseReason::TooLarge),
            Err(Error::Utf8(_)) => return Decoded::Broken(CloseReason::InvalidUtf8),
            Err(_) => return Decoded::Broken(CloseReason::ProtocolError),
        }
    }
}

/// The WebSocket configuration of every connection.
pub fn websocket_config(max_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(max_bytes))
        .max_frame_size(Some(max_bytes))
}

/// The stream that tungstenite reads from and writes to.
#[derive(Default)]
struct Feed {
    bytes: Vec<u8>,
    at: usize,
    len: usize,
    replies: Vec<u8>,
}

impl Feed {
    fn load(&mut self, bytes: &mut Vec<u8>, len: usize) {
        self.bytes = std::mem::take(bytes);
        (self.at, self.len) = (0, len);
    }

    fn unload(&mut self, bytes: &mut Vec<u8>) {
        (self.at, self.len) = (0, 0);
        *bytes = std::mem::take(&mut self.bytes);
    }
}

impl Read for Feed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..self.len];
        if rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

impl Write for Feed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.replies.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
