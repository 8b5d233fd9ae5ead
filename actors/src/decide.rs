//! The deliver chain: the rules' look at what is about to be handed to a local user or host.

use crate::delivery::Deliver;
use crate::account::Account;
use crate::host::Host;

impl Account {
    /// Runs the chain; `None`: the rules have dealt with the stanza.
    pub(crate) fn decide(&mut self, deliver: Deliver) -> Option<Deliver> {
        Some(deliver)
    }
}

impl Host {
    /// Runs the chain; `None`: the rules have dealt with the stanza.
    pub(crate) fn decide(&mut self, deliver: Deliver) -> Option<Deliver> {
        Some(deliver)
    }
}
