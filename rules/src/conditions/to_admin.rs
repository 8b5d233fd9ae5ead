//! `TO ADMIN`: the recipient administers the current host.

use crate::conditions::{Condition, Example, Parameter, Spec};
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "TO ADMIN",
    parameter: Parameter::None,
    syntax: "TO ADMIN?",
    summary: "The recipient administers the current host. Prefer `MAY` or `TO ROLE`.",
    examples: &[
        Example {
            definitions: "",
            line: "TO ADMIN?",
            stanza: "<message from='alice@example.com/x' to='alice@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "TO ADMIN?",
            stanza: "<message from='bob@example.com/x' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct ToAdmin;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(ToAdmin))
}

impl Condition for ToAdmin {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.to
            .bare()
            .is_some_and(|bare| run.facts.is_admin(bare, Some(run.ruleset.host())))
    }

    fn needs(&self) -> Needs {
        Needs::RECIPIENT_ROLE
    }
}
