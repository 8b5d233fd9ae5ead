//! `FROM FULL JID`: the sender's address has a resource.

use crate::conditions::{Condition, Example, Parameter, Spec};
use crate::explain::sight::Sight;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "FROM FULL JID",
    parameter: Parameter::None,
    syntax: "FROM FULL JID?",
    summary: "The sender's address has a resource.",
    examples: &[
        Example {
            definitions: "",
            line: "FROM FULL JID?",
            stanza: "<message from='a@remote.example/x' to='alice@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "FROM FULL JID?",
            stanza: "<message from='remote.example' to='alice@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct FromFullJid;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(FromFullJid))
}

impl Condition for FromFullJid {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.from.resource().is_some()
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        sight.party("from", &run.from);
    }
}
