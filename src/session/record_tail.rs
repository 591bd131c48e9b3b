//! Where TLS records begin and end, and what has come of one that is not whole. What is in them does not matter here.

/// Bytes of a record's header: its kind, its version, and how many bytes follow.
pub const HEADER_LEN: usize = 5;

/// The beginning of a record of which not all has come.
#[derive(Debug, Default)]
pub struct RecordTail {
    begun: Vec<u8>,
}

impl RecordTail {
    /// Follows a stream from its first record on.
    pub fn follow(&mut self, mut read: &[u8]) {
        while !read.is_empty() {
            if self.begun.is_empty()
                && let Some(len) = whole_record(read)
            {
                read = &read[len..];
                continue;
            }
            let missing = record_len(&self.begun).unwrap_or(HEADER_LEN) - self.begun.len();
            let (part, rest) = read.split_at(missing.min(read.len()));
            self.begun.extend_from_slice(part);
            read = rest;
            if whole_record(&self.begun).is_some() {
                // An idle connection keeps no buffer.
                self.begun = Vec::new();
            }
        }
    }

    /// What has come of the last record, where that is not whole.
    pub(super) fn into_begun(self) -> Vec<u8> {
        self.begun
    }
}

/// The header of a record of so many bytes.
pub(super) fn header(kind_and_version: [u8; 3], len: usize) -> [u8; HEADER_LEN] {
    let [kind, major, minor] = kind_and_version;
    // No record is longer than its header can say.
    let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    [kind, major, minor, high, low]
}

/// The length of the first record, if it is all there.
pub(super) fn whole_record(bytes: &[u8]) -> Option<usize> {
    record_len(bytes).filter(|len| *len <= bytes.len())
}

/// How long the record will be that begins so, header included, where that is known.
fn record_len(begun: &[u8]) -> Option<usize> {
    let header = begun.first_chunk::<HEADER_LEN>()?;
    Some(HEADER_LEN + usize::from(u16::from_be_bytes([header[3], header[4]])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(len: usize) -> Vec<u8> {
        [&header([23, 3, 3], len)[..], &vec![7; len]].concat()
    }

    #[test]
    fn however_a_stream_is_cut_the_beginning_of_its_last_record_is_kept() {
        let whole = [record(3), record(0), record(300), record(1)].concat();
        let begun = &record(20)[..9];
        let stream = [&whole[..], begun].concat();
        for step in 1..stream.len() {
            let mut tail = RecordTail::default();
            for part in stream.chunks(step) {
                tail.follow(part);
            }
            assert_eq!(tail.into_begun(), begun, "in steps of {step}");
        }
    }

    #[test]
    fn nothing_is_kept_between_two_records() {
        let mut tail = RecordTail::default();
        tail.follow(&record(8)[..2]);
        tail.follow(&record(8)[2..]);
        tail.follow(&record(5));
        assert!(tail.into_begun().is_empty());
    }
}
