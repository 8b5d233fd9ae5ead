//! `%TEST` blocks, run when their script is loaded.
//!
//! A block runs the rules of its own script alone: definitions and `user/` chains of the host's other scripts can be
//! used as always, but their rules in built-in chains do not run, so that a script behaves in its tests the same
//! wherever it is loaded. Lists hold what the block says and limiters start full: nothing of the live node is read
//! or changed.

mod expectation;
mod plan;

use std::collections::BTreeMap;

use xmpp::stanza::Stanza;

use crate::context::Context;
use crate::definitions::Object;
use crate::definitions::list::SharedContents;
use crate::definitions::list::definition::ListDefinition;
use crate::diagnostic::{Code, Diagnostic};
use crate::loader::{LoadError, Loader};
use crate::observer::Observer;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::program::Ruleset;
use crate::syntax::ast::{Item, Rule, Test};
use crate::syntax::span::Span;

use super::Candidate;
use super::assemble::assemble;
use expectation::Expectation;
pub(crate) use plan::STATEMENTS as TEST_STATEMENTS;
use plan::{Plan, Step};

/// Blocks that one script may have.
pub const MAX_TESTS: usize = 500;
/// Stanzas that all blocks of a script may send, repeated ones included.
pub const MAX_STANZAS: u32 = 2_000;
/// Steps that one stanza may take at most.
const MAX_STEPS: u64 = 1_000_000;
/// Hosts that the blocks of a script may name.
const MAX_HOSTS: usize = 8;

/// What came of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// What it shows.
    pub name: String,
    /// Its first line.
    pub line: u32,
    /// True if every stanza met the expected fate.
    pub has_passed: bool,
}

/// Runs the blocks of one script; answers with their results and everything that went wrong.
pub(super) fn run(
    number: usize,
    candidates: &[Candidate],
    options: &Options,
    loader: &dyn Loader,
) -> (Vec<TestResult>, Vec<Diagnostic>) {
    let Some(candidate) = candidates.get(number) else {
        return Default::default();
    };
    let mut bench = Bench {
        number: u32::try_from(number).unwrap_or(u32::MAX),
        candidates,
        options,
        loader,
        rulesets: BTreeMap::new(),
        stanzas: 0,
    };
    let mut results = Vec::new();
    let mut problems = Vec::new();
    for test in tests(candidate) {
        if results.len() >= MAX_TESTS {
            let message = format!("a script has at most {MAX_TESTS} tests");
            problems.push(Diagnostic::error(Code::Test, test.span, message));
            break;
        }
        let found = bench.test(test, candidate);
        results.push(TestResult {
            name: test.name.text.clone(),
            line: test.span.line,
            has_passed: found.is_empty(),
        });
        problems.extend(found);
    }
    (results, problems)
}

fn tests(candidate: &Candidate) -> impl Iterator<Item = &Test> {
    let items = candidate.parsed.items.iter();
    items.filter_map(|item| match item {
        Item::Test(test) => Some(test),
        _ => None,
    })
}

/// True if the script has blocks to run.
pub(super) fn has_tests(candidate: &Candidate) -> bool {
    tests(candidate).next().is_some()
}

/// Where the blocks of one script run.
struct Bench<'c> {
    number: u32,
    candidates: &'c [Candidate],
    options: &'c Options,
    loader: &'c dyn Loader,
    /// The script for each host that a block names, and how many list entries of the block it has been told of.
    rulesets: BTreeMap<String, (Ruleset, usize)>,
    stanzas: u32,
}

/// What one stanza met.
struct Met {
    outcome: Outcome,
    actions: Actions,
}

#[derive(Default)]
struct Actions(Vec<String>);

impl Observer for Actions {
    fn action(&mut self, _script: &str, _line: u32, text: &str) {
        self.0.push(text.to_owned());
    }
}

