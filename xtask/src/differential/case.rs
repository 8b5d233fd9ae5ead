//! A case: one script and the stanzas that it sees; and what either side made of it.

use serde_json::{Value, json};

/// One stanza.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Seconds since 1970, at most four steps to a second, so that sums are exact.
    pub(crate) now: f64,
    /// Name of the session that sends it.
    pub(crate) origin: &'static str,
    /// The built-in chain that sees it.
    pub(crate) chain: &'static str,
    /// The stanza as XML.
    pub(crate) stanza: String,
}

/// One script with its stanzas.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) start: f64,
    pub(crate) script: String,
    pub(crate) steps: Vec<Step>,
}

impl Case {
    /// The case as the real one is asked, with these quirks cured.
    pub(crate) fn request(&self, cured: &[String]) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|step| {
                json!({
                    "now": step.now, "origin": step.origin, "chain": step.chain, "stanza": step.stanza,
                })
            })
            .collect();
        json!({ "script": self.script, "start": self.start, "cured": cured, "steps": steps })
    }
}

/// What became of one stanza.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// `nil`, `true`, `false`, as a chain of the real one says it; `error` for a stanza that was lost.
    pub(crate) result: String,
    /// What was sent, routed and logged, in order; XML in canonical form.
    pub(crate) effects: Vec<String>,
    /// The stanza as it went on.
    pub(crate) after: String,
    /// Marks on the session.
    pub(crate) marks: Vec<String>,
    /// Marks on the account.
    pub(crate) user_marks: Vec<String>,
}

/// What became of a case.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The script was not loaded.
    Rejected {
        /// Lines that were named: of the real one at most one, of ours all.
        lines: Vec<u32>,
        /// The messages.
        messages: Vec<String>,
    },
    /// The outcome of each step, up to the first that was lost: what was left of it then says nothing.
    Ran(Vec<Outcome>),
}

impl Answer {
    /// What became of the script, in words.
    pub(crate) fn loaded(&self) -> String {
        match self {
            Self::Ran(_) => "loaded".to_owned(),
            Self::Rejected { lines, messages } => {
                format!("rejected, lines {lines:?}: {}", messages.join("; "))
            }
        }
    }

    /// True if both sides agree.
    pub(crate) fn agrees(real: &Self, ours: &Self) -> bool {
        match (real, ours) {
            (Self::Ran(real), Self::Ran(ours)) => {
                let lost = |outcomes: &[Outcome]| {
                    outcomes
                        .iter()
                        .position(|outcome| outcome.result == "error")
                };
                match (lost(real), lost(ours)) {
                    (Some(at), Some(same)) if at == same => real[..at] == ours[..at],
                    (None, None) => real == ours,
                    _ => false,
                }
            }
            (Self::Rejected { lines: real, .. }, Self::Rejected { lines: ours, .. }) => {
                real.iter().all(|line| ours.contains(line))
            }
            _ => false,
        }
    }
}
