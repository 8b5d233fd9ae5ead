//! `TO ROLE`: the recipient has exactly this role on the current host.

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "TO ROLE",
    parameter: Parameter::Required("Expected the name of a role"),
    syntax: "TO ROLE: role",
    summary: "The recipient has exactly this role on the current host.",
    examples: &[
        Example {
            definitions: "",
            line: "TO ROLE: prosody:registered",
            stanza: "<message from='bob@example.com/x' to='bob@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "TO ROLE: prosody:admin",
            stanza: "<message from='bob@example.com/x' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct ToRole {
    value: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(ToRole {
        value: required(value).to_owned(),
    }))
}

impl Condition for ToRole {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.to.bare().is_some_and(|bare| {
            run.facts.role(bare, run.ruleset.host()).as_deref() == Some(&*self.value)
        })
    }

    fn needs(&self) -> Needs {
        Needs::RECIPIENT_ROLE
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}
