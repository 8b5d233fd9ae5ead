//! `FROM ROLE`: the sender has exactly this role on the current host.

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "FROM ROLE",
    parameter: Parameter::Required("Expected the name of a role"),
    syntax: "FROM ROLE: role",
    summary: "The sender has exactly this role on the current host.",
    examples: &[
        Example {
            definitions: "",
            line: "FROM ROLE: prosody:registered",
            stanza: "<message from='bob@example.com/x' to='bob@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "FROM ROLE: prosody:admin",
            stanza: "<message from='bob@example.com/x' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct FromRole {
    value: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(FromRole {
        value: required(value).to_owned(),
    }))
}

impl Condition for FromRole {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.from.bare().is_some_and(|bare| {
            run.facts.role(bare, run.ruleset.host()).as_deref() == Some(&*self.value)
        })
    }

    fn needs(&self) -> Needs {
        Needs::SENDER_ROLE
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}
