//! Bytes of a client's WebSocket stream, and the frames that the server writes.

use std::io::{self, Cursor, Read, Write};

use acebase_ipc_server::{
    protocol::{
        Text,
        close::CloseReason,
        exceeds_utf16,
        frame::{self, Written},
    },
    session::decoder::{Decoded, Decoder},
};
use bytes::BytesMut;
use tungstenite::{
    Error, Message,
    protocol::{Role, WebSocket, WebSocketConfig},
};

use crate::{
    input::{self, Input},
    memory,
};

/// Bytes that a decoder may hold besides messages: its own fields, and the smallest buffers.
const OVERHEAD: usize = 1024;

/// How many times the bytes that have come a decoder may hold: those, and what is spare in a buffer that has just
/// grown.
const COPIES: usize = 2;

#[derive(Debug, Clone, Copy)]
struct Limits {
    max_payload: usize,
    max_message_size: usize,
}

impl Limits {
    fn choose(input: &mut Input<'_>) -> Self {
        let max_payload = input.pick(&[16_384, 16, 125, 1_000, 70_000]);
        let max_message_size = input.pick(&[100 << 20, 32, 200, 4_000]);
        Self { max_payload, max_message_size }
    }

    fn max_bytes(self) -> usize {
        (3 * self.max_payload).min(self.max_message_size)
    }

    fn decoder(self) -> Decoder {
        Decoder::new(self.max_payload, self.max_message_size)
    }

    fn allow(self, text: &str) -> bool {
        text.len() <= self.max_bytes() && !exceeds_utf16(text, self.max_payload)
    }
}

/// What a decoder made of a stream.
#[derive(Debug, PartialEq)]
struct Heard {
    messages: Vec<String>,
    replies: Vec<u8>,
    ending: Decoded,
}

impl Default for Heard {
    fn default() -> Self {
        Self { messages: Vec::new(), replies: Vec::new(), ending: Decoded::More }
    }
}

impl Heard {
    /// Hears a piece, unless the stream has ended.
    fn add(&mut self, decoder: &mut Decoder, piece: &[u8]) {
        if self.ending != Decoded::More {
            return;
        }
        let mut texts: Vec<Text> = Vec::new();
        self.ending = decoder.decode(piece, &mut texts);
        self.replies.extend(decoder.take_replies());
        self.messages.extend(texts.iter().map(|text| text.to_string()));
    }
}

/// Any bytes, and any texts as clients frame them, in any pieces.
///
/// - What is heard does not depend on the pieces in which it arrives: the messages, the replies, and how it ends.
/// - It is what tungstenite hears, by its own reading; only that a rule which a header breaks may show before its frame
///   is whole.
/// - No message is longer than the limits allow; and a decoder holds no more than twice what has come of one, whatever
///   headers say.
/// - What a client says, in whatever fragments, masks and pings, is heard as it was said, up to the first message that
///   is too long, which is told by its proper reason.
/// - What the server writes is read back as it was written, by itself and by a client.
pub fn frames(data: &[u8]) {
    let mut input = Input::new(data);
    let limits = Limits::choose(&mut input);
    let spoken = input.flag();
    let plan_len = input.below(16);
    let plan = input.take(plan_len);
    let heard = if spoken { speak(&mut input, limits, plan) } else { listen(input.rest(), limits, plan) };
    check_written(&heard.messages);
}

/// Hears a stream whole and in pieces.
fn listen(stream: &[u8], limits: Limits, plan: &[u8]) -> Heard {
    let whole = hear(stream, limits, &[]);
    if !plan.is_empty() {
        assert_eq!(hear(stream, limits, plan), whole, "the pieces {plan:?} matter");
    }
    assert_eq!(hear(stream, limits, &[1]), whole, "single bytes matter");
    assert_eq!(hear_in_turns(stream, limits, if plan.is_empty() { &[1] } else { plan }), whole, "taking over matters");
    assert!(whole.messages.iter().all(|text| limits.allow(text)), "a message is too long");
    compare(&whole, &hear_by_tungstenite(stream, limits));
    whole
}

