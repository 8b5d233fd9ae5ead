//! The hold of a session on its resource, from the moment its account is asked for it.

use std::sync::Arc;
use std::time::Duration;

use crate::account::Detach;
use crate::core::Core;
use crate::handle::SessionHandle;
use crate::tables::AccountHandle;

/// Waits between tries to tell an account that is full or being restarted, and how many there are.
const PAUSE: Duration = Duration::from_millis(20);
const TRIES: usize = 1500;

/// A resource. Whoever drops it gives it up: the account is told, whatever became of the session.
pub(crate) struct Bound {
    /// What others know of the session.
    pub(crate) handle: Arc<SessionHandle>,
    /// The user's account.
    pub(crate) account: Arc<AccountHandle>,
    core: Arc<Core>,
    arbiter: usize,
}

impl Bound {
    /// The hold of a session on `arbiter`; made before the account is asked, so that no answer can get
    /// lost.
    pub(super) fn new(
        core: &Arc<Core>,
        arbiter: usize,
        handle: Arc<SessionHandle>,
        account: Arc<AccountHandle>,
    ) -> Self {
        Self {
            handle,
            account,
            core: Arc::clone(core),
            arbiter,
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let Err(refused) = self.account.offer(Detach(Arc::clone(&self.handle))) else {
            return;
        };
        let telling = tell_later(Arc::clone(&self.core), self.arbiter, refused.into_inner());
        if !self.core.workers.handle(self.arbiter).spawn(telling) {
            tracing::debug!(jid = %self.handle.jid, "the node ends: the account is not told");
        }
    }
}

/// Tells the account, or its successor, as soon as it takes the news.
async fn tell_later(core: Arc<Core>, arbiter: usize, mut detach: Detach) {
    for _ in 0..TRIES {
        let account = core.account(&detach.0.jid.to_bare(), arbiter);
        match account.offer(detach) {
            Ok(()) => return,
            Err(refused) => detach = refused.into_inner(),
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::warn!(jid = %detach.0.jid, "the account was not told that a session ended");
}
