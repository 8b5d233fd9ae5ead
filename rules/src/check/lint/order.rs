//! Conditions in an order that costs time, or that counts what it should not.

use super::Seen;
use crate::conditions::Cost;
use crate::diagnostic::{Code, Diagnostic};

pub(super) fn run(rule: &Seen<'_>, out: &mut Vec<Diagnostic>) {
    out.extend(expensive_first(rule));
    out.extend(limit_first(rule));
}

/// Searching a stanza's text before looking at its head.
fn expensive_first(rule: &Seen<'_>) -> Option<Diagnostic> {
    let searching = rule
        .conditions
        .iter()
        .position(|one| one.cost == Cost::Search)?;
    let behind = rule.conditions.get(searching + 1..)?;
    let cheap = behind.iter().find(|one| one.cost == Cost::Head)?;
    let condition = rule.conditions.get(searching)?;
    let message = format!(
        "this searches the text of every stanza, also of those that {} on line {} excludes",
        cheap.name, cheap.span.line
    );
    Some(
        Diagnostic::warning(Code::ExpensiveFirst, condition.span, message).with_help(format!(
            "put {} above it: conditions are evaluated in their order, until one does not hold",
            cheap.name
        )),
    )
}

/// A limiter that counts what the rule is not about.
fn limit_first(rule: &Seen<'_>) -> Option<Diagnostic> {
    let limit = rule.conditions.iter().position(|one| one.name == "LIMIT")?;
    let behind = rule.conditions.get(limit + 1..)?;
    let guard = behind.iter().find(|one| one.name != "LIMIT")?;
    let condition = rule.conditions.get(limit)?;
    let message = format!(
        "this counts every stanza, also those that {} on line {} excludes",
        guard.name, guard.span.line
    );
    Some(
        Diagnostic::warning(Code::LimitFirst, condition.span, message)
            .with_help("put LIMIT below the other conditions"),
    )
}
