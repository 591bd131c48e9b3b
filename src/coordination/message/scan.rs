//! Looks for the end of a string eight bytes at a time.
//!
//! Every message of a database passes here, and most of it is strings: what is inlined makes a difference.

/// Bytes that are looked at together.
pub(super) const LANES: usize = 8;

/// One in each byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;

/// The highest bit of each byte of a word.
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Where the first byte is that ends or interrupts a string: a quote, a backslash or a control character. Most strings
/// are short.
#[inline(always)]
pub(super) fn special(text: &[u8]) -> Option<usize> {
    let Some((word, rest)) = text.split_first_chunk::<LANES>() else { return special_in_less(text) };
    match marks(*word) {
        0 => special_in_many(rest).map(|at| LANES + at),
        marks => Some(lane(marks)),
    }
}

/// As `special`, two words at a time.
fn special_in_many(text: &[u8]) -> Option<usize> {
    let mut rest = text;
    while let Some((pair, behind)) = split_pair(rest) {
        let [first, second] = pair.map(marks);
        if first | second != 0 {
            let lane = if first == 0 { LANES + lane(second) } else { lane(first) };
            return Some(text.len() - rest.len() + lane);
        }
        rest = behind;
    }
    special_in_few(rest).map(|at| text.len() - rest.len() + at)
}

#[inline(always)]
fn split_pair(text: &[u8]) -> Option<([[u8; LANES]; 2], &[u8])> {
    let (first, rest) = text.split_first_chunk::<LANES>()?;
    let (second, rest) = rest.split_first_chunk::<LANES>()?;
    Some(([*first, *second], rest))
}

/// As `special`, in less than two words.
fn special_in_few(text: &[u8]) -> Option<usize> {
    let Some((word, rest)) = text.split_first_chunk::<LANES>() else { return special_in_less(text) };
    match marks(*word) {
        0 => special_in_less(rest).map(|at| LANES + at),
        marks => Some(lane(marks)),
    }
}

/// As `special`, byte by byte.
fn special_in_less(text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
}

/// The first byte of a word that is marked.
#[inline(always)]
fn lane(marks: u64) -> usize {
    marks.trailing_zeros() as usize / LANES
}

/// Marks the first special byte of a word, and of those behind it others perhaps too.
#[inline(always)]
pub(super) fn marks(word: [u8; LANES]) -> u64 {
    let word = u64::from_le_bytes(word);
    (zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c)) | below_space(word)) & HIGHS
}

/// Marks each byte that is zero; of those behind the first such byte, others perhaps too.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

/// Marks each byte that is below a space; of those behind the first such byte, others perhaps too.
#[inline(always)]
fn below_space(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_string_is_found_wherever_it_is() {
        for length in 0..40 {
            for end in ["\"", "\\", "\u{1f}"] {
                let text = "é".repeat(length / 2) + &"x".repeat(length % 2) + end + "\"\\\0";
                assert_eq!(special(text.as_bytes()), Some(length), "{text:?}");
            }
            assert_eq!(special("~".repeat(length).as_bytes()), None);
        }
    }
}
