//! Shows one zone of one script. Nobody sends to it; the firewall starts it.

use actix::{Actor, Context};
use rules::definitions::Object;
use serde::Serialize;

use super::branch::POLICY;
use super::published::Place;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// Members that a report shows at most.
const SHOWN: usize = 20;

/// The actor.
pub(super) struct Zone {
    place: Place,
}

/// What the console shows of a zone.
#[derive(Clone, Debug, Serialize)]
pub struct ZoneReport {
    /// Number of members.
    pub members: usize,
    /// Some of them.
    pub some: Vec<String>,
}

impl Zone {
    pub(super) fn new(place: Place) -> Self {
        Self { place }
    }
}

impl Supervise for Zone {
    const KIND: &'static str = "zone";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        POLICY
    }
}

impl Actor for Zone {
    type Context = Context<Self>;
}

impl Observe for Zone {
    type Report = ZoneReport;

    fn report(&self) -> ZoneReport {
        let Some(Object::Zone(zone)) = self.place.object("ZONE") else {
            return ZoneReport {
                members: 0,
                some: Vec::new(),
            };
        };
        ZoneReport {
            members: zone.members().count(),
            some: zone.members().take(SHOWN).map(str::to_owned).collect(),
        }
    }
}
