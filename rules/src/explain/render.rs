//! An explanation as text.

use std::fmt::{self, Display, Formatter, Write};

use super::{ActionReport, ChainReport, ConditionReport, Deed, Explanation, RuleReport};
use crate::observer::{ChainEnd, Held};

/// Bytes of a line in a log.
const LINE: usize = 4096;
/// What each level is set in by.
const INDENT: usize = 2;

impl Display for Explanation {
    /// The layout of `portcullis firewall explain`: the rules, then the verdict, the rule that decided and what is done.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "chain {} of {}", self.chain, self.host)?;
        writeln!(f, "stanza: {}", self.stanza)?;
        for part in &self.parts {
            writeln!(f)?;
            chain(f, part, 0)?;
        }
        if self.parts.is_empty() {
            writeln!(f, "\nno script has rules in this chain")?;
        }
        writeln!(f, "\nverdict: {}", self.verdict)?;
        match &self.decided_by {
            Some(place) => writeln!(
                f,
                "decided by: {}:{} (chain {})",
                place.script, place.line, place.chain
            )?,
            None => writeln!(f, "decided by: no rule")?,
        }
        if let Some(fault) = &self.fault {
            writeln!(f, "cut off: {fault}")?;
        }
        for effect in &self.effects {
            writeln!(f, "effect: {}", Shown(effect))?;
        }
        if let Some(changed) = &self.changed {
            writeln!(f, "stanza is now: {changed}")?;
        }
        Ok(())
    }
}

/// One script's part of a chain, as in an explanation.
#[must_use]
pub fn render_chain(report: &ChainReport) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ok = chain(&mut out, report, 0);
    out
}

/// One script's part of a chain on one line, for logs: rules with their conditions and, of those that match, actions.
#[must_use]
pub fn render_line(report: &ChainReport) -> String {
    let mut out = String::new();
    for rule in &report.rules {
        let before = if out.is_empty() { "" } else { "; " };
        out.push_str(before);
        out.push_str(&format!("line {}:", rule.line));
        for condition in rule
            .conditions
            .iter()
            .filter(|one| one.held != Held::NotEvaluated)
        {
            out.push_str(&format!(" {} {}", sign(condition.held), condition.text));
        }
        for action in &rule.actions {
            out.push_str(&format!(" → {}", action.text));
        }
    }
    let others = report.left_out + report.unlisted;
    if others > 0 {
        let before = if out.is_empty() { "" } else { "; " };
        out.push_str(&format!("{before}{others} more rules"));
    }
    super::shortened(&out, LINE)
}

fn sign(held: Held) -> char {
    match held {
        Held::Yes => '✓',
        Held::No => '✗',
        Held::NotEvaluated => '·',
        Held::Undecided => '?',
    }
}

struct Shown<'d>(&'d Deed);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.what, self.0.value)
    }
}

fn chain(out: &mut impl Write, report: &ChainReport, depth: usize) -> fmt::Result {
    let pad = depth * INDENT;
    writeln!(out, "{:pad$}{}, chain {}", "", report.script, report.chain)?;
    for one in &report.rules {
        rule(out, one, depth + 1)?;
    }
    let pad = pad + INDENT;
    if report.unlisted > 0 {
        writeln!(
            out,
            "{:pad$}and {} more rules that were looked at",
            "", report.unlisted
        )?;
    }
    if report.left_out > 0 {
        let count = report.left_out;
        let rules = if count == 1 { "rule" } else { "rules" };
        writeln!(
            out,
            "{:pad$}{count} {rules} left out by the index: they can not hold",
            ""
        )?;
    }
    let end = match report.end {
        Some(ChainEnd::GoesOn) => "end of the chain: no decision here, processing goes on",
        Some(ChainEnd::Passes) => "end of the chain: it lets the stanza pass",
        Some(ChainEnd::Ends) => "end of the chain: the stanza is dealt with",
        None => return Ok(()),
    };
    writeln!(out, "{:pad$}{end}", "")
}

fn rule(out: &mut impl Write, rule: &RuleReport, depth: usize) -> fmt::Result {
    let pad = depth * INDENT;
    let is_held = |condition: &ConditionReport| condition.held == Held::Yes;
    let state = match rule.is_left_out {
        true => "left out by the index",
        false if rule.conditions.iter().all(is_held) => "matches",
        false => "does not match",
    };
    writeln!(out, "{:pad$}line {}: {state}", "", rule.line)?;
    for one in &rule.conditions {
        condition(out, one, pad + INDENT)?;
    }
    for one in &rule.actions {
        action(out, one, depth + 1)?;
    }
    Ok(())
}

fn condition(out: &mut impl Write, condition: &ConditionReport, pad: usize) -> fmt::Result {
    let remark = match condition.held {
        Held::Yes | Held::No => "",
        Held::NotEvaluated => "  (not evaluated)",
        Held::Undecided => "  (undecided)",
    };
    let sign = sign(condition.held);
    writeln!(out, "{:pad$}{sign} {}{remark}", "", condition.text)?;
    for seen in &condition.seen {
        let value = seen.value.as_deref().unwrap_or("(none)");
        writeln!(out, "{:pad$}    {} = {}", "", seen.what, one_line(value))?;
    }
    Ok(())
}

fn action(out: &mut impl Write, action: &ActionReport, depth: usize) -> fmt::Result {
    let pad = depth * INDENT;
    writeln!(out, "{:pad$}→ {}", "", action.text)?;
    for effect in &action.effects {
        writeln!(
            out,
            "{:pad$}    {}",
            "",
            one_line(&Shown(effect).to_string())
        )?;
    }
    for one in &action.chains {
        chain(out, one, depth + 2)?;
    }
    if action.unlisted_chains > 0 {
        let count = action.unlisted_chains;
        writeln!(out, "{:pad$}    chains that are not shown: {count}", "")?;
    }
    Ok(())
}

/// A value on one line, and without control characters: it may come from a stranger and end on a terminal.
fn one_line(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_control() {
            out.extend(c.escape_debug());
        } else {
            out.push(c);
        }
    }
    out
}
