//! `TO SELF`: the stanza is addressed to nobody, which is how a client writes to its own account.

use crate::conditions::{Condition, Example, Parameter, Spec};
use crate::explain::sight::Sight;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "TO SELF",
    parameter: Parameter::None,
    syntax: "TO SELF?",
    summary: "The stanza is addressed to nobody, which is how a client writes to its own account.",
    examples: &[
        Example {
            definitions: "",
            line: "TO SELF?",
            stanza: "<message from='alice@example.com/phone'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "TO SELF?",
            stanza: "<message from='a@remote.example' to='bob@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct ToSelf;

fn parse(_: &mut Scope<'_>, _: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(ToSelf))
}

impl Condition for ToSelf {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.stanza.to().is_none() && run.stanza.malformed_to().is_none()
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        let to = run.stanza.to().map(xmpp::jid::Jid::as_str);
        sight.add("to attribute", to.or_else(|| run.stanza.malformed_to()));
    }
}
