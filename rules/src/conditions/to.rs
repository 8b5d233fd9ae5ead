//! `TO`: the address, part by part.

use crate::conditions::{Condition, Example, Guard, Parameter, Side, Spec};
use crate::diagnostic::Code;
use crate::explain::sight::Sight;
use crate::jid_pattern::{ExactPart, JidPattern};
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "TO",
    parameter: Parameter::Optional,
    syntax: "TO: user@host/resource",
    summary: "The recipient's address matches. A part may be plain text, `<*>` (present), `<gl*b?>` or `<<lua pattern>>`; without a user part only addresses without one match, and without a resource any. Without a value: there is no valid address.",
    examples: &[
        Example {
            definitions: "",
            line: "TO: <*>@example.com",
            stanza: "<message from='a@example.com/x' to='a@example.com/x'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "TO: <<admin%d*>>@example.com",
            stanza: "<message from='admin12@example.com' to='admin12@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "TO: example.com",
            stanza: "<message from='a@example.com' to='a@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct ToPattern {
    pattern: JidPattern,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let (pattern, normal) = JidPattern::parse(value)?;
    if pattern.is_never() {
        scope.warn(
            Code::Suspicious,
            "only one JID can stand here, and no comment behind it: this never matches; write one rule for each, or a zone",
        );
    }
    if let (Some(normal), Some(written)) = (normal, value) {
        scope.warn(
            Code::Normalised,
            format!("{written} is compared as {normal}"),
        );
    }
    Ok(Box::new(ToPattern { pattern }))
}

impl Condition for ToPattern {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        self.pattern.matches(&Side::To.party(run), &run.budget)
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        sight.party("to", &Side::To.party(run));
    }

    fn guard(&self) -> Guard {
        match self.pattern.exact() {
            Some(ExactPart::Bare(bare)) => Guard::Keys(vec![Side::To.bare_key(bare)]),
            Some(ExactPart::Host(host)) => Guard::Keys(vec![Side::To.host_key(host)]),
            None => Guard::None,
        }
    }
}
