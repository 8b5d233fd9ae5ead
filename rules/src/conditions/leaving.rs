//! `LEAVING`: crossing the border of a zone.

use crate::conditions::border::Border;
use crate::conditions::{Condition, Example, Parameter, Side, Spec, required};
use crate::refusal::Refusal;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "LEAVING",
    parameter: Parameter::Required("Expected the name of a zone"),
    syntax: "LEAVING: zone",
    summary: "The sender is in the zone and the recipient is not. `$local` is the zone of all hosts of this server.",
    examples: &[
        Example {
            definitions: "%ZONE office: example.com",
            line: "LEAVING: office",
            stanza: "<message from='a@example.com' to='b@remote.example'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "LEAVING: $local",
            stanza: "<message from='a@example.com' to='b@example.com'/>",
            holds: false,
        },
    ],
    parse,
};

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(Border {
        zone: scope.zone(required(value))?,
        inside: Side::From,
        outside: Side::To,
    }))
}
