//! At most so many of something in a second; what is beyond that is counted.

use std::time::Duration;

use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// What a second has had so far.
#[derive(Debug, Default)]
pub(super) struct PerSecond {
    since: Option<Instant>,
    events: u32,
    left_out: u64,
}

impl PerSecond {
    /// Counts one more. `None` if this second has had `most` already, else how many were left out since the last one
    /// that was not.
    pub(super) fn admit(&mut self, most: u32, now: Instant) -> Option<u64> {
        let is_over = |since| now.duration_since(since) >= SECOND;
        if self.since.is_none_or(is_over) {
            (self.since, self.events) = (Some(now), 0);
        }
        if self.events >= most {
            self.left_out += 1;
            return None;
        }
        self.events += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_room_for_so_many() {
        let mut lines = PerSecond::default();
        let start = Instant::now();
        let admitted = (0..50).filter(|_| lines.admit(10, start).is_some());
        assert_eq!(admitted.count(), 10);
        assert_eq!(lines.admit(10, start + SECOND), Some(40));
        assert_eq!(lines.admit(10, start + SECOND), Some(0));
    }
}
