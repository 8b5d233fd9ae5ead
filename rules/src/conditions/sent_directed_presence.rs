//! `SENT DIRECTED PRESENCE TO SENDER`: a session of the recipient has sent directed available presence to exactly the sender's address.

use crate::conditions::{Condition, Example, Parameter, Spec};
use crate::facts::Needs;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "SENT DIRECTED PRESENCE TO SENDER",
    parameter: Parameter::None,
    syntax: "SENT DIRECTED PRESENCE TO SENDER?",
    summary: "A session of the recipient has sent directed available presence to exactly the sender's address.",
    examples: &[
        Example {
            definitions: "",
            line: "SENT DIRECTED PRESENCE TO SENDER?",
            stanza: "<message from='room@rooms.example/nick' to='alice@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "SENT DIRECTED PRESENCE TO SENDER?",
            stanza: "<message from='room@rooms.example/other' to='alice@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct SentDirectedPresence;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(SentDirectedPresence))
}

impl Condition for SentDirectedPresence {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        match (super::local_recipient(run), run.from.text) {
            (Some(owner), Some(target)) => run.facts.has_sent_directed_presence(owner, target),
            _ => false,
        }
    }

    fn needs(&self) -> Needs {
        Needs::DIRECTED_PRESENCE
    }
}
