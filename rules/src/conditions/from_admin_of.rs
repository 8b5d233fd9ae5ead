//! `FROM ADMIN OF`: the sender administers a named host.

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::expression::Template;
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "FROM ADMIN OF",
    parameter: Parameter::Required("Expected the name of a host"),
    syntax: "FROM ADMIN OF: host",
    summary: "The sender administers the named host of this server; `*` asks for administrators of all of it. Expressions are expanded.",
    examples: &[
        Example {
            definitions: "",
            line: "FROM ADMIN OF: example.com",
            stanza: "<message from='alice@example.com/x' to='alice@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "FROM ADMIN OF: *",
            stanza: "<message from='alice@example.com/x' to='alice@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct FromAdminOf {
    host: Option<Template>,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let host = match required(value) {
        "*" => None,
        text => Some(scope.template(text)?),
    };
    Ok(Box::new(FromAdminOf { host }))
}

impl Condition for FromAdminOf {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let Some(bare) = run.from.bare() else {
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
        Needs::SENDER_ROLE
    }
}
