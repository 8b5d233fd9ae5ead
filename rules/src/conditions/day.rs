//! `DAY`: the day of the week.

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::explain::sight::Sight;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(super) const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

pub(crate) const SPEC: Spec = Spec {
    name: "DAY",
    parameter: Parameter::Required("Expected a list of days or day ranges"),
    syntax: "DAY: day, day-day ...",
    summary: "The server's local day of the week is one of these. Three letters of an English name suffice; a range may go over the end of the week.",
    examples: &[
        Example {
            definitions: "",
            line: "DAY: Sat-Mon, Tuesday",
            stanza: "<message/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "DAY: Fri-Mon",
            stanza: "<message/>",
            holds: false,
        },
    ],
    parse,
};

/// Days from one to another, both included; Monday is 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct DayRange {
    from: u32,
    to: u32,
}

impl DayRange {
    pub(super) fn contains(self, day: u32) -> bool {
        if self.from <= self.to {
            (self.from..=self.to).contains(&day)
        } else {
            day >= self.from || day <= self.to
        }
    }
}

#[derive(Debug)]
struct Day {
    ranges: Vec<DayRange>,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let mut ranges = Vec::new();
    for text in required(value)
        .split(',')
        .filter(|text| !text.trim().is_empty())
    {
        ranges.push(range(text)?);
    }
    if ranges.is_empty() {
        return Err(Refusal::invalid("Expected a list of days or day ranges"));
    }
    Ok(Box::new(Day { ranges }))
}

/// One day, or two with a hyphen between them.
pub(super) fn range(text: &str) -> Result<DayRange, Refusal> {
    let (from, to) = match text.split_once('-') {
        Some((from, to)) => (number(from)?, number(to)?),
        None => {
            let day = number(text)?;
            (day, day)
        }
    };
    Ok(DayRange { from, to })
}

fn number(text: &str) -> Result<u32, Refusal> {
    let word = text.trim();
    let letters: String = word.chars().take(3).flat_map(char::to_lowercase).collect();
    match NAMES
        .iter()
        .position(|name| *name == letters)
        .and_then(|day| u32::try_from(day).ok())
    {
        Some(day) => Ok(day),
        None if !word.bytes().any(|byte| byte.is_ascii_alphabetic()) => Err(Refusal::invalid(
            format!("Unable to parse day/day range: {word}"),
        )),
        None => Err(Refusal::invalid(format!("Unknown day name: {word}"))),
    }
}

/// Local day of the week (Monday is 0) and minute of the day.
pub(super) fn local(run: &mut Run<'_>) -> (u32, u32) {
    let seconds = run
        .now()
        .seconds()
        .saturating_add(i64::from(run.facts.utc_offset()));
    let days = seconds.div_euclid(86_400);
    let minute = seconds.rem_euclid(86_400) / 60;
    // 1970-01-01 was a Thursday.
    let day = (days + 3).rem_euclid(7);
    (
        u32::try_from(day).unwrap_or(0),
        u32::try_from(minute).unwrap_or(0),
    )
}

impl Condition for Day {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let (day, _) = local(run);
        self.ranges.iter().any(|range| range.contains(day))
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        let (day, minute) = local(run);
        let name = usize::try_from(day)
            .ok()
            .and_then(|day| NAMES.get(day))
            .copied()
            .unwrap_or_default();
        sight.add(
            "local time",
            Some(format!("{name} {:02}:{:02}", minute / 60, minute % 60)),
        );
    }
}
