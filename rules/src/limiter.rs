//! Token buckets: one for each `%RATE`, and one for each key of `LIMIT: name on ...`.
//!
//! A bucket is kept as the moment at which it will be full again, so refill is continuous and costs nothing
//! (quirk Q41 of the original). Everything works through `&self`: the stanza path polls in place.

mod peek;

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::RandomState;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::facts::Timestamp;
use crate::table::OrderedTable;

pub(crate) use peek::Balance;

/// Tables with more entries than this are split, so that arbiters seldom meet at one lock.
const SPLIT_ABOVE: usize = 8192;
const SHARDS: usize = 16;
/// Seconds by which a poll may come early: rounding of sums of fractions.
const ROUNDING: f64 = 1e-6;
/// Keys longer than this are tracked by their digest, so that a table's memory is bounded by its entries.
const MAX_KEY: usize = 128;

/// What a `%RATE` definition says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateDefinition {
    /// Events per second; fractions are allowed, zero grants the capacity once.
    pub rate: f64,
    /// Events that a rested bucket grants at once; at least 1.
    pub capacity: f64,
    /// Keys that are tracked at most.
    pub entries: usize,
    /// True: when the table is full the oldest key is forgotten. False: new keys are over the limit.
    pub allow_overflow: bool,
}

/// How a limiter stands, for reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimiterStatus {
    /// Keys that are tracked now.
    pub entries: usize,
    /// Events that were within the limit.
    pub granted: u64,
    /// Events that were over the limit.
    pub refused: u64,
    /// Events of new keys that were refused because the table was full.
    pub refused_full: u64,
}

/// The buckets of one `%RATE`.
#[derive(Debug)]
pub struct Limiter {
    definition: RateDefinition,
    /// Seconds that one event costs.
    interval: f64,
    /// Seconds after which an empty bucket is full.
    depth: f64,
    epoch: OnceLock<Timestamp>,
    single: Mutex<f64>,
    shards: Box<[Mutex<OrderedTable<f64>>]>,
    shard_entries: usize,
    hasher: RandomState,
    granted: AtomicU64,
    refused: AtomicU64,
    refused_full: AtomicU64,
}

impl Limiter {
    /// Full buckets for a definition.
    #[must_use]
    pub fn new(definition: RateDefinition) -> Self {
        let interval = if definition.rate > 0.0 {
            1.0 / definition.rate
        } else {
            1e15
        };
        let shards = if definition.entries > SPLIT_ABOVE {
            SHARDS
        } else {
            1
        };
        Self {
            definition,
            interval,
            depth: interval * definition.capacity,
            epoch: OnceLock::new(),
            single: Mutex::new(f64::NEG_INFINITY),
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            shard_entries: definition.entries.div_ceil(shards).max(1),
            hasher: RandomState::new(),
            granted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            refused_full: AtomicU64::new(0),
        }
    }

    /// The definition that made it.
    #[must_use]
    pub fn definition(&self) -> RateDefinition {
        self.definition
    }

    /// Counts one event; true if it is within the limit.
    pub fn poll(&self, now: Timestamp) -> bool {
        let now = self.seconds(now);
        let is_granted = self.take(&mut self.single.lock(), now);
        self.count(is_granted)
    }

    /// Counts one event of `key`; true if it is within that key's limit.
    pub fn poll_on(&self, key: &[u8], now: Timestamp) -> bool {
        let now = self.seconds(now);
        let key = &*tracked(key);
        let Some(shard) = self.shard(key) else {
            return self.count(false);
        };
        let mut table = shard.lock();
        if let Some(full_at) = table.get_mut(key) {
            let is_granted = self.take(full_at, now);
            drop(table);
            return self.count(is_granted);
        }
        if table.len() >= self.shard_entries {
            let is_rested = table
                .oldest()
                .is_none_or(|&full_at| full_at <= now + ROUNDING);
            if !is_rested && !self.definition.allow_overflow {
                self.refused_full.fetch_add(1, Ordering::Relaxed);
                return self.count(false);
            }
            table.remove_oldest();
        }
        let mut full_at = f64::NEG_INFINITY;
        let is_granted = self.take(&mut full_at, now);
        table.insert(key, full_at);
        drop(table);
        self.count(is_granted)
    }

