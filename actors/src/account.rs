//! One account: its sessions, roster, blocklist and presence, in order, in one place.
//!
//! Sessions and other accounts tell it stanzas; it delivers by RFC 6121 §8.5, keeps what nobody can
//! take, and answers what is asked of the user. It is supervised under `accounts`: a fresh value
//! loads the stored state anew and finds its sessions in its [`AccountHandle`], which survives it.
//! While it waits for the store it holds its own queue, and nobody else's.

mod blocking;
mod iq;
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

use actix::fut::wrap_future;
use actix::{Actor, AsyncContext, Context, Handler, Message};
use serde::Serialize;
use xmpp::stanza_error::{Condition, StanzaError};
use xmpp::stream_error::{StreamCondition, StreamError};

use crate::core::Core;
use crate::delivery::Deliver;
use crate::handle::SessionHandle;
use crate::observe::Observe;
use crate::route::route_or_bounce;
use crate::supervise::{RestartPolicy, Supervise};
use crate::tables::AccountHandle;

pub(crate) use blocking::blocked_by_sender;
pub(crate) use iq::{has_node, store_error};
pub use profile::{Blocklist, Profile, Roster, SharedContacts};

/// Stanzas that an account holds while it waits for the store.
const MAX_HELD: usize = 2048;
/// How long an account without sessions stays active.
const IDLE: Duration = Duration::from_secs(30);
/// How long a retired account passes on what was under way to it.
const AFTERLIFE: Duration = Duration::from_secs(2);
/// How long to wait before the stored state is read again after a failure.
const RELOAD: Duration = Duration::from_secs(1);

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

/// What waits while the account waits for the store.
enum Held {
    Deliver(Deliver),
    FromClient(Deliver),
    Detach(Arc<SessionHandle>),
}

/// Whether stanzas are handled now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The stored state is being read.
    Loading,
    /// Stanzas are handled as they come.
    Ready,
    /// Something is being stored or read, and what comes meanwhile has to wait for it.
    Waiting,
    /// A newer account has taken this one's place: everything is passed on to it.
    Retired,
}

/// The actor.
pub struct Account {
    core: Arc<Core>,
    handle: Arc<AccountHandle>,
    profile: Arc<Profile>,
    phase: Phase,
    held: VecDeque<Held>,
    /// Offline messages handed to the store and not yet committed.
    appending: usize,
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
    /// Items in the roster.
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
            available: sessions.iter().filter(|session| session.priority().is_some()).count(),
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
        match self.phase {
            Phase::Ready => self.deliver(deliver, context),
            Phase::Retired => self.pass_on(deliver),
            Phase::Loading | Phase::Waiting => self.hold(Held::Deliver(deliver)),
        }
    }
}

impl Handler<FromClient> for Account {
    type Result = ();

    fn handle(&mut self, FromClient(deliver): FromClient, context: &mut Context<Self>) {
        match self.phase {
            Phase::Ready => self.from_client(deliver, context),
            Phase::Retired => self.pass_on(deliver),
            Phase::Loading | Phase::Waiting => self.hold(Held::FromClient(deliver)),
        }
    }
}

impl Handler<Attach> for Account {
    type Result = Result<(), BindRefused>;

    fn handle(&mut self, Attach(session): Attach, _: &mut Context<Self>) -> Self::Result {
        if self.phase == Phase::Retired {
            return Err(BindRefused::Moving);
        }
        let mut sessions = self.handle.sessions().to_vec();
        if let Some(index) = sessions.iter().position(|old| old.jid == session.jid) {
            // Prosody's default: the newer session wins (RFC 6120 §7.7.2.2, the third way).
            let old = sessions.remove(index);
            old.end(StreamError::new(StreamCondition::Conflict));
            self.gone(&old);
        }
        if sessions.len() >= self.core.config().limits.sessions {
            self.handle.set_sessions(sessions);
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
        match self.phase {
            Phase::Ready => self.detach(&session),
            Phase::Loading | Phase::Waiting => self.hold(Held::Detach(session)),
            Phase::Retired => {}
        }
        self.retire_when_idle(context);
    }
}

impl Handler<Retire> for Account {
    type Result = ();

