//! The bytes of an outbox: a stream of whole WebSocket frames, in segments that may be shared with other outboxes.
//!
//! ```text
//!   segments: |  acknowledged?  |   to be sent   |     offsets count the bytes of the current connection's stream
//!             base             sent             end
//! ```
//!
//! Knows where frames begin, since it wrote them; knows nothing of connections.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
};

use bytes::{Buf, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::shelf::{self, Shelf};
use crate::protocol::{frame, reliable};

/// Bytes below which a text is copied next to its neighbours: cheaper than a reference and a slice of its own.
const COPY_BELOW: usize = 2 * 1024;

/// Segments given to one write: enough for large writes, few enough for the stack.
const SLICES_PER_WRITE: usize = 64;

/// Bytes given to one write: so many that the system call is the smaller half, so few that others do not wait for it.
const BYTES_PER_WRITE: usize = 128 * 1024;

/// No offset, count or time of a hub gets there, counted in single bytes or milliseconds: half of what there are
/// numbers for, so that nothing that is added to one overflows.
pub(super) const NEVER_REACHED: u64 = u64::MAX / 2;

/// An outbox's frames: those that were sent and may be needed again, and those that are still to be sent.
#[derive(Default)]
pub(super) struct FrameStream {
    segments: VecDeque<Bytes>,
    /// The open last segment.
    tail: BytesMut,
    /// Offset of the first byte of `segments`; from `keep_from` on, the start of a frame.
    base: u64,
    sent: u64,
    end: u64,
    /// Where `sent` lies: the segment, and the byte in it.
    cursor: (usize, usize),
    /// From this offset on, no frame lies in two segments: each segment begins and ends with one.
    whole_from: u64,
    /// From this offset on (the start of a frame), what was sent is kept until it is acknowledged.
    keep_from: Option<u64>,
}

/// A stream as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FrozenStream {
    base: u64,
    sent: u64,
    keep_from: Option<u64>,
    /// All that is kept, and all that is to be sent, those from `base` on: their numbers on the shelf.
    segments: Vec<u32>,
}

impl FrameStream {
    /// Takes everything out, so that another stream can go on at the same byte.
    pub(super) fn freeze(&mut self, shelf: &mut Shelf) -> FrozenStream {
        let (base, sent, keep_from) = (self.base, self.sent, self.keep_from);
        FrozenStream { base, sent, keep_from, segments: shelf.put(self.take_segments()) }
    }

    /// As it is, while it goes on.
    pub(super) fn copy(&mut self, shelf: &mut Shelf) -> FrozenStream {
        self.close_tail();
        let segments = shelf.put(self.segments.iter().cloned().collect());
        FrozenStream { base: self.base, sent: self.sent, keep_from: self.keep_from, segments }
    }

    /// A stream that goes on where another has stopped. `None`: there never was such a stream.
    pub(super) fn thaw(frozen: FrozenStream, shelf: &[Bytes]) -> Option<Self> {
        let FrozenStream { base, sent, keep_from, segments } = frozen;
        let segments = shelf::take(shelf, segments)?;
        let length = segments.iter().map(|segment| segment.len() as u64).sum();
        let end = base.checked_add(length).filter(|end| *end < NEVER_REACHED)?;
        let kept = sent.checked_sub(base).filter(|_| sent <= end)?;
        if keep_from.is_some_and(|from| from > end) {
            return None;
        }
        let mut stream = Self { base, sent: base, end: base, keep_from, ..Self::default() };
        stream.append(segments);
        stream.sent = sent;
        stream.move_cursor(usize::try_from(kept).ok()?);
        Some(stream)
    }

    /// Bytes that were not sent yet.
    pub(super) fn unsent(&self) -> u64 {
        self.end - self.sent
    }

    /// The offset up to which bytes were sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// The offset of the first byte that is kept.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Sent bytes that are kept.
    pub(super) fn kept(&self) -> u64 {
        self.sent - self.base
    }

    /// From now on keeps what is sent until it is acknowledged.
    pub(super) fn keep(&mut self) {
        self.keep_from.get_or_insert(self.end);
    }

    /// What is sent is kept until it is acknowledged.
    pub(super) fn keeps(&self) -> bool {
        self.keep_from.is_some()
    }

    /// Appends whole frames that were written elsewhere next to what is there: small ones.
    pub(super) fn push_copy(&mut self, frames: &[u8]) {
        self.tail.extend_from_slice(frames);
        self.end += frames.len() as u64;
    }

    /// Appends one text as a frame. A large one is referenced, not copied.
    pub(super) fn push_text(&mut self, text: &Bytes) {
        self.push_text_behind(&[], text);
    }

