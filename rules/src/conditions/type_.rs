//! `TYPE`: the type attribute, with its defaults.

use crate::conditions::{Condition, Example, Parameter, Spec, required, words};
use crate::diagnostic::Code;
use crate::explain::sight::Sight;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

const KNOWN: [&str; 17] = [
    "available",
    "chat",
    "error",
    "get",
    "groupchat",
    "headline",
    "normal",
    "probe",
    "result",
    "set",
    "subscribe",
    "subscribed",
    "unavailable",
    "unsubscribe",
    "unsubscribed",
    "invisible",
    "forbidden",
];

pub(crate) const SPEC: Spec = Spec {
    name: "TYPE",
    parameter: Parameter::Required("Expected 'type' value to match against"),
    syntax: "TYPE: type, type ...",
    summary: "The stanza has one of these types. A message without type counts as `normal`, a presence without type as `available`.",
    examples: &[
        Example {
            definitions: "",
            line: "TYPE: normal",
            stanza: "<message/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "TYPE: available",
            stanza: "<presence/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "TYPE: chat|headline",
            stanza: "<message type='groupchat'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct Type {
    types: Vec<Box<str>>,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let types: Vec<Box<str>> = words(required(value)).map(Into::into).collect();
    if types.is_empty() {
        return Err(Refusal::invalid("Expected 'type' value to match against"));
    }
    for word in types.iter().filter(|word| !KNOWN.contains(&&***word)) {
        let message = format!("no stanza has the type `{word}`");
        scope.warn_near(Refusal::new(Code::UnknownType, message), word, &KNOWN);
    }
    Ok(Box::new(Type { types }))
}

impl Condition for Type {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        run.effective_type()
            .is_some_and(|found| self.types.iter().any(|word| **word == *found))
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        sight.add("type", run.effective_type());
    }
}
