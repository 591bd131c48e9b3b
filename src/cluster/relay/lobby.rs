//! What a client says while nobody has its database: it is kept, in bounds, for whoever has it next. Only signs of life
//! are answered, for a client that hears nothing ends. Pure.

use bytes::{Bytes, BytesMut};

use super::frames::Header;
use crate::protocol::{close::CloseReason, frame};

/// Bytes that are kept of one client: clients say nothing before their welcome, or a few short messages.
pub const MAX_KEPT: usize = 64 * 1024;

/// First bytes of frames that are answered here: whole ones of text, and control frames.
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// The longest payload of a control frame, in bytes (RFC 6455 §5.5).
const MAX_CONTROL_LEN: usize = 125;

/// What clients send when they have heard nothing for a while, and what they expect.
const SIGN_OF_LIFE: &[u8] = b"ping";
const ANSWER: &[u8] = b"pong";

/// What one client has said.
#[derive(Debug, Default)]
pub struct Lobby {
    /// Frames that are for whoever is next.
    kept: BytesMut,
    /// The beginning of a frame.
    open: BytesMut,
}

/// Why a client cannot stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// It has said that it leaves.
    Left,
    /// It must be told so.
    Close(CloseReason),
}

impl Lobby {
    /// The client has sent these bytes. What it is answered.
    ///
    /// # Errors
    /// It cannot stay.
    pub fn hear(&mut self, bytes: &[u8]) -> Result<Bytes, Over> {
        self.open.extend_from_slice(bytes);
        let mut answers = BytesMut::new();
        while let Some(whole) = self.next_frame() {
            self.deal_with(whole, &mut answers)?;
        }
        if self.kept.len() + self.open.len() > MAX_KEPT {
            return Err(Over::Close(CloseReason::TooLarge));
        }
        Ok(answers.freeze())
    }

    /// What is to be said to whoever is next, before all that follows.
    pub fn into_ahead(mut self) -> Bytes {
        self.kept.unsplit(self.open);
        self.kept.freeze()
    }

    fn next_frame(&mut self) -> Option<(Header, BytesMut)> {
        let header = Header::parse(&self.open)?;
        let len = usize::try_from(header.payload).ok()?.checked_add(header.len)?;
        (self.open.len() >= len).then(|| (header, self.open.split_to(len)))
    }

    fn deal_with(&mut self, (header, whole): (Header, BytesMut), answers: &mut BytesMut) -> Result<(), Over> {
        match whole[0] {
            TEXT if header.payload == SIGN_OF_LIFE.len() as u64 && payload(header, &whole) == SIGN_OF_LIFE => {
                frame::put_text(answers, ANSWER);
            }
            PING if header.payload <= MAX_CONTROL_LEN as u64 => {
                answers.extend_from_slice(&[PONG, header.payload as u8]);
                answers.extend_from_slice(&payload(header, &whole));
            }
            PONG => {}
            CLOSE => return Err(Over::Left),
            // Whoever is next judges of it.
            _ => self.kept.unsplit(whole),
        }
        Ok(())
    }
}

/// A frame's payload, unmasked.
fn payload(header: Header, whole: &[u8]) -> Vec<u8> {
    let (head, payload) = whole.split_at(header.len);
    match head {
        [_, second, .., a, b, c, d] if second & 0x80 != 0 => {
            payload.iter().zip([a, b, c, d].into_iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
        }
        _ => payload.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut frame = vec![first];
        match payload.len() {
            len @ 0..=125 => frame.push(0x80 | len as u8),
            len => frame.extend([0x80 | 126, (len >> 8) as u8, len as u8]),
        }
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    #[test]
    fn signs_of_life_are_answered_and_nobody_else_hears_of_them() {
        let mut lobby = Lobby::default();
        assert_eq!(&lobby.hear(&masked(TEXT, b"ping")).unwrap()[..], b"\x81\x04pong");
        assert_eq!(&lobby.hear(&masked(PING, b"abc")).unwrap()[..], b"\x8a\x03abc");
        assert!(lobby.hear(&masked(PONG, b"")).unwrap().is_empty());
        assert!(lobby.into_ahead().is_empty());
    }

    #[test]
    fn all_else_is_kept_as_it_was_said() {
        let said = [masked(TEXT, b"hello"), masked(TEXT, b"ping"), masked(0x01, &[b'x'; 300]), masked(0x80, b"end")];
        let stream = said.concat();
        for cut in [1, 5, 11, 1_000] {
            let mut lobby = Lobby::default();
            let answers: Vec<_> = stream.chunks(cut).map(|part| lobby.hear(part).unwrap()).collect();
            assert_eq!(answers.concat(), b"\x81\x04pong");
            assert_eq!(lobby.into_ahead(), [&said[0][..], &said[2], &said[3]].concat());
        }
    }

    #[test]
    fn a_frame_that_has_begun_goes_along() {
        let whole = masked(TEXT, b"ping");
        let mut lobby = Lobby::default();
        assert!(lobby.hear(&whole[..7]).unwrap().is_empty());
        assert_eq!(lobby.into_ahead(), whole[..7]);
    }

    #[test]
    fn nobody_keeps_more_than_the_bound() {
        let mut lobby = Lobby::default();
        for _ in 0..15 {
            assert!(lobby.hear(&masked(TEXT, &[b'x'; 4_000])).is_ok());
        }
        let more = [masked(TEXT, &[b'x'; 4_000]), masked(TEXT, &[b'x'; 4_000])].concat();
        assert_eq!(lobby.hear(&more), Err(Over::Close(CloseReason::TooLarge)));
        let mut endless = Lobby::default();
        let header = [&[TEXT, 0xff][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
        assert!(endless.hear(&header).is_ok());
        assert_eq!(endless.hear(&[0; MAX_KEPT]), Err(Over::Close(CloseReason::TooLarge)));
    }

    #[test]
    fn who_says_goodbye_leaves() {
        assert_eq!(Lobby::default().hear(&masked(CLOSE, &[3, 0xe8])), Err(Over::Left));
    }
}
