//! What a client sends: checked, stamped, decided by the preroute chain, and routed.

use std::sync::Arc;
use std::time::Duration;

use actix::{AsyncContext, Context};
use xmpp::jid::{Jid, bare_str};
use xmpp::stanza_error::{Condition, StanzaError};
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::{Stanza, StanzaKind};

use super::{Bound, Session};
use crate::account::{FromClient, blocked_by_sender};
use crate::delivery::{Deliver, Origin};
use crate::handle::Ticket;
use crate::offer::Refused;
use crate::route::route;

/// How long to wait before a full recipient is tried again.
const RETRY: Duration = Duration::from_millis(2);
/// How long to wait before what is outstanding is looked at again, should the news get lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Retries of a full recipient before its stanza is answered with `resource-constraint`.
pub(super) const RETRIES: u16 = 2500;

/// A stanza that could not go on, and what holds it up.
pub(super) enum Stalled {
    /// The recipient's mailbox is full, or its actor is being restarted.
    Routing(Deliver, u16),
    /// The answer would come before earlier messages are committed.
    Settling(Stanza),
    /// The rules ask for what has to be read from the store first.
    Deciding(Stanza),
}

/// Where a checked stanza goes.
enum Way {
    /// To the session's own account.
    Account,
    /// By its `to`.
    Route,
}

impl Session {
    /// Takes one stanza from the client, or queues it behind those that wait.
    pub(super) fn take_in(&mut self, stanza: Stanza, context: &mut Context<Self>) {
        if self.is_deaf() {
            return;
        }
        if self.stalled.is_some() || !self.queue.is_empty() {
            self.queue.push_back(stanza);
            return;
        }
        if let Err(stalled) = self.accept(stanza, context) {
            self.stall(stalled, context);
        }
    }

    /// Stanzas that wait for their turn.
    pub(super) fn held(&self) -> usize {
        self.queue.len() + usize::from(self.stalled.is_some())
    }

    /// Goes on where something stalled.
    pub(super) fn advance(&mut self, context: &mut Context<Self>) {
        let mut result = match self.stalled.take().map(|stalled| *stalled) {
            None => Ok(()),
            Some(Stalled::Routing(deliver, tries)) => self.dispatch(deliver, tries + 1),
            Some(Stalled::Settling(stanza)) => self.settle(stanza, context),
            Some(Stalled::Deciding(stanza)) => self.decide(stanza, context),
        };
        while result.is_ok() && !self.ending.is_begun {
            let Some(stanza) = self.queue.pop_front() else {
                break;
            };
            result = self.accept(stanza, context);
        }
        if let Err(stalled) = result {
            self.stall(stalled, context);
        }
        self.credit.holds(self.held());
        if self.held() == 0 {
            self.conclude(context);
        }
    }

    fn stall(&mut self, stalled: Stalled, context: &mut Context<Self>) {
        if self.ending.is_begun {
            return;
        }
        let period = match stalled {
            Stalled::Routing(..) => RETRY,
            Stalled::Settling(_) | Stalled::Deciding(_) => LOOK_AGAIN,
        };
        self.stalled = Some(Box::new(stalled));
        // A timer of another stall may be a long one.
        if let Some(earlier) = self.retry.take() {
            context.cancel_future(earlier);
        }
        self.retry = Some(context.run_later(period, |session, context| {
            session.retry = None;
            session.advance(context);
        }));
    }

    /// Checks and stamps a stanza, and sends it on its way.
    fn accept(&mut self, mut stanza: Stanza, context: &mut Context<Self>) -> Result<(), Stalled> {
        let Some(bound) = &self.bound else {
            return self.accept_from_component(stanza, context);
        };
        if let Err(error) = check_from(&stanza, bound) {
            self.close(Some(error), context);
            return Ok(());
        }
        if stanza.to().is_some_and(|to| is_own_bare(to, bound)) {
            stanza.set_to(None);
        }
        stanza.set_from(Some(bound.handle.jid.clone().into()));
        if let Some(error) = malformation(&stanza) {
            let origin = Origin::Session(Arc::clone(&bound.handle));
            Deliver::new(stanza, origin).bounce(error);
            return Ok(());
        }
        if stanza.to().is_some_and(|to| has_blocked(to, bound)) {
            let origin = Origin::Session(Arc::clone(&bound.handle));
            Deliver::new(stanza, origin).bounce(blocked_by_sender());
            return Ok(());
        }
        match answers_here(&stanza, bound) {
            true => self.settle(stanza, context),
            false => self.decide(stanza, context),
        }
    }

    /// Lets an iq on once all earlier messages are safe: its answer says so.
    fn settle(&mut self, stanza: Stanza, context: &mut Context<Self>) -> Result<(), Stalled> {
        let Some(bound) = &self.bound else {
            return Ok(());
        };
        if bound.handle.wait_until_settled() {
            return Err(Stalled::Settling(stanza));
        }
        if bound.handle.take_lost() == 0 {
            return self.decide(stanza, context);
        }
        let text = "an earlier message was lost to a fault of this server";
        let error = StanzaError::new(Condition::InternalServerError).with_text(text);
        let origin = Origin::Session(Arc::clone(&bound.handle));
        Deliver::new(stanza, origin).bounce(error);
        Ok(())
    }

