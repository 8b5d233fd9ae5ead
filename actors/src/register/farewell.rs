//! What others are told when an account ends: contacts that the user is gone (RFC 6121 §3.2, §3.3),
//! sessions that they end.

use std::sync::Arc;
use std::time::Duration;

use storage::Roster;
use xmpp::jid::{BareJid, Jid};
use xmpp::roster::Subscription;
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::{Stanza, StanzaKind};

use super::accounts::tell_account;
use crate::core::Core;
use crate::delivery::{Deliver, Origin};
use crate::route::route;

/// Tries to hand a presence to a contact whose mailbox is full, and the wait between them.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// What is left to say for an account that was deleted.
#[derive(Debug)]
pub struct Farewell {
    user: BareJid,
    roster: Roster,
}

impl Farewell {
    pub(super) fn new(user: BareJid, roster: Roster) -> Self {
        Self { user, roster }
    }

    /// Tells the contacts, then ends the user's sessions.
    pub async fn say(self, core: &Arc<Core>) {
        for item in &self.roster.items {
            let (is_from, is_to) = (item.subscription.is_from(), item.subscription.is_to());
            if is_from {
                self.go_offline(core, &item.jid).await;
                self.send(core, &item.jid, "unsubscribed").await;
            }
            if is_to || item.ask {
                self.send(core, &item.jid, "unsubscribe").await;
            }
        }
        for request in &self.roster.requests {
            let is_told =
                self.roster.items.iter().any(|item| {
                    item.jid == request.from && item.subscription != Subscription::None
                });
            if !is_told {
                self.send(core, &request.from, "unsubscribed").await;
            }
        }
        tell_account(core, &self.user, true).await;
    }

    /// Unavailable presence of each resource that the contact saw.
    async fn go_offline(&self, core: &Arc<Core>, contact: &BareJid) {
        let Some(account) = core.tables.active(self.user.as_str()) else {
            return;
        };
        let sessions = account.sessions().clone();
        for session in sessions
            .iter()
            .filter(|session| session.priority().is_some())
        {
            let from = Jid::from(session.jid.clone());
            pass_on(core, presence(from, contact, "unavailable")).await;
        }
    }

    async fn send(&self, core: &Arc<Core>, contact: &BareJid, kind: &str) {
        pass_on(core, presence(self.user.clone().into(), contact, kind)).await;
    }
}

fn presence(from: Jid, to: &BareJid, kind: &str) -> Stanza {
    let mut presence = Stanza::new(StanzaKind::Presence);
    presence.set_type(Some(kind));
    presence.set_from(Some(from));
    presence.set_to(Some(to.clone().into()));
    presence
}

async fn pass_on(core: &Arc<Core>, stanza: Stanza) {
    let mut deliver = Deliver::new(stanza, Origin::Node);
    for _ in 0..TRIES {
        match route(core, 0, deliver) {
            Ok(()) => return,
            Err(refused) => deliver = refused,
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::warn!(to = ?deliver.stanza.to(), "a contact was not told that an account was deleted: its mailbox is full");
}

/// Ends the sessions of `user`, all but the one numbered `but`, with the stream error `reset`.
pub(crate) fn end_sessions(core: &Core, user: &BareJid, but: Option<u64>, text: &str) {
    let Some(account) = core.tables.active(user.as_str()) else {
        return;
    };
    for session in account
        .sessions()
        .iter()
        .filter(|session| Some(session.id) != but)
    {
        session.end(StreamError::with_text(StreamCondition::Reset, text));
    }
}
