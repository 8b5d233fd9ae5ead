//! The chains behind routing: the rules' look at what is about to be handed to a local user or host, or to leave for
//! another server.

use std::sync::Arc;

use crate::account::Account;
use crate::core::Core;
use crate::delivery::Deliver;
use crate::firewall::{Point, World, carry_out};
use crate::host::Host;

/// The chain that everything for a local address passes.
const DELIVER: &str = "deliver";
/// The chain that everything for another server passes, on the host of its sender.
const DELIVER_REMOTE: &str = "deliver_remote";

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

/// Runs the chain for a stanza to a domain that is not here; `None`: the rules have dealt with it.
pub(crate) fn decide_leaving(
    core: &Arc<Core>,
    arbiter: usize,
    deliver: Deliver,
) -> Option<Deliver> {
    let host = deliver.stanza.from()?.domain().as_str();
    let Some(rules) = core.firewall.rules(host) else {
        return Some(deliver);
    };
    if rules.is_empty(DELIVER_REMOTE) {
        return Some(deliver);
    }
    let world = World::new(core, &deliver.origin, rules.host());
    let firewall = &core.firewall;
    let outcome = firewall.run(&rules, DELIVER_REMOTE, &deliver.stanza, &world);
    carry_out(core, arbiter, Point::DeliverRemote, deliver, outcome)
}

fn decide(core: &Arc<Core>, arbiter: usize, host: &str, deliver: Deliver) -> Option<Deliver> {
    let Some(rules) = core.firewall.rules(host) else {
        return Some(deliver);
    };
    if rules.is_empty(DELIVER) {
        return Some(deliver);
    }
    let world = World::new(core, &deliver.origin, host);
    let firewall = &core.firewall;
    let outcome = firewall.run(&rules, DELIVER, &deliver.stanza, &world);
    carry_out(core, arbiter, Point::Deliver, deliver, outcome)
}
