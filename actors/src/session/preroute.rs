//! The preroute chain: the rules' first look at what a local client sends.

use std::sync::Arc;

use actix::fut::wrap_future;
use actix::{ActorFutureExt, AsyncContext, Context};
use rules::Needs;
use xmpp::Stanza;

use super::{Bound, Session};
use crate::account::AccountChanged;
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
        let Some(rules) = self.core.firewall.rules(host) else {
            return Ok(Some(Deliver::new(stanza, origin)));
        };
        if self.awaits_marks(bound, rules.all_needs(), context) {
            return Err(stanza);
        }
        if rules.is_empty(PREROUTE) {
            return Ok(Some(Deliver::new(stanza, origin)));
        }
        if let Some(account) = self.missing(rules.needs(PREROUTE), &stanza) {
            if let Some(account) = account {
                wait_for_account(account, false, context);
            }
            return Err(stanza);
        }
        let world = World::new(&self.core, &origin, host);
        let firewall = &self.core.firewall;
        let outcome = firewall.run(&rules, PREROUTE, &stanza, &world);
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

    /// Whether rules deal with marks of users and those of the sender have not been read: the rules came
    /// into force after its account had been. Then they are waited for.
    fn awaits_marks(&self, bound: &Bound, needs: Needs, context: &mut Context<Self>) -> bool {
        let account = &bound.account;
        if !needs.contains(Needs::USER_MARKS) || account.is_loaded(true) {
            return false;
        }
        // A full mailbox is tried again when the session looks again.
        let _full = account.offer(AccountChanged { deleted: false });
        wait_for_account(Arc::clone(account), true, context);
        true
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
}

fn wait_for_account(account: Arc<AccountHandle>, with_marks: bool, context: &mut Context<Session>) {
    let loaded = async move { account.loaded(with_marks).await };
    let go_on =
        wrap_future::<_, Session>(loaded).map(|(), session, context| session.advance(context));
    context.spawn(go_on);
}