/// What is heard must be what tungstenite hears.
fn compare(heard: &Heard, theirs: &Heard) {
    assert_eq!(heard.messages, theirs.messages, "other messages than tungstenite's");
    match (heard.ending, theirs.ending) {
        (Decoded::Broken(_), Decoded::Broken(_) | Decoded::More) => {}
        _ => assert_eq!((heard.ending, &heard.replies), (theirs.ending, &theirs.replies), "not as tungstenite"),
    }
}

/// Hears a whole stream as tungstenite does. Why it breaks is not told: tungstenite looks at other things first.
fn hear_by_tungstenite(stream: &[u8], limits: Limits) -> Heard {
    let config = WebSocketConfig::default()
        .write_buffer_size(0)
        .max_message_size(Some(limits.max_bytes()))
        .max_frame_size(Some(limits.max_bytes()));
    let client = FromClient { stream: Cursor::new(stream.to_vec()), replies: Vec::new() };
    let mut socket = WebSocket::from_raw_socket(client, Role::Server, Some(config));
    let mut heard = Heard::default();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) if exceeds_utf16(&text, limits.max_payload) => {
                heard.ending = Decoded::Broken(CloseReason::TooLarge);
                break;
            }
            Ok(Message::Text(text)) => heard.messages.push(text.to_string()),
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(Error::ConnectionClosed) => {
                heard.ending = Decoded::Closed;
                break;
            }
            Err(_) => {
                heard.ending = Decoded::Broken(CloseReason::ProtocolError);
                break;
            }
        }
    }
    heard.replies = std::mem::take(&mut socket.get_mut().replies);
    heard
}

/// Hears a stream in pieces of the planned lengths, again and again; without a plan, in one.
fn hear(stream: &[u8], limits: Limits, plan: &[u8]) -> Heard {
    let mut decoder = limits.decoder();
    let mut heard = Heard::default();
    for piece in pieces(stream, plan) {
        heard.add(&mut decoder, piece);
    }
    let held = memory::held_by(decoder);
    assert!(held <= COPIES * stream.len().min(limits.max_bytes()) + OVERHEAD, "{held} bytes are held, {limits:?}");
    heard
}

/// Hears a stream in pieces, each by another decoder, which goes on where the one before has stopped.
fn hear_in_turns(stream: &[u8], limits: Limits, plan: &[u8]) -> Heard {
    let mut heard = Heard::default();
    let mut unread = Vec::new();
    for piece in pieces(stream, plan) {
        let mut decoder = limits.decoder();
        assert_eq!(decoder.decode(&unread, &mut Vec::new()), Decoded::More, "what is unfinished was heard before");
        heard.add(&mut decoder, piece);
        if heard.ending != Decoded::More {
            break;
        }
        unread = decoder.unread();
        assert!(unread.len() <= stream.len().min(limits.max_bytes()) + OVERHEAD);
    }
    heard
}

/// The pieces of a stream, of the planned lengths, again and again.
fn pieces<'a>(stream: &'a [u8], plan: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = plan.iter().map(|length| usize::from(*length).max(1)).cycle();
    let mut rest = stream;
    std::iter::from_fn(move || {
        let length = lengths.next().unwrap_or(rest.len()).min(rest.len());
        rest.split_off(..length).filter(|piece| !piece.is_empty())
    })
}

/// Makes a stream of what a client says, and hears that.
fn speak(input: &mut Input<'_>, limits: Limits, plan: &[u8]) -> Heard {
    let mut client = Client { mask: [input.byte(), input.byte(), input.byte(), input.byte()], stream: Vec::new() };
    let mut said = Vec::new();
    let mut ending = Decoded::More;
    while !input.is_empty() && ending == Decoded::More {
        ending = client.say(input, limits, &mut said);
    }
    let heard = listen(&client.stream, limits, plan);
    assert_eq!((&heard.messages, heard.ending), (&said, ending));
    heard
}

