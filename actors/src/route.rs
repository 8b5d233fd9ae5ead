//! Where a stanza goes: a local account, a local host, a component, or a domain that is not here.

use std::sync::Arc;

use xmpp::jid::{Jid, bare_str};
use xmpp::stanza_error::{Condition, StanzaError};

use crate::core::Core;
use crate::decide::decide_leaving;
use crate::delivery::Deliver;
use crate::offer::Refused;
use crate::tables::AccountHandle;

/// Hands a stanza to what answers for its `to`; a domain that is not local is answered with
/// `remote-server-not-found` (RFC 6120 §10.4), unless the rules for what leaves decide otherwise.
///
/// # Errors
/// The stanza comes back when its recipient's mailbox is full, or as many accounts as may be are
/// awake for stanzas alone: the caller waits and tries again, or bounces it.
pub fn route(core: &Arc<Core>, arbiter: usize, deliver: Deliver) -> Result<(), Deliver> {
    let Some(to) = deliver.stanza.to() else {
        deliver.settle();
        return Ok(());
    };
    if let Some(account) = core.tables.active(bare_str(to)) {
        return to_account(core, arbiter, account, deliver);
    }
    if !core.tables.is_local(to.domain().as_str()) {
        if let Some(component) = core.tables.component(to.domain().as_str()) {
            component.handle.deliver(deliver);
            return Ok(());
        }
        if let Some(deliver) = decide_leaving(core, arbiter, deliver) {
            deliver.bounce(StanzaError::new(Condition::RemoteServerNotFound));
        }
        return Ok(());
    }
    if to.node().is_none() {
        return to_host(core, deliver);
    }
    match core.visit(&to.to_bare(), arbiter) {
        Some(account) => to_account(core, arbiter, account, deliver),
        None => Err(deliver),
    }
}

/// As [`route`], for senders that can not wait: a full recipient bounces the stanza with
/// `resource-constraint`.
pub fn route_or_bounce(core: &Arc<Core>, arbiter: usize, deliver: Deliver) {
    if let Err(deliver) = route(core, arbiter, deliver) {
        deliver.bounce(StanzaError::new(Condition::ResourceConstraint));
    }
}

fn to_account(
    core: &Arc<Core>,
    arbiter: usize,
    account: Arc<AccountHandle>,
    deliver: Deliver,
) -> Result<(), Deliver> {
    let deliver = match account.offer(deliver) {
        Ok(()) => return Ok(()),
        Err(Refused::Full(deliver)) => return Err(deliver),
        Err(Refused::Gone(deliver)) => deliver,
    };
    // It retired between the look-up and the offer, or it is being restarted: then the sender waits.
    let fresh = core.account(&account.jid, arbiter);
    match Arc::ptr_eq(&fresh, &account) {
        true => Err(deliver),
        false => fresh.offer(deliver).map_err(Refused::into_inner),
    }
}

fn to_host(core: &Core, deliver: Deliver) -> Result<(), Deliver> {
    let domain = deliver.stanza.to().map(Jid::domain);
    let host = domain.and_then(|domain| core.tables.host(domain.as_str()));
    match host {
        Some(host) => host.offer(deliver).map_err(Refused::into_inner),
        None => {
            deliver.bounce(StanzaError::new(Condition::ItemNotFound));
            Ok(())
        }
    }
}
