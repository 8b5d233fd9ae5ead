//! `PAYLOAD`: a child element of a namespace.

use crate::conditions::{Condition, Cost, Example, Guard, Key, Parameter, Spec, required};
use crate::explain::sight::Sight;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "PAYLOAD",
    parameter: Parameter::Required("Expected a namespace"),
    syntax: "PAYLOAD: namespace",
    summary: "A direct child of the stanza has exactly this namespace.",
    examples: &[
        Example {
            definitions: "",
            line: "PAYLOAD: jabber:iq:version",
            stanza: "<iq type='get'><query xmlns='jabber:iq:version'/></iq>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "PAYLOAD: jabber:iq:version",
            stanza: "<message/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct Payload {
    ns: String,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(Payload {
        ns: required(value).to_owned(),
    }))
}

impl Condition for Payload {
    fn cost(&self) -> Cost {
        Cost::Content
    }

    fn holds(&self, run: &mut Run<'_>) -> bool {
        let stanza = run.current();
        // The few children of an ordinary stanza cost nothing.
        if stanza.content().len() > 4096 {
            run.budget.take(stanza.children().count() as u64 / 8);
        }
        stanza.has_payload_ns(&self.ns)
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        for child in run.current().children() {
            sight.add("payload", Some(child.ns()));
        }
    }

    fn guard(&self) -> Guard {
        Guard::Keys(vec![Key::Payload(self.ns.clone())])
    }
}
