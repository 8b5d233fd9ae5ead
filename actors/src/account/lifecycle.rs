//! An account's life: it loads, holds its queue while it waits, and retires when nobody needs it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{ActorFutureExt, AsyncContext, Context};
use futures_util::future::OptionFuture;
use storage::{StoreError, UserMark};
use xmpp::stanza_error::{Condition, StanzaError};

use super::{Account, CancelSubscription, Held, Phase, Profile};
use crate::core::MAX_VISITED;
use crate::delivery::Deliver;
use crate::handle::SessionHandle;
use crate::route::route_or_bounce;

/// Stanzas that an account holds while it waits; more are answered with `resource-constraint`.
const MAX_HELD: usize = 2048;
/// Bytes of stanzas that an account holds while it waits, as [`MAX_HELD`]. One alone is always held.
const MAX_HELD_BYTES: u32 = 8 * 1024 * 1024;
/// The queue of what is held keeps at most this much room when it is empty.
const SPARE_HELD: usize = 32;
/// How long an account without sessions stays active.
const IDLE: Duration = Duration::from_secs(30);
/// The same while many accounts live for the sake of stanzas alone.
const IDLE_IN_CROWD: Duration = Duration::from_secs(1);
/// How long a retired account passes on what was under way to it.
const AFTERLIFE: Duration = Duration::from_secs(2);
/// How long to wait before the stored state is read again after a failure.
const RELOAD: Duration = Duration::from_secs(1);

impl Account {
    /// Reads the stored state; until it is there, stanzas are held.
    pub(super) fn load(&mut self, context: &mut Context<Self>) {
        self.phase = Phase::Loading;
        let load = self.stored_state();
        let load = wrap_future::<_, Self>(load).map(|loaded, account, context| match loaded {
            Ok((profile, marks)) => {
                if let Some(marks) = marks {
                    account.handle.marks().take_in(marks);
                }
                account.loaded(profile, context);
            }
            Err(error) => {
                tracing::error!(account = %account.handle.jid, %error, "can not read the account");
                context.run_later(RELOAD, Self::load);
            }
        });
        context.spawn(load);
    }

    /// Reads what is stored of the user; the marks only where rules of the host deal with them.
    fn stored_state(
        &self,
    ) -> impl Future<Output = Result<(Profile, Option<Vec<UserMark>>), StoreError>> + use<> {
        let (core, user) = (Arc::clone(&self.core), self.handle.jid.clone());
        let marks = self.handle.marks();
        let marks = if core.firewall.uses_marks(user.domain().as_str()) {
            Some(marks.read(&*core.store, &user))
        } else {
            marks.forget();
            None
        };
        let profile = Profile::load(core, user);
        async move {
            let marks = OptionFuture::from(marks);
            let (profile, marks) = tokio::join!(profile, marks);
            Ok((profile?, marks.transpose()?))
        }
    }

    fn loaded(&mut self, profile: Profile, context: &mut Context<Self>) {
        let before = Arc::clone(&self.profile);
        self.publish(profile);
        self.phase = Phase::Ready;
        self.forget_closed(context);
        if before.is_loaded {
            self.catch_up(&before);
        }
        self.release(context);
        self.retire_when_idle(context);
    }

    /// Handles what came now, or in its turn.
    pub(super) fn accept(&mut self, held: Held, context: &mut Context<Self>) {
        match self.phase {
            Phase::Ready if self.waits == 0 => self.handle_now(held, context),
            Phase::Ready | Phase::Loading => self.hold(held),
            Phase::Retired => self.pass_on(held),
        }
    }

    fn handle_now(&mut self, held: Held, context: &mut Context<Self>) {
        match held {
            Held::Deliver(deliver) => self.deliver(deliver, context),
            Held::FromClient(deliver) => self.client_sent(deliver, context),
            Held::Told(told) => self.told(told, context),
            Held::Gone(session) => self.gone(&session, context),
            Held::Changed => self.load(context),
            Held::Cancel(deliver) => self.cancel_subscription(deliver, context),
        }
    }

    /// Sessions that are gone are always held: there are no more of them than sessions may be.
    fn hold(&mut self, held: Held) {
        let bytes = self.held_bytes.saturating_add(held.bytes());
        let has_bytes = bytes <= MAX_HELD_BYTES || self.held_bytes == 0;
        let has_room = has_bytes && self.held.len() < MAX_HELD;
        match held {
            Held::Changed if self.held.iter().any(|held| matches!(held, Held::Changed)) => {}
            Held::Changed | Held::Gone(_) => self.held.push_back(held),
            held if has_room => {
                self.held_bytes = bytes;
                self.held.push_back(held);
            }
            Held::Deliver(deliver) | Held::FromClient(deliver) | Held::Cancel(deliver) => {
                refuse(deliver);
            }
            Held::Told(told) => refuse(self.as_deliver(told)),
        }
    }

