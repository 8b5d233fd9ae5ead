//! `FROM ADMIN`: the sender administers the current host.

use crate::conditions::{Condition, Example, Parameter, Spec};
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "FROM ADMIN",
    parameter: Parameter::None,
    syntax: "FROM ADMIN?",
    summary: "The sender administers the current host. Prefer `MAY` or `FROM ROLE`.",
    examples: &[
        Example {
            definitions: "",
            line: "FROM ADMIN?",
            stanza: "<message from='alice@example.com/x' to='alice@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "FROM ADMIN?",
            stanza: "<message from='bob@example.com/x' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct FromAdmin;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(FromAdmin))
}

impl Condition for FromAdmin {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.from
            .bare()
            .is_some_and(|bare| run.facts.is_admin(bare, Some(run.ruleset.host())))
    }

    fn needs(&self) -> Needs {
        Needs::SENDER_ROLE
    }
}
