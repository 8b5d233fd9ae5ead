//! `MAY`: the role of the acting entity allows this.

use crate::conditions::{Condition, Example, Parameter, Spec, required};
use crate::facts::Needs;
use crate::facts::OriginKind;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "MAY",
    parameter: Parameter::Required("Expected the name of a permission"),
    syntax: "MAY: permission",
    summary: "The role of the acting entity allows this. That is the role of the origin, a client of this host, or else that of the sender on this host; without a role it is false.",
    examples: &[
        Example {
            definitions: "",
            line: "MAY: example:speak",
            stanza: "<message from='alice@example.com/phone' to='bob@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "MAY=example:speak",
            stanza: "<message from='x@remote.example' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct May {
    value: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(May {
        value: required(value).to_owned(),
    }))
}

impl Condition for May {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let host = run.ruleset.host();
        if run.origin.kind == OriginKind::Client && run.origin.host == Some(host) {
            return run.facts.origin_may(&self.value);
        }
        run.from
            .bare()
            .is_some_and(|bare| run.facts.may(bare, host, &self.value))
    }

    fn needs(&self) -> Needs {
        Needs::SENDER_ROLE
    }

    fn is_worth_sharing(&self) -> bool {
        true
    }
}
