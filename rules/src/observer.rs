//! Watching a run: what `explain`, traces and tests are told.

use serde::{Deserialize, Serialize};

use crate::outcome::Effect;
use crate::program::Value;

/// Told what a run does, in order. All methods do nothing unless they are written.
pub trait Observer {
    /// True to be told what each condition saw, and why the rules that an index left out can not hold. Both are
    /// found out beside the run, which goes on as if nobody watched.
    fn wants_reasons(&self) -> bool {
        false
    }

    /// A chain of a script is entered.
    fn chain(&mut self, _script: &str, _chain: &str) {}

    /// The chain that was entered last, and not left yet, is left.
    fn chain_end(&mut self, _end: ChainEnd) {}

    /// A rule is looked at; its conditions and, if all hold, its actions follow.
    fn rule(&mut self, _line: u32) {}

    /// The index has left out so many rules, since they can not hold.
    fn left_out(&mut self, _rules: usize) {}

    /// The index has left out this rule; the conditions that follow say why.
    fn left_out_rule(&mut self, _line: u32) {}

    /// A condition was evaluated, or not because of one before it.
    fn condition(&mut self, _condition: Watched<'_>) {}

    /// An action is about to run: the line as written.
    fn action(&mut self, _script: &str, _line: u32, _text: &str) {}

    /// The action that was told of last has run; all effects of the run so far.
    fn performed(&mut self, _effects: &[Effect]) {}

    /// `TAG TRACE` was run.
    fn tag(&mut self, _tag: &str) {}
}

/// A condition as an observer sees it.
#[derive(Debug)]
pub struct Watched<'w> {
    /// The line as written.
    pub text: &'w str,
    /// What came of it, `NOT` included.
    pub held: Held,
    /// What it looked at, where reasons are wanted.
    pub seen: Vec<Seen>,
}

/// What came of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// It holds, `NOT` included.
    Yes,
    /// It does not hold.
    No,
    /// Nobody asked: one before it does not hold.
    NotEvaluated,
    /// It could not be decided: the step budget was used up.
    Undecided,
}

impl Held {
    pub(crate) fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// One thing that a condition looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What it is, such as `from` or `entry`.
    pub what: String,
    /// Its value, shortened if it is long; `None`: there is none.
    pub value: Option<String>,
}

/// How a chain of a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainEnd {
    /// It had no opinion: what called it goes on.
    GoesOn,
    /// The stanza passes, whatever would follow.
    Passes,
    /// The stanza is gone, or the run was cut off.
    Ends,
}

impl ChainEnd {
    pub(crate) fn of(value: Value) -> Self {
        match value {
            Value::Nothing => Self::GoesOn,
            Value::False => Self::Passes,
            Value::True => Self::Ends,
        }
    }
}
