//! The deliver chain: the rules' look at what is about to be handed to a local user or host.

use std::sync::Arc;

use crate::account::Account;
use crate::core::Core;
use crate::delivery::Deliver;
use crate::firewall::{Point, World, carry_out};
use crate::host::Host;

/// The chain that everything for a local address passes.
const DELIVER: &str = "deliver";

impl Account {
    /// Runs the chain; `None`: the rules have dealt with the stanza.
    pub(crate) fn decide(&mut self, deliver: Deliver) -> Option<Deliver> {
        let (core, handle) = self.shared();
        decide(core, handle.arbiter, handle.jid.domain().as_str(), deliver)
    }
}

impl Host {
    /// Runs the chain; `None`: the rules have dealt with the stanza.
    pub(crate) fn decide(&mut self, deliver: Deliver) -> Option<Deliver> {
        decide(self.core(), 0, self.domain(), deliver)
    }
}

fn decide(core: &Arc<Core>, arbiter: usize, host: &str, deliver: Deliver) -> Option<Deliver> {
    let Some(rules) = core.firewall.ruleset(host) else {
        return Some(deliver);
    };
    if rules.is_empty(DELIVER) {
        return Some(deliver);
    }
    let outcome = rules.run(
        DELIVER,
        &deliver.stanza,
        &World::new(core, &deliver.origin, host),
    );
    carry_out(core, arbiter, Point::Deliver, deliver, outcome)
}
