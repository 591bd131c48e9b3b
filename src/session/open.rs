//! What a decoder keeps between two reads: the beginning of a header, a frame, a message, and what answers them.

use std::str;

use tokio_tungstenite::tungstenite::protocol::frame::{
    Frame as Reply, FrameHeader,
    coding::{Control, Data, OpCode},
};

use crate::{protocol::close::CloseReason, unfinished::growing::Growing};

/// The longest header of a frame, in bytes (RFC 6455 §5.2).
pub(super) const MAX_HEADER_LEN: usize = 14;

/// What is open between two reads.
#[derive(Default)]
pub(super) struct Open {
    pub(super) header: Header,
    pub(super) frame: Option<Frame>,
    pub(super) message: Option<Message>,
    /// The payload of a control frame.
    pub(super) control: Growing,
    pub(super) replies: Vec<u8>,
}

/// The beginning of a header.
#[derive(Default)]
pub(super) struct Header {
    pub(super) bytes: [u8; MAX_HEADER_LEN],
    pub(super) len: usize,
}

/// A frame whose header is known.
pub(super) struct Frame {
    pub(super) part: Part,
    pub(super) is_final: bool,
    pub(super) mask: [u8; 4],
    /// Bytes of payload.
    pub(super) len: usize,
    /// Those that have come.
    come: usize,
}

/// What a frame is to its message.
#[derive(Clone, Copy)]
pub(super) enum Part {
    First(Kind),
    Next,
    Control(Control),
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Binary,
}

/// A message of which not all has come.
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) bytes: Growing,
    /// So many bytes are known to be whole characters.
    characters: usize,
}

impl Open {
    pub(super) fn is_needed(&self) -> bool {
        self.header.len > 0 || self.frame.is_some() || self.message.is_some() || !self.replies.is_empty()
    }

    /// Bytes of the message that have come.
    pub(super) fn come(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.bytes.len())
    }

    /// Bytes of the unfinished message: those that have come, and those that its frame has announced.
    pub(super) fn unfinished(&self) -> Option<usize> {
        let message = self.message.as_ref()?;
        let announced = match &self.frame {
            Some(Frame { part: Part::Control(_), .. }) | None => 0,
            Some(frame) => frame.rest(),
        };
        Some(message.bytes.len() + announced)
    }

    pub(super) fn reply(&mut self, frame: Reply) {
        // Writing to memory does not fail.
        let _ = frame.format(&mut self.replies);
    }
}

impl Open {
    /// Bytes that leave a decoder that has read nothing else as this one is. The peer need not have sent them so: the
    /// frames of a message that have come whole are one.
    pub(super) fn into_stream(self) -> Vec<u8> {
        let mut stream = Vec::new();
        if let Some(message) = self.message {
            message.put_into(&mut stream, self.frame.as_ref());
        }
        if let Some(frame @ Frame { part: Part::Control(control), .. }) = &self.frame {
            frame.put_into(&mut stream, OpCode::Control(*control), self.control.since(0));
        }
        stream.extend_from_slice(&self.header.bytes[..self.header.len]);
        stream
    }
}

impl Message {
    /// `frame`: the one that is open, if one is.
    fn put_into(&self, stream: &mut Vec<u8>, frame: Option<&Frame>) {
        let first = OpCode::Data(match self.kind {
            Kind::Text => Data::Text,
            Kind::Binary => Data::Binary,
        });
        let open = frame.filter(|frame| !matches!(frame.part, Part::Control(_)));
        let whole = self.bytes.len() - open.map_or(0, |frame| frame.come);
        let is_in_first = open.is_some() && whole == 0;
        if !is_in_first {
            let before = self.bytes.since(0).split_at(whole).0;
            Frame { part: Part::Next, is_final: false, mask: [0; 4], len: whole, come: whole }
                .put_into(stream, first, before);
        }
        if let Some(frame) = open {
            let opcode = if is_in_first { first } else { OpCode::Data(Data::Continue) };
            frame.put_into(stream, opcode, self.bytes.since(whole));
        }
    }
}

impl Frame {
    /// A frame of `len` bytes, of which none has come.
    pub(super) fn new(part: Part, is_final: bool, mask: [u8; 4], len: usize) -> Self {
        Self { part, is_final, mask, len, come: 0 }
    }

    /// Writes the frame as a client would, as far as its payload has come.
    fn put_into(&self, stream: &mut Vec<u8>, opcode: OpCode, come: &[u8]) {
        let header = FrameHeader { is_final: self.is_final, opcode, mask: Some(self.mask), ..FrameHeader::default() };
        // Writing to memory does not fail.
        let _ = header.format(self.len as u64, stream);
        let start = stream.len();
        stream.extend_from_slice(come);
        unmask(&mut stream[start..], self.mask, 0);
    }

    /// Bytes that are still to come.
    pub(super) fn rest(&self) -> usize {
        self.len - self.come
    }

    /// Adds a part of the payload to what has come. `to_come`: see [`Growing::push`].
    pub(super) fn add_to(&mut self, growing: &mut Growing, part: &[u8], to_come: usize) {
        let start = growing.len();
        growing.push(part, to_come);
        unmask(growing.since_mut(start), self.mask, self.come);
        self.come += part.len();
    }
}

impl Message {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, bytes: Growing::default(), characters: 0 }
    }

    /// A fragment may end within a character, but what is before that must be text.
    pub(super) fn check_characters(&mut self) -> Result<(), CloseReason> {
        if matches!(self.kind, Kind::Binary) {
            return Ok(());
        }
        match str::from_utf8(self.bytes.since(self.characters)) {
            Ok(_) => self.characters = self.bytes.len(),
            Err(error) if error.error_len().is_none() => self.characters += error.valid_up_to(),
            Err(_) => return Err(CloseReason::InvalidUtf8),
        }
        Ok(())
    }
}

/// Takes a client's mask off a part of a payload that begins `at` bytes from its start.
pub(super) fn unmask(bytes: &mut [u8], mut mask: [u8; 4], at: usize) {
    mask.rotate_left(at % 4);
    let [a, b, c, d] = mask;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(size_of::<u64>());
    for chunk in &mut words {
        let masked = u64::from_ne_bytes(chunk.try_into().unwrap_or_default());
        chunk.copy_from_slice(&(masked ^ word).to_ne_bytes());
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}
