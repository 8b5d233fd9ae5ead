//! The compiled form of all scripts of one host: what runs.

use std::fmt;
use std::sync::Arc;

use ahash::{AHashMap, RandomState};
use xmpp::stanza::Stanza;

use crate::actions::{Action, Flow};
use crate::conditions::Condition;
use crate::counters::Counters;
use crate::definitions::Objects;
use crate::events::Attached;
use crate::facts::{Facts, Needs};
use crate::index::{ChainIndex, Cursor};
use crate::observer::{ChainEnd, Observer};
use crate::outcome::{Decision, FaultKind, Outcome, Verdict};
use crate::path::Path;
use crate::run::{PathId, Run};

/// Number of a chain of a [`Ruleset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ChainId(pub(crate) u32);

/// One condition of a rule.
pub(crate) struct Check {
    pub(crate) condition: Arc<dyn Condition>,
    pub(crate) is_negated: bool,
    /// Where the outcome is remembered, if other rules ask the same.
    pub(crate) slot: Option<u32>,
    pub(crate) text: Box<str>,
}

/// One action of a rule.
pub(crate) struct Step {
    pub(crate) action: Box<dyn Action>,
    pub(crate) line: u32,
    pub(crate) text: Box<str>,
}

/// One rule.
pub(crate) struct Rule {
    pub(crate) line: u32,
    pub(crate) checks: Box<[Check]>,
    pub(crate) steps: Box<[Step]>,
}

/// The rules of one chain in one script.
pub(crate) struct Part {
    pub(crate) script: u32,
    pub(crate) rules: Vec<Rule>,
    pub(crate) index: ChainIndex,
    /// Its number among all parts of the ruleset, and that of its first rule among all rules.
    pub(crate) number: usize,
    pub(crate) first_rule: usize,
}

/// A chain: its parts in the order of the configuration.
pub(crate) struct Chain {
    pub(crate) name: Arc<str>,
    pub(crate) parts: Vec<Part>,
    pub(crate) needs: Needs,
}

/// A script that was loaded.
#[derive(Clone, Debug)]
pub(crate) struct LoadedScript {
    pub(crate) name: Arc<str>,
    pub(crate) text: Arc<[u8]>,
    /// `@@ trace = on` stands in it.
    pub(crate) is_traced: bool,
}

/// What one chain gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// It fell off its end.
    Nothing,
    /// `PASS` or `DEFAULT`.
    False,
    /// The stanza is gone; the run's verdict says how.
    True,
}

/// All scripts of one host, compiled; immutable but for limiters, lists and counters, which work in place.
pub struct Ruleset {
    pub(crate) host: Box<str>,
    pub(crate) scripts: Vec<LoadedScript>,
    pub(crate) is_any_traced: bool,
    pub(crate) chains: Vec<Chain>,
    pub(crate) names: AHashMap<Box<str>, ChainId>,
    /// Chains that run when a server event of that name is fired.
    pub(crate) events: AHashMap<Box<str>, Vec<ChainId>>,
    /// What any chain may ask for.
    pub(crate) all_needs: Needs,
    /// Chains of the configuration that run beside built-in ones.
    pub(crate) attached: AHashMap<ChainId, Vec<Attached>>,
    pub(crate) paths: Vec<Path>,
    pub(crate) objects: Objects,
    pub(crate) limits: RunLimits,
    pub(crate) hasher: RandomState,
    pub(crate) counters: Counters,
}

/// Bounds of one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// How deep `JUMP CHAIN` may nest.
    pub depth: u32,
    /// Steps that searching and jumping may take; a step is about one byte looked at.
    pub steps: u64,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            depth: 100,
            steps: 10_000_000,
        }
    }
}

impl Ruleset {
    /// The host whose rules these are.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Names of the scripts that are in force, in the order of the configuration.
    pub fn scripts(&self) -> impl Iterator<Item = &str> {
        self.scripts.iter().map(|script| &*script.name)
    }

    /// True if `@@ trace = on` stands in a script of that name: its traces are wanted always.
    #[must_use]
    pub fn is_traced(&self, script: &str) -> bool {
        let named = self.scripts.iter().find(|one| *one.name == *script);
        named.is_some_and(|script| script.is_traced)
    }

    /// True if [`Self::is_traced`] is of any script.
    #[must_use]
    pub fn is_any_traced(&self) -> bool {
        self.is_any_traced
    }

    /// Names of the chains that hold rules.
    pub fn chains(&self) -> impl Iterator<Item = &str> {
        self.chains
            .iter()
            .filter(|chain| !chain.parts.is_empty())
            .map(|chain| &*chain.name)
    }

