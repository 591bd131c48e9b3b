//! Follows a stream of WebSocket frames, of either side, without reading what is in them: where one frame ends and the
//! next begins. Something may be put into the stream only there. Pure.

/// The longest header of a frame, in bytes (RFC 6455 §5.2): of the longest payload, masked.
const MAX_HEADER_LEN: usize = 14;

/// The lower half of a frame's first byte, of a close frame.
const CLOSE: u8 = 0x8;

/// How far a stream of frames has come.
#[derive(Debug, Default)]
pub struct Frames {
    header: [u8; MAX_HEADER_LEN],
    /// Bytes of a header that have come.
    come: usize,
    /// Bytes of a payload that are still to come.
    payload: u64,
    has_closed: bool,
}

/// A frame's header, read from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the header itself.
    pub len: usize,
    /// Bytes behind it.
    pub payload: u64,
}

impl Header {
    /// Reads a header. `None`: not all of it is there.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let second = *bytes.get(1)?;
        let extended: &[u8] = match second & 0x7f {
            126 => bytes.get(2..4)?,
            127 => bytes.get(2..10)?,
            _ => &[],
        };
        let payload = match extended {
            [] => u64::from(second & 0x7f),
            bytes => bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let len = 2 + extended.len() + mask;
        (bytes.len() >= len).then_some(Self { len, payload })
    }
}

impl Frames {
    /// More of the stream. How many of these bytes come before the first close frame; `None`: there is none.
    pub fn follow(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        let mut close = None;
        while at < bytes.len() {
            if self.payload > 0 {
                let skipped = self.payload.min((bytes.len() - at) as u64);
                self.payload -= skipped;
                at += skipped as usize;
                continue;
            }
            if self.come == 0 && bytes[at] & 0xf == CLOSE {
                self.has_closed = true;
                close.get_or_insert(at);
            }
            self.header[self.come] = bytes[at];
            self.come += 1;
            at += 1;
            if let Some(header) = Header::parse(&self.header[..self.come]) {
                self.payload = header.payload;
                self.come = 0;
            }
        }
        close
    }

    /// The stream is between two frames.
    pub fn is_between(&self) -> bool {
        self.come == 0 && self.payload == 0
    }

    /// There was a close frame: nothing may follow.
    pub fn has_closed(&self) -> bool {
        self.has_closed
    }

    /// Bytes that belong to the frame that has begun, and some more perhaps, but none of another one.
    pub fn rest(&self) -> u64 {
        if self.is_between() { 0 } else { self.payload.max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of all lengths of headers, masked and not.
    fn stream() -> (Vec<u8>, Vec<usize>) {
        let mut stream = Vec::new();
        let mut ends = vec![0];
        for (mask, len) in [0, 0x80].into_iter().flat_map(|mask| [0, 1, 125, 126, 300, 65_536].map(|len| (mask, len))) {
            stream.push(0x81);
            match len {
                0..=125 => stream.push(mask | len as u8),
                126..=65_535 => stream.extend([mask | 126, (len >> 8) as u8, len as u8]),
                _ => {
                    stream.push(mask | 127);
                    stream.extend((len as u64).to_be_bytes());
                }
            }
            stream.extend(vec![0x88; len + if mask == 0 { 0 } else { 4 }]);
            ends.push(stream.len());
        }
        (stream, ends)
    }

    #[test]
    fn it_is_between_two_frames_exactly_where_one_ends() {
        let (stream, ends) = stream();
        let mut frames = Frames::default();
        for (at, byte) in stream.iter().enumerate() {
            assert_eq!(frames.is_between(), ends.contains(&at), "{at}");
            assert_eq!(frames.follow(&[*byte]), None);
        }
        assert!(frames.is_between() && !frames.has_closed());
    }

    #[test]
    fn it_does_not_matter_how_the_stream_is_cut() {
        let (stream, _) = stream();
        for cut in [1, 2, 3, 7, 64, 1_000, 100_000] {
            let mut frames = Frames::default();
            for part in stream.chunks(cut) {
                frames.follow(part);
            }
            assert!(frames.is_between() && !frames.has_closed(), "{cut}");
        }
    }

    #[test]
    fn what_belongs_to_a_frame_never_reaches_into_the_next_one() {
        let (stream, ends) = stream();
        let mut frames = Frames::default();
        let mut at = 0;
        while at < stream.len() {
            let next = (at + (frames.rest() as usize).max(1)).min(stream.len());
            frames.follow(&stream[at..next]);
            let end = ends.iter().find(|end| **end > at).unwrap();
            assert!(next <= *end, "{next} is behind {end}");
            at = next;
        }
    }

    #[test]
    fn a_close_frame_is_found_where_it_begins() {
        let mut frames = Frames::default();
        assert_eq!(frames.follow(&[0x81, 1, b'x', 0x88, 2, 3, 0xe9]), Some(3));
        assert!(frames.has_closed() && frames.is_between());
        assert_eq!(Frames::default().follow(&[0x88]), Some(0));
    }
}
