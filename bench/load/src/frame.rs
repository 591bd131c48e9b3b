//! The few WebSocket words a load generator needs: frames a client writes, frames a server writes. Pure.

/// Longest client frame header: two bytes, a 64-bit length, the masking key.
const MAX_CLIENT_HEADER: usize = 14;
/// FIN and opcode 1: a whole text message.
const TEXT: u8 = 0x81;
/// FIN and opcode 8.
const CLOSE: u8 = 0x88;
const MASKED: u8 = 0x80;
/// Status 1000: the connection has done what it was for.
const NORMAL_CLOSURE: [u8; 2] = 1000_u16.to_be_bytes();

/// The key a client masks its payload with. Zero is legal, and leaves the payload as it is.
pub type MaskKey = [u8; 4];

/// What one frame from the server is.
#[derive(Debug, PartialEq)]
pub enum Frame<'a> {
    Text(&'a [u8]),
    Close {
        code: Option<u16>,
    },
    /// Pings and pongs: a run is too short for them to matter.
    Control,
}

/// What the front of a read buffer holds.
#[derive(Debug, PartialEq)]
pub enum Parsed<'a> {
    Frame {
        frame: Frame<'a>,
        length: usize,
    },
    Incomplete,
    /// A frame that no server of this protocol writes: binary, fragmented, compressed or masked.
    Unexpected {
        first: u8,
        second: u8,
    },
}

/// Appends the header of a masked text frame.
pub fn write_text_header(out: &mut Vec<u8>, payload: usize, key: MaskKey) {
    write_header(out, TEXT, payload, key);
}

/// Appends a whole close frame with status 1000.
pub fn write_close(out: &mut Vec<u8>, key: MaskKey) {
    write_header(out, CLOSE, NORMAL_CLOSURE.len(), key);
    let start = out.len();
    out.extend_from_slice(&NORMAL_CLOSURE);
    mask(&mut out[start..], key);
}

/// Masks a payload in place. With the key zero there is nothing to do, and nothing is done.
pub fn mask(payload: &mut [u8], key: MaskKey) {
    if key == [0; 4] {
        return;
    }
    for chunk in payload.chunks_mut(4) {
        for (byte, key) in chunk.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
}

/// Reads the frame at the front of `input`, without copying it.
#[inline]
pub fn parse(input: &[u8]) -> Parsed<'_> {
    let &[first, second, ref rest @ ..] = input else {
        return Parsed::Incomplete;
    };
    if second & MASKED != 0 {
        return Parsed::Unexpected { first, second };
    }
    let (header, payload) = match (second, rest) {
        (127, [a, b, c, d, e, f, g, h, ..]) => (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as usize),
        (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
        (126 | 127, _) => return Parsed::Incomplete,
        (short, _) => (2, usize::from(short)),
    };
    let length = header + payload;
    let Some(payload) = input.get(header..length) else {
        return Parsed::Incomplete;
    };
    let frame = match first {
        TEXT => Frame::Text(payload),
        CLOSE => Frame::Close { code: payload.first_chunk().map(|code| u16::from_be_bytes(*code)) },
        0x89 | 0x8a => Frame::Control,
        _ => return Parsed::Unexpected { first, second },
    };
    Parsed::Frame { frame, length }
}

fn write_header(out: &mut Vec<u8>, first: u8, payload: usize, key: MaskKey) {
    out.reserve(MAX_CLIENT_HEADER + payload);
    out.push(first);
    match payload {
        0..=125 => out.push(MASKED | payload as u8),
        126..=0xffff => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(payload as u16).to_be_bytes());
        }
        _ => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(payload as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_length_form_and_waits_for_the_rest() {
        for (size, header) in [
            (5, vec![TEXT, 5]),
            (200, vec![TEXT, 126, 0, 200]),
            (70_000, [&[TEXT, 127][..], &70_000_u64.to_be_bytes()].concat()),
        ] {
            let frame = [header, vec![b'x'; size]].concat();
            assert_eq!(parse(&frame[..frame.len() - 1]), Parsed::Incomplete);
            let text = vec![b'x'; size];
            assert_eq!(parse(&frame), Parsed::Frame { frame: Frame::Text(&text), length: frame.len() });
        }
    }

    #[test]
    fn refuses_what_no_server_writes() {
        assert_eq!(parse(&[0x82, 0]), Parsed::Unexpected { first: 0x82, second: 0 });
        assert_eq!(parse(&[0x01, 0]), Parsed::Unexpected { first: 0x01, second: 0 });
        assert_eq!(parse(&[TEXT, 0x80]), Parsed::Unexpected { first: TEXT, second: 0x80 });
    }

    #[test]
    fn masks_with_the_key_it_announces() {
        let key = [1, 2, 3, 4];
        let mut out = Vec::new();
        write_close(&mut out, key);
        assert_eq!(out, [CLOSE, MASKED | 2, 1, 2, 3, 4, 0x03 ^ 1, 0xe8 ^ 2]);
    }
}
