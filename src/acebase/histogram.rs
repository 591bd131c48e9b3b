//! A histogram of durations with fixed buckets: small, and it is copied out whole.

use serde::{Deserialize, Serialize};

/// Upper ends of the buckets, in milliseconds; one more bucket has no end. From a lock on an idle cluster to AceBase's
/// lock timeout of two minutes.
pub const BUCKET_ENDS_MS: [u64; 14] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 10_000, 30_000, 120_000];

/// How many durations fell into each bucket, and their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// How many durations fell into each bucket; the last has no end.
    pub counts: [u64; BUCKET_ENDS_MS.len() + 1],
    /// All durations together, in milliseconds.
    pub sum_ms: u64,
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, ms: u64) {
        let bucket = BUCKET_ENDS_MS.partition_point(|end| *end < ms);
        self.counts[bucket] += 1;
        self.sum_ms += ms;
    }

    /// Counts all that another has counted.
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        self.sum_ms += other.sum_ms;
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_takes_what_is_as_long_as_its_end() {
        let mut histogram = Histogram::default();
        [0, 1, 2, 3, 120_000, 120_001].into_iter().for_each(|ms| histogram.record(ms));
        let filled: Vec<_> = histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0).collect();
        assert_eq!(filled, [(0, &2), (1, &1), (2, &1), (13, &1), (14, &1)]);
        assert_eq!((histogram.count(), histogram.sum_ms), (6, 240_007));
    }
}
