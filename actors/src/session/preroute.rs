//! The preroute chain: the rules' first look at what a local client sends.

use std::sync::Arc;

use actix::Context;
use xmpp::Stanza;

use super::Session;
use crate::delivery::{Deliver, Origin};

impl Session {
    /// Runs the chain. `None`: the rules have dealt with the stanza. An error gives it back while
    /// something that the rules ask for is read from the store.
    pub(super) fn preroute(
        &mut self,
        stanza: Stanza,
        _context: &mut Context<Self>,
    ) -> Result<Option<Deliver>, Stanza> {
        let Some(bound) = &self.bound else { return Ok(None) };
        let origin = Origin::Session(Arc::clone(&bound.handle));
        Ok(Some(Deliver::new(stanza, origin)))
    }
}
