//! Values with units: durations, sizes and rates.

use std::time::Duration;

/// So many events in so much time, such as `3/h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Events; at least one.
    pub events: u32,
    /// The time they are spread over; never zero.
    pub per: Duration,
}