/// A client, as far as the bytes that it sends.
struct Client {
    mask: [u8; 4],
    stream: Vec<u8>,
}

impl Client {
    /// Says one thing; it is `said` if it is a text that the server must hear.
    fn say(&mut self, input: &mut Input<'_>, limits: Limits, said: &mut Vec<String>) -> Decoded {
        match input.below(8) {
            0 => self.frame(0x89, input.take(20)),
            1 => self.frame(0x8A, input.take(20)),
            2 => {
                let bytes = input.until(b'\n');
                self.frame(0x82, bytes);
                if bytes.len() > limits.max_bytes() {
                    return Decoded::Broken(CloseReason::TooLarge);
                }
            }
            3 => {
                self.frame(0x88, &[]);
                return Decoded::Closed;
            }
            parts => {
                let times = 1 + input.below(64);
                let text = input::text(input.until(b'\n')).repeat(times);
                self.text(&text, parts - 3, input);
                if !limits.allow(&text) {
                    return Decoded::Broken(CloseReason::TooLarge);
                }
                said.push(text);
            }
        }
        Decoded::More
    }

    /// A text in fragments, which may cut characters, with a ping between them.
    fn text(&mut self, text: &str, fragments: usize, input: &mut Input<'_>) {
        let mut rest = text.as_bytes();
        for fragment in 0..fragments {
            let is_last = fragment + 1 == fragments;
            let count = if is_last { rest.len() } else { input.below(rest.len().clamp(1, 256)) };
            let (part, later) = rest.split_at(count);
            let opcode = if fragment == 0 { 0x01 } else { 0x00 };
            self.frame(if is_last { 0x80 | opcode } else { opcode }, part);
            if !is_last {
                self.frame(0x89, b"between");
            }
            rest = later;
        }
    }

    fn frame(&mut self, first: u8, payload: &[u8]) {
        self.stream.push(first);
        match payload.len() {
            short @ 0..=125 => self.stream.push(0x80 | short as u8),
            medium @ 126..=65_535 => {
                self.stream.push(0x80 | 126);
                self.stream.extend((medium as u16).to_be_bytes());
            }
            long => {
                self.stream.push(0x80 | 127);
                self.stream.extend((long as u64).to_be_bytes());
            }
        }
        self.stream.extend(self.mask);
        self.stream.extend(payload.iter().zip(self.mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }
}

/// What the server writes is read back by itself, and by a client.
fn check_written(messages: &[String]) {
    let mut out = BytesMut::new();
    for message in messages {
        frame::put_text(&mut out, message.as_bytes());
    }
    frame::put_close(&mut out, CloseReason::Replaced);
    let mut rest = &out[..];
    for message in messages {
        let written = Written::parse(rest).expect("a header is not read back");
        assert!(written.is_text);
        assert_eq!(&rest[written.header..written.len()], message.as_bytes());
        rest = &rest[written.len()..];
    }
    let close = Written::parse(rest).expect("the close frame's header is not read back");
    assert!(!close.is_text && close.len() == rest.len());

    let mut client = WebSocket::from_raw_socket(FromServer(Cursor::new(out.to_vec())), Role::Client, None);
    for message in messages {
        assert_eq!(client.read().ok(), Some(Message::Text(message.as_str().into())));
    }
    let Ok(Message::Close(Some(close))) = client.read() else { panic!("a client reads no close frame") };
    assert_eq!(u16::from(close.code), CloseReason::Replaced.code());
    assert_eq!(close.reason.as_str(), CloseReason::Replaced.text());
}

/// A client's socket: what the server wrote, and nobody who listens.
struct FromServer(Cursor<Vec<u8>>);

impl Read for FromServer {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl Write for FromServer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server's socket: what the client wrote, and then nothing for now.
struct FromClient {
    stream: Cursor<Vec<u8>>,
    replies: Vec<u8>,
}

impl Read for FromClient {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(out)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for FromClient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.replies.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
