//! Warnings about scripts that load but do not do what their author means.
//!
//! Only scripts without errors are looked at. Each warning has a code of its own and says what to write instead; one
//! that might be wrong about a working script is not given.

mod chains;
mod contradiction;
mod loops;
mod order;
mod reach;

use ahash::{AHashMap, AHashSet};

use crate::conditions::Cost;
use crate::diagnostic::{Code, Diagnostic};
use crate::program::ChainId;
use crate::syntax::ast::{self, Item};
use crate::syntax::span::Span;

use super::Candidate;
use super::script::RuleDraft;

pub(super) use chains::Chains;

/// What is known beside the script itself.
pub(super) struct Surroundings<'c> {
    /// The host whose rules these are.
    pub(super) host: &'c str,
    /// All chains by their number.
    pub(super) chain_list: &'c [Box<str>],
    /// Chains that are there without any script: the built-in ones and those of the configuration.
    pub(super) given_chains: &'c [&'c str],
    /// What all scripts do with chains.
    pub(super) chains: &'c Chains,
}

/// One rule as warnings see it.
struct Seen<'c> {
    rule: &'c ast::Rule,
    chain: &'c str,
    conditions: Vec<SeenCondition<'c>>,
    /// True if no later rule of the chain runs for a stanza that this one matches.
    ends: bool,
}

struct SeenCondition<'c> {
    /// Equal for conditions that ask the same, `NOT` included.
    id: u32,
    /// That of the same condition with or without `NOT`.
    opposite: u32,
    name: &'static str,
    value: &'c str,
    is_negated: bool,
    cost: Cost,
    span: Span,
}

/// All warnings about one script.
pub(super) fn run(
    candidate: &Candidate,
    drafts: &[RuleDraft],
    surroundings: &Surroundings<'_>,
) -> Vec<Diagnostic> {
    let rules = seen(candidate, drafts, surroundings.chain_list);
    let mut out = Vec::new();
    reach::run(&rules, &mut out);
    for rule in &rules {
        contradiction::run(rule, &mut out);
        order::run(rule, &mut out);
        deprecated(rule, &mut out);
    }
    loops::run(&rules, surroundings.host, &mut out);
    chains::run(candidate, surroundings, &mut out);
    out
}

fn seen<'c>(
    candidate: &'c Candidate,
    drafts: &'c [RuleDraft],
    chain_list: &'c [Box<str>],
) -> Vec<Seen<'c>> {
    let rules = candidate.parsed.items.iter().filter_map(|item| match item {
        Item::Rule(rule) => Some(rule),
        _ => None,
    });
    let mut ids: AHashMap<(&str, &str), u32> = AHashMap::new();
    let mut all = Vec::with_capacity(drafts.len());
    for (rule, draft) in rules.zip(drafts) {
        let mut conditions = Vec::with_capacity(rule.conditions.len());
        for (condition, check) in rule.conditions.iter().zip(&draft.checks) {
            let value = condition.value.as_ref().map_or("", |value| &value.text);
            let next = u32::try_from(ids.len()).unwrap_or(u32::MAX / 2);
            let id = *ids.entry((check.name, value)).or_insert(next) * 2;
            let negated = u32::from(condition.negated);
            conditions.push(SeenCondition {
                id: id + negated,
                opposite: id + 1 - negated,
                name: check.name,
                value,
                is_negated: condition.negated,
                cost: check.condition.cost(),
                span: condition.line.span,
            });
        }
        all.push(Seen {
            rule,
            chain: chain_list
                .get(draft.chain.0 as usize)
                .map_or("", |name| name),
            conditions,
            ends: draft.steps.iter().any(|(action, ..)| action.ends_rule()),
        });
    }
    all
}

/// Words that newer versions of the language do not have any more.
fn deprecated(rule: &Seen<'_>, out: &mut Vec<Diagnostic>) {
    for condition in &rule.conditions {
        let (what, help) = match condition.name {
            "IN ROSTER" if !condition.value.is_empty() => (
                "the value of IN ROSTER is deprecated",
                "write `IN ROSTER?` or `NOT IN ROSTER?`",
            ),
            _ => continue,
        };
        out.push(
            Diagnostic::warning(Code::Deprecated, condition.span, what.into()).with_help(help),
        );
    }
}

/// Some chains.
type ChainSet = AHashSet<ChainId>;