    /// The table that a key belongs to.
    fn shard(&self, key: &[u8]) -> Option<&Mutex<OrderedTable<f64>>> {
        let shard = match self.shards.len() {
            1 => 0,
            shards => usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or(0) % shards,
        };
        self.shards.get(shard)
    }

    /// Fills every bucket and forgets every key.
    pub fn reset(&self) {
        *self.single.lock() = f64::NEG_INFINITY;
        for shard in &self.shards {
            *shard.lock() = OrderedTable::default();
        }
    }

    /// Counts and sizes.
    #[must_use]
    pub fn status(&self) -> LimiterStatus {
        LimiterStatus {
            entries: self.shards.iter().map(|shard| shard.lock().len()).sum(),
            granted: self.granted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            refused_full: self.refused_full.load(Ordering::Relaxed),
        }
    }

    fn count(&self, is_granted: bool) -> bool {
        let counter = if is_granted {
            &self.granted
        } else {
            &self.refused
        };
        counter.fetch_add(1, Ordering::Relaxed);
        is_granted
    }

    /// Seconds since this limiter was first polled: small numbers keep the fractions exact.
    fn seconds(&self, now: Timestamp) -> f64 {
        now.seconds_since(*self.epoch.get_or_init(|| now))
    }

    fn take(&self, full_at: &mut f64, now: f64) -> bool {
        let after = full_at.max(now) + self.interval;
        let is_granted = after <= now + self.depth + ROUNDING;
        if is_granted {
            *full_at = after;
        }
        is_granted
    }
}

/// The key under which a bucket is kept.
fn tracked(key: &[u8]) -> Cow<'_, [u8]> {
    if key.len() <= MAX_KEY {
        return Cow::Borrowed(key);
    }
    // No text begins with this byte, so no short key is the digest of a long one.
    let mut short = vec![0xff];
    short.extend_from_slice(&Sha256::digest(key));
    Cow::Owned(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limiter(rate: f64, burst: f64, entries: usize, allow_overflow: bool) -> Limiter {
        let capacity = (rate * burst).max(1.0);
        Limiter::new(RateDefinition {
            rate,
            capacity,
            entries,
            allow_overflow,
        })
    }

    fn at(seconds: f64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000.0 + seconds)
    }

    #[test]
    fn burst_then_rate() {
        let limiter = limiter(2.0, 3.0, 10, false);
        let granted = (0..10).filter(|_| limiter.poll(at(0.0))).count();
        assert_eq!(granted, 6);
        assert!(!limiter.poll(at(0.4)));
        assert!(limiter.poll(at(0.5)));
    }

    #[test]
    fn full_table_refuses_new_keys_until_the_oldest_is_rested() {
        let limiter = limiter(1.0, 1.0, 2, false);
        assert!(limiter.poll_on(b"a", at(0.0)));
        assert!(limiter.poll_on(b"b", at(0.5)));
        assert!(!limiter.poll_on(b"c", at(0.5)));
        assert!(limiter.poll_on(b"c", at(1.0)));
        assert_eq!(limiter.status().refused_full, 1);
    }

    #[test]
    fn overflow_forgets_the_oldest() {
        let limiter = limiter(1.0, 1.0, 2, true);
        for key in ["a", "b", "c", "a"] {
            assert!(limiter.poll_on(key.as_bytes(), at(0.0)));
        }
        assert_eq!(limiter.status().entries, 2);
    }

    #[test]
    fn clock_that_steps_back_grants_nothing_extra() {
        let limiter = limiter(1.0, 1.0, 2, true);
        assert!(limiter.poll(at(10.0)));
        assert!(!limiter.poll(at(0.0)));
    }

    proptest! {
        #[test]
        fn no_window_grants_more_than_capacity_and_refill(
            rate in 0.1_f64..50.0, burst in 0.1_f64..5.0, gaps in prop::collection::vec(0.0_f64..0.5, 1..200),
        ) {
            let limiter = limiter(rate, burst, 4, false);
            let capacity = limiter.definition().capacity;
            let mut now = 0.0;
            let mut granted: Vec<f64> = Vec::new();
            for gap in gaps {
                now += gap;
                if limiter.poll_on(b"k", at(now)) {
                    granted.push(now);
                }
            }
            for (i, start) in granted.iter().enumerate() {
                for (j, end) in granted.iter().enumerate().skip(i) {
                    let count = (j - i + 1) as f64;
                    prop_assert!(count <= capacity + (end - start) * rate + 1e-3);
                }
            }
        }
    }
}
