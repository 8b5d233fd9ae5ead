//! `FROM EXACTLY`: the complete address.

use crate::address::split;
use crate::conditions::{Condition, Example, Guard, Parameter, Side, Spec, required};
use crate::explain::sight::Sight;
use crate::expression::Template;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "FROM EXACTLY",
    parameter: Parameter::Required("Expected a JID"),
    syntax: "FROM EXACTLY: jid",
    summary: "The sender's address is exactly this one, resource included; expressions are expanded.",
    examples: &[
        Example {
            definitions: "",
            line: "FROM EXACTLY: a@example.com",
            stanza: "<message from='a@example.com' to='a@example.com'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "FROM EXACTLY: a@example.com",
            stanza: "<message from='a@example.com/x' to='a@example.com/x'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
enum FromExactly {
    Literal(String),
    Expanded(Template),
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let template = scope.template(required(value))?;
    Ok(Box::new(match template.literal().map(str::to_owned) {
        Some(text) => FromExactly::Literal(scope.normalise(&text)),
        None => FromExactly::Expanded(template),
    }))
}

impl Condition for FromExactly {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let Some(text) = Side::From.party(run).text else {
            return false;
        };
        match self {
            Self::Literal(expected) => text == expected,
            Self::Expanded(template) => {
                template.with(run, |_, expected| text.as_bytes() == expected)
            }
        }
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        sight.party("from", &Side::From.party(run));
        if let Self::Expanded(template) = self {
            sight.add("compared with", Some(template.to_text(run)));
        }
    }

    fn guard(&self) -> Guard {
        match self {
            Self::Literal(text) => match split(text) {
                Some(parts) => Guard::Keys(vec![Side::From.bare_key(parts.bare.to_owned())]),
                None => Guard::None,
            },
            Self::Expanded(_) => Guard::None,
        }
    }
}
