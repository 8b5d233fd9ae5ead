//! Carries out what a chain decided.

use std::sync::Arc;
use std::time::SystemTime;

use rules::{Effect, Fault, LogLevel, Outcome, Verdict};
use xmpp::Stanza;
use xmpp::stanza_error::{Condition, StanzaError};

use crate::core::Core;
use crate::delivery::{Deliver, MAX_HOPS};
use crate::handle::Ticket;
use crate::route::route_or_bounce;

/// At which point of a stanza's way a chain ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Before routing: DEFAULT only skips later scripts.
    Preroute,
    /// Before delivery: DEFAULT is answered as if nobody were there.
    Deliver,
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
    // The copy that a REDIRECT makes takes the place of the original: its sender waits for it.
    let mut ticket = match outcome.verdict {
        Verdict::Redirect => deliver.ticket.take(),
        _ => None,
    };
    for effect in outcome.effects {
        perform(core, arbiter, &deliver, effect, &mut ticket);
    }
    if let Some(ticket) = ticket {
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
        (Verdict::Drop | Verdict::Bounce | Verdict::Redirect, _) => deliver.settle(),
    }
    None
}

fn perform(
    core: &Arc<Core>,
    arbiter: usize,
    deliver: &Deliver,
    effect: Effect,
    ticket: &mut Option<Ticket>,
) {
    match effect {
        Effect::Reply(stanza) => deliver.origin.reply(&stanza),
        Effect::Route(stanza) => send_on(core, arbiter, deliver, stanza, ticket),
        Effect::Log {
            level,
            message,
            script,
            line,
        } => log(level, &message, &script, line),
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
        other => {
            tracing::error!(target: "firewall", effect = ?other, "no such effect in this release")
        }
    }
}

/// Routes a stanza that rules made, behind preroute, with a count of how often that happened.
fn send_on(
    core: &Arc<Core>,
    arbiter: usize,
    deliver: &Deliver,
    stanza: Stanza,
    ticket: &mut Option<Ticket>,
) {
    if deliver.hops >= MAX_HOPS {
        // One stanza in a circle of copies ends here many times: no line for each of them.
        if core.firewall.may_report_fault() {
            let to = stanza.to().map(tracing::field::display);
            tracing::warn!(target: "firewall", to, "rules send a stanza on in a circle; dropped");
        }
        return;
    }
    let next = Deliver {
        stanza,
        origin: deliver.origin.clone(),
        hops: deliver.hops + 1,
        ticket: ticket.take(),
    };
    route_or_bounce(core, arbiter, next);
}

fn log(level: LogLevel, message: &str, script: &str, line: u32) {
    match level {
        LogLevel::Debug => tracing::debug!(target: "firewall", script, line, "{message}"),
        LogLevel::Info => tracing::info!(target: "firewall", script, line, "{message}"),
        LogLevel::Warn => tracing::warn!(target: "firewall", script, line, "{message}"),
        LogLevel::Error => tracing::error!(target: "firewall", script, line, "{message}"),
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
