//! What is done to stored accounts, whoever asks for it: a stranger, the user or an operator.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use storage::{NewAccount, Role, Store, StoreError};
use xmpp::jid::BareJid;
use xmpp::sasl::PreparedPassword;
use xmpp::stanza_error::{Condition, StanzaError};

use super::farewell::Farewell;
use crate::account::{AccountChanged, store_error};
use crate::core::Core;
use crate::password::{DeriveError, PasswordWorkers, to_stored};

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
            Self::Password(DeriveError::Unavailable) => {
                StanzaError::new(Condition::ResourceConstraint)
            }
            Self::Password(error) => {
                StanzaError::new(Condition::NotAcceptable).with_text(error.to_string())
            }
        }
    }
}

/// What changes stored accounts.
pub(crate) struct Keeper<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) passwords: &'a PasswordWorkers,
    /// PBKDF2 rounds of new keys.
    pub(crate) iterations: u32,
}

impl<'a> Keeper<'a> {
    pub(crate) fn of(core: &'a Core) -> Self {
        let iterations = core.config().authentication.scram_iterations;
        Self {
            store: &*core.store,
            passwords: &core.passwords,
            iterations,
        }
    }

    /// Makes an account. A taken name is found before any key is derived.
    pub(crate) async fn add(
        &self,
        user: &BareJid,
        password: PreparedPassword,
        role: Role,
    ) -> Result<(), AccountError> {
        if self.store.account(user).await?.is_some() {
            return Err(StoreError::AccountExists { user: user.clone() }.into());
        }
        let keys = self.passwords.derive(password, self.iterations).await?;
        let account = NewAccount {
            user: user.clone(),
            credentials: to_stored(&keys),
            role,
            created_at: now(),
        };
        Ok(self.store.create_account(account).await?)
    }

    /// Replaces the keys of an account.
    pub(crate) async fn replace_password(
        &self,
        user: &BareJid,
        password: PreparedPassword,
    ) -> Result<(), AccountError> {
        if self.store.account(user).await?.is_none() {
            return Err(StoreError::NoAccount { user: user.clone() }.into());
        }
        let keys = self.passwords.derive(password, self.iterations).await?;
        Ok(self.store.set_credentials(user, to_stored(&keys)).await?)
    }

    /// Deletes an account with everything that is kept for it. What others have to be told is left
    /// for [`Farewell::say`], so that the user can be answered first.
    pub(crate) async fn remove(&self, user: &BareJid) -> Result<Farewell, AccountError> {
        let roster = self.store.roster(user).await?;
        self.store.delete_account(user).await?;
        Ok(Farewell::new(user.clone(), roster))
    }
}

/// Has the active account, if there is one, look at what is stored; `deleted` ends its sessions.
pub(crate) async fn tell_account(core: &Core, user: &BareJid, deleted: bool) {
    for _ in 0..TRIES {
        let Some(account) = core.tables.active(user.as_str()) else {
            return;
        };
        if account.offer(AccountChanged { deleted }).is_ok() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::warn!(%user, "the account was not told of its change: its actor does not answer");
}

fn now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}
