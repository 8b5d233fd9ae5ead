//! Moments and spans of time as text.

use std::time::Duration;

use super::mistake;
use crate::facts::Timestamp;
use crate::refusal::Refusal;

/// What `2026-11-21T14:00:00+01:00` says: the moment, and by how many seconds local time is ahead of UTC.
pub(super) fn parse_moment(text: &str) -> Result<(Timestamp, i32), Refusal> {
    moment(text).ok_or_else(|| {
        mistake(format!("{text} is no date and time")).help(
            "write it as in 2026-11-21T14:00:00Z, or with the zone as in 2026-11-21T14:00:00+01:00",
        )
    })
}

fn moment(text: &str) -> Option<(Timestamp, i32)> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-');
    let year: i64 = number(date.next()?, 4, 9999)?;
    let month = number(date.next()?, 2, 12).filter(|month| *month > 0)?;
    let day = number(date.next()?, 2, month_length(year, month)).filter(|day| *day > 0)?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = rest.split_at_checked(zone)?;
    let mut time = time.splitn(3, ':');
    let hour = number(time.next()?, 2, 23)?;
    let minute = number(time.next()?, 2, 59)?;
    let second: f64 = match time.next() {
        Some(second) => second.parse().ok()?,
        None => 0.0,
    };
    if !(0.0..60.0).contains(&second) {
        return None;
    }
    let offset = offset(zone)?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 - i64::from(offset);
    let whole = seconds.checked_mul(1_000_000_000)?;
    let fraction = Timestamp::from_seconds(second).nanoseconds();
    Some((
        Timestamp::from_nanoseconds(whole.checked_add(fraction)?),
        offset,
    ))
}

fn number(text: &str, digits: usize, most: i64) -> Option<i64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number)?;
    (number <= most).then_some(number)
}

fn offset(zone: &str) -> Option<i32> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let seconds = number(hours, 2, 23)? * 3600 + number(minutes, 2, 59)? * 60;
    i32::try_from(seconds).ok().map(|seconds| sign * seconds)
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

/// A span of time such as `90s`, `5m`, `2h`, `1d`; a number alone counts seconds. At most a hundred years.
pub(crate) fn parse_span(text: &str) -> Result<Duration, Refusal> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..) {
        Some("" | "s") => Some(1.0),
        Some("ms") => Some(0.001),
        Some("m") => Some(60.0),
        Some("h") => Some(3600.0),
        Some("d") => Some(86_400.0),
        _ => None,
    };
    let number = digits.parse::<f64>().ok();
    number
        .zip(unit)
        .map(|(number, unit)| number * unit)
        .filter(|seconds| (0.0..=3.2e9).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| {
            mistake(format!("{text} is no span of time"))
                .help("write a number with ms, s, m, h or d, as in 90s or 5m")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_a_zone() {
        let read = |text| moment(text).map(|(at, offset)| (at.nanoseconds() / 1_000_000, offset));
        assert_eq!(read("2023-11-14T22:13:20Z"), Some((1_700_000_000_000, 0)));
        assert_eq!(
            read("2023-11-14T23:13:20.5+01:00"),
            Some((1_700_000_000_500, 3600))
        );
        assert_eq!(read("2000-02-29T00:00Z"), Some((951_782_400_000, 0)));
        assert_eq!(read("1969-12-31T23:59:59Z"), Some((-1000, 0)));
        for bad in [
            "",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-11-14T24:00:00Z",
            "2023-11-14T22:13:99Z",
            "+123-11-14T22:13:20Z",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(parse_span("90").ok(), Some(Duration::from_secs(90)));
        assert_eq!(parse_span("1.5m").ok(), Some(Duration::from_secs(90)));
        assert_eq!(parse_span("2d").ok(), Some(Duration::from_secs(172_800)));
        for bad in ["", "m", "5 m", "5w", "-1s", "1e99d", "nan", "inf"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }
}
