//! The drafts of all scripts to one ruleset: chains, shared conditions, needs, indexes.

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::{AHashMap, RandomState};

use crate::conditions::Condition;
use crate::counters::{Counters, Size};
use crate::definitions::Objects;
use crate::diagnostic::{Code, Diagnostic};
use crate::events::{self, Attached, BUILT_IN};
use crate::facts::Needs;
use crate::index::ChainIndex;
use crate::loader::Loader;
use crate::options::Options;
use crate::program::{Chain, ChainId, Check, Part, Rule, Ruleset, Step};
use crate::run::MEMO_SLOTS;
use crate::scope::Numbers;

use super::Candidate;
use super::lint::{self, Chains, Surroundings};
use super::script::{RuleDraft, Tools};

/// One attempt: a ruleset, and what was found about each candidate.
pub(super) struct Round {
    pub(super) ruleset: Ruleset,
    pub(super) diagnostics: Vec<Vec<Diagnostic>>,
}

pub(super) fn assemble(
    host: &str,
    candidates: &[Candidate],
    options: &Options,
    loader: &dyn Loader,
    previous: Option<&Ruleset>,
) -> Round {
    let mut tools = Tools {
        options,
        loader,
        previous,
        numbers: Numbers::default(),
        objects: Objects::default(),
    };
    let mut diagnostics: Vec<Vec<Diagnostic>> = candidates
        .iter()
        .map(|candidate| candidate.parsed.problems.clone())
        .collect();
    for ((number, candidate), out) in (0..).zip(candidates).zip(&mut diagnostics) {
        tools.define(number, candidate, out);
    }
    let mut drafts = Vec::new();
    for ((number, candidate), out) in (0..).zip(candidates).zip(&mut diagnostics) {
        let rules = tools.rules(number, candidate, out);
        drafts.push((number, rules));
    }
    let known = Chains::new(&drafts);
    let extra = options.extra_chains.iter().map(|extra| &*extra.name);
    let given_chains: Vec<&str> = BUILT_IN.into_iter().chain(extra).collect();
    let surroundings = Surroundings {
        host,
        given_chains: &given_chains,
        chain_list: &tools.numbers.chain_list,
        chains: &known,
    };
    for (((number, rules), candidate), out) in drafts.iter().zip(candidates).zip(&mut diagnostics) {
        if !out.iter().any(Diagnostic::is_error) {
            out.extend(lint::run(candidate, rules, &surroundings));
        }
        for entry in tools.objects.unused(*number) {
            let message = format!("nothing uses {} {}", entry.object.keyword(), entry.name);
            out.push(
                Diagnostic::warning(Code::UnusedDefinition, entry.span, message)
                    .with_help("leave it out, or name it in a condition or action"),
            );
        }
        out.sort_by_key(|problem| (problem.span.line, !problem.is_error()));
    }
    Round {
        ruleset: ruleset(host, candidates, tools, drafts),
        diagnostics,
    }
}

/// The drafts, numbered and connected.
fn ruleset(
    host: &str,
    candidates: &[Candidate],
    mut tools: Tools<'_>,
    drafts: Vec<(u32, Vec<RuleDraft>)>,
) -> Ruleset {
    let options = tools.options;
    let attached = attached(&mut tools.numbers, options);
    let mut chains = chains(&tools.numbers, drafts, options, &attached);
    let counters = Counters::new(number_rules(&mut chains));
    let needs = chains.iter().map(|chain| chain.needs);
    let all_needs = needs.fold(Needs::NONE, Needs::union);
    let scripts = candidates.iter().map(|candidate| candidate.loaded.clone());
    Ruleset {
        host: host.into(),
        scripts: scripts.collect(),
        is_any_traced: candidates.iter().any(|one| one.loaded.is_traced),
        chains,
        names: tools.numbers.chains.clone(),
        events: events(&tools.numbers, options),
        all_needs,
        attached,
        paths: tools.numbers.path_list,
        objects: tools.objects,
        limits: options.limits,
        hasher: RandomState::new(),
        counters,
    }
}

/// The chains of the configuration that scripts fill and that run beside built-in ones.
fn attached(numbers: &mut Numbers, options: &Options) -> AHashMap<ChainId, Vec<Attached>> {
    let mut attached: AHashMap<ChainId, Vec<Attached>> = AHashMap::new();
    for extra in options
        .extra_chains
        .iter()
        .filter(|extra| extra.is_event_chain)
    {
        let Some(&id) = numbers.chains.get(extra.name.as_str()) else {
            continue;
        };
        for name in BUILT_IN {
            if let Some(one) = events::attach(extra, id, name) {
                attached.entry(numbers.chain(name)).or_default().push(one);
            }
        }
    }
    attached
}

fn events(numbers: &Numbers, options: &Options) -> AHashMap<Box<str>, Vec<ChainId>> {
    let mut events: AHashMap<Box<str>, Vec<ChainId>> = AHashMap::new();
    for extra in options
        .extra_chains
        .iter()
        .filter(|extra| extra.is_event_chain)
    {
        let Some(&id) = numbers.chains.get(extra.name.as_str()) else {
            continue;
        };
        for event in &extra.events {
            events.entry(event.as_str().into()).or_default().push(id);
        }
    }
    events
}

/// Numbers the parts and rules of all chains, for their counters.
fn number_rules(chains: &mut [Chain]) -> Size {
    let mut size = Size {
        chains: chains.len(),
        ..Size::default()
    };
    for part in chains.iter_mut().flat_map(|chain| &mut chain.parts) {
        (part.number, part.first_rule) = (size.parts, size.rules);
        size.parts += 1;
        size.rules += part.rules.len();
    }
    size
}

