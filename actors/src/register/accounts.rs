//! What is done to stored accounts, whoever asks for it: a stranger, the user or an operator.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use storage::{NewAccount, Role, StoreError};
use xmpp::jid::BareJid;
use xmpp::sasl::PreparedPassword;
use xmpp::stanza_error::{Condition, StanzaError};

use super::farewell::Farewell;
use crate::account::{AccountChanged, store_error};
use crate::core::Core;
use crate::offer::Refused;
use crate::password::{DeriveError, to_stored};

/// Tries to tell an active account of a change, and the wait between them.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The store refused, or can not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password can not be used, or the node is too busy to derive its keys.
    #[error(transparent)]
    Password(#[from] DeriveError),
}

impl AccountError {
    /// What a client is told.
    pub fn to_stanza_error(&self) -> StanzaError {
        match self {
            Self::Store(error) => store_error(error),
            Self::Password(DeriveError::Unavailable) => StanzaError::new(Condition::ResourceConstraint),
            Self::Password(error) => {
                StanzaError::new(Condition::NotAcceptable).with_text(error.to_string())
            }
        }
    }
}

/// Makes an account. A taken name is found before any key is derived.
pub(crate) async fn add(
    core: &Arc<Core>,
    user: &BareJid,
    password: PreparedPassword,
    role: Role,
) -> Result<(), AccountError> {
    if core.store.account(user).await?.is_some() {
        return Err(StoreError::AccountExists { user: user.clone() }.into());
    }
    let iterations = core.config().authentication.scram_iterations;
    let keys = core.passwords.derive(password, iterations).await?;
    let account = NewAccount {
        user: user.clone(),
        credentials: to_stored(&keys),
        role,
        created_at: now(),
    };
    core.store.create_account(account).await?;
    // Somebody may have written to the name before it existed.
    tell_account(core, user, false).await;
    Ok(())
}

/// Replaces the keys of an account. Its sessions go on.
pub(crate) async fn replace_password(
    core: &Arc<Core>,
    user: &BareJid,
    password: PreparedPassword,
) -> Result<(), AccountError> {
    if core.store.account(user).await?.is_none() {
        return Err(StoreError::NoAccount { user: user.clone() }.into());
    }
    let iterations = core.config().authentication.scram_iterations;
    let keys = core.passwords.derive(password, iterations).await?;
    core.store.set_credentials(user, to_stored(&keys)).await?;
    Ok(())
}

/// Deletes an account with everything that is kept for it. What others have to be told is left for
/// [`Farewell::say`], so that the user can be answered first.
pub(crate) async fn remove(core: &Arc<Core>, user: &BareJid) -> Result<Farewell, AccountError> {
    let roster = core.store.roster(user).await?;
    core.store.delete_account(user).await?;
    Ok(Farewell::new(user.clone(), roster))
}

/// Has the active account, if there is one, look at what is stored; `deleted` ends its sessions.
pub(crate) async fn tell_account(core: &Core, user: &BareJid, deleted: bool) {
    for _ in 0..TRIES {
        let Some(account) = core.tables.active(user.as_str()) else { return };
        match account.offer(AccountChanged { deleted }) {
            Ok(()) => return,
            Err(Refused::Full(_) | Refused::Gone(_)) => tokio::time::sleep(PAUSE).await,
        }
    }
    tracing::warn!(%user, "the account was not told of its change: its actor does not answer");
}

fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}