    /// Handles what was held, until something makes the account wait again.
    pub(super) fn release(&mut self, context: &mut Context<Self>) {
        while self.phase == Phase::Ready && self.waits == 0 {
            let Some(held) = self.held.pop_front() else {
                break;
            };
            self.held_bytes = self.held_bytes.saturating_sub(held.bytes());
            self.handle_now(held, context);
        }
        if self.held.is_empty() && self.held.capacity() > SPARE_HELD {
            self.held = VecDeque::new();
        }
    }

    /// Runs `then` with what `future` brings; until then the account holds its queue.
    pub(super) fn wait_for<T: 'static>(
        &mut self,
        future: impl Future<Output = T> + 'static,
        context: &mut Context<Self>,
        then: impl FnOnce(&mut Self, T, &mut Context<Self>) + 'static,
    ) {
        self.waits += 1;
        let future = wrap_future::<_, Self>(future).map(|outcome, account, context| {
            account.waits -= 1;
            then(account, outcome, context);
            account.release(context);
        });
        context.spawn(future);
    }

    /// Takes a session off the list; what it sent before is still handled, then others are told.
    pub(super) fn leave(&mut self, session: &Arc<SessionHandle>, context: &mut Context<Self>) {
        let mut sessions = self.handle.sessions().to_vec();
        let before = sessions.len();
        sessions.retain(|other| other.id != session.id);
        if sessions.len() < before {
            self.handle.set_sessions(sessions);
            self.accept(Held::Gone(Arc::clone(session)), context);
        }
    }

    /// Lets go of sessions that ended while this account could not be told.
    pub(super) fn forget_closed(&mut self, context: &mut Context<Self>) {
        let closed: Vec<_> = self
            .handle
            .sessions()
            .iter()
            .filter(|session| !session.is_open())
            .cloned()
            .collect();
        for session in closed {
            self.leave(&session, context);
        }
    }

    /// Whether it may retire at once.
    pub(super) fn is_unused(&self) -> bool {
        let is_idle = self.phase == Phase::Ready && self.waits == 0 && self.appending == 0;
        is_idle && self.handle.sessions().is_empty()
    }

    /// Without sessions the account retires after a while, soon when no such user exists. One that
    /// has sessions has no timer.
    pub(super) fn retire_when_idle(&mut self, context: &mut Context<Self>) {
        if self.is_timed || self.phase == Phase::Retired || !self.handle.sessions().is_empty() {
            return;
        }
        self.is_timed = true;
        let is_crowded = self.core.tables.visited() >= MAX_VISITED / 2;
        let period = match self.profile.exists {
            true if is_crowded => IDLE_IN_CROWD,
            true => IDLE,
            false if is_crowded => Duration::ZERO,
            false => AFTERLIFE,
        };
        context.run_later(period, |account, context| {
            account.is_timed = false;
            match account.is_unused() {
                true => account.retire(context),
                false => account.retire_when_idle(context),
            }
        });
    }

    /// Leaves the tables; what was under way is passed on to whoever comes after.
    pub(super) fn retire(&mut self, context: &mut Context<Self>) {
        self.core.tables.retire(&self.handle);
        self.phase = Phase::Retired;
        let slot = self.handle.slot().cloned();
        let core = Arc::clone(&self.core);
        context.run_later(AFTERLIFE, move |_, _| core.stop_account(slot));
    }

    fn pass_on(&self, held: Held) {
        let deliver = match held {
            Held::Deliver(deliver) => deliver,
            Held::Told(told) => self.as_deliver(told),
            // Its session is not on the list any more, or the account had not retired.
            Held::FromClient(deliver) => return refuse(deliver),
            Held::Cancel(deliver) => {
                let successor = self.core.account(&self.handle.jid, self.handle.arbiter);
                if successor.offer(CancelSubscription(deliver)).is_err() {
                    tracing::warn!(user = %self.handle.jid, "a subscription is not cancelled: the account is busy");
                }
                return;
            }
            Held::Gone(_) | Held::Changed => return,
        };
        route_or_bounce(&self.core, self.handle.arbiter, deliver);
    }
}

fn refuse(deliver: Deliver) {
    deliver.bounce(StanzaError::new(Condition::ResourceConstraint));
}