    /// Appends one text as a frame that begins with something else. A large one is referenced, not copied.
    pub(super) fn push_text_behind(&mut self, beginning: &[u8], text: &Bytes) {
        let before = self.tail.len();
        frame::put_text_header(&mut self.tail, beginning.len() + text.len());
        self.tail.extend_from_slice(beginning);
        if text.len() < COPY_BELOW {
            self.tail.extend_from_slice(text);
            self.end += (self.tail.len() - before) as u64;
        } else {
            self.end += (self.tail.len() - before) as u64;
            self.close_tail();
            self.push_segment(text.clone());
            self.whole_from = self.end;
        }
    }

    /// Appends whole frames.
    pub(super) fn push_frames(&mut self, frames: &Bytes) {
        self.close_tail();
        self.push_segment(frames.clone());
    }

    /// Appends what was taken from a stream, or frames like it.
    pub(super) fn append(&mut self, segments: impl IntoIterator<Item = Bytes>) {
        self.close_tail();
        segments.into_iter().for_each(|segment| self.push_segment(segment));
        self.whole_from = self.end;
    }

    /// An empty one would be no frame, at which letting go of frames would stop, or never get past it.
    fn push_segment(&mut self, segment: Bytes) {
        if segment.is_empty() {
            return;
        }
        self.end += segment.len() as u64;
        self.segments.push_back(segment);
    }

    /// Ends the open segment.
    pub(super) fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.segments.push_back(std::mem::take(&mut self.tail).freeze());
        }
    }

    /// Empties the log; the next connection's stream starts at offset 0.
    pub(super) fn take_segments(&mut self) -> Vec<Bytes> {
        self.close_tail();
        let segments = self.segments.drain(..).collect();
        (self.base, self.sent, self.end, self.cursor) = (0, 0, 0, (0, 0));
        self.whole_from = 0;
        self.keep_from = self.keep_from.map(|_| 0);
        segments
    }

    /// Hands the next bytes to `write`, and takes note of how many it took.
    pub(super) fn write_some(
        &mut self,
        write: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let (segment, skip) = self.cursor;
        let written = match self.segments.get(segment) {
            // Most writes are of one segment. An array of slices would cost more than all else that is done here.
            Some(only) if segment + 1 == self.segments.len() => write(&[slice(only, skip, BYTES_PER_WRITE)])?,
            _ => self.write_several(write)?,
        };
        self.advance(written);
        Ok(written)
    }

    fn write_several(&self, write: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE];
        let (segment, mut skip) = self.cursor;
        let (mut count, mut bytes) = (0, 0);
        for part in self.segments.iter().skip(segment).take(SLICES_PER_WRITE) {
            slices[count] = slice(part, skip, BYTES_PER_WRITE - bytes);
            bytes += slices[count].len();
            count += 1;
            skip = 0;
            if bytes >= BYTES_PER_WRITE {
                break;
            }
        }
        write(&slices[..count])
    }

    /// All that is in the stream is kept until it is acknowledged.
    pub(super) fn keeps_from_base(&self) -> bool {
        self.keep_from.is_some_and(|from| self.base >= from)
    }

    /// Drops the frames that end at or before `offset`.
    pub(super) fn drop_frames_until(&mut self, offset: u64) {
        self.drop_segments_until(offset);
        let base = self.base;
        self.drop_frames_while(|end, _| base + end as u64 <= offset);
    }

    /// Drops the first so many numbered frames, and the others up to the next one. `false`: there are not so many, or
    /// they were not all sent, and `unsent` ones do not count.
    pub(super) fn drop_numbered(&mut self, mut count: usize, unsent: bool) -> bool {
        self.close_tail();
        let limit = if unsent { self.end } else { self.sent } - self.base;
        self.drop_frames_while(|end, first| {
            let is_numbered = first == Some(reliable::NUMBERED);
            let goes = end as u64 <= limit && (count > 0 || !is_numbered);
            count -= usize::from(goes && is_numbered);
            goes
        });
        count == 0
    }

    /// Drops frames from the front for as long as `goes` says so, which is told how many bytes they are until the
    /// frame's end, and what its payload begins with.
    fn drop_frames_while(&mut self, mut goes: impl FnMut(usize, Option<u8>) -> bool) {
        let mut whole = 0;
        let mut segments = self.segments.iter();
        let (mut segment, mut at) = (segments.next(), 0);
        // A header lies within one segment; a payload may be the segments that follow it.
        while let Some(current) = segment {
            let Some(written) = frame::Written::parse(&current[at..]) else { break };
            let first = current.get(at + written.header).filter(|_| written.is_text && written.payload > 0);
            if !goes(whole + written.len(), first.copied()) {
                break;
            }
            whole += written.len();
            at += written.len();
            while let Some(current) = segment
                && at >= current.len()
            {
                at -= current.len();
                segment = segments.next();
            }
        }
        self.drop_front(whole);
    }

    /// Most of what is acknowledged are whole segments: they go without a look at their frames.
    fn drop_segments_until(&mut self, offset: u64) {
        while let Some(front) = self.segments.front()
            && self.base >= self.whole_from
            && self.base + front.len() as u64 <= offset
        {
            self.drop_front(front.len());
        }
    }

    /// Goes back to the first frame that was not delivered, and leaves out what does not `survive` its connection.
    pub(super) fn rewind(&mut self, delivered: u64, survives: impl Fn(&[u8]) -> bool) {
        self.close_tail();
        if self.keeps_from_base() {
            self.drop_frames_until(delivered.min(self.sent));
        } else {
            // The front may be the rest of a frame: begin at the first whole one.
            let unkept = self.keep_from.unwrap_or(self.end).saturating_sub(self.base);
            self.drop_front(unkept as usize);
        }
        let texts = self.take_texts();
        for text in texts.iter().filter(|text| survives(text)) {
            self.push_text(text);
        }
        self.close_tail();
    }

    /// Takes all frames out and returns the payloads of the text frames.
    pub(super) fn take_texts(&mut self) -> Vec<Bytes> {
        let mut stream: VecDeque<Bytes> = self.take_segments().into();
        let mut texts = Vec::new();
        while let Some(written) = stream.front().and_then(|front| frame::Written::parse(front)) {
            take(&mut stream, written.header);
            let payload = take(&mut stream, written.payload);
            if written.is_text {
                texts.push(payload);
            }
        }
        texts
    }

    fn advance(&mut self, written: usize) {
        self.sent += written as u64;
        let unkept = self.keep_from.map_or(u64::MAX, |from| from.saturating_sub(self.base));
        let dropped = written.min(usize::try_from(unkept).unwrap_or(usize::MAX));
        self.drop_front(dropped);
        self.move_cursor(written - dropped);
    }

    fn move_cursor(&mut self, mut by: usize) {
        while let Some(segment) = self.segments.get(self.cursor.0) {
            let rest = segment.len() - self.cursor.1;
            if by < rest {
                self.cursor.1 += by;
                return;
            }
            by -= rest;
            self.cursor = (self.cursor.0 + 1, 0);
        }
    }

    /// Drops bytes from the front.
    fn drop_front(&mut self, mut count: usize) {
        self.base += count as u64;
        while count > 0 {
            let Some(front) = self.segments.front_mut() else { return };
            if count < front.len() {
                front.advance(count);
                if self.cursor.0 == 0 {
                    self.cursor.1 = self.cursor.1.saturating_sub(count);
                }
                return;
            }
            count -= front.len();
            self.segments.pop_front();
            self.cursor = match self.cursor {
                (0, _) => (0, 0),
                (segment, byte) => (segment - 1, byte),
            };
        }
    }
}

