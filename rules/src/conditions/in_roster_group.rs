//! `IN ROSTER GROUP`: the sender is in a group of the recipient's roster.

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "IN ROSTER GROUP",
    parameter: Parameter::Required("Expected the name of a roster group"),
    syntax: "IN ROSTER GROUP: group",
    summary: "The recipient is a local account and has the sender in this group of its roster. The name is exact.",
    examples: &[
        Example {
            definitions: "",
            line: "IN ROSTER GROUP: Friends",
            stanza: "<message from='juliet@remote.example/x' to='bob@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "IN ROSTER GROUP: friends",
            stanza: "<message from='juliet@remote.example/x' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct InRosterGroup {
    group: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(InRosterGroup {
        group: required(value).to_owned(),
    }))
}

impl Condition for InRosterGroup {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        match (super::local_recipient(run), run.from.bare()) {
            (Some(owner), Some(contact)) => {
                run.facts.is_in_roster_group(owner, contact, &self.group)
            }
            _ => false,
        }
    }

    fn needs(&self) -> Needs {
        Needs::RECIPIENT_ROSTER
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}
