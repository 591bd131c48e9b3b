//! Moves one direction of a relayed connection, and knows where its frames end. No more is read than was written, but
//! for one chunk, so that whoever does not read makes the other end wait. Knows streams of bytes, not who is behind
//! them.

use std::{
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::yield_now,
};

use super::frames::Frames;

/// Bytes that are read at a time, and the most that is kept of a connection while its other end takes no more. An idle
/// one keeps nothing.
const CHUNK: usize = 64 * 1024;

/// Bytes of one connection that are moved before others get a turn.
const BYTES_PER_TURN: usize = 512 * 1024;

/// One direction.
pub struct Flow {
    /// What was read and is not written.
    rest: Bytes,
    frames: Frames,
    is_unflushed: bool,
}

/// How far to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// To the end of the stream.
    End,
    /// To the end of the frame that has begun, if one has.
    FrameEnd,
    /// To where the source begins to say goodbye, or to the end.
    Goodbye,
}

/// One of the two ends is broken.
#[derive(Debug)]
pub enum Broken {
    /// The one that is read.
    Source(io::Error),
    /// The one that is written to.
    Sink(io::Error),
}

impl Flow {
    /// `ahead`: what is to be written before anything that is read.
    pub fn new(ahead: Bytes) -> Self {
        let mut frames = Frames::default();
        frames.follow(&ahead);
        Self { rest: ahead, frames, is_unflushed: false }
    }

    /// How far the frames have come.
    pub fn frames(&self) -> &Frames {
        &self.frames
    }

    /// Moves what there is. Ready when that is done, and all is written.
    pub fn poll(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        until: Until,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        let mut moved = 0;
        loop {
            ready!(self.poll_rest(to, cx))?;
            if self.has_arrived(until) {
                return self.poll_flush(to, cx);
            }
            let mut chunk = [MaybeUninit::uninit(); CHUNK];
            let mut read = ReadBuf::uninit(&mut chunk[..self.most(until)]);
            let Poll::Ready(outcome) = Pin::new(&mut *from).poll_read(cx, &mut read) else {
                // Nothing follows for now: what was written must not wait for it.
                ready!(self.poll_flush(to, cx))?;
                return Poll::Pending;
            };
            outcome.map_err(Broken::Source)?;
            if read.filled().is_empty() {
                return self.poll_flush(to, cx);
            }
            moved += read.filled().len();
            self.poll_pass_on(read.filled(), to, until, cx)?;
            if moved >= BYTES_PER_TURN {
                // Polled again when all others that can run have run.
                let _ = pin!(yield_now()).poll(cx);
                return Poll::Pending;
            }
        }
    }

    fn has_arrived(&self, until: Until) -> bool {
        match until {
            Until::End => false,
            Until::FrameEnd => self.frames.is_between() || self.frames.has_closed(),
            Until::Goodbye => self.frames.has_closed(),
        }
    }

    /// How much may be read.
    fn most(&self, until: Until) -> usize {
        match until {
            Until::FrameEnd => usize::try_from(self.frames.rest()).unwrap_or(CHUNK).min(CHUNK),
            Until::End | Until::Goodbye => CHUNK,
        }
    }

    /// Writes what can be written at once, and keeps the rest.
    fn poll_pass_on(
        &mut self,
        read: &[u8],
        to: &mut (impl AsyncWrite + Unpin),
        until: Until,
        cx: &mut Context<'_>,
    ) -> Result<(), Broken> {
        let goodbye = self.frames.follow(read);
        let mut left = match until {
            Until::Goodbye => &read[..goodbye.unwrap_or(read.len())],
            Until::End | Until::FrameEnd => read,
        };
        while !left.is_empty() {
            match Pin::new(&mut *to).poll_write(cx, left) {
                Poll::Ready(written) => left = &left[self.count(written)?..],
                Poll::Pending => {
                    self.rest = Bytes::copy_from_slice(left);
                    break;
                }
            }
        }
        Ok(())
    }

    fn poll_rest(&mut self, to: &mut (impl AsyncWrite + Unpin), cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        while !self.rest.is_empty() {
            let written = ready!(Pin::new(&mut *to).poll_write(cx, &self.rest));
            let written = self.count(written)?;
            let _ = self.rest.split_to(written);
        }
        self.rest = Bytes::new();
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, to: &mut (impl AsyncWrite + Unpin), cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.is_unflushed {
            ready!(Pin::new(to).poll_flush(cx)).map_err(Broken::Sink)?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn count(&mut self, written: io::Result<usize>) -> Result<usize, Broken> {
        self.is_unflushed = true;
        match written {
            Ok(0) => Err(Broken::Sink(io::ErrorKind::WriteZero.into())),
            Ok(count) => Ok(count),
            Err(error) => Err(Broken::Sink(error)),
        }
    }
}
