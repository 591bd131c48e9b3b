//! From bytes to messages: takes a client's WebSocket frames apart as they come, and puts its messages together.
//!
//! Messages that are whole in what was read are taken straight from there. Only an unfinished one at its end is kept,
//! in memory that grows with what has come, not with what a header announces. The headers and the codes are
//! tungstenite's.

use std::io::Cursor;

use bytes::{Bytes, BytesMut};
use tokio_tungstenite::tungstenite::protocol::frame::{
    CloseFrame, Frame as Reply, FrameHeader,
    coding::{CloseCode, Control, Data, OpCode},
};

use super::open::{Frame, Kind, MAX_HEADER_LEN, Message, Open, Part, unmask};
use crate::{
    protocol::{self, Text, close::CloseReason},
    unfinished::room::Begun,
};

/// UTF-8 bytes that a UTF-16 unit takes at most.
const MAX_BYTES_PER_UTF16_UNIT: usize = 3;

/// The longest payload of a control frame, in bytes (RFC 6455 §5.5).
const MAX_CONTROL_LEN: usize = 125;

/// Bytes of memory that the small messages of one read share, so that not each takes an allocation of its own. A
/// message that is kept keeps its neighbours' bytes too: few enough.
const SHELF_LEN: usize = 2 * 1024;

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

/// Reads one client's frames, and keeps what is unfinished until the rest comes.
pub struct Decoder {
    /// There only while something is unfinished: a peer that has sent whole messages costs nothing here.
    open: Option<Box<Open>>,
    limits: Limits,
    /// How many messages so far were not whole in what was read; begins again at 0 after the last number.
    begun: u32,
}

/// How long a message may be.
#[derive(Clone, Copy)]
struct Limits {
    /// In UTF-16 units.
    max_payload: usize,
    max_bytes: usize,
}

impl Decoder {
    /// A decoder at the start of a stream. `max_payload` in UTF-16 units, `max_message_size` in bytes.
    pub fn new(max_payload: usize, max_message_size: usize) -> Self {
        let max_bytes = max_payload.saturating_mul(MAX_BYTES_PER_UTF16_UNIT).min(max_message_size);
        Self { open: None, limits: Limits { max_payload, max_bytes }, begun: 0 }
    }

    /// Decodes `bytes` and gives the messages to `inbox`.
    pub fn decode(&mut self, bytes: &[u8], inbox: &mut impl Inbox) -> Decoded {
        let mut open = self.open.take().map_or_else(Open::default, |open| *open);
        let reading =
            Reading { rest: bytes, shelf: BytesMut::new(), limits: self.limits, begun: &mut self.begun, inbox };
        let ending = reading.read_frames(&mut open).err().unwrap_or(Decoded::More);
        if open.is_needed() {
            self.open = Some(Box::new(open));
        }
        ending
    }

    /// Control frames that answer what was read.
    pub fn take_replies(&mut self) -> Vec<u8> {
        let replies = self.open.as_mut().map(|open| std::mem::take(&mut open.replies)).unwrap_or_default();
        self.open.take_if(|open| !open.is_needed());
        replies
    }

    /// The longest text, in UTF-16 units.
    pub fn max_payload(&self) -> usize {
        self.limits.max_payload
    }

    /// Nothing unfinished is kept.
    pub fn is_whole(&self) -> bool {
        self.open.is_none()
    }

    /// What must be read again, before what comes, by a decoder that is to go on where this one stops.
    pub fn unread(self) -> Vec<u8> {
        self.open.map(|open| open.into_stream()).unwrap_or_default()
    }

    /// The message that has begun and is not finished.
    pub fn unfinished(&self) -> Option<Begun> {
        let bytes = self.open.as_ref()?.unfinished()?;
        Some(Begun { number: self.begun, bytes })
    }
}

/// One call of [`Decoder::decode`].
struct Reading<'a, I> {
    rest: &'a [u8],
    shelf: BytesMut,
    limits: Limits,
    begun: &'a mut u32,
    inbox: &'a mut I,
}

impl<'a, I: Inbox> Reading<'a, I> {
    /// Reads frames until nothing is left. The error is how the stream has ended.
    fn read_frames(mut self, open: &mut Open) -> Result<(), Decoded> {
        while !self.rest.is_empty() {
            let frame = match open.frame.take() {
                Some(frame) => frame,
                None => match self.read_header(open)? {
                    Some(frame) => frame,
                    None => return Ok(()),
                },
            };
            match frame.part {
                Part::Control(control) => self.read_control(open, frame, control)?,
                Part::First(kind) if frame.is_final && frame.len <= self.rest.len() => {
                    let payload = self.take_whole(&frame);
                    self.deliver(kind, payload)?;
                }
                Part::First(kind) => {
                    *self.begun = self.begun.wrapping_add(1);
                    self.read_data(open, frame, Message::new(kind))?;
                }
                Part::Next => match open.message.take() {
                    Some(message) => self.read_data(open, frame, message)?,
                    None => return Err(Decoded::Broken(CloseReason::ProtocolError)),
                },
            }
        }
        Ok(())
    }

