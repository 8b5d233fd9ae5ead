//! Jittered exponential back-off: how long to wait before the next attempt.

use std::time::Duration;

/// Where a back-off that starts at zero goes on.
const AFTER_ZERO: Duration = Duration::from_millis(10);

/// Waits that double from `min` to `max`, each shortened at random by up to half, so that parts that failed together
/// do not come back together.
///
/// It reads no clock and no randomness by itself except in [`Backoff::next_delay`].
#[derive(Debug, Clone)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    base: Duration,
}

impl Backoff {
    /// A back-off between `min` and `max`. A `min` of zero makes the first wait none; a `max` under `min` counts as `min`.
    pub fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max: max.max(min),
            base: min,
        }
    }

    /// The wait before the next attempt, with randomness from the system.
    pub fn next_delay(&mut self) -> Duration {
        self.delay(entropy())
    }

    /// The wait before the next attempt: between half and the whole of the current step. `random` picks the place,
    /// 0 the shortest and `u32::MAX` the longest.
    pub fn delay(&mut self, random: u32) -> Duration {
        let base = self.base;
        self.base = match base.is_zero() {
            true => AFTER_ZERO.min(self.max),
            false => base.saturating_mul(2).min(self.max),
        };
        let half = base / 2;
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }

    /// Starts again at `min`, after an attempt that worked.
    pub fn reset(&mut self) {
        self.base = self.min;
    }
}

/// Random bits for jitter. Without a source of randomness, which no supported system lacks, the middle.
pub(crate) fn entropy() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_up_to_the_bound() {
        let mut backoff = Backoff::new(SECOND, SECOND * 5);
        let waits: Vec<_> = (0..5).map(|_| backoff.delay(u32::MAX)).collect();
        assert_eq!(
            waits,
            [SECOND, SECOND * 2, SECOND * 4, SECOND * 5, SECOND * 5]
        );
    }

    #[test]
    fn jitter_takes_at_most_half() {
        let mut backoff = Backoff::new(SECOND * 4, SECOND * 4);
        assert_eq!(backoff.delay(0), SECOND * 2);
        for _ in 0..100 {
            let wait = backoff.next_delay();
            assert!((SECOND * 2..=SECOND * 4).contains(&wait), "{wait:?}");
        }
    }

    #[test]
    fn zero_means_at_once_but_only_once() {
        let mut backoff = Backoff::new(Duration::ZERO, SECOND);
        assert_eq!(backoff.delay(u32::MAX), Duration::ZERO);
        assert_eq!(backoff.delay(u32::MAX), AFTER_ZERO);
        assert_eq!(backoff.delay(u32::MAX), AFTER_ZERO * 2);
        backoff.reset();
        assert_eq!(backoff.delay(u32::MAX), Duration::ZERO);
    }

    #[test]
    fn huge_bounds_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::MAX);
        assert!(backoff.delay(0) > SECOND);
        assert!(backoff.delay(0) > SECOND);
    }
}