    fn handle(&mut self, _: Retire, context: &mut Context<Self>) {
        if self.handle.sessions().is_empty() && self.phase == Phase::Ready && self.appending == 0 {
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
        if self.phase == Phase::Ready {
            self.load(context);
        }
    }
}

impl Account {
    /// The account of `handle`; made by the supervisor's factory, at first and after every fault.
    pub fn new(core: Arc<Core>, handle: Arc<AccountHandle>) -> Self {
        Self {
            core,
            handle,
            profile: Arc::default(),
            phase: Phase::Loading,
            held: VecDeque::new(),
            appending: 0,
            is_timed: false,
            report: AccountReport::default(),
        }
    }

    /// What the rules need to know of the account.
    pub(crate) fn shared(&self) -> (&Arc<Core>, &Arc<AccountHandle>) {
        (&self.core, &self.handle)
    }

    /// Reads the stored state; until it is there, stanzas are held.
    fn load(&mut self, context: &mut Context<Self>) {
        self.phase = Phase::Loading;
        let load = Profile::load(Arc::clone(&self.core), self.handle.jid.clone());
        let load = wrap_future::<_, Self>(load);
        context.spawn(actix::ActorFutureExt::map(load, |loaded, account, context| match loaded {
            Ok(profile) => account.loaded(profile, context),
            Err(error) => {
                tracing::error!(account = %account.handle.jid, %error, "can not read the account");
                context.run_later(RELOAD, Self::load);
            }
        }));
    }

    fn loaded(&mut self, profile: Profile, context: &mut Context<Self>) {
        self.publish(profile);
        self.phase = Phase::Ready;
        self.forget_closed();
        self.release(context);
        self.retire_when_idle(context);
    }

    /// Lets go of sessions that ended while this account could not be told.
    fn forget_closed(&mut self) {
        let closed: Vec<_> =
            self.handle.sessions().iter().filter(|session| !session.is_open()).cloned().collect();
        for session in closed {
            self.detach(&session);
        }
    }

    /// Makes `profile` what rules and sessions see.
    fn publish(&mut self, profile: Profile) {
        self.profile = Arc::new(profile);
        self.handle.set_profile(Arc::clone(&self.profile));
    }

    fn hold(&mut self, held: Held) {
        if self.held.len() < MAX_HELD {
            self.held.push_back(held);
            return;
        }
        match held {
            Held::Deliver(deliver) | Held::FromClient(deliver) => {
                deliver.bounce(StanzaError::new(Condition::ResourceConstraint));
            }
            // The session is closed; what it misses is caught up with at the next look at the list.
            Held::Detach(session) => self.gone(&session),
        }
    }

    /// Handles what was held, until something makes the account wait again.
    fn release(&mut self, context: &mut Context<Self>) {
        while self.phase == Phase::Ready {
            match self.held.pop_front() {
                Some(Held::Deliver(deliver)) => self.deliver(deliver, context),
                Some(Held::FromClient(deliver)) => self.from_client(deliver, context),
                Some(Held::Detach(session)) => self.detach(&session),
                None => return,
            }
        }
    }

    fn detach(&mut self, session: &Arc<SessionHandle>) {
        let mut sessions = self.handle.sessions().to_vec();
        let before = sessions.len();
        sessions.retain(|other| other.id != session.id);
        if sessions.len() < before {
            self.handle.set_sessions(sessions);
            self.gone(session);
        }
    }

    /// Without sessions the account retires after a while, at once when no such user exists.
    fn retire_when_idle(&mut self, context: &mut Context<Self>) {
        if self.is_timed || !self.handle.sessions().is_empty() {
            return;
        }
        self.is_timed = true;
        let period = if self.profile.exists { IDLE } else { AFTERLIFE };
        context.run_later(period, |account, context| {
            account.is_timed = false;
            let is_busy = account.phase != Phase::Ready || account.appending > 0;
            match is_busy || !account.handle.sessions().is_empty() {
                true => account.retire_when_idle(context),
                false => account.retire(context),
            }
        });
    }

    /// Leaves the tables; what was under way is passed on to whoever comes after.
    fn retire(&mut self, context: &mut Context<Self>) {
        self.core.tables.retire(&self.handle);
        self.phase = Phase::Retired;
        let slot = self.handle.slot().cloned();
        let core = Arc::clone(&self.core);
        context.run_later(AFTERLIFE, move |_, _| core.stop_account(slot));
    }

    fn pass_on(&self, deliver: Deliver) {
        route_or_bounce(&self.core, self.handle.arbiter, deliver);
    }
}
