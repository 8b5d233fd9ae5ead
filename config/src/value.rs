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

const DURATION_UNITS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const SIZE_UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads a duration: `500ms`, `30s`, `5m`, `1h`, `2d`, or bare digits for seconds.
///
/// `None` if it is none of these or does not fit.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let factor = if unit.is_empty() {
        1000
    } else {
        factor(DURATION_UNITS, unit)?
    };
    number.checked_mul(factor).map(Duration::from_millis)
}

/// Reads a size in bytes: `4MiB`, `64KiB`, `10kB` (1000 bytes), or bare digits for bytes.
///
/// `None` if it is none of these or does not fit.
#[must_use]
pub fn parse_size(text: &str) -> Option<usize> {
    let (number, unit) = split_unit(text)?;
    let factor = if unit.is_empty() {
        1
    } else {
        factor(SIZE_UNITS, unit)?
    };
    number
        .checked_mul(factor)
        .and_then(|bytes| usize::try_from(bytes).ok())
}

/// Reads a rate: a number of events, a slash, and `s`, `m`, `h` or `d`.
///
/// `None` for anything else, and for zero events.
#[must_use]
pub fn parse_rate(text: &str) -> Option<Rate> {
    let (events, unit) = text.split_once('/')?;
    let (events, rest) = split_unit(events)?;
    if !rest.is_empty() || events == 0 || unit == "ms" {
        return None;
    }
    Some(Rate {
        events: u32::try_from(events).ok()?,
        per: Duration::from_millis(factor(DURATION_UNITS, unit)?),
    })
}

/// Reads a rate of bytes, in bytes per second: `10KiB/s`, `10kB/s`, `10kb/s` (1000 bytes each).
///
/// The units of Prosody (`b`, `kb`, `mb`, `gb`, `tb`) are powers of 1000 bytes. `None` for anything
/// else, and for zero.
#[must_use]
pub fn parse_byte_rate(text: &str) -> Option<usize> {
    const PROSODY: &[(&str, u64)] = &[
        ("b", 1),
        ("kb", 1000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
    ];
    let (number, unit) = split_unit(text.strip_suffix("/s")?)?;
    let factor = factor(PROSODY, unit).or_else(|| factor(SIZE_UNITS, unit))?;
    let bytes = number.checked_mul(factor).filter(|bytes| *bytes > 0)?;
    usize::try_from(bytes).ok()
}

/// Writes a duration in the largest unit that divides it.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    show(DURATION_UNITS, duration.as_millis(), "0s")
}

/// Writes a size in the largest unit that divides it, in powers of two where one fits.
#[must_use]
pub fn show_size(bytes: usize) -> String {
    const BINARY: &[(&str, u64)] = &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let units = if bytes.is_multiple_of(1024) {
        BINARY
    } else {
        SIZE_UNITS
    };
    show(units, bytes as u128, "0")
}

fn show(units: &[(&str, u64)], number: u128, zero: &str) -> String {
    if number == 0 {
        return zero.to_owned();
    }
    let dividing = units
        .iter()
        .filter(|(_, factor)| number.is_multiple_of(u128::from(*factor)));
    match dividing.max_by_key(|(_, factor)| *factor) {
        Some((unit, factor)) => format!("{}{unit}", number / u128::from(*factor)),
        None => number.to_string(),
    }
}

/// The digits in front, which must be there, and what follows them.
fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

fn factor(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| *factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_units_or_are_seconds() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("30"), Some(Duration::from_secs(30)));
        assert_eq!(parse_duration("14m"), Some(Duration::from_secs(840)));
        for wrong in [
            "",
            "s",
            "-1s",
            "1.5s",
            "30 s",
            "30S",
            "99999999999999999999",
            "18446744073709551615d",
        ] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_know_both_kinds_of_kilo() {
        assert_eq!(parse_size("64KiB"), Some(65536));
        assert_eq!(parse_size("10kB"), Some(10_000));
        assert_eq!(parse_size("10000"), Some(10_000));
        for wrong in ["", "KiB", "1kb", "1 KiB", "1.5MiB", "99999999999GiB"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rates_need_events_and_a_unit() {
        assert_eq!(
            parse_rate("3/h"),
            Some(Rate {
                events: 3,
                per: Duration::from_secs(3600)
            })
        );
        assert_eq!(
            parse_rate("120/m"),
            Some(Rate {
                events: 120,
                per: Duration::from_secs(60)
            })
        );
        for wrong in [
            "",
            "3",
            "0/h",
            "/h",
            "3/",
            "3/ms",
            "3/2h",
            "3s/h",
            "5000000000/h",
        ] {
            assert_eq!(parse_rate(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn byte_rates_know_the_units_of_prosody_too() {
        assert_eq!(parse_byte_rate("10kb/s"), Some(10_000));
        assert_eq!(parse_byte_rate("10kB/s"), Some(10_000));
        assert_eq!(parse_byte_rate("10KiB/s"), Some(10_240));
        assert_eq!(parse_byte_rate("512b/s"), Some(512));
        for wrong in [
            "", "10", "10kb", "0kb/s", "kb/s", "10kb/m", "1.5kb/s", "10/s", "-1kb/s",
        ] {
            assert_eq!(parse_byte_rate(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for millis in [0, 1, 500, 1000, 90_000, 840_000, 86_400_000] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
        }
        for bytes in [0, 1, 10_000, 65_536, 262_144, 4 << 20] {
            assert_eq!(parse_size(&show_size(bytes)), Some(bytes));
        }
        assert_eq!(show_duration(Duration::from_secs(90)), "90s");
        assert_eq!(show_size(10_000), "10kB");
    }
}
