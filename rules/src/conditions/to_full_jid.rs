//! `TO FULL JID`: the recipient is the full JID of a session that is bound on this server.

use crate::conditions::{Condition, Example, Parameter, Spec};
use crate::explain::sight::Sight;
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "TO FULL JID",
    parameter: Parameter::None,
    syntax: "TO FULL JID?",
    summary: "The recipient is the full JID of a session that is bound on this server.",
    examples: &[
        Example {
            definitions: "",
            line: "TO FULL JID?",
            stanza: "<message from='a@remote.example' to='alice@example.com/phone'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "TO FULL JID?",
            stanza: "<message from='a@remote.example' to='alice@example.com/away'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct ToFullJid;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(ToFullJid))
}

impl Condition for ToFullJid {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.to.resource().is_some() && run.to.text.is_some_and(|full| run.facts.is_bound(full))
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        sight.party("to", &run.to);
    }

    fn needs(&self) -> Needs {
        Needs::BOUND_SESSIONS
    }
}
