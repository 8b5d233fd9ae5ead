//! What an account knows of its user, and publishes for rules and for the user's own sessions.

use std::sync::Arc;

use storage::{Role, StoreError};
use xmpp::jid::BareJid;
use xmpp::ns;

use super::blocklist::Blocklist;
use super::contacts::Roster;
use crate::core::Core;

/// The stored state of a user, as far as stanzas need it. Immutable once published.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Whether the store has been read; until then nothing is known.
    pub is_loaded: bool,
    /// Whether there is such an account.
    pub exists: bool,
    /// The user's role on the own host; `None` without an account.
    pub role: Option<Role>,
    /// The contacts.
    pub roster: Roster,
    /// Who may not reach the user (XEP-0191).
    pub blocklist: Blocklist,
}

impl Profile {
    /// Reads the state of `user`, after every write about the user that was called before.
    pub(crate) async fn load(core: Arc<Core>, user: BareJid) -> Result<Self, StoreError> {
        let store = &core.store;
        let account = store.account(&user);
        let roster = store.roster(&user);
        let blocklist = store.blocklist(&user);
        let (account, roster, blocklist) = tokio::join!(account, roster, blocklist);
        let Some(account) = account? else {
            return Ok(Self {
                is_loaded: true,
                ..Self::default()
            });
        };
        Ok(Self {
            is_loaded: true,
            exists: true,
            role: Some(core.role_of(&user, account.role)),
            roster: Roster::new(roster?, account.created_at, core.shared_contacts(&user)),
            blocklist: Blocklist::new(blocklist?),
        })
    }
}

/// The namespace of errors about blocked addresses.
pub(crate) const BLOCKED: (&str, &str) = ("blocked", ns::BLOCKING_ERRORS);
