//! `KIND`: message, presence or iq.

use crate::conditions::{Condition, Example, Guard, Kinds, Parameter, Spec, required, words};
use crate::diagnostic::Code;
use crate::explain::sight::Sight;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;
use xmpp::stanza::StanzaKind;

pub(crate) const SPEC: Spec = Spec {
    name: "KIND",
    parameter: Parameter::Required("Expected stanza kind to match against"),
    syntax: "KIND: kind, kind ...",
    summary: "The stanza is a `message`, a `presence` or an `iq`. Several kinds are separated by blanks, commas or `|`.",
    examples: &[
        Example {
            definitions: "",
            line: "KIND: message|iq",
            stanza: "<message/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "KIND: message",
            stanza: "<presence/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct Kind {
    kinds: Kinds,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let mut kinds = Kinds::NONE;
    let mut is_empty = true;
    for word in words(required(value)) {
        is_empty = false;
        match StanzaKind::from_name(word) {
            Some(kind) => kinds = kinds.union(of(kind)),
            None => scope.warn_near(
                Refusal::new(
                    Code::UnknownKind,
                    format!("no stanza is a `{word}`: the kinds are message, presence and iq"),
                ),
                word,
                &["message", "presence", "iq"],
            ),
        }
    }
    if is_empty {
        return Err(Refusal::invalid("Expected stanza kind to match against")
            .help("write message, presence or iq"));
    }
    Ok(Box::new(Kind { kinds }))
}

fn of(kind: StanzaKind) -> Kinds {
    match kind {
        StanzaKind::Message => Kinds::MESSAGE,
        StanzaKind::Presence => Kinds::PRESENCE,
        StanzaKind::Iq => Kinds::IQ,
    }
}

impl Condition for Kind {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        self.kinds.contains(of(run.kind()))
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        sight.add("kind", Some(run.kind().name()));
    }

    fn guard(&self) -> Guard {
        Guard::Kinds(self.kinds)
    }
}
