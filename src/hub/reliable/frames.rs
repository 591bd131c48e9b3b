//! Numbered frames as they are written: a text, and before it whose it is.

use bytes::{Bytes, BytesMut};

use super::Origin;
use crate::protocol::{frame, reliable};

/// Numbered frames for all but their sender, not yet in any outbox.
#[derive(Default)]
pub(in crate::hub) struct Broadcast {
    frames: BytesMut,
    /// Whose each of them is.
    origins: Vec<Option<Origin>>,
}

impl Broadcast {
    /// One text.
    pub(in crate::hub) fn of(origin: Option<Origin>, text: &[u8]) -> Self {
        let mut broadcast = Self::default();
        broadcast.put(origin, text);
        broadcast
    }

    /// Appends one text.
    pub(in crate::hub) fn put(&mut self, of: Option<Origin>, text: &[u8]) {
        let before = origin(of.as_ref());
        self.frames.reserve(before.len() + text.len() + frame::MAX_HEADER_LEN);
        frame::put_text_header(&mut self.frames, before.len() + text.len());
        self.frames.extend_from_slice(&before);
        self.frames.extend_from_slice(text);
        self.origins.push(of);
    }

    /// Bytes of all frames.
    pub(in crate::hub) fn len(&self) -> usize {
        self.frames.len()
    }

    /// The frames, and whose each of them is.
    pub(in crate::hub) fn take(&mut self) -> (Bytes, Vec<Option<Origin>>) {
        let Self { frames, origins } = std::mem::take(self);
        (frames.freeze(), origins)
    }
}

/// What stands before a text.
pub(in crate::hub) fn origin(of: Option<&Origin>) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(reliable::MAX_ORIGIN_LEN);
    reliable::put_origin(&mut bytes, of.map(Origin::name));
    bytes
}
