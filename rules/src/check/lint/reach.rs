//! Rules that no stanza reaches, and rules and conditions that stand twice.

use ahash::{AHashMap, AHashSet};

use super::{Seen, SeenCondition};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::ast::Action;

/// Deciding rules that are compared with a later one, for each of its conditions: enough for scripts that people
/// write, and a bound for those that programs do.
const MAX_COMPARED: usize = 64;

/// Actions that can change what a later condition of the same run sees.
const CHANGING: [&str; 11] = [
    "STRIP",
    "INJECT",
    "MARK_ORIGIN",
    "UNMARK_ORIGIN",
    "MARK_USER",
    "UNMARK_USER",
    "ADD_TO",
    "REMOVE_FROM",
    "UNSUBSCRIBE_SENDER",
    "EVENT",
    "JUMP_CHAIN",
];

/// Conditions that no action changes during a run.
const FIXED: [&str; 22] = [
    "KIND",
    "TYPE",
    "FROM",
    "TO",
    "TO SELF",
    "TO FULL JID",
    "FROM FULL JID",
    "ENTERING",
    "LEAVING",
    "FROM GROUP",
    "TO GROUP",
    "CROSSING GROUPS",
    "MAY",
    "FROM ROLE",
    "TO ROLE",
    "FROM ADMIN",
    "TO ADMIN",
    "FROM IP",
    "FROM SUBNET",
    "FROM COUNTRY",
    "TIME",
    "DAY",
];

/// What was seen of one chain.
#[derive(Default)]
struct Chain<'c> {
    /// Counts changing actions.
    epoch: u32,
    unconditional: Option<u32>,
    /// Deciding rules by the highest number of their conditions.
    deciding: AHashMap<u32, Vec<Decider>>,
    /// Conditions and actions of rules, with their line.
    whole: AHashMap<(Vec<u32>, Vec<&'c str>), u32>,
}

struct Decider {
    ids: Vec<u32>,
    line: u32,
    epoch: u32,
    is_fixed: bool,
}

pub(super) fn run(rules: &[Seen<'_>], out: &mut Vec<Diagnostic>) {
    let mut chains: AHashMap<&str, Chain<'_>> = AHashMap::new();
    for rule in rules {
        let chain = chains.entry(rule.chain).or_default();
        repeated_conditions(rule, out);
        if let Some(problem) = chain.unreachable(rule).or_else(|| chain.repeated(rule)) {
            out.push(problem);
        }
        chain.add(rule);
    }
}

fn repeated_conditions(rule: &Seen<'_>, out: &mut Vec<Diagnostic>) {
    let mut seen = AHashSet::with_capacity(rule.conditions.len());
    for condition in &rule.conditions {
        if !seen.insert(condition.id) {
            let message = "this condition stands twice in its rule".to_owned();
            out.push(
                Diagnostic::warning(Code::Duplicate, condition.span, message)
                    .with_help("leave it out"),
            );
        }
    }
}

fn sorted(conditions: &[SeenCondition<'_>]) -> Vec<u32> {
    let mut ids: Vec<u32> = conditions.iter().map(|one| one.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn actions(actions: &[Action]) -> Vec<&str> {
    actions.iter().map(|one| one.line.text.as_str()).collect()
}

impl<'c> Chain<'c> {
    fn unreachable(&self, rule: &Seen<'c>) -> Option<Diagnostic> {
        if let Some(line) = self.unconditional {
            let message = format!(
                "this rule is never reached: that on line {line} has no conditions and ends the chain"
            );
            return Some(
                Diagnostic::warning(Code::UnreachableRule, first_line(rule), message).with_help(
                    format!("move it above line {line}, or give that rule a condition"),
                ),
            );
        }
        let ids = sorted(&rule.conditions);
        let covering = ids
            .iter()
            .filter_map(|id| self.deciding.get(id))
            .flat_map(|deciders| deciders.iter().rev().take(MAX_COMPARED))
            .find(|decider| decider.covers(&ids, self.epoch))?;
        let line = covering.line;
        let message = format!(
            "this rule never matches: every stanza that it is for matches that on line {line}, which ends the chain"
        );
        Some(
            Diagnostic::warning(Code::UnreachableRule, first_line(rule), message).with_help(
                format!("move it above line {line}, or add a condition to that rule"),
            ),
        )
    }

    fn repeated(&self, rule: &Seen<'c>) -> Option<Diagnostic> {
        let key = (sorted(&rule.conditions), actions(&rule.rule.actions));
        let line = self.whole.get(&key)?;
        let message = format!("this rule stands twice in its chain, first on line {line}");
        Some(
            Diagnostic::warning(Code::Duplicate, first_line(rule), message)
                .with_help("leave one of them out"),
        )
    }

    fn add(&mut self, rule: &Seen<'c>) {
        let ids = sorted(&rule.conditions);
        let line = rule.rule.span.line;
        if rule.ends {
            match ids.last() {
                None => self.unconditional = self.unconditional.or(Some(line)),
                Some(&highest) => self.deciding.entry(highest).or_default().push(Decider {
                    line,
                    epoch: self.epoch,
                    is_fixed: rule.conditions.iter().all(is_fixed),
                    ids: ids.clone(),
                }),
            }
        }
        let is_changing = |action: &Action| CHANGING.contains(&action.name.text.as_str());
        if rule.rule.actions.iter().any(is_changing) {
            self.epoch += 1;
            self.whole.clear();
        } else {
            let key = (ids, actions(&rule.rule.actions));
            self.whole.entry(key).or_insert(line);
        }
    }
}

fn is_fixed(condition: &SeenCondition<'_>) -> bool {
    FIXED.contains(&condition.name)
        || matches!(condition.name, "FROM EXACTLY" | "TO EXACTLY") && !condition.value.contains('$')
}

impl Decider {
    /// True if its conditions are among `ids` and still mean the same.
    fn covers(&self, ids: &[u32], epoch: u32) -> bool {
        (self.is_fixed || self.epoch == epoch)
            && self.ids.iter().all(|id| ids.binary_search(id).is_ok())
    }
}

fn first_line(rule: &Seen<'_>) -> crate::syntax::span::Span {
    let condition = rule.rule.conditions.first().map(|one| one.line.span);
    let action = rule.rule.actions.first().map(|one| one.line.span);
    condition.or(action).unwrap_or(rule.rule.span)
}
