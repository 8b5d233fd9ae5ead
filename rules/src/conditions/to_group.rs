//! `TO GROUP`: the recipient is a member of this group of the server.

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "TO GROUP",
    parameter: Parameter::Required("Expected the name of a group"),
    syntax: "TO GROUP: group",
    summary: "The recipient is a member of this group of the server. Unknown groups have no members.",
    examples: &[
        Example {
            definitions: "",
            line: "TO GROUP: Staff",
            stanza: "<message from='alice@example.com/x' to='bob@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "TO GROUP: Nobody",
            stanza: "<message from='alice@example.com/x' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct ToGroup {
    value: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(ToGroup {
        value: required(value).to_owned(),
    }))
}

impl Condition for ToGroup {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.to
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
