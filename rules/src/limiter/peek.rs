//! Looking at a bucket without taking from it.

use super::{Limiter, ROUNDING, tracked};
use crate::facts::Timestamp;

/// How a bucket stands for one more event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Balance {
    /// Events that it would grant at once; a fraction is on its way to the next one.
    Bucket(f64),
    /// The key is new and the table has no room for it: its events are over the limit.
    Full,
}

impl Balance {
    /// True if one more event would be within the limit.
    pub(crate) fn is_within(self) -> bool {
        matches!(self, Self::Bucket(events) if events >= 1.0)
    }
}

impl Limiter {
    /// The balance for an event of `key`, or of the limiter as a whole; nothing is counted.
    pub(crate) fn peek(&self, key: Option<&[u8]>, now: Timestamp) -> Balance {
        let now = now.seconds_since(*self.epoch.get().unwrap_or(&now));
        let full_at = match key {
            None => *self.single.lock(),
            Some(key) => match self.full_at(&tracked(key), now) {
                Some(full_at) => full_at,
                None => return Balance::Full,
            },
        };
        let missing = (full_at - now).max(0.0);
        Balance::Bucket(((self.depth - missing + ROUNDING) / self.interval).max(0.0))
    }

    /// When the bucket of a key is full; `None` if it is new and there is no room.
    fn full_at(&self, key: &[u8], now: f64) -> Option<f64> {
        let table = self.shard(key)?.lock();
        if let Some(&full_at) = table.get(key) {
            return Some(full_at);
        }
        let is_rested = |&full_at: &f64| full_at <= now + ROUNDING;
        let has_room = table.len() < self.shard_entries
            || self.definition.allow_overflow
            || table.oldest().is_none_or(is_rested);
        has_room.then_some(f64::NEG_INFINITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limiter::RateDefinition;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_taken() {
        let limiter = Limiter::new(RateDefinition {
            rate: 2.0,
            capacity: 6.0,
            entries: 1,
            allow_overflow: false,
        });
        let now = Timestamp::from_seconds(1e9);
        let balance = |key: Option<&[u8]>| match limiter.peek(key, now) {
            Balance::Bucket(events) => events.round(),
            Balance::Full => -1.0,
        };
        assert_eq!(
            (balance(None), balance(None), balance(Some(b"k"))),
            (6.0, 6.0, 6.0)
        );
        assert!(limiter.poll_on(b"k", now));
        assert_eq!((balance(Some(b"k")), balance(Some(b"new"))), (5.0, -1.0));
        assert_eq!(limiter.status().entries, 1);
    }

    proptest! {
        #[test]
        fn a_look_foretells_the_poll(
            rate in 0.1_f64..9.0, burst in 0.1_f64..4.0, entries in 1_usize..4, allow_overflow: bool,
            polls in prop::collection::vec((0.0_f64..0.9, 0_u8..6), 1..200),
        ) {
            let capacity = (rate * burst).max(1.0);
            let limiter = Limiter::new(RateDefinition { rate, capacity, entries, allow_overflow });
            let mut seconds = 1e9;
            for (gap, key) in polls {
                seconds += gap;
                let now = Timestamp::from_seconds(seconds);
                let key = [key];
                let key = (key != [0]).then_some(&key[..]);
                let foretold = limiter.peek(key, now).is_within();
                let is_granted = match key {
                    Some(key) => limiter.poll_on(key, now),
                    None => limiter.poll(now),
                };
                prop_assert_eq!(foretold, is_granted);
            }
        }
    }
}
