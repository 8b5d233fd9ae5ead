//! The preroute chain: the rules' first look at what a local client sends.

use std::sync::Arc;

use actix::fut::wrap_future;
use actix::{ActorFutureExt, AsyncContext, Context};
use rules::Needs;
use xmpp::Stanza;

use super::Session;
use crate::delivery::{Deliver, Origin};
use crate::firewall::{Point, World, carry_out};
use crate::tables::AccountHandle;

/// The chain that every stanza of a local client passes.
const PREROUTE: &str = "preroute";

impl Session {
    /// Runs the chain. `None`: the rules have dealt with the stanza. An error gives it back while
    /// what the rules ask about the recipient is read from the store.
    pub(super) fn preroute(
        &mut self,
        stanza: Stanza,
        context: &mut Context<Self>,
    ) -> Result<Option<Deliver>, Stanza> {
        let Some(bound) = &self.bound else {
            return Ok(None);
        };
        let origin = Origin::Session(Arc::clone(&bound.handle));
        let host = bound.handle.jid.domain().as_str();
        let rules = self.core.firewall.ruleset(host);
        let Some(rules) = rules.filter(|rules| !rules.is_empty(PREROUTE)) else {
            return Ok(Some(Deliver::new(stanza, origin)));
        };
        if let Some(account) = self.missing(rules.needs(PREROUTE), &stanza) {
            if let Some(account) = account {
                self.wait_for_account(account, context);
            }
            return Err(stanza);
        }
        let outcome = rules.run(PREROUTE, &stanza, &World::new(&self.core, &origin, host));
        let deliver = Deliver::new(stanza, origin);
        let arbiter = self.placement.index();
        Ok(carry_out(
            &self.core,
            arbiter,
            Point::Preroute,
            deliver,
            outcome,
        ))
    }

    /// The recipient's account, if rules may ask about it and its state has not been read; `None`
    /// inside when there is no room for it yet.
    fn missing(&self, needs: Needs, stanza: &Stanza) -> Option<Option<Arc<AccountHandle>>> {
        if !needs.contains(Needs::RECIPIENT_ROSTER) && !needs.contains(Needs::RECIPIENT_ROLE) {
            return None;
        }
        let to = stanza.to()?;
        if to.node().is_none() || !self.core.tables.is_local(to.domain().as_str()) {
            return None;
        }
        let account = self.core.visit(&to.to_bare(), self.placement.index());
        let is_loaded = account
            .as_ref()
            .is_some_and(|account| account.profile().is_loaded);
        (!is_loaded).then_some(account)
    }

    fn wait_for_account(&self, account: Arc<AccountHandle>, context: &mut Context<Self>) {
        let loaded = async move { account.loaded().await };
        let go_on =
            wrap_future::<_, Self>(loaded).map(|(), session, context| session.advance(context));
        context.spawn(go_on);
    }
}
