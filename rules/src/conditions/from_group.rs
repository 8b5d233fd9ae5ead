//! `FROM GROUP`: the sender is a member of this group of the server.

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "FROM GROUP",
    parameter: Parameter::Required("Expected the name of a group"),
    syntax: "FROM GROUP: group",
    summary: "The sender is a member of this group of the server. Unknown groups have no members.",
    examples: &[
        Example {
            definitions: "",
            line: "FROM GROUP: Staff",
            stanza: "<message from='alice@example.com/x' to='bob@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "FROM GROUP: Nobody",
            stanza: "<message from='alice@example.com/x' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct FromGroup {
    value: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(FromGroup {
        value: required(value).to_owned(),
    }))
}

impl Condition for FromGroup {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.from
            .bare()
            .is_some_and(|bare| run.facts.is_in_group(&self.value, bare))
    }

    fn needs(&self) -> Needs {
        Needs::GROUPS
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}
