//! Carries out what a chain decided.

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::FutureExt;
use rules::{Effect, Fault, Outcome, Verdict};
use storage::StoreError;
use xmpp::Stanza;
use xmpp::jid::BareJid;
use xmpp::stanza_error::{Condition, StanzaError};

use crate::account::CancelSubscription;
use crate::core::Core;
use crate::delivery::{Allowance, Deliver};
use crate::handle::Ticket;
use crate::marks;
use crate::route::route_or_bounce;

/// At which point of a stanza's way a chain ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Before routing: DEFAULT only skips later scripts.
    Preroute,
    /// Before delivery: DEFAULT is answered as if nobody were there.
    Deliver,
    /// Before a stanza would leave for another server: DEFAULT is answered as if none could.
    DeliverRemote,
}

/// Does what the rules say; the stanza, if it goes on.
pub fn carry_out(
    core: &Arc<Core>,
    arbiter: usize,
    point: Point,
    mut deliver: Deliver,
    outcome: Outcome,
) -> Option<Deliver> {
    if let Some(fault) = &outcome.fault {
        report(core, &deliver, fault);
    }
    let is_redirect = outcome.verdict == Verdict::Redirect;
    let mut errand = Errand::new(core, arbiter, deliver.allowance, &outcome);
    if is_redirect {
        errand.ticket = deliver.ticket.take();
    }
    for effect in outcome.effects {
        errand.perform(&deliver, effect);
    }
    if let Some(ticket) = errand.ticket {
        ticket.settle();
    }
    match (outcome.verdict, point) {
        (Verdict::Pass | Verdict::Return, _) | (Verdict::Default, Point::Preroute) => {
            if let Some(stanza) = outcome.stanza {
                deliver.stanza = stanza;
            }
            return Some(deliver);
        }
        (Verdict::Default, Point::Deliver) => {
            deliver.bounce(StanzaError::new(Condition::ServiceUnavailable));
        }
        (Verdict::Default, Point::DeliverRemote) => {
            let text = "Communication with remote domains is not enabled";
            deliver.bounce(StanzaError::new(Condition::NotAllowed).with_text(text));
        }
        (Verdict::Drop | Verdict::Bounce | Verdict::Redirect, _) => deliver.settle(),
    }
    None
}

/// The effects of one run on their way.
struct Errand<'a> {
    core: &'a Arc<Core>,
    arbiter: usize,
    /// Stanzas still to be sent on.
    routes: u16,
    /// What may be made of each of them; `None`: there may be no more.
    allowance: Option<Allowance>,
    is_redirect: bool,
    /// The user whose contact the next stanza tells that its subscription is cancelled.
    cancels: Option<BareJid>,
    /// The stanza that REDIRECT makes, the last one, takes the place of the original: its sender
    /// waits for it.
    ticket: Option<Ticket>,
}

impl<'a> Errand<'a> {
    fn new(core: &'a Arc<Core>, arbiter: usize, allowance: Allowance, outcome: &Outcome) -> Self {
        let routes = |effect: &&Effect| matches!(effect, Effect::Route(_));
        let routes = outcome.effects.iter().filter(routes).count();
        let routes = u16::try_from(routes).unwrap_or(u16::MAX);
        Self {
            core,
            arbiter,
            routes,
            allowance: allowance.of_each(routes),
            is_redirect: outcome.verdict == Verdict::Redirect,
            cancels: None,
            ticket: None,
        }
    }

    fn perform(&mut self, deliver: &Deliver, effect: Effect) {
        match effect {
            Effect::Reply(stanza) => deliver.origin.reply(&stanza),
            Effect::Route(stanza) => self.send_on(deliver, stanza),
            Effect::Log {
                level,
                message,
                script,
                line,
            } => {
                let lines = &self.core.firewall.log_lines;
                lines.write(level, &message, &script, line);
            }
            Effect::Warning {
                message,
                script,
                line,
            } => {
                tracing::warn!(target: "firewall", script, line, "{message}");
            }
            Effect::MarkOrigin(name) => {
                if let Some(session) = deliver.origin.session() {
                    session.mark(&name, SystemTime::now());
                }
            }
            Effect::UnmarkOrigin(name) => {
                if let Some(session) = deliver.origin.session() {
                    session.unmark(&name);
                }
            }
            Effect::MarkUser(name) => {
                self.mark_user(deliver, &name, Some(SystemTime::now()));
            }
            Effect::UnmarkUser(name) => self.mark_user(deliver, &name, None),
            Effect::Unsubscribe { user, .. } => self.cancels = Some(user),
            // The chains that are attached to it have run.
            Effect::Event(_) => {}
        }
    }

    /// Marks the user of the origin session, or takes a mark off. The sender does not hear that the
    /// node has what it sent before that is stored.
    fn mark_user(&self, deliver: &Deliver, name: &str, at: Option<SystemTime>) {
        let Some(session) = deliver.origin.session() else {
            return;
        };
        let user = session.jid.to_bare();
        let mut stored = marks::change(self.core, &user, name, at);
        let (core, ticket) = (Arc::clone(self.core), Ticket::new(session));
        let report = move |outcome: Result<(), StoreError>| {
            if let Err(error) = outcome
                && core.firewall.may_report_fault()
            {
                tracing::error!(target: "firewall", %user, %error, "a mark is not stored");
            }
            ticket.settle();
        };
        match (&mut stored).now_or_never() {
            Some(outcome) => report(outcome),
            None => drop(actix_rt::spawn(stored.map(report))),
        }
    }

    /// Has the account of `user` cancel a subscription and tell the contact by `next`.
    fn cancel(&self, user: &BareJid, next: Deliver) {
        let account = self.core.visit(user, self.arbiter);
        let is_told = account.is_some_and(|account| {
            let told = account.offer(CancelSubscription(next));
            told.is_ok()
        });
        if !is_told && self.core.firewall.may_report_fault() {
            tracing::warn!(target: "firewall", %user, "a subscription is not cancelled: the account is busy");
        }
    }

    /// Routes a stanza that rules made, behind preroute.
    fn send_on(&mut self, deliver: &Deliver, stanza: Stanza) {
        self.routes = self.routes.saturating_sub(1);
        let is_last = self.routes == 0;
        let mut next = Deliver::new(stanza, deliver.origin.clone());
        next.ticket = if is_last { self.ticket.take() } else { None };
        match self.allowance {
            Some(allowance) => {
                next.allowance = allowance;
                match self.cancels.take() {
                    Some(user) => self.cancel(&user, next),
                    None => route_or_bounce(self.core, self.arbiter, next),
                }
            }
            None => self.end_circle(next, self.is_redirect && is_last),
        }
    }

    /// A copy is dropped; of what would have replaced the original its sender hears.
    fn end_circle(&self, next: Deliver, is_original: bool) {
        // One stanza in a circle of copies ends here many times: no line for each of them.
        if self.core.firewall.may_report_fault() {
            let to = next.stanza.to().map(tracing::field::display);
            tracing::warn!(target: "firewall", to, "rules send a stanza on in a circle; dropped");
        }
        match is_original {
            true => next.bounce(StanzaError::new(Condition::ResourceConstraint)),
            false => next.settle(),
        }
    }
}

/// A run that was cut off drops its stanza; the operator is told, with a bound on how often.
fn report(core: &Core, deliver: &Deliver, fault: &Fault) {
    if core.firewall.may_report_fault() {
        let kind = fault.kind.describe();
        let (script, line) = (fault.script.as_str(), fault.line);
        let from = deliver.stanza.from().map(tracing::field::display);
        tracing::error!(target: "firewall", script, line, from, "stanza dropped: {kind}");
    }
}
