//! `TO ADMIN OF`: the recipient administers a named host.

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::expression::Template;
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "TO ADMIN OF",
    parameter: Parameter::Required("Expected the name of a host"),
    syntax: "TO ADMIN OF: host",
    summary: "The recipient administers the named host of this server; `*` asks for administrators of all of it. Expressions are expanded.",
    examples: &[
        Example {
            definitions: "",
            line: "TO ADMIN OF: example.com",
            stanza: "<message from='alice@example.com/x' to='alice@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "TO ADMIN OF: *",
            stanza: "<message from='alice@example.com/x' to='alice@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct ToAdminOf {
    host: Option<Template>,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let host = match required(value) {
        "*" => None,
        text => Some(scope.template(text)?),
    };
    Ok(Box::new(ToAdminOf { host }))
}

impl Condition for ToAdminOf {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let Some(bare) = run.to.bare() else {
            return false;
        };
        match &self.host {
            None => run.facts.is_admin(bare, None),
            Some(host) => host.with(run, |run, host| {
                std::str::from_utf8(host).is_ok_and(|host| run.facts.is_admin(bare, Some(host)))
            }),
        }
    }

    fn needs(&self) -> Needs {
        Needs::RECIPIENT_ROLE
    }
}
