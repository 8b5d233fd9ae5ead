//! One evaluation, told in full: chain by chain, rule by rule, condition by condition.
//!
//! [`Ruleset::explain`] runs the evaluator that decides live, with an observer: indexes are used as always, and what a
//! rule saw is found out beside the run. So an explanation comes to the verdict that the run comes to. [`Recorder`]
//! keeps the same account without reasons, for traces.

mod recorder;
mod render;
pub(crate) mod sight;

use serde::{Deserialize, Serialize};
use xmpp::stanza::Stanza;

use crate::facts::Facts;
use crate::observer::{ChainEnd, Held, Seen};
use crate::outcome::{Effect, Outcome};
use crate::program::Ruleset;
use crate::run::Run;

pub use recorder::{MAX_RULES, Recorder};
pub use render::{render_chain, render_line};
pub use sight::shortened;

/// Bytes of values in one answer of a node, about.
const MOST: usize = 1 << 20;
/// More rules of one chain than this are too many to list those that were left out.
const MANY: usize = 500;

/// What came of one stanza in one chain, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The host whose rules ran.
    pub host: String,
    /// The chain that ran.
    pub chain: String,
    /// The stanza as it came.
    pub stanza: String,
    /// Each script's part of the chain, in the order in which they ran.
    pub parts: Vec<ChainReport>,
    /// `pass`, `drop`, `bounce`, `redirect`, `default`; `return` of a chain of your own.
    pub verdict: String,
    /// The rule that decided; `None` if the stanza fell off the end.
    pub decided_by: Option<Place>,
    /// Why the run was cut off, if it was.
    pub fault: Option<String>,
    /// What is done besides, in order.
    pub effects: Vec<Deed>,
    /// The stanza as `STRIP` and `INJECT` left it, if they changed it.
    pub changed: Option<String>,
}

impl Explanation {
    /// Makes it small enough for one answer of a node: of very many rules those that were left out are only counted, and
    /// of what remains what conditions saw is kept as long as there is room.
    pub fn fit(&mut self) {
        let mut room = MOST;
        for part in &mut self.parts {
            part.fit(&mut room);
        }
        self.stanza = shortened(&self.stanza, MOST / 16);
        self.changed = self.changed.take().map(|xml| shortened(&xml, MOST / 16));
        let mut room = MOST / 4;
        for effect in &mut self.effects {
            effect.fit(&mut room);
        }
    }

    /// True if the index has left out a rule although none of its conditions was found not to hold: a mistake of
    /// this program.
    #[must_use]
    pub fn has_wrongly_left_out(&self) -> bool {
        self.parts.iter().any(ChainReport::has_wrongly_left_out)
    }
}

impl ChainReport {
    fn fit(&mut self, room: &mut usize) {
        if self.rules.len() > MANY {
            let before = self.rules.len();
            self.rules.retain(|rule| !rule.is_left_out);
            self.left_out += before - self.rules.len();
        }
        for rule in &mut self.rules {
            for condition in &mut rule.conditions {
                let size =
                    |seen: &Seen| seen.what.len() + seen.value.as_ref().map_or(0, String::len);
                let taken = condition.seen.iter().map(size).sum::<usize>();
                *room = room.saturating_sub(taken + condition.text.len() + 100);
                if *room == 0 {
                    condition.seen.clear();
                    condition.text = shortened(&condition.text, 80);
                }
            }
            for action in &mut rule.actions {
                action
                    .effects
                    .iter_mut()
                    .for_each(|effect| effect.fit(room));
                action.chains.iter_mut().for_each(|chain| chain.fit(room));
            }
        }
    }

    fn has_wrongly_left_out(&self) -> bool {
        self.rules.iter().any(|rule| {
            let chains = rule.actions.iter().flat_map(|action| &action.chains);
            let may_hold = |condition: &ConditionReport| condition.held != Held::No;
            (rule.is_left_out && rule.conditions.iter().all(may_hold))
                || chains.into_iter().any(Self::has_wrongly_left_out)
        })
    }
}

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Name of the script.
    pub script: String,
    /// First line of the rule.
    pub line: u32,
    /// The chain.
    pub chain: String,
}

