//! `IN ROSTER`: the sender is in the recipient's roster.

use crate::conditions::{Condition, Example, Parameter, Spec};
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "IN ROSTER",
    parameter: Parameter::Optional,
    syntax: "IN ROSTER?",
    summary: "The recipient is a local account and has the sender in its roster, whatever the subscription. False for recipients elsewhere.",
    examples: &[
        Example {
            definitions: "",
            line: "IN ROSTER?",
            stanza: "<message from='juliet@remote.example/x' to='bob@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "IN ROSTER?",
            stanza: "<message from='stranger@remote.example' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct InRoster {
    is_wanted: bool,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let is_wanted = value
        .is_none_or(|word| word.eq_ignore_ascii_case("yes") || word.eq_ignore_ascii_case("true"));
    Ok(Box::new(InRoster { is_wanted }))
}

impl Condition for InRoster {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let is_in = match (super::local_recipient(run), run.from.bare()) {
            (Some(owner), Some(contact)) => run.facts.roster_item(owner, contact).is_some(),
            _ => false,
        };
        is_in == self.is_wanted
    }

    fn needs(&self) -> Needs {
        Needs::RECIPIENT_ROSTER
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}
