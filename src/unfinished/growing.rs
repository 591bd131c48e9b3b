//! A buffer for what arrives in pieces, of which only the announced length is known.

/// Spare bytes of a buffer that grows, as a share of what is in it: half. So each byte is moved twice at most on
/// average, and what is unfinished never takes more than one and a half times its size.
const SPARE: usize = 2;

/// Bytes that have come so far. Their memory grows with them, not with how many were announced: an announcement costs
/// nothing.
#[derive(Debug, Default)]
pub struct Growing(Vec<u8>);

impl Growing {
    /// Appends a part. `to_come`: how many bytes may follow at most, this part included; memory is taken for no more.
    pub fn push(&mut self, part: &[u8], to_come: usize) {
        if self.0.capacity() - self.0.len() < part.len() {
            let spare = (self.0.len() / SPARE).min(to_come);
            self.0.reserve_exact(spare.max(part.len()));
        }
        self.0.extend_from_slice(part);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Nothing has come.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those from `start` on.
    pub fn since(&self, start: usize) -> &[u8] {
        self.0.get(start..).unwrap_or_default()
    }

    /// Those from `start` on, to change them.
    pub fn since_mut(&mut self, start: usize) -> &mut [u8] {
        self.0.get_mut(start..).unwrap_or_default()
    }

    /// All, without what was spare.
    pub fn finish(mut self) -> bytes::Bytes {
        self.0.shrink_to_fit();
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_takes_no_memory() {
        let mut growing = Growing::default();
        growing.push(b"x", 1 << 40);
        assert!(growing.0.capacity() < 64, "{}", growing.0.capacity());
    }

    #[test]
    fn what_grows_takes_no_more_than_half_again_and_what_was_announced_exactly_that() {
        const LEN: usize = 10_000_019;
        let part = [0; 4096];
        let mut growing = Growing::default();
        while growing.len() < LEN {
            let rest = LEN - growing.len();
            growing.push(&part[..rest.min(part.len())], rest);
            assert!(growing.0.capacity() <= LEN.min(growing.len() + growing.len() / 2 + part.len()));
        }
        assert_eq!(growing.0.capacity(), LEN);
    }

    #[test]
    fn single_bytes_are_not_moved_again_and_again() {
        let mut growing = Growing::default();
        let mut moves = 0;
        for _ in 0..100_000 {
            let before = growing.0.capacity();
            growing.push(b"x", usize::MAX);
            moves += usize::from(growing.0.capacity() != before);
        }
        assert!(moves < 40, "{moves}");
    }
}