impl Bench<'_> {
    fn test(&mut self, test: &Test, candidate: &Candidate) -> Vec<Diagnostic> {
        let plan = match Plan::read(test) {
            Ok(plan) => plan,
            Err(mistakes) => return mistakes,
        };
        for (ruleset, bound) in self.rulesets.values_mut() {
            start_anew(ruleset);
            *bound = 0;
        }
        let mut context = Context::default();
        let mut problems = Vec::new();
        for step in &plan.steps {
            match step {
                Step::World(line) => problems.extend(context.line(line).err()),
                Step::Wait(time) => context.wait(*time),
                Step::Stanza {
                    stanza,
                    span,
                    times,
                    expectations,
                } if problems.is_empty() => {
                    for _ in 0..*times {
                        let met = match self.send(&mut context, stanza, *span) {
                            Ok(met) => met,
                            Err(mistakes) => {
                                problems.extend(mistakes);
                                return problems;
                            }
                        };
                        let failed = failed(&met, expectations, candidate, test, *span);
                        if let Some(problem) = failed {
                            problems.push(problem);
                            return problems;
                        }
                    }
                }
                Step::Stanza { .. } => {}
            }
        }
        problems
    }

    fn send(
        &mut self,
        context: &mut Context,
        stanza: &Stanza,
        span: Span,
    ) -> Result<Met, Vec<Diagnostic>> {
        self.stanzas += 1;
        if self.stanzas > MAX_STANZAS {
            let message = format!("the tests of a script send at most {MAX_STANZAS} stanzas");
            return Err(vec![Diagnostic::error(Code::Test, span, message)]);
        }
        let mut stanza = stanza.clone();
        let place = context.place(&mut stanza);
        let (ruleset, bound) = self.ruleset(&place.host, span)?;
        let mistakes = context.bind_new(ruleset, bound);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let mut actions = Actions::default();
        let outcome =
            ruleset.run_observed(&place.chain, &stanza, &context.world, Some(&mut actions));
        context.world.apply(&outcome);
        Ok(Met { outcome, actions })
    }

    /// The rules as that host would run them.
    fn ruleset(
        &mut self,
        host: &str,
        span: Span,
    ) -> Result<&mut (Ruleset, usize), Vec<Diagnostic>> {
        if !self.rulesets.contains_key(host) {
            if self.rulesets.len() >= MAX_HOSTS {
                let message = format!("the tests of a script name at most {MAX_HOSTS} hosts");
                return Err(vec![Diagnostic::error(Code::Test, span, message)]);
            }
            let loader = EmptyLists(self.loader);
            let round = assemble(host, self.candidates, self.options, &loader, None);
            let mut ruleset = round.ruleset;
            ruleset.limits.steps = ruleset.limits.steps.min(MAX_STEPS);
            for chain in &mut ruleset.chains {
                if !chain.name.starts_with("user/") {
                    chain.parts.retain(|part| part.script == self.number);
                }
            }
            self.rulesets.insert(host.to_owned(), (ruleset, 0));
        }
        self.rulesets.get_mut(host).ok_or_else(Vec::new)
    }
}

/// Lists and limiters as they are when nothing has happened yet.
fn start_anew(ruleset: &Ruleset) {
    for entry in ruleset.objects().iter() {
        match &entry.object {
            Object::List(list) => list.forget(),
            Object::Rate(limiter) => limiter.reset(),
            _ => {}
        }
    }
}

fn failed(
    met: &Met,
    expectations: &[Expectation],
    candidate: &Candidate,
    test: &Test,
    stanza: Span,
) -> Option<Diagnostic> {
    let decided_by = met
        .outcome
        .decided_by
        .as_ref()
        .filter(|decision| decision.script == *candidate.loaded.name);
    let rule = decided_by.and_then(|decision| rule_at(candidate, decision.line));
    let (expectation, reason) = expectations.iter().find_map(|expectation| {
        let reason = expectation.unmet(&met.outcome, &met.actions.0, rule)?;
        Some((expectation, reason))
    })?;
    let decision = match (rule, &met.outcome.decided_by) {
        (Some(rule), _) => format!("line {} decided: {}", rule.span.line, summary(rule)),
        (None, Some(decision)) => {
            format!("line {} of {} decided", decision.line, decision.script)
        }
        (None, None) => "no rule decided".to_owned(),
    };
    let message = format!("test `{}` failed: {reason}", test.name.text);
    let help = format!("of the stanza on line {}: {decision}", stanza.line);
    Some(Diagnostic::error(Code::TestFailed, expectation.span, message).with_help(help))
}

fn rule_at(candidate: &Candidate, line: u32) -> Option<&Rule> {
    candidate.parsed.items.iter().find_map(|item| match item {
        Item::Rule(rule) if rule.span.line == line => Some(rule),
        _ => None,
    })
}

/// The lines of a rule as one text.
fn summary(rule: &Rule) -> String {
    let lines: Vec<String> = lines_of(rule).map(|line| format!("`{line}`")).collect();
    lines.join(" ")
}

fn lines_of(rule: &Rule) -> impl Iterator<Item = &str> {
    let conditions = rule.conditions.iter().map(|one| one.line.text.as_str());
    conditions.chain(rule.actions.iter().map(|one| one.line.text.as_str()))
}

/// A loader whose lists hold nothing: what they hold is said in the tests.
struct EmptyLists<'l>(&'l dyn Loader);

impl Loader for EmptyLists<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        self.0.read(path)
    }

    fn list(&self, _: &ListDefinition) -> Result<SharedContents, LoadError> {
        Ok(SharedContents::default())
    }
}
