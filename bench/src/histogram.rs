//! Latencies in logarithmic buckets: fixed size, under 2 % error.

/// Values in nanoseconds, 64 buckets per power of two.
pub struct Histogram {
    buckets: Vec<u64>,
    total: u64,
}

const SUB_BITS: u32 = 6;
const SUBS: u64 = 1 << SUB_BITS;

impl Default for Histogram {
    fn default() -> Self {
        let size = (64 - SUB_BITS as usize + 1) << SUB_BITS;
        Self {
            buckets: vec![0; size],
            total: 0,
        }
    }
}

impl Histogram {
    /// Adds `count` events of `nanos` each.
    pub fn record(&mut self, nanos: u64, count: u64) {
        self.buckets[index(nanos)] += count;
        self.total += count;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.buckets.fill(0);
        self.total = 0;
    }

    /// The value in microseconds below which the share `quantile` (0 to 1) of all events lies; `None` without events.
    pub fn quantile_us(&self, quantile: f64) -> Option<f64> {
        let rank = (self.total as f64 * quantile).ceil().max(1.0);
        let mut seen = 0.0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += *count as f64;
            if *count > 0 && seen >= rank {
                return Some(middle(bucket) as f64 / 1000.0);
            }
        }
        None
    }
}

fn index(value: u64) -> usize {
    if value < SUBS {
        return value as usize;
    }
    let shift = 63 - value.leading_zeros() - SUB_BITS;
    (((shift as u64 + 1) << SUB_BITS) + (value >> shift) - SUBS) as usize
}

fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < SUBS {
        return bucket;
    }
    let shift = (bucket >> SUB_BITS) - 1;
    (((bucket & (SUBS - 1)) + SUBS) << shift) + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_within_two_percent_of_its_values() {
        for value in [
            0,
            1,
            63,
            64,
            65,
            127,
            128,
            1000,
            123_456,
            987_654_321,
            u64::MAX / 3,
        ] {
            let seen = middle(index(value)) as f64;
            assert!(
                (seen - value as f64).abs() <= value as f64 * 0.02,
                "{value} {seen}"
            );
        }
    }

    #[test]
    fn quantiles_are_ranks() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_us(0.5), None);
        histogram.record(1_000, 98);
        histogram.record(1_000_000, 2);
        assert!(histogram.quantile_us(0.5).unwrap() < 1.1);
        assert!(histogram.quantile_us(0.99).unwrap() > 980.0);
    }
}
