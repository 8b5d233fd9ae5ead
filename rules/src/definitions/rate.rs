//! `%RATE name: rate (burst B) (entries N) (allow overflow)`.

use crate::limiter::RateDefinition;
use crate::refusal::Refusal;

/// Keys that a limiter may be told to track at most.
const MAX_ENTRIES: usize = 10_000_000;

/// Reads a definition's value. The rate is the first decimal number in it; options stand in parentheses.
pub(crate) fn parse(value: &str, default_entries: usize) -> Result<RateDefinition, Refusal> {
    let number: String = value
        .chars()
        .skip_while(|c| !c.is_ascii_digit() && *c != '.')
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let rate = number
        .parse::<f64>()
        .ok()
        .filter(|rate| rate.is_finite())
        .ok_or_else(|| {
            Refusal::invalid("Unable to parse rate")
                .help("write the events per second first, as in `2 (burst 3)`")
        })?;
    let mut burst = 1.0;
    let mut entries = default_entries;
    let mut allow_overflow = false;
    for option in options(value) {
        let words: Vec<&str> = option.split_ascii_whitespace().collect();
        match words[..] {
            ["burst", seconds] => {
                burst = seconds
                    .parse()
                    .ok()
                    .filter(|burst: &f64| *burst > 0.0 && burst.is_finite())
                    .ok_or_else(|| {
                        Refusal::invalid(format!("invalid burst: {seconds}"))
                            .help("burst is a number of seconds above 0")
                    })?;
            }
            ["entries", count] => {
                entries = count
                    .parse()
                    .ok()
                    .filter(|entries| (1..=MAX_ENTRIES).contains(entries))
                    .ok_or_else(|| {
                        Refusal::invalid(format!("invalid number of entries: {count}"))
                            .help(format!("entries is a number from 1 to {MAX_ENTRIES}"))
                    })?;
            }
            ["allow", "overflow"] => allow_overflow = true,
            _ => {}
        }
    }
    Ok(RateDefinition {
        rate,
        capacity: (rate * burst).max(1.0),
        entries,
        allow_overflow,
    })
}

/// The insides of the parentheses.
fn options(value: &str) -> impl Iterator<Item = &str> {
    value
        .split('(')
        .skip(1)
        .filter_map(|piece| piece.split_once(')'))
        .map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_in_any_order() {
        let rate = parse(
            "0.5 per second ( entries 4096 ) (allow overflow)(burst 10)",
            1000,
        )
        .expect("a rate");
        assert_eq!(
            rate,
            RateDefinition {
                rate: 0.5,
                capacity: 5.0,
                entries: 4096,
                allow_overflow: true
            }
        );
    }

    #[test]
    fn capacity_is_at_least_one() {
        assert!((parse("0.1", 1000).expect("a rate").capacity - 1.0).abs() < 1e-9);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["fast", "1.2.3", "", "1 (burst 0)", "1 (entries 0)"] {
            assert!(parse(bad, 1000).is_err(), "{bad}");
        }
    }
}