/// One script's part of a chain, run once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainReport {
    /// Name of the script.
    pub script: String,
    /// Name of the chain.
    pub chain: String,
    /// The rules, in the order of the script; those that only count are in `left_out` and `unlisted`.
    pub rules: Vec<RuleReport>,
    /// Rules that the index left out and that are not listed.
    pub left_out: usize,
    /// Rules that were looked at and are not listed, for they are too many.
    pub unlisted: usize,
    /// How it ended; `None` while it runs.
    pub end: Option<ChainEnd>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleReport {
    /// Its first line.
    pub line: u32,
    /// True if the index has left it out, since one of its conditions can not hold.
    pub is_left_out: bool,
    /// Its conditions, in order.
    pub conditions: Vec<ConditionReport>,
    /// The actions that ran; none if a condition does not hold.
    pub actions: Vec<ActionReport>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConditionReport {
    /// The line as written.
    pub text: String,
    /// What came of it, `NOT` included.
    pub held: Held,
    /// What it looked at.
    pub seen: Vec<Seen>,
}

/// One action that ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionReport {
    /// Where it stands.
    pub line: u32,
    /// The line as written.
    pub text: String,
    /// The chains that it ran.
    pub chains: Vec<ChainReport>,
    /// Chains that it ran and that are not listed, for they are too many or nested too deeply.
    pub unlisted_chains: usize,
    /// What it asks for.
    pub effects: Vec<Deed>,
}

/// Something that is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// `reply`, `route`, `log`, `warning`, `mark-origin`, `unmark-origin`, `mark-user`, `unmark-user`, `unsubscribe`
    /// or `event`.
    pub what: String,
    /// The stanza, text or name.
    pub value: String,
}

impl Deed {
    fn fit(&mut self, room: &mut usize) {
        self.value = shortened(&self.value, MOST / 64);
        *room = room.saturating_sub(self.value.len());
        if *room == 0 {
            self.value = shortened(&self.value, 80);
        }
    }

    /// What an effect asks for.
    #[must_use]
    pub fn of(effect: &Effect) -> Self {
        let (what, value) = match effect {
            Effect::Reply(stanza) => ("reply", xml(stanza)),
            Effect::Route(stanza) => ("route", xml(stanza)),
            Effect::Log { level, message, .. } => ("log", format!("[{}] {message}", level.name())),
            Effect::Warning { message, .. } => ("warning", message.clone()),
            Effect::MarkOrigin(name) => ("mark-origin", name.clone()),
            Effect::UnmarkOrigin(name) => ("unmark-origin", name.clone()),
            Effect::MarkUser(name) => ("mark-user", name.clone()),
            Effect::UnmarkUser(name) => ("unmark-user", name.clone()),
            Effect::Unsubscribe { user, contact } => {
                ("unsubscribe", format!("{contact} from {user}"))
            }
            Effect::Event(name) => ("event", name.clone()),
        };
        Self {
            what: what.to_owned(),
            value,
        }
    }
}

fn xml(stanza: &Stanza) -> String {
    let mut out = Vec::with_capacity(stanza.size());
    stanza.write_to(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// What a run of [`Ruleset::explain`] leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// Limiters count, lists change and rules count their matches, as in a live run.
    Lasting,
    /// Nothing: limiters are looked at, changes to lists are seen by this run alone.
    Dry,
}

impl Ruleset {
    /// Runs a chain and tells everything about it. No effect is carried out by it.
    #[must_use]
    pub fn explain(
        &self,
        chain: &str,
        stanza: &Stanza,
        facts: &dyn Facts,
        trial: Trial,
    ) -> (Explanation, Outcome) {
        let mut recorder = Recorder::with_reasons();
        let mut run = Run::new(self, stanza, facts, Some(&mut recorder));
        if trial == Trial::Dry {
            run.make_dry();
        }
        let outcome = self.conduct(chain, &mut run);
        drop(run);
        let explanation = Explanation {
            host: self.host().to_owned(),
            chain: chain.to_owned(),
            stanza: xml(stanza),
            parts: recorder.into_chains(),
            verdict: outcome.verdict.name().to_owned(),
            decided_by: outcome.decided_by.as_ref().map(|decision| Place {
                script: decision.script.clone(),
                line: decision.line,
                chain: decision.chain.to_string(),
            }),
            fault: outcome.fault.as_ref().map(|fault| {
                format!(
                    "{} in {}:{}",
                    fault.kind.describe(),
                    fault.script,
                    fault.line
                )
            }),
            effects: outcome.effects.iter().map(Deed::of).collect(),
            changed: outcome.stanza.as_ref().map(xml),
        };
        (explanation, outcome)
    }
}

#[cfg(test)]
mod tests;
