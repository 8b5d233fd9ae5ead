//! `TIME`: the time of day, and days of the week.

use crate::conditions::day::{self, DayRange};
use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::explain::sight::Sight;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "TIME",
    parameter: Parameter::Required("Expected a list of time ranges"),
    syntax: "TIME: from-to, from-to, day ...",
    summary: "The server's local time is in one of the ranges. A time is `9am`, `9:30pm` or `21:30`; the start counts, the end does not, and a range whose end is not later than its start goes over midnight. Days of the week are accepted beside ranges.",
    examples: &[
        Example {
            definitions: "",
            line: "TIME: 10pm-6am, 14:00-15:00",
            stanza: "<message/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "TIME: 9am - 5:30pm, Sunday",
            stanza: "<message/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
enum Item {
    /// Minutes of the day: from, to.
    Range(u32, u32),
    Days(DayRange),
}

#[derive(Debug)]
struct Time {
    items: Vec<Item>,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let mut items = Vec::new();
    for text in required(value)
        .split(',')
        .filter(|text| !text.trim().is_empty())
    {
        items.push(item(text)?);
    }
    if items.is_empty() {
        return Err(Refusal::invalid("Expected a list of time ranges"));
    }
    Ok(Box::new(Time { items }))
}

fn item(text: &str) -> Result<Item, Refusal> {
    let unreadable = || {
        Refusal::invalid(format!("Unable to parse time range: {}", text.trim()))
            .help("write a range such as 9am-5pm or 22:00-6:30, or a day of the week")
    };
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return day::range(text).map(Item::Days).map_err(|_| unreadable());
    }
    let (from, to) = text.split_once('-').ok_or_else(unreadable)?;
    match (minute(from), minute(to)) {
        (Some(from), Some(to)) => Ok(Item::Range(from, to)),
        _ => Err(unreadable()),
    }
}

/// A time of day in minutes.
fn minute(text: &str) -> Option<u32> {
    let text = text.trim().to_ascii_lowercase();
    let (clock, is_pm) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(clock), _) => (clock.trim_end(), Some(false)),
        (_, Some(clock)) => (clock.trim_end(), Some(true)),
        _ => (text.as_str(), None),
    };
    let number = |text: &str| -> Option<u32> {
        (!text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().ok())
            .flatten()
    };
    let (hour, minute) = match clock.split_once(':') {
        Some((hour, "")) if is_pm.is_some() => (number(hour)?, 0),
        Some((hour, minute)) => (number(hour)?, number(minute)?),
        None if is_pm.is_some() => (number(clock)?, 0),
        None => return None,
    };
    let hour = match is_pm {
        Some(_) if hour > 12 => return None,
        Some(is_pm) => hour % 12 + if is_pm { 12 } else { 0 },
        None => hour,
    };
    (hour <= 24 && minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}

impl Condition for Time {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let (day, now) = day::local(run);
        self.items.iter().any(|item| match item {
            Item::Range(from, to) if from < to => (*from..*to).contains(&now),
            Item::Range(from, to) => now >= *from || now < *to,
            Item::Days(days) => days.contains(day),
        })
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        let (day, minute) = day::local(run);
        let name = usize::try_from(day)
            .ok()
            .and_then(|day| day::NAMES.get(day))
            .copied()
            .unwrap_or_default();
        sight.add(
            "local time",
            Some(format!("{name} {:02}:{:02}", minute / 60, minute % 60)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::minute;

    #[test]
    fn times_of_day_are_read() {
        for (text, expected) in [
            ("12am", Some(0)),
            ("12pm", Some(720)),
            ("9:05 PM", Some(21 * 60 + 5)),
            ("22:10", Some(22 * 60 + 10)),
            ("9", None),
            ("25:00", None),
            ("9:60", None),
            ("13pm", None),
        ] {
            assert_eq!(minute(text), expected, "{text}");
        }
    }
}
