//! The bytes of a hub that is taken out as data, each once: what was said to all lies in every outbox, and must not
//! take as many times its memory.

use std::collections::HashMap;

use bytes::Bytes;

/// Bytes, and their numbers.
#[derive(Default)]
pub(super) struct Shelf {
    /// By where they lie, and how many there are. They lie there for as long as the shelf has them.
    numbers: HashMap<(usize, usize), u32>,
    bytes: Vec<Bytes>,
}

impl Shelf {
    /// Puts bytes onto the shelf, unless they are there. Gives their numbers.
    pub(super) fn put(&mut self, segments: Vec<Bytes>) -> Vec<u32> {
        segments.into_iter().map(|bytes| self.put_one(bytes)).collect()
    }

    fn put_one(&mut self, bytes: Bytes) -> u32 {
        let place = (bytes.as_ptr().addr(), bytes.len());
        // More than there is memory for cannot be there.
        let next = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(place).or_insert(next);
        if number == next {
            self.bytes.push(bytes);
        }
        number
    }

    /// All that is there, in the order of the numbers.
    pub(super) fn into_bytes(self) -> Vec<Bytes> {
        self.bytes
    }
}

/// Those with these numbers. `None`: one is not there.
pub(super) fn take(shelf: &[Bytes], numbers: Vec<u32>) -> Option<Vec<Bytes>> {
    numbers.into_iter().map(|number| shelf.get(number as usize).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_there_once() {
        let shared = Bytes::from(vec![b'x'; 100]);
        let mut shelf = Shelf::default();
        let first = shelf.put(vec![shared.clone(), Bytes::from_static(b"own")]);
        let second = shelf.put(vec![shared.clone(), shared.slice(..50)]);
        assert_eq!((&first[..], &second[..]), (&[0, 1][..], &[0, 2][..]));
        let shelf = shelf.into_bytes();
        assert_eq!(take(&shelf, second), Some(vec![shared.clone(), shared.slice(..50)]));
        assert_eq!(take(&shelf, vec![0, 3]), None);
    }
}
