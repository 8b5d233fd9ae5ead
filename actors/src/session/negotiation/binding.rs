//! Resource binding: the session becomes known under a full JID (RFC 6120 §7).

use std::sync::Arc;
use std::time::Duration;

use xmpp::jid::FullJid;
use xmpp::stanza_error::{Condition, StanzaError};

use super::driver::Driver;
use crate::account::{Attach, BindRefused, Retire};
use crate::handle::SessionHandle;
use crate::offer::ask;
use crate::session::Bound;
use crate::tables::AccountHandle;

/// How long an account may take to answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Tries with an account that moves to another arbiter, or is being restarted.
const TRIES: usize = 50;
/// Wait between tries.
const PAUSE: Duration = Duration::from_millis(20);

impl Driver {
    /// Binds `jid`; another session of that address ends with `conflict`.
    pub(super) async fn bind(&mut self, jid: FullJid) -> Result<FullJid, StanzaError> {
        let with = &self.with;
        let peer = (with.peer.ip(), with.connection.is_secure());
        let outbound = Arc::clone(&with.outbound);
        let session = with.session.clone();
        let handle =
            SessionHandle::new(with.id, jid.clone(), peer, with.arbiter, outbound, session);
        let handle = Arc::new(handle);
        let arbiter = with.arbiter;
        let account = self.account(&jid);
        let mut bound = Bound::new(&self.with.core, arbiter, Arc::clone(&handle), account);
        for _ in 0..TRIES {
            let Some(slot) = bound.account.slot() else {
                break;
            };
            match ask(slot, Attach(Arc::clone(&handle)), DEADLINE).await {
                Ok(Ok(())) => {
                    known(&bound.account).await?;
                    self.bound = Some(bound);
                    return Ok(jid);
                }
                Ok(Err(refused @ BindRefused::TooMany)) => {
                    let error = StanzaError::new(Condition::ResourceConstraint);
                    return Err(error.with_text(refused.to_string()));
                }
                Ok(Err(BindRefused::Moving)) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
            bound.account = self.account(&jid);
        }
        Err(StanzaError::new(Condition::InternalServerError))
    }

    /// The user's account. The first session takes it to its own arbiter.
    fn account(&self, jid: &FullJid) -> Arc<AccountHandle> {
        let (core, arbiter) = (&self.with.core, self.with.arbiter);
        let bare = jid.to_bare();
        let account = core.account(&bare, arbiter);
        if account.arbiter == arbiter || !account.sessions().is_empty() {
            return account;
        }
        // An account that is busy stays where it is.
        let _busy = account.offer(Retire);
        core.account(&bare, arbiter)
    }
}

/// Waits until the account has been read: rules ask about the sender, and an account may have been
/// deleted since the log-in.
async fn known(account: &AccountHandle) -> Result<(), StanzaError> {
    let loaded = tokio::time::timeout(DEADLINE, account.loaded(false)).await;
    match (loaded, account.profile().exists) {
        (Ok(()), true) => Ok(()),
        (Ok(()), false) => Err(StanzaError::new(Condition::NotAuthorized)),
        (Err(_), _) => Err(StanzaError::new(Condition::InternalServerError)),
    }
}
