//! The ways in which a shadow differs from the rules in force, counted, with a few stanzas of each.

use std::collections::VecDeque;

use ahash::AHashMap;
use rules::Outcome;

use super::report::{Difference, Sample};

/// Ways that are told apart; what differs in further ways is only counted.
const MAX_WAYS: usize = 256;
/// Stanzas that are kept of each way: the latest that were taken.
const SAMPLES: usize = 4;
/// After the first ones, one stanza of so many is taken.
const SAMPLE_EVERY: u64 = 32;

/// What rules said about a stanza.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Judgement {
    verdict: &'static str,
    rule: Option<(String, u32)>,
}

impl Judgement {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let place = match (&outcome.fault, &outcome.decided_by) {
            (Some(fault), _) => Some((fault.script.clone(), fault.line)),
            (None, rule) => rule.as_ref().map(|rule| (rule.script.clone(), rule.line)),
        };
        Self {
            verdict: Self::verdict_of(outcome),
            rule: place,
        }
    }

    pub(super) fn verdict_of(outcome: &Outcome) -> &'static str {
        match outcome.fault {
            Some(_) => "fault",
            None => outcome.verdict.name(),
        }
    }

    fn rule(&self) -> Option<String> {
        let (script, line) = self.rule.as_ref()?;
        Some(format!("{script}:{line}"))
    }
}

/// A chain, and both judgements.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Way {
    chain: String,
    active: Judgement,
    shadow: Judgement,
}

#[derive(Debug, Default)]
struct Found {
    count: u64,
    samples: VecDeque<Sample>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Differences {
    ways: AHashMap<Way, Found>,
    verdicts: u64,
    actions: u64,
    unlisted: u64,
}

impl Differences {
    /// Counts one. `is_verdict`: the verdicts differ, and not only what is done besides.
    pub(super) fn add(
        &mut self,
        chain: &str,
        (active, shadow): (Judgement, Judgement),
        is_verdict: bool,
        sample: impl FnOnce() -> Sample,
    ) {
        match is_verdict {
            true => self.verdicts += 1,
            false => self.actions += 1,
        }
        let way = Way {
            chain: chain.to_owned(),
            active,
            shadow,
        };
        if self.ways.len() >= MAX_WAYS && !self.ways.contains_key(&way) {
            self.unlisted += 1;
            return;
        }
        let found = self.ways.entry(way).or_default();
        if found.count < SAMPLES as u64 || found.count.is_multiple_of(SAMPLE_EVERY) {
            if found.samples.len() >= SAMPLES {
                found.samples.pop_front();
            }
            found.samples.push_back(sample());
        }
        found.count += 1;
    }

    /// Other verdicts, and other actions under the same verdict.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.verdicts, self.actions)
    }

    pub(super) fn unlisted(&self) -> u64 {
        self.unlisted
    }

    /// At most `most` of them behind the first `after`, and where the next page begins.
    pub(super) fn page(&self, after: usize, most: usize) -> (Vec<Difference>, Option<usize>) {
        let mut sorted: Vec<_> = self.ways.iter().collect();
        sorted.sort_by_key(|(way, found)| {
            (
                std::cmp::Reverse(found.count),
                &way.chain,
                &way.active.rule,
                &way.shadow.rule,
            )
        });
        let page = sorted.iter().skip(after).take(most);
        let shown: Vec<Difference> = page.map(|(way, found)| difference(way, found)).collect();
        let end = after + shown.len();
        (shown, (end < sorted.len()).then_some(end))
    }
}

fn difference(way: &Way, found: &Found) -> Difference {
    Difference {
        chain: way.chain.clone(),
        active: way.active.verdict.to_owned(),
        active_rule: way.active.rule(),
        shadow: way.shadow.verdict.to_owned(),
        shadow_rule: way.shadow.rule(),
        count: found.count,
        samples: found.samples.iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use xmpp::Stanza;
    use xmpp::xml::Limits;

    use super::*;

    fn judgement(verdict: &'static str, line: u32) -> Judgement {
        Judgement {
            verdict,
            rule: Some(("a.pfw".to_owned(), line)),
        }
    }

    #[test]
    fn ways_and_samples_are_bounded() {
        let stanza = Stanza::from_xml(
            b"<message><body>secret</body></message>",
            &Limits::default(),
        );
        let stanza = stanza.unwrap();
        let mut differences = Differences::default();
        for line in 0..266 {
            for _ in 0..100 {
                let sides = (judgement("pass", 1), judgement("drop", line));
                differences.add("deliver", sides, true, || Sample::of(&stanza, false));
            }
        }
        assert_eq!(differences.unlisted(), 1000);
        assert_eq!(differences.totals(), (26_600, 0));
        let (page, next) = differences.page(0, 100);
        assert_eq!((page.len(), next), (100, Some(100)));
        let (rest, next) = differences.page(200, 100);
        assert_eq!((rest.len(), next), (MAX_WAYS - 200, None));
        assert!(
            page.iter()
                .all(|way| way.samples.len() == SAMPLES && way.count == 100)
        );
        assert!(!format!("{page:?}").contains("secret"));
    }
}