    /// Runs the preroute chain and routes what it lets through.
    fn decide(&mut self, stanza: Stanza, context: &mut Context<Self>) -> Result<(), Stalled> {
        match self.preroute(stanza, context) {
            Ok(Some(deliver)) => self.dispatch(deliver, 0),
            Ok(None) => Ok(()),
            Err(stanza) => Err(Stalled::Deciding(stanza)),
        }
    }

    fn dispatch(&mut self, mut deliver: Deliver, tries: u16) -> Result<(), Stalled> {
        let Some(bound) = &self.bound else {
            return self.dispatch_from_component(deliver, tries);
        };
        if tries > RETRIES {
            deliver.bounce(StanzaError::new(Condition::ResourceConstraint));
            return Ok(());
        }
        let way = way(&deliver.stanza);
        if deliver.ticket.is_none() {
            deliver.ticket = match deliver.stanza.kind() {
                StanzaKind::Message => Some(Ticket::new(&bound.handle)),
                StanzaKind::Presence => Some(Ticket::of_presence(&bound.handle)),
                StanzaKind::Iq => None,
            };
        }
        if matches!(way, Way::Route) && bound.handle.wait_for_presence() {
            return Err(Stalled::Routing(deliver, tries));
        }
        let result = match way {
            Way::Account => {
                let offered = bound.account.offer(FromClient(deliver));
                offered.map_err(|refused: Refused<FromClient>| refused.into_inner().0)
            }
            Way::Route => route(&self.core, self.placement.index(), deliver),
        };
        result.map_err(|deliver| Stalled::Routing(deliver, tries))
    }
}

/// RFC 6120 §8.1.2.1: a client may name itself, and nobody else.
fn check_from(stanza: &Stanza, bound: &Bound) -> Result<(), StreamError> {
    let own = &bound.handle.jid;
    let is_own = match (stanza.from(), stanza.malformed_from()) {
        (None, None) => true,
        (Some(from), _) => from.as_str() == own.as_str() || from.as_str() == bare_str(own),
        (None, Some(_)) => false,
    };
    match is_own {
        true => Ok(()),
        false => Err(StreamError::with_text(
            StreamCondition::InvalidFrom,
            format!("this stream may send as {own} only"),
        )),
    }
}

/// What a stanza lacks by RFC 6120 §8 and RFC 6121, so that it is answered instead of routed.
pub(super) fn malformation(stanza: &Stanza) -> Option<StanzaError> {
    if stanza.malformed_to().is_some() {
        return Some(StanzaError::new(Condition::JidMalformed));
    }
    let problem = match stanza.kind() {
        StanzaKind::Message => return None,
        StanzaKind::Presence => presence_problem(stanza),
        StanzaKind::Iq => iq_problem(stanza),
    };
    problem.map(|text| StanzaError::new(Condition::BadRequest).with_text(text))
}

/// RFC 6120 §8.2.3.
fn iq_problem(stanza: &Stanza) -> Option<&'static str> {
    if stanza.id().is_none() {
        return Some("an iq needs an id");
    }
    match stanza.type_attr() {
        Some("get" | "set") if stanza.children().count() != 1 => {
            Some("an iq of type get or set needs exactly one child")
        }
        Some("get" | "set" | "result" | "error") => None,
        _ => Some("the type of an iq is get, set, result or error"),
    }
}

/// RFC 6121 §4.7.1.
fn presence_problem(stanza: &Stanza) -> Option<&'static str> {
    match stanza.type_attr() {
        None => None,
        Some("subscribe" | "subscribed" | "unsubscribe" | "unsubscribed")
            if stanza.to().is_none() =>
        {
            Some("a subscription needs an address in to")
        }
        Some(
            "unavailable" | "probe" | "subscribe" | "subscribed" | "unsubscribe" | "unsubscribed"
            | "error",
        ) => None,
        Some(_) => Some("the type of the presence is not one of RFC 6121"),
    }
}

/// Whether this node itself will answer: the result then also says that earlier messages are safe.
fn answers_here(stanza: &Stanza, bound: &Bound) -> bool {
    if stanza.kind() != StanzaKind::Iq || !matches!(stanza.type_attr(), Some("get" | "set")) {
        return false;
    }
    let Some(to) = stanza.to() else { return true };
    to.node().is_none() && to.domain() == bound.handle.jid.domain()
}

/// Whether the user has blocked `to`. The user's own other resources never are.
fn has_blocked(to: &Jid, bound: &Bound) -> bool {
    bound.account.profile().blocklist.blocks(to) && bare_str(to) != bound.account.jid.as_str()
}

/// A stanza to the own bare JID is handled as one without `to` (RFC 6120 §10.3).
fn is_own_bare(to: &Jid, bound: &Bound) -> bool {
    to.resource().is_none() && to.as_str() == bound.account.jid.as_str()
}

/// Presence, and what has no `to`, goes through the own account (RFC 6120 §10.3).
fn way(stanza: &Stanza) -> Way {
    match stanza.kind() == StanzaKind::Presence || stanza.to().is_none() {
        true => Way::Account,
        false => Way::Route,
    }
}
