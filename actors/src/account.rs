//! One account: its sessions, roster, blocklist and presence, in order, in one place.
//!
//! Sessions and other accounts tell it stanzas; it delivers by RFC 6121 §8.5, keeps what nobody can
//! take, and answers what is asked of the user. It is supervised under `accounts`: a fresh value
//! loads the stored state anew and finds its sessions in its [`AccountHandle`], which survives it.
//! While it waits for the store it holds its own queue, and nobody else's.

mod blocking;
mod blocklist;
mod catch_up;
mod contacts;
mod fan_out;
mod iq;
mod lifecycle;
mod message;
mod offline;
mod presence;
mod private_xml;
mod profile;
mod roster;
mod subscription;
mod vcard;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler, Message};
use serde::Serialize;
use xmpp::stream_error::{StreamCondition, StreamError};

use crate::core::Core;
use crate::delivery::Deliver;
use crate::handle::SessionHandle;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};
use crate::tables::AccountHandle;

pub(crate) use blocking::blocked_by_sender;
pub use blocklist::Blocklist;
pub use contacts::{Contact, Roster, SharedContact};
pub use fan_out::Told;
pub(crate) use iq::{has_node, store_error};
pub use profile::Profile;

/// A session binds a resource of this account. Sent by the session's negotiation.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), BindRefused>")]
pub struct Attach(pub Arc<SessionHandle>);

/// Why a resource was not bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindRefused {
    /// The account has as many sessions as it may have.
    #[error("the account has too many sessions")]
    TooMany,
    /// The account is leaving this arbiter; ask again.
    #[error("the account is moving")]
    Moving,
}

/// A session has ended. Sent by the session.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Detach(pub Arc<SessionHandle>);

/// A client's stanza that its own account handles: presence, and iq without `to` or to the own bare
/// JID. Sent by the session.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct FromClient(pub Deliver);

/// The account makes room for one on another arbiter. Sent by a session that binds the first
/// resource there.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Retire;

/// The stored account was deleted or its role changed. Sent by the admin commands.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct AccountChanged {
    /// The account is gone: end its sessions.
    pub deleted: bool,
}

/// Rules cancel the subscription of a contact to the user's presence: the stanza that tells the
/// contact so. Sent by whoever carries out their effects.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct CancelSubscription(pub(crate) Deliver);

/// What waits while the account waits for the store.
enum Held {
    Deliver(Deliver),
    Cancel(Deliver),
    FromClient(Deliver),
    Told(Told),
    /// The session has left the list; others are still to be told.
    Gone(Arc<SessionHandle>),
    Changed,
}

impl Held {
    /// Bytes that it keeps in memory. Presence shares its content with whoever sent it.
    fn bytes(&self) -> u32 {
        let bytes = match self {
            Self::Deliver(deliver) | Self::FromClient(deliver) | Self::Cancel(deliver) => {
                deliver.stanza.size()
            }
            Self::Told(told) => told.bytes(),
            Self::Gone(_) | Self::Changed => 0,
        };
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// Where in its life the account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The stored state is being read.
    Loading,
    /// Stanzas are handled as they come, unless something is waited for.
    Ready,
    /// A newer account has taken this one's place: everything is passed on to it.
    Retired,
}

/// The actor.
pub struct Account {
    core: Arc<Core>,
    handle: Arc<AccountHandle>,
    profile: Arc<Profile>,
    phase: Phase,
    /// What is being stored, read or handed on in portions: what comes meanwhile has to wait for it.
    waits: u32,
    held: VecDeque<Held>,
    /// Bytes of what is held.
    held_bytes: u32,
    /// Offline messages handed to the store and not yet committed.
    appending: u32,
    /// Blocklist pushes so far: each has an id of its own.
    pushes: u32,
    /// Whether a look at whether anybody needs this account is due.
    is_timed: bool,
    report: AccountReport,
}

/// What the console shows of an account.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AccountReport {
    /// Bound sessions.
    pub sessions: usize,
    /// Sessions that sent available presence.
    pub available: usize,
    /// Contacts, those of shared groups included.
    pub roster_items: usize,
    /// Stanzas held while the store is read.
    pub held: usize,
    /// Stanzas delivered to a session.
    pub delivered: u64,
    /// Messages kept for later.
    pub stored_offline: u64,
    /// Stanzas answered with an error.
    pub bounced: u64,
}

