//! `LEAVING`: crossing the border of a zone.

use std::sync::Arc;

use crate::address::split;
use crate::conditions::{Condition, Example, Guard, Parameter, Side, Spec, required};
use crate::definitions::zone::Zone;
use crate::explain::sight::Sight;
use crate::refusal::Refusal;
use crate::run::Run;
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

#[derive(Debug)]
struct Leaving {
    zone: Arc<Zone>,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    Ok(Box::new(Leaving {
        zone: scope.zone(required(value))?,
    }))
}

impl Condition for Leaving {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let (inside, outside) = (Side::From.party(run), Side::To.party(run));
        self.zone.contains(&inside, run.facts) && !self.zone.contains(&outside, run.facts)
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        for (what, party) in [("from", run.from), ("to", run.to)] {
            sight.party(what, &party);
            let member = self.zone.member(&party, run.facts);
            sight.add(format!("member of the zone, {what}"), member);
        }
    }

    fn is_worth_sharing(&self) -> bool {
        self.zone.is_large()
    }

    fn guard(&self) -> Guard {
        if self.zone.is_local() || self.zone.is_large() {
            return Guard::None;
        }
        Guard::Keys(
            self.zone
                .members()
                .map(|member| match split(member) {
                    Some(parts) if parts.node.is_some() || parts.resource.is_some() => {
                        Side::From.bare_key(parts.bare.to_owned())
                    }
                    _ => Side::From.host_key(member.to_owned()),
                })
                .collect(),
        )
    }
}