/// A condition that at least one rule asks.
struct SharedCondition {
    condition: Arc<dyn Condition>,
    uses: usize,
    slot: Option<u32>,
}

/// Where the outcome of a condition is remembered; the most used ones that are worth it.
struct Shared {
    conditions: AHashMap<(u32, String), SharedCondition>,
}

impl Shared {
    fn new(drafts: &mut [(u32, Vec<RuleDraft>)]) -> Self {
        let mut conditions: AHashMap<(u32, String), SharedCondition> = AHashMap::new();
        let all = drafts
            .iter_mut()
            .flat_map(|(_, rules)| rules)
            .flat_map(|rule| &mut rule.checks);
        for check in all {
            // The drafts keep a placeholder; the condition itself lives here, once.
            let made = std::mem::replace(&mut check.condition, Box::new(Placeholder));
            let shared = conditions
                .entry(check.key.clone())
                .or_insert_with(|| SharedCondition {
                    condition: Arc::from(made),
                    uses: 0,
                    slot: None,
                });
            shared.uses += 1;
        }
        let mut shared: Vec<_> = conditions
            .values_mut()
            .filter(|shared| {
                let condition = &shared.condition;
                shared.uses > 1 && condition.is_worth_sharing() && !condition.has_side_effect()
            })
            .collect();
        shared.sort_by_key(|shared| std::cmp::Reverse(shared.uses));
        for (slot, shared) in (0..).zip(shared.into_iter().take(MEMO_SLOTS)) {
            shared.slot = Some(slot);
        }
        Self { conditions }
    }

    fn check(&self, draft: super::script::CheckDraft) -> Option<Check> {
        let shared = self.conditions.get(&draft.key)?;
        Some(Check {
            condition: shared.condition.clone(),
            is_negated: draft.is_negated,
            slot: shared.slot,
            text: draft.text.into(),
        })
    }
}

/// Stands where a condition was taken out.
#[derive(Debug)]
struct Placeholder;

impl Condition for Placeholder {
    fn holds(&self, _: &mut crate::run::Run<'_>) -> bool {
        false
    }
}

fn chains(
    numbers: &Numbers,
    mut drafts: Vec<(u32, Vec<RuleDraft>)>,
    options: &Options,
    attached: &AHashMap<ChainId, Vec<Attached>>,
) -> Vec<Chain> {
    let shared = Shared::new(&mut drafts);
    let mut chains: Vec<Chain> = numbers
        .chain_list
        .iter()
        .map(|name| Chain {
            name: Arc::from(&**name),
            parts: Vec::new(),
            needs: Needs::NONE,
        })
        .collect();
    let mut jumps: Vec<Vec<ChainId>> = vec![Vec::new(); chains.len()];
    for (id, extras) in attached {
        if let Some(known) = jumps.get_mut(id.0 as usize) {
            known.extend(extras.iter().map(|extra| extra.chain));
        }
    }
    for (script, rules) in drafts {
        let mut parts: AHashMap<ChainId, Vec<Rule>> = AHashMap::new();
        let mut order = Vec::new();
        for mut draft in rules {
            let id = draft.chain;
            if let Some(known) = jumps.get_mut(id.0 as usize) {
                known.append(&mut draft.jumps);
                known.extend(event_chains(&draft.events, numbers, options));
            }
            let rules = parts.entry(id).or_insert_with(|| {
                order.push(id);
                Vec::new()
            });
            rules.push(rule(draft, &shared));
        }
        for id in order {
            let rules = parts.remove(&id).unwrap_or_default();
            let index = ChainIndex::new(rules.iter().map(|rule| &*rule.checks));
            if let Some(chain) = chains.get_mut(id.0 as usize) {
                chain.parts.push(Part {
                    script,
                    rules,
                    index,
                    number: 0,
                    first_rule: 0,
                });
            }
        }
    }
    add_needs(&mut chains, &jumps);
    chains
}

fn event_chains<'e>(
    events: &'e [String],
    numbers: &'e Numbers,
    options: &'e Options,
) -> impl Iterator<Item = ChainId> + 'e {
    options
        .extra_chains
        .iter()
        .filter(|extra| extra.events.iter().any(|event| events.contains(event)))
        .filter_map(|extra| numbers.chains.get(extra.name.as_str()).copied())
}

fn rule(draft: RuleDraft, shared: &Shared) -> Rule {
    let steps = draft.steps.into_iter().map(|(action, line, text)| Step {
        action,
        line,
        text: text.into(),
    });
    Rule {
        line: draft.line,
        steps: steps.collect(),
        checks: draft
            .checks
            .into_iter()
            .filter_map(|check| shared.check(check))
            .collect(),
    }
}

/// A chain may ask what its rules ask, and what the chains that it jumps to may ask.
fn add_needs(chains: &mut [Chain], jumps: &[Vec<ChainId>]) {
    let direct: Vec<Needs> = chains
        .iter()
        .map(|chain| {
            let mut needs = Needs::NONE;
            for rule in chain.parts.iter().flat_map(|part| &part.rules) {
                for check in &rule.checks {
                    needs |= check.condition.needs();
                }
                for step in &rule.steps {
                    needs |= step.action.needs();
                }
            }
            needs
        })
        .collect();
    for (start, chain) in chains.iter_mut().enumerate() {
        let mut seen = vec![false; direct.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            match seen.get_mut(at) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            chain.needs |= direct.get(at).copied().unwrap_or_default();
            queue.extend(jumps.get(at).into_iter().flatten().map(|id| id.0 as usize));
        }
    }
}