/// What follows the first `skip` bytes, `at_most` so much.
fn slice(bytes: &[u8], skip: usize, at_most: usize) -> IoSlice<'_> {
    IoSlice::new(&bytes[skip..bytes.len().min(skip + at_most)])
}

/// Takes `count` bytes off the front of a stream of segments.
fn take(stream: &mut VecDeque<Bytes>, count: usize) -> Bytes {
    let mut taken = Bytes::new();
    while taken.len() < count {
        let Some(mut front) = stream.pop_front() else { break };
        let part = front.split_to(front.len().min(count - taken.len()));
        taken = if taken.is_empty() { part } else { [taken, part].concat().into() };
        if !front.is_empty() {
            stream.push_front(front);
        }
    }
    while stream.front().is_some_and(Bytes::is_empty) {
        stream.pop_front();
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_stream_leaves_is_not_gone_on_with() {
        let shelf = [Bytes::from_static(b"\x81\x02hi")];
        let possible = FrozenStream { base: 10, sent: 12, keep_from: Some(4), segments: vec![0] };
        assert!(FrameStream::thaw(possible.clone(), &shelf).is_some());
        let impossible = [
            FrozenStream { sent: 9, ..possible.clone() },
            FrozenStream { sent: 15, ..possible.clone() },
            FrozenStream { keep_from: Some(15), ..possible.clone() },
            FrozenStream { base: u64::MAX - 3, sent: u64::MAX, ..possible.clone() },
            FrozenStream { base: NEVER_REACHED, sent: NEVER_REACHED, ..possible },
        ];
        for frozen in impossible {
            assert!(FrameStream::thaw(frozen.clone(), &shelf).is_none(), "{frozen:?}");
        }
    }
}