impl Supervise for Account {
    const KIND: &'static str = "account";
    const MAILBOX: usize = 4096;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: Duration::from_millis(5),
            max: Duration::from_secs(5),
            give_up_after: 20,
            within: Duration::from_secs(60),
        }
    }
}

impl Observe for Account {
    type Report = AccountReport;

    fn report(&self) -> AccountReport {
        let sessions = self.handle.sessions();
        AccountReport {
            sessions: sessions.len(),
            available: sessions
                .iter()
                .filter(|session| session.priority().is_some())
                .count(),
            roster_items: self.profile.roster.len(),
            held: self.held.len(),
            ..self.report.clone()
        }
    }
}

impl Actor for Account {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        self.load(context);
    }
}

impl Handler<Deliver> for Account {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        self.accept(Held::Deliver(deliver), context);
    }
}

impl Handler<FromClient> for Account {
    type Result = ();

    fn handle(&mut self, FromClient(deliver): FromClient, context: &mut Context<Self>) {
        self.accept(Held::FromClient(deliver), context);
    }
}

impl Handler<CancelSubscription> for Account {
    type Result = ();

    fn handle(
        &mut self,
        CancelSubscription(deliver): CancelSubscription,
        context: &mut Context<Self>,
    ) {
        self.accept(Held::Cancel(deliver), context);
    }
}

impl Handler<Attach> for Account {
    type Result = Result<(), BindRefused>;

    fn handle(&mut self, Attach(session): Attach, context: &mut Context<Self>) -> Self::Result {
        if self.phase == Phase::Retired {
            return Err(BindRefused::Moving);
        }
        self.forget_closed(context);
        let old = self
            .handle
            .sessions()
            .iter()
            .find(|old| old.jid == session.jid)
            .cloned();
        if let Some(old) = old {
            // Prosody's default: the newer session wins (RFC 6120 §7.7.2.2, the third way).
            old.end(StreamError::new(StreamCondition::Conflict));
            self.leave(&old, context);
        }
        let mut sessions = self.handle.sessions().to_vec();
        if sessions.len() >= self.core.config().limits.sessions {
            return Err(BindRefused::TooMany);
        }
        sessions.push(session);
        self.handle.set_sessions(sessions);
        Ok(())
    }
}

impl Handler<Detach> for Account {
    type Result = ();

    fn handle(&mut self, Detach(session): Detach, context: &mut Context<Self>) {
        self.leave(&session, context);
        self.retire_when_idle(context);
    }
}

impl Handler<Retire> for Account {
    type Result = ();

    fn handle(&mut self, _: Retire, context: &mut Context<Self>) {
        if self.is_unused() {
            self.retire(context);
        }
    }
}

impl Handler<AccountChanged> for Account {
    type Result = ();

    fn handle(&mut self, change: AccountChanged, context: &mut Context<Self>) {
        if change.deleted {
            for session in self.handle.sessions().iter() {
                let text = "the account was deleted";
                session.end(StreamError::with_text(StreamCondition::NotAuthorized, text));
            }
        }
        self.accept(Held::Changed, context);
    }
}

impl Account {
    /// The account of `handle`; made by the supervisor's factory, at first and after every fault.
    /// What its predecessor published holds until the stored state has been read anew.
    pub fn new(core: Arc<Core>, handle: Arc<AccountHandle>) -> Self {
        let profile = Arc::clone(&handle.profile());
        Self {
            core,
            handle,
            profile,
            phase: Phase::Loading,
            waits: 0,
            held: VecDeque::new(),
            held_bytes: 0,
            appending: 0,
            pushes: 0,
            is_timed: false,
            report: AccountReport::default(),
        }
    }

    /// What the rules need to know of the account.
    pub(crate) fn shared(&self) -> (&Arc<Core>, &Arc<AccountHandle>) {
        (&self.core, &self.handle)
    }

    /// Makes `profile` what rules and sessions see.
    fn publish(&mut self, profile: Profile) {
        self.profile = Arc::new(profile);
        self.handle.set_profile(Arc::clone(&self.profile));
    }
}

#[cfg(test)]
mod tests;
