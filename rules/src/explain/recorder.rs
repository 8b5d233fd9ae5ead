//! Keeps the account of a run.

use super::{ActionReport, ChainReport, ConditionReport, Deed, RuleReport};
use crate::observer::{ChainEnd, Observer, Watched};
use crate::outcome::Effect;

/// Rules that are listed of one run; the others are counted.
pub const MAX_RULES: usize = 2000;
/// As [`MAX_RULES`], of a run that is only traced.
const MAX_TRACED: usize = 200;
/// Chain runs that are kept of one run, those that jumps lead to included; the others are counted.
const MAX_CHAINS: usize = 500;
/// How deep kept chains nest: readers of JSON have limits.
const MAX_DEPTH: usize = 16;

/// An observer that keeps what it is told, within bounds.
#[derive(Debug, Default)]
pub struct Recorder {
    wants_reasons: bool,
    /// Chains that are running, the innermost last; `None`: one that is not kept. With each, whether the rule that
    /// led there is listed.
    running: Vec<(Option<ChainReport>, bool)>,
    /// Chains that have ended and that no action of a kept chain has led to.
    ended: Vec<ChainReport>,
    rules: usize,
    chains: usize,
    /// Whether conditions and actions belong to the last rule of the chain, or to one that is not listed.
    is_listed: bool,
    /// Effects that were told of.
    effects: usize,
    tag: Option<String>,
    /// With a tag beside each: kept flat for traces, in the order in which they ended.
    flat: Option<Vec<(ChainReport, Option<String>)>>,
}

impl Recorder {
    /// For an explanation: conditions say what they saw, and left out rules why.
    #[must_use]
    pub fn with_reasons() -> Self {
        Self {
            wants_reasons: true,
            ..Self::default()
        }
    }

    /// For traces: each chain by itself, inner ones before outer ones.
    #[must_use]
    pub fn flat() -> Self {
        Self {
            flat: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// The chains that ran; what jumps led to is below the action that jumped.
    #[must_use]
    pub fn into_chains(self) -> Vec<ChainReport> {
        self.ended
    }

    /// Of [`Self::flat`]: the chains with the tags that they ended with.
    #[must_use]
    pub fn into_traces(self) -> Vec<(ChainReport, Option<String>)> {
        self.flat.unwrap_or_default()
    }

    fn most_rules(&self) -> usize {
        match self.flat {
            Some(_) => MAX_TRACED,
            None => MAX_RULES,
        }
    }

    fn top(&mut self) -> Option<&mut ChainReport> {
        self.running.last_mut()?.0.as_mut()
    }

    fn last_rule(&mut self) -> Option<&mut RuleReport> {
        if !self.is_listed {
            return None;
        }
        self.top()?.rules.last_mut()
    }

    fn add_rule(&mut self, line: u32, is_left_out: bool) {
        self.is_listed = self.rules < self.most_rules();
        self.rules += 1;
        let is_listed = self.is_listed;
        let Some(chain) = self.top() else {
            return;
        };
        match (is_listed, is_left_out) {
            (true, _) => chain.rules.push(RuleReport {
                line,
                is_left_out,
                conditions: Vec::new(),
                actions: Vec::new(),
            }),
            (false, true) => chain.left_out += 1,
            (false, false) => chain.unlisted += 1,
        }
    }

    fn keep(&mut self, chain: ChainReport) {
        if let Some(flat) = &mut self.flat {
            return flat.push((chain, self.tag.clone()));
        }
        if self.running.is_empty() {
            self.ended.push(chain);
        } else if let Some(action) = self.last_action() {
            action.chains.push(chain);
        }
    }

    fn last_action(&mut self) -> Option<&mut ActionReport> {
        self.last_rule()?.actions.last_mut()
    }
}

impl Observer for Recorder {
    fn wants_reasons(&self) -> bool {
        self.wants_reasons && self.rules < MAX_RULES
    }

    fn chain(&mut self, script: &str, chain: &str) {
        let is_deep = self.flat.is_none() && self.running.len() >= MAX_DEPTH;
        let is_kept = self.chains < MAX_CHAINS && !is_deep;
        self.chains += 1;
        let report = is_kept.then(|| ChainReport {
            script: script.to_owned(),
            chain: chain.to_owned(),
            rules: Vec::new(),
            left_out: 0,
            unlisted: 0,
            end: None,
        });
        self.running.push((report, self.is_listed));
    }

    fn chain_end(&mut self, end: ChainEnd) {
        let Some((ended, is_listed)) = self.running.pop() else {
            return;
        };
        self.is_listed = is_listed;
        match ended {
            Some(mut chain) => {
                chain.end = Some(end);
                self.keep(chain);
            }
            None => {
                if let Some(action) = self.last_action() {
                    action.unlisted_chains += 1;
                }
            }
        }
    }

    fn rule(&mut self, line: u32) {
        self.add_rule(line, false);
    }

    fn left_out(&mut self, rules: usize) {
        if let Some(chain) = self.top() {
            chain.left_out += rules;
        }
    }

    fn left_out_rule(&mut self, line: u32) {
        self.add_rule(line, true);
    }

    fn condition(&mut self, condition: Watched<'_>) {
        if let Some(rule) = self.last_rule() {
            rule.conditions.push(ConditionReport {
                text: condition.text.to_owned(),
                held: condition.held,
                seen: condition.seen,
            });
        }
    }

    fn action(&mut self, _script: &str, line: u32, text: &str) {
        if let Some(rule) = self.last_rule() {
            rule.actions.push(ActionReport {
                line,
                text: text.to_owned(),
                chains: Vec::new(),
                unlisted_chains: 0,
                effects: Vec::new(),
            });
        }
    }

    fn performed(&mut self, effects: &[Effect]) {
        let new = effects.get(self.effects..).unwrap_or_default();
        self.effects = effects.len();
        if let Some(action) = self.last_action() {
            action.effects.extend(new.iter().map(Deed::of));
        }
    }

    fn tag(&mut self, tag: &str) {
        self.tag = Some(tag.to_owned());
    }
}
