//! Commands about rules: their counters, and rules on trial.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::console::Console;
use super::protocol::{Answer, PAGE};
use crate::firewall::{Firewall, ScriptProblem, ShadowOrder};

/// Rules whose counters one answer shows at most.
const RULES: usize = 1000;
/// Bytes of a rule's text that are shown.
const TEXT: usize = 160;
/// What one rule has done since it was loaded or its counters were reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleCounter {
    /// The host.
    pub host: String,
    /// Name of the script.
    pub script: String,
    /// Name of the chain.
    pub chain: String,
    /// First line of the rule.
    pub line: u32,
    /// Its conditions and actions, cut off where they are long.
    pub rule: String,
    /// How often its chain was run in this script.
    pub runs: u64,
    /// Stanzas for which its conditions were asked; the index leaves it out for others at no cost.
    pub evaluated: u64,
    /// Stanzas for which all of them held.
    pub matched: u64,
    /// When that was the case last, in milliseconds since 1970 (UTC).
    pub last_match: Option<i64>,
    /// An estimate of the time that all evaluations took, from one run of 61; `None` before the first of these.
    pub nanoseconds: Option<u64>,
}

impl Console {
    /// Counters of the rules of a host, or of all, behind the first `after` of them.
    pub(super) fn rule_counters(
        &self,
        host: Option<&str>,
        script: Option<&str>,
        after: usize,
    ) -> Answer {
        let mut rules = Vec::new();
        let mut position = 0;
        for (name, ruleset) in self.core.firewall.rulesets() {
            if host.is_some_and(|host| host != name) {
                continue;
            }
            for count in ruleset.rule_counts() {
                if script.is_some_and(|script| script != count.script) {
                    continue;
                }
                position += 1;
                if position <= after {
                    continue;
                }
                if rules.len() == RULES {
                    let next = Some(position - 1);
                    return Answer::RuleCounters { rules, next };
                }
                rules.push(counter(&name, &count));
            }
        }
        Answer::RuleCounters { rules, next: None }
    }

    /// Has counters of rules begin anew.
    pub(super) fn reset_rule_counters(&self, host: Option<&str>, script: Option<&str>) -> Answer {
        let rulesets = self.core.firewall.rulesets().into_iter();
        let meant = rulesets.filter(|(name, _)| host.is_none_or(|host| host == name));
        let rules = meant.map(|(_, ruleset)| ruleset.reset_counts(script)).sum();
        tracing::info!(
            rules,
            host,
            script,
            "counters of rules reset by an operator"
        );
        Answer::RuleCountersReset { rules }
    }

    /// Loads a shadow.
    pub(super) async fn load_shadow(
        &self,
        host: String,
        scripts: Vec<String>,
        keeps_contents: bool,
    ) -> Answer {
        let order = ShadowOrder {
            scripts: scripts.iter().map(|name| name.as_str().into()).collect(),
            keeps_contents,
            host,
        };
        let host = order.host.clone();
        let core = Arc::clone(&self.core);
        let loading = move || core.firewall.load_shadow(&core.config(), order);
        match blocking(loading).await {
            Ok(Ok(warnings)) => {
                tracing::info!(host, "shadow loaded by an operator");
                let warnings = warnings.iter().map(ToString::to_string).collect();
                Answer::ShadowLoaded { warnings }
            }
            Ok(Err(problems)) => refused(&problems),
            Err(problem) => Answer::refused(problem),
        }
    }

    /// What a shadow has found.
    pub(super) fn shadow_diff(&self, host: Option<String>, after: usize) -> Answer {
        let firewall = &self.core.firewall;
        match the_one(firewall, host) {
            Ok(host) => match firewall.shadow_report(&host, after, PAGE) {
                Some(report) => Answer::Shadow(Box::new(report)),
                None => Answer::refused(no_shadow(&host)),
            },
            Err(problem) => Answer::refused(problem),
        }
    }

    /// Puts the rules of a shadow in force.
    pub(super) async fn arm_shadow(&self, host: Option<String>) -> Answer {
        let host = match the_one(&self.core.firewall, host) {
            Ok(host) => host,
            Err(problem) => return Answer::refused(problem),
        };
        let (core, name) = (Arc::clone(&self.core), host.clone());
        let arming = move || core.firewall.arm_shadow(&core.config(), &name);
        match blocking(arming).await {
            Ok(Ok(Some(armed))) => {
                tracing::info!(host, scripts = ?armed.scripts, "shadow armed by an operator");
                Answer::ShadowArmed {
                    host,
                    is_permanent: armed.is_permanent(),
                    scripts: armed.scripts,
                    changed_since: armed.changed_since,
                }
            }
            Ok(Ok(None)) => Answer::refused(no_shadow(&host)),
            Ok(Err(problems)) => refused(&problems),
            Err(problem) => Answer::refused(problem),
        }
    }

    /// Ends a shadow.
    pub(super) async fn drop_shadow(&self, host: Option<String>) -> Answer {
        let host = match the_one(&self.core.firewall, host) {
            Ok(host) => host,
            Err(problem) => return Answer::refused(problem),
        };
        let (core, name) = (Arc::clone(&self.core), host.clone());
        // A reload may be compiling scripts under the same lock.
        match blocking(move || core.firewall.drop_shadow(&name)).await {
            Ok(true) => {
                tracing::info!(host, "shadow dropped by an operator");
                Answer::Done
            }
            Ok(false) => Answer::refused(no_shadow(&host)),
            Err(problem) => Answer::refused(problem),
        }
    }
}

fn counter(host: &str, count: &rules::RuleCount<'_>) -> RuleCounter {
    let totals = count.totals;
    let nanoseconds =
        |spent: std::time::Duration| u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX);
    RuleCounter {
        host: host.to_owned(),
        script: count.script.to_owned(),
        chain: count.chain.to_owned(),
        line: count.line,
        rule: count.text(TEXT),
        runs: count.runs,
        evaluated: totals.evaluated,
        matched: totals.matched,
        last_match: totals.last_match.map(|last| last.nanoseconds() / 1_000_000),
        nanoseconds: totals.time_spent().map(nanoseconds),
    }
}

/// The host that is meant: the named one, or the only one that has a shadow.
fn the_one(firewall: &Firewall, host: Option<String>) -> Result<String, String> {
    if let Some(host) = host {
        return Ok(host);
    }
    let mut shadowed = firewall.shadowed();
    match (shadowed.pop(), shadowed.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => Err(format!(
            "several hosts have a shadow, name one: {}, {last}",
            shadowed.join(", ")
        )),
        (None, _) => Err("no host has a shadow: load one with `firewall shadow load`".to_owned()),
    }
}

fn no_shadow(host: &str) -> String {
    format!("{host} has no shadow: load one with `firewall shadow load`")
}

fn refused(problems: &[ScriptProblem]) -> Answer {
    Answer::Refused {
        problems: problems.iter().map(ToString::to_string).collect(),
    }
}

/// Does what reads files and compiles scripts away from the actors of this thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let done = actix_rt::task::spawn_blocking(work).await;
    done.map_err(|error| format!("it failed: {error}; nothing was changed"))
}