    /// The next frame's header; `None`: it is not all there.
    fn read_header(&mut self, open: &mut Open) -> Result<Option<Frame>, Decoded> {
        let header = &mut open.header;
        let before = header.len;
        let copied = (MAX_HEADER_LEN - before).min(self.rest.len());
        header.bytes[before..before + copied].copy_from_slice(&self.rest[..copied]);
        header.len += copied;
        let mut cursor = Cursor::new(&header.bytes[..header.len]);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Decoded::Broken(CloseReason::ProtocolError))?;
        let Some((parsed, len)) = parsed else {
            self.rest = &self.rest[copied..];
            return Ok(None);
        };
        // What was there before was not enough, so that the header ends in what is new.
        self.rest = &self.rest[cursor.position() as usize - before..];
        header.len = 0;
        self.check_header(open, &parsed, len).map(Some).map_err(Decoded::Broken)
    }

    /// What a header says, if it may say so.
    fn check_header(&self, open: &Open, header: &FrameHeader, len: u64) -> Result<Frame, CloseReason> {
        let wrong = Err(CloseReason::ProtocolError);
        let Some(mask) = header.mask else { return wrong };
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return wrong;
        }
        let part = match (header.opcode, &open.message) {
            (OpCode::Control(_), _) if !header.is_final || len > MAX_CONTROL_LEN as u64 => return wrong,
            (OpCode::Control(control), _) => Part::Control(control),
            (OpCode::Data(Data::Text), None) => Part::First(Kind::Text),
            (OpCode::Data(Data::Binary), None) => Part::First(Kind::Binary),
            (OpCode::Data(Data::Continue), Some(_)) => Part::Next,
            (OpCode::Data(_), _) => return wrong,
        };
        let most = match part {
            Part::Control(_) => MAX_CONTROL_LEN,
            Part::First(_) | Part::Next => self.limits.max_bytes - open.come(),
        };
        let len = usize::try_from(len).ok().filter(|len| *len <= most).ok_or(CloseReason::TooLarge)?;
        Ok(Frame::new(part, header.is_final, mask, len))
    }

    /// Takes what is there of a frame's payload.
    fn take_some(&mut self, frame: &Frame) -> &'a [u8] {
        let (some, rest) = self.rest.split_at(frame.rest().min(self.rest.len()));
        self.rest = rest;
        some
    }

    /// Takes a payload that is all there.
    fn take_whole(&mut self, frame: &Frame) -> Bytes {
        let (payload, rest) = self.rest.split_at(frame.len);
        self.rest = rest;
        let more = payload.len() + rest.len();
        if payload.len() >= SHELF_LEN || (rest.is_empty() && self.shelf.is_empty()) {
            let mut alone = payload.to_vec();
            unmask(&mut alone, frame.mask, 0);
            return alone.into();
        }
        if self.shelf.capacity() < payload.len() {
            self.shelf = BytesMut::with_capacity(more.min(SHELF_LEN));
        }
        self.shelf.extend_from_slice(payload);
        unmask(&mut self.shelf, frame.mask, 0);
        self.shelf.split().freeze()
    }

    fn read_control(&mut self, open: &mut Open, mut frame: Frame, control: Control) -> Result<(), Decoded> {
        let to_come = frame.rest();
        frame.add_to(&mut open.control, self.take_some(&frame), to_come);
        if frame.rest() > 0 {
            open.frame = Some(frame);
            return Ok(());
        }
        let payload = std::mem::take(&mut open.control).finish();
        match control {
            Control::Ping => {
                open.reply(Reply::pong(payload));
                Ok(())
            }
            Control::Close => {
                open.reply(Reply::close(answer_to_close(&payload).map_err(Decoded::Broken)?));
                Err(Decoded::Closed)
            }
            Control::Pong | Control::Reserved(_) => Ok(()),
        }
    }

    /// Reads on in a message that is not whole in what was read.
    fn read_data(&mut self, open: &mut Open, mut frame: Frame, mut message: Message) -> Result<(), Decoded> {
        frame.part = Part::Next;
        let max_rest = self.limits.max_bytes - message.bytes.len();
        let to_come = if frame.is_final { frame.rest() } else { max_rest };
        frame.add_to(&mut message.bytes, self.take_some(&frame), to_come);
        if frame.rest() == 0 && frame.is_final {
            return self.deliver(message.kind, message.bytes.finish());
        }
        if frame.rest() == 0 {
            message.check_characters().map_err(Decoded::Broken)?;
        } else {
            open.frame = Some(frame);
        }
        open.message = Some(message);
        Ok(())
    }

    fn deliver(&mut self, kind: Kind, payload: Bytes) -> Result<(), Decoded> {
        match kind {
            Kind::Binary => self.inbox.binary(payload),
            Kind::Text => {
                let text = Text::try_from(payload).map_err(|_| Decoded::Broken(CloseReason::InvalidUtf8))?;
                if protocol::exceeds_utf16(&text, self.limits.max_payload) {
                    return Err(Decoded::Broken(CloseReason::TooLarge));
                }
                self.inbox.text(text);
            }
        }
        Ok(())
    }
}

/// What answers a close frame: its own code and reason, or a protocol error where that code is not allowed.
fn answer_to_close(payload: &Bytes) -> Result<Option<CloseFrame>, CloseReason> {
    let [high, low, ..] = payload[..] else {
        return if payload.is_empty() { Ok(None) } else { Err(CloseReason::ProtocolError) };
    };
    let reason = Text::try_from(payload.slice(2..)).map_err(|_| CloseReason::InvalidUtf8)?;
    let code = CloseCode::from(u16::from_be_bytes([high, low]));
    Ok(Some(if code.is_allowed() {
        CloseFrame { code, reason }
    } else {
        CloseFrame { code: CloseCode::Protocol, reason: Text::from_static("Protocol violation") }
    }))
}
