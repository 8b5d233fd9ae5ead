//! In-band registration (XEP-0077): accounts that strangers make, passwords that users change, and
//! accounts that their users delete.
//!
//! Strangers ask during the negotiation of their stream, which calls [`create`]; users ask by an iq
//! to their own account or to their host, which call [`handle`]. No actor waits: what needs the
//! store or a password thread runs as a task of its own.

mod accounts;
mod farewell;
mod limit;
mod request;

use std::net::IpAddr;
use std::sync::Arc;

use portcullis_config::Rate;
use storage::{Role, StoreError};
use tokio::time::Instant;
use xmpp::jid::{BareJid, Jid, bare_str};
use xmpp::ns;
use xmpp::sasl::PreparedPassword;
use xmpp::stanza_error::{Condition, StanzaError};

use crate::core::Core;
use crate::delivery::Deliver;
use crate::handle::SessionHandle;
use request::Wish;

pub use accounts::AccountError;
pub(crate) use accounts::{Keeper, tell_account};
pub use farewell::Farewell;
pub(crate) use farewell::end_sessions;
pub use limit::{MAX_PEERS, Registrations};

/// Makes an account for a stranger who connects from `peer`, with the role `registered`.
///
/// # Errors
/// What the stranger is to be told: `service-unavailable` where registration is closed,
/// `resource-constraint` beyond `registration.rate` or when the node is busy, `conflict` for a name
/// that is taken (XEP-0077 §3.1.1 leaves no choice), `not-acceptable` for a name or password that
/// can not be used.
pub async fn create(
    core: &Arc<Core>,
    peer: IpAddr,
    user: &BareJid,
    password: PreparedPassword,
) -> Result<(), StanzaError> {
    if user.node().is_none() {
        return Err(StanzaError::new(Condition::NotAcceptable).with_text("a username is needed"));
    }
    let rate = open_rate(core, user).ok_or_else(closed)?;
    let host = user.domain().as_str();
    let attempt = core
        .registrations
        .begin(host, peer, rate, Instant::now())
        .ok_or_else(|| {
            tracing::info!(%peer, host, "registration refused: too many from this address");
            StanzaError::new(Condition::ResourceConstraint)
                .with_text("too many accounts were made from your address, try again later")
        })?;
    match Keeper::of(core).add(user, password, Role::Registered).await {
        Ok(()) => {
            // Somebody may have written to the name before it existed.
            tell_account(core, user, false).await;
            tracing::info!(%user, %peer, "account registered");
            Ok(())
        }
        Err(AccountError::Store(StoreError::AccountExists { .. })) => {
            attempt.was_conflict();
            Err(StanzaError::new(Condition::Conflict).with_text("this username is taken"))
        }
        Err(error) => {
            attempt.was_in_vain();
            tracing::debug!(%user, %peer, %error, "account not registered");
            Err(error.to_stanza_error())
        }
    }
}

/// The rate at which strangers may make accounts on the host of `user`; `None` where they may not.
fn open_rate(core: &Core, user: &BareJid) -> Option<Rate> {
    let config = core.config();
    let registration = &config.hosts.get(user.domain())?.registration;
    registration.enabled.then_some(registration.rate)
}

fn closed() -> StanzaError {
    StanzaError::new(Condition::ServiceUnavailable)
        .with_text("this server makes no accounts for strangers")
}

/// Answers an iq about the account of the user who sent it (XEP-0077 §3.1.1, §3.2, §3.3).
pub fn handle(core: &Arc<Core>, deliver: Deliver) {
    let Some(session) = own_session(&deliver) else {
        return deliver.bounce(StanzaError::new(Condition::ServiceUnavailable));
    };
    match request::read(&deliver.stanza, &session) {
        Ok(Wish::Fields) => answer_fields(&session, deliver),
        Ok(wish) if is_guest(core, &session) => {
            tracing::debug!(jid = %session.jid, ?wish, "a guest has no account to manage");
            deliver.bounce(StanzaError::new(Condition::Forbidden));
        }
        Ok(Wish::Password(password)) => {
            let core = Arc::clone(core);
            actix_rt::spawn(
                async move { change_password(&core, &session, password, deliver).await },
            );
        }
        Ok(Wish::Removal) => {
            let core = Arc::clone(core);
            actix_rt::spawn(async move { remove_own(&core, &session, deliver).await });
        }
        Err(error) => deliver.bounce(error),
    }
}

/// The session that asks about its own account, by way of the account itself or of its host.
fn own_session(deliver: &Deliver) -> Option<Arc<SessionHandle>> {
    let session = deliver.origin.session()?;
    let own = session.jid.to_bare();
    let is_sender = deliver.stanza.from().map(bare_str) == Some(own.as_str());
    let is_for_own = match deliver.stanza.to() {
        None => true,
        Some(to) => bare_str(to) == own.as_str() || is_host_of(to, &own),
    };
    (is_sender && is_for_own).then(|| Arc::clone(session))
}

fn is_host_of(to: &Jid, user: &BareJid) -> bool {
    to.node().is_none() && to.domain() == user.domain()
}

fn is_guest(core: &Core, session: &SessionHandle) -> bool {
    let account = core.tables.active(session.jid.to_bare().as_str());
    account.is_some_and(|account| account.profile().role == Some(Role::Guest))
}

/// XEP-0077 §3.1.1: who is registered is told so, with the username; the password stays empty.
fn answer_fields(session: &SessionHandle, deliver: Deliver) {
    let username = session
        .jid
        .node()
        .map(ToString::to_string)
        .unwrap_or_default();
    deliver.answer(|xml| {
        xml.open("query", ns::REGISTER);
        xml.empty("registered", ns::REGISTER);
        xml.text_element("username", ns::REGISTER, &username);
        xml.empty("password", ns::REGISTER);
        xml.close();
    });
}

/// One change of an account at a time, so that nobody keeps all password threads to himself.
fn too_busy() -> StanzaError {
    StanzaError::new(Condition::ResourceConstraint)
        .with_text("the account is being changed already, try again later")
}

async fn change_password(
    core: &Arc<Core>,
    session: &SessionHandle,
    password: PreparedPassword,
    deliver: Deliver,
) {
    let user = session.jid.to_bare();
    let Some(_guard) = core.registrations.occupy(&user) else {
        return deliver.bounce(too_busy());
    };
    match Keeper::of(core).replace_password(&user, password).await {
        Ok(()) => {
            tracing::info!(%user, "password changed by its user");
            deliver.answer(|_| {});
            end_sessions(core, &user, Some(session.id), "the password was changed");
        }
        Err(error) => {
            tracing::warn!(%user, %error, "password not changed");
            deliver.bounce(error.to_stanza_error());
        }
    }
}

async fn remove_own(core: &Arc<Core>, session: &SessionHandle, deliver: Deliver) {
    let user = session.jid.to_bare();
    let Some(_guard) = core.registrations.occupy(&user) else {
        return deliver.bounce(too_busy());
    };
    match Keeper::of(core).remove(&user).await {
        Ok(farewell) => {
            tracing::info!(%user, "account deleted by its user");
            deliver.answer(|_| {});
            farewell.say(core).await;
        }
        Err(error) => {
            tracing::warn!(%user, %error, "account not deleted");
            deliver.bounce(error.to_stanza_error());
        }
    }
}

#[cfg(test)]
mod tests;
