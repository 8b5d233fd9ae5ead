//! `CHECK LIST`: a text is in a list.

use std::sync::Arc;

use crate::conditions::{Condition, Cost, Example, Parameter, Spec, required};
use crate::definitions::list::List;
use crate::explain::sight::Sight;
use crate::expression::Template;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

const SYNTAX: &str = "Error parsing list check, syntax: LISTNAME contains EXPRESSION";

pub(crate) const SPEC: Spec = Spec {
    name: "CHECK LIST",
    parameter: Parameter::Required(SYNTAX),
    syntax: "CHECK LIST: list contains expression",
    summary: "The expanded expression is an entry of the list, byte for byte.",
    examples: &[
        Example {
            definitions: "%LIST l: memory\n\nADD TO=l remote.example\n",
            line: "CHECK LIST: l contains $<@from|host>",
            stanza: "<message from='a@remote.example'/>",
            holds: true,
        },
        Example {
            definitions: "%LIST l: memory",
            line: "CHECK LIST: l contains $<@from|host>",
            stanza: "<message from='a@remote.example'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct CheckList {
    list: Arc<List>,
    text: Template,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let value = required(value);
    let parsed = value
        .match_indices(" contains ")
        .find_map(|(at, separator)| {
            let name = value
                .get(..at)?
                .rsplit(|c: char| c.is_ascii_whitespace())
                .next()?;
            let text = value.get(at + separator.len()..)?;
            (!name.is_empty() && !text.is_empty()).then_some((name, text))
        });
    let (name, text) = parsed.ok_or_else(|| Refusal::invalid(SYNTAX))?;
    let list = scope.list(name)?;
    Ok(Box::new(CheckList {
        list,
        text: scope.template(text)?,
    }))
}

impl Condition for CheckList {
    fn cost(&self) -> Cost {
        Cost::Content
    }

    fn holds(&self, run: &mut Run<'_>) -> bool {
        self.text.with(run, |run, text| {
            run.budget.take(self.list.cost(text));
            match run.fork(&self.list) {
                Some(fork) => fork.contains(text),
                None => self.list.contains(text),
            }
        })
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        sight.add("list", Some(self.list.describe()));
        self.text.with(run, |run, text| {
            sight.bytes("looked up", text);
            run.describe_entry(&self.list, text, sight);
        });
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}
