//! What `ENTERING` and `LEAVING` share: a zone that one side is in and the other is not.

use std::sync::Arc;

use crate::address::split;
use crate::conditions::{Condition, Guard, Side};
use crate::definitions::zone::Zone;
use crate::explain::sight::Sight;
use crate::run::Run;

/// The border of a zone, crossed by a stanza.
#[derive(Debug)]
pub(super) struct Border {
    pub(super) zone: Arc<Zone>,
    pub(super) inside: Side,
    pub(super) outside: Side,
}

impl Condition for Border {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let (inside, outside) = (self.inside.party(run), self.outside.party(run));
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
                        self.inside.bare_key(parts.bare.to_owned())
                    }
                    _ => self.inside.host_key(member.to_owned()),
                })
                .collect(),
        )
    }
}