    /// Lists, limiters and zones, for their owners and for reports.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// True if the chain holds no rule: running it can be left out.
    #[must_use]
    pub fn is_empty(&self, chain: &str) -> bool {
        let Some(&id) = self.names.get(chain) else {
            return true;
        };
        let has_rules = |id: ChainId| {
            let chain = self.chains.get(id.0 as usize);
            chain.is_some_and(|chain| !chain.parts.is_empty())
        };
        let attached = self.attached.get(&id);
        !has_rules(id)
            && !attached
                .into_iter()
                .flatten()
                .any(|extra| has_rules(extra.chain))
    }

    /// The facts that the chain, and all it may jump to, may ask for.
    #[must_use]
    pub fn needs(&self, chain: &str) -> Needs {
        self.chain(chain)
            .map(|chain| chain.needs)
            .unwrap_or_default()
    }

    /// The facts that any chain may ask for.
    #[must_use]
    pub fn all_needs(&self) -> Needs {
        self.all_needs
    }

    /// Runs a chain by its name: built-in (`preroute`, `deliver`, `deliver_remote`), extra, or `user/...`.
    #[must_use]
    pub fn run(&self, chain: &str, stanza: &Stanza, facts: &dyn Facts) -> Outcome {
        self.run_observed(chain, stanza, facts, None)
    }

    /// Runs a chain and tells an observer what happens.
    #[must_use]
    pub fn run_observed<'a>(
        &'a self,
        chain: &str,
        stanza: &'a Stanza,
        facts: &'a dyn Facts,
        observer: Option<&'a mut (dyn Observer + 'a)>,
    ) -> Outcome {
        self.conduct(chain, &mut Run::new(self, stanza, facts, observer))
    }

    /// Runs a chain to its end. The run stays where it is: it is too large to be moved for nothing.
    pub(crate) fn conduct(&self, chain: &str, run: &mut Run<'_>) -> Outcome {
        let is_custom = chain.starts_with("user/");
        let id = self.names.get(chain).copied();
        let value = match id {
            Some(id) if is_custom => self.jump(run, id),
            Some(id) => self.hook(run, id),
            None => Value::Nothing,
        };
        let outcome = conclude(run, value, is_custom);
        if let (Some(lane), Some(id)) = (run.lane, id) {
            lane.outcome(id.0 as usize, &outcome);
        }
        outcome
    }

    /// Runs the chains that are attached to a server event.
    #[must_use]
    pub fn run_event(&self, event: &str, stanza: &Stanza, facts: &dyn Facts) -> Outcome {
        let mut run = Run::new(self, stanza, facts, None);
        let value = self.fire(&mut run, event);
        conclude(&mut run, value, false)
    }

    fn chain(&self, name: &str) -> Option<&Chain> {
        self.names
            .get(name)
            .and_then(|id| self.chains.get(id.0 as usize))
    }

    pub(crate) fn script_name(&self, script: u32) -> &str {
        self.scripts
            .get(script as usize)
            .map_or("", |script| &script.name)
    }

    pub(crate) fn decision(&self, (script, line, chain): (u32, u32, ChainId)) -> Decision {
        let chain = self.chains.get(chain.0 as usize);
        Decision {
            script: self.script_name(script).to_owned(),
            line,
            chain: chain.map_or_else(|| "".into(), |chain| Arc::clone(&chain.name)),
        }
    }

    pub(crate) fn path(&self, id: PathId) -> Option<&Path> {
        self.paths.get(id.0 as usize)
    }

    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    pub(crate) fn step_budget(&self) -> u64 {
        self.limits.steps
    }

    /// A built-in chain as its hook runs it: PASS has no say over the same chain of other scripts.
    fn hook(&self, run: &mut Run<'_>, id: ChainId) -> Value {
        let Some(attached) = self.attached.get(&id) else {
            return self.each_part(run, id, Value::Nothing);
        };
        let (stanza, beside) = (run.stanza, |runs_before| {
            attached
                .iter()
                .filter(move |extra| extra.runs_before == runs_before)
        });
        let seen = |extra: &&Attached| extra.sees(stanza);
        let before = beside(true).filter(seen).map(|extra| extra.chain);
        let after = beside(false).filter(seen).map(|extra| extra.chain);
        for id in before.chain([id]).chain(after) {
            let value = self.each_part(run, id, Value::Nothing);
            if value != Value::Nothing {
                return value;
            }
        }
        Value::Nothing
    }

    /// A chain as JUMP CHAIN runs it.
    pub(crate) fn jump(&self, run: &mut Run<'_>, id: ChainId) -> Value {
        self.each_part(run, id, Value::False)
    }

    /// Runs what is attached to a server event.
    pub(crate) fn fire(&self, run: &mut Run<'_>, event: &str) -> Value {
        for &id in self.events.get(event).into_iter().flatten() {
            let value = self.hook(run, id);
            if value != Value::Nothing {
                return value;
            }
        }
        Value::Nothing
    }

    fn each_part(&self, run: &mut Run<'_>, id: ChainId, pass: Value) -> Value {
        let Some(chain) = self.chains.get(id.0 as usize) else {
            return Value::Nothing;
        };
        if run.depth >= self.limits.depth {
            run.fail(FaultKind::Depth);
            return Value::True;
        }
        run.depth += 1;
        let outer = run.frame;
        let mut value = Value::Nothing;
        for part in &chain.parts {
            run.frames += 1;
            run.frame = run.frames;
            if let Some(observer) = run.observer.as_deref_mut() {
                observer.chain(self.script_name(part.script), &chain.name);
            }
            value = self.part(run, id, part, pass);
            if let Some(observer) = run.observer.as_deref_mut() {
                observer.chain_end(ChainEnd::of(value));
            }
            if value != Value::Nothing {
                break;
            }
        }
        run.frame = outer;
        run.depth -= 1;
        value
    }

    fn part(&self, run: &mut Run<'_>, id: ChainId, part: &Part, pass: Value) -> Value {
        let mut cursor = Cursor::new(&part.index, run);
        let mut looked = 0;
        let lane = run.lane;
        if let Some(lane) = lane {
            lane.part(part.number);
        }
        while let Some(at) = cursor.next(run) {
            let Some(rule) = part.rules.get(at) else {
                break;
            };
            if run.observer.is_some() {
                run.observe_left_out(part.rules.get(looked..at).unwrap_or_default());
                looked = at + 1;
            }
            let number = part.first_rule + at;
            if let Some(lane) = lane {
                lane.evaluated(number);
            }
            run.place = (part.script, rule.line);
            let value = self.rule(run, (id, number), rule, pass);
            run.lap(number);
            if let Some(value) = value {
                return value;
            }
        }
        if run.observer.is_some() {
            run.observe_left_out(part.rules.get(looked..).unwrap_or_default());
        }
        Value::Nothing
    }

    /// Runs the rule of this chain and number; `None`: the next one is to be looked at.
    #[inline]
    fn rule(
        &self,
        run: &mut Run<'_>,
        (id, number): (ChainId, usize),
        rule: &Rule,
        pass: Value,
    ) -> Option<Value> {
        if !run.budget.take(1) {
            run.fail(FaultKind::Budget);
            return Some(Value::True);
        }
        let holds = match run.observer {
            None => rule.holds(run),
            Some(_) => run.observe_rule(rule),
        };
        if !holds {
            return run.fault.is_some().then_some(Value::True);
        }
        if let Some(lane) = run.lane {
            lane.matched(number, run.now());
        }
        let place = run.place;
        for step in &rule.steps {
            run.place = place;
            if let Some(observer) = run.observer.as_deref_mut() {
                observer.action(self.script_name(place.0), step.line, &step.text);
            }
            let flow = step.action.perform(run, step.line);
            if run.budget.is_spent() {
                run.fail(FaultKind::Budget);
            }
            if let Some(observer) = run.observer.as_deref_mut() {
                observer.performed(&run.effects);
            }
            if run.fault.is_some() {
                return Some(Value::True);
            }
            match flow {
                Flow::Continue => continue,
                Flow::Return => return Some(Value::Nothing),
                _ => {}
            }
            if !matches!(flow, Flow::Inherit(_)) {
                run.decided_by = Some((place.0, place.1, id));
            }
            return Some(match flow {
                Flow::Pass | Flow::Inherit(Value::False) => pass,
                Flow::Default => {
                    run.verdict = Verdict::Default;
                    Value::False
                }
                _ => Value::True,
            });
        }
        None
    }
}

