//! WebSocket frames as a server writes them: unmasked, never fragmented. Reading client frames is the session's work;
//! writing is done here, so that a broadcast is framed once and its bytes are shared by all receivers.

use bytes::{BufMut, BytesMut};

use super::close::CloseReason;

/// The most bytes that a frame's header takes.
pub const MAX_HEADER_LEN: usize = 10;

/// FIN and opcode text.
const TEXT: u8 = 0x81;
/// FIN and opcode close.
const CLOSE: u8 = 0x88;

/// A whole ping frame without a payload.
pub const PING: [u8; 2] = [0x89, 0];

/// Appends the header of a text frame with `len` bytes of payload.
pub fn put_text_header(out: &mut BytesMut, len: usize) {
    put_header(out, TEXT, len);
}

/// Appends a whole text frame.
pub fn put_text(out: &mut BytesMut, payload: &[u8]) {
    out.reserve(payload.len() + MAX_HEADER_LEN);
    put_text_header(out, payload.len());
    out.put_slice(payload);
}

/// Appends a close frame that says why.
pub fn put_close(out: &mut BytesMut, reason: CloseReason) {
    let text = reason.text().as_bytes();
    put_header(out, CLOSE, text.len() + 2);
    out.put_u16(reason.code());
    out.put_slice(text);
}

fn put_header(out: &mut BytesMut, first: u8, len: usize) {
    out.put_u8(first);
    match len {
        0..=125 => out.put_u8(len as u8),
        126..=65_535 => {
            out.put_u8(126);
            out.put_u16(len as u16);
        }
        _ => {
            out.put_u8(127);
            out.put_u64(len as u64);
        }
    }
}

/// A frame's header, read back from what the server wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// A text frame; else a control frame, which means nothing to a resumed connection.
    pub is_text: bool,
    /// Bytes of header.
    pub header: usize,
    /// Bytes of payload.
    pub payload: usize,
}

impl Written {
    /// Reads the header at the start of `bytes`, which holds at least the header of one frame that the server wrote.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let is_text = *bytes.first()? == TEXT;
        let (header, payload) = match *bytes.get(1)? {
            126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?) as usize),
            127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
            short => (2, short as usize),
        };
        Some(Self { is_text, header, payload })
    }

    /// Bytes of the whole frame.
    pub fn len(&self) -> usize {
        self.header + self.payload
    }

    /// No frame is empty: it has a header.
    pub fn is_empty(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_as_written() {
        for len in [0, 1, 125, 126, 65_535, 65_536, 5_000_000] {
            let mut out = BytesMut::new();
            put_text_header(&mut out, len);
            let written = Written::parse(&out).unwrap();
            assert_eq!(written, Written { is_text: true, header: out.len(), payload: len });
        }
    }

    #[test]
    fn a_close_frame_carries_code_and_reason() {
        let mut out = BytesMut::new();
        put_close(&mut out, CloseReason::Shutdown);
        assert_eq!(out[0], 0x88);
        assert_eq!(out[1] as usize, out.len() - 2);
        assert_eq!(&out[2..4], &1001u16.to_be_bytes());
        assert!(out.len() <= 127);
    }

    #[test]
    fn a_cut_header_is_not_read() {
        assert_eq!(Written::parse(&[]), None);
        assert_eq!(Written::parse(&[TEXT, 126, 1]), None);
    }
}
