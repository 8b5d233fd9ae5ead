//! Shows one chain of one script: which of its rules matched how often.
//!
//! Nobody sends to it; the firewall starts it. The chain runs where the stanza is, from the published rules.

use actix::{Actor, Context};
use serde::Serialize;

use super::branch::POLICY;
use super::published::Place;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// Rules that a report shows at most: those that matched most often.
const SHOWN: usize = 50;

/// The actor.
pub(super) struct Chain {
    place: Place,
}

/// What the console shows of a chain.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChainReport {
    /// Rules of the script in this chain.
    pub rules: usize,
    /// How often the chain was run in this script.
    pub runs: u64,
    /// Stanzas for which a rule's conditions were asked, all rules together.
    pub evaluated: u64,
    /// Stanzas for which a rule's conditions held, all rules together.
    pub matched: u64,
    /// The rules that matched most often.
    pub busiest: Vec<RuleReport>,
}

/// What the console shows of a rule.
#[derive(Clone, Debug, Serialize)]
pub struct RuleReport {
    /// First line in the script.
    pub line: u32,
    /// Stanzas for which its conditions were asked.
    pub evaluated: u64,
    /// Stanzas for which its conditions held.
    pub matched: u64,
}

impl Chain {
    pub(super) fn new(place: Place) -> Self {
        Self { place }
    }
}

impl Supervise for Chain {
    const KIND: &'static str = "chain";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        POLICY
    }
}

impl Actor for Chain {
    type Context = Context<Self>;
}

impl Observe for Chain {
    type Report = ChainReport;

    fn report(&self) -> ChainReport {
        let Some(ruleset) = self.place.ruleset() else {
            return ChainReport::default();
        };
        let mut report = ChainReport::default();
        for count in ruleset.rule_counts() {
            if count.script != self.place.script || count.chain != self.place.name {
                continue;
            }
            let totals = count.totals;
            report.rules += 1;
            report.runs = count.runs;
            report.evaluated += totals.evaluated;
            report.matched += totals.matched;
            if totals.matched > 0 {
                report.busiest.push(RuleReport {
                    line: count.line,
                    evaluated: totals.evaluated,
                    matched: totals.matched,
                });
            }
        }
        report
            .busiest
            .sort_by_key(|rule| std::cmp::Reverse(rule.matched));
        report.busiest.truncate(SHOWN);
        report
    }
}