impl Rule {
    #[inline]
    fn holds(&self, run: &mut Run<'_>) -> bool {
        self.checks.iter().all(|check| check.holds(run))
    }
}

impl Check {
    #[inline]
    pub(crate) fn holds(&self, run: &mut Run<'_>) -> bool {
        let holds = match self.slot {
            None => self.condition.holds(run),
            Some(slot) => match run.recall(slot) {
                Some(held) => held,
                None => {
                    let holds = self.condition.holds(run);
                    run.remember(slot, holds);
                    holds
                }
            },
        };
        // What could not be decided does not let the rule decide: the run ends, and the stanza with it.
        if run.budget.is_spent() {
            run.fail(FaultKind::Budget);
            return false;
        }
        holds != self.is_negated
    }
}

fn conclude(run: &mut Run<'_>, value: Value, is_custom: bool) -> Outcome {
    let verdict = match value {
        _ if run.fault.is_some() => Verdict::Drop,
        Value::Nothing if is_custom => Verdict::Return,
        Value::Nothing => Verdict::Pass,
        Value::False if is_custom => Verdict::Pass,
        Value::False => Verdict::Default,
        Value::True => run.verdict,
    };
    run.finish(verdict)
}

impl fmt::Debug for Ruleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ruleset")
            .field("host", &self.host)
            .field("scripts", &self.scripts().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
