//! Presence: what the user's clients send (RFC 6121 §4), and what others send to the user.

use std::sync::Arc;

use actix::Context;
use xmpp::jid::{BareJid, Jid, bare_str};
use xmpp::roster::SubscriptionKind;
use xmpp::stanza_error::{Condition, StanzaError};
use xmpp::{Stanza, StanzaKind};

use super::Account;
use crate::delivery::{Deliver, Origin};
use crate::handle::{MAX_DIRECTED, SessionHandle};
use crate::route::route_or_bounce;

impl Account {
    /// Handles what one of the user's clients sent to its own server.
    pub(super) fn from_client(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        match deliver.stanza.kind() {
            StanzaKind::Presence => self.client_presence(deliver, context),
            StanzaKind::Message | StanzaKind::Iq => self.deliver(deliver, context),
        }
    }

    fn client_presence(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        let Some(session) = deliver.origin.session().cloned() else { return };
        if !self.handle.sessions().iter().any(|known| known.id == session.id) {
            return;
        }
        let kind = SubscriptionKind::from_type(deliver.stanza.type_attr());
        match (kind, deliver.stanza.to().is_some()) {
            (Some(kind), true) => self.client_subscription(kind, deliver, context),
            (_, true) => self.directed_presence(&session, deliver),
            (_, false) => match deliver.stanza.type_attr() {
                None => self.available(&session, deliver, context),
                Some("unavailable") => self.unavailable(&session, &deliver.stanza),
                Some(_) => {}
            },
        }
    }

    /// Initial or subsequent presence (RFC 6121 §4.2, §4.4).
    fn available(
        &mut self,
        session: &Arc<SessionHandle>,
        deliver: Deliver,
        context: &mut Context<Self>,
    ) {
        let Ok(priority) = priority(&deliver.stanza) else {
            let text = "the priority is a whole number from -128 to 127";
            return deliver.bounce(StanzaError::new(Condition::BadRequest).with_text(text));
        };
        let stanza = deliver.stanza;
        let (is_initial, wants_offline) = {
            let mut presence = session.presence();
            let is_initial = presence.available.replace(stanza.clone()).is_none();
            let was_negative = is_initial || presence.priority < 0;
            presence.priority = priority;
            (is_initial, was_negative && priority >= 0)
        };
        self.broadcast(session, &stanza);
        if is_initial {
            self.welcome(session);
        }
        if wants_offline {
            self.flush_offline(session, context);
        }
    }

    /// What a resource is told when it becomes available: the presence of contacts (by probes,
    /// RFC 6121 §4.3.1) and of the user's other resources, and requests that wait (§3.1.3).
    fn welcome(&mut self, session: &Arc<SessionHandle>) {
        for contact in self.profile.roster.contacts(|subscription| subscription.is_to()) {
            if !self.is_worth_telling(contact) {
                continue;
            }
            let mut probe = Stanza::new(StanzaKind::Presence);
            probe.set_type(Some("probe"));
            probe.set_from(Some(session.jid.clone().into()));
            probe.set_to(Some(contact.clone().into()));
            self.send_as(session, probe);
        }
        for other in self.handle.sessions().iter().filter(|other| other.id != session.id) {
            let available = other.presence().available.clone();
            if let Some(mut presence) = available {
                presence.set_to(Some(session.jid.clone().into()));
                // A session that can not be told is ending.
                let _gone = session.send(&presence);
            }
        }
        for request in self.profile.roster.requests() {
            let _gone = session.send(request);
        }
    }

    /// Unavailable presence (RFC 6121 §4.5): to contacts, own resources, and whoever was sent
    /// directed presence.
    fn unavailable(&mut self, session: &Arc<SessionHandle>, stanza: &Stanza) {
        let (was_available, directed) = {
            let mut presence = session.presence();
            presence.priority = 0;
            let was_available = presence.available.take().is_some();
            (was_available, std::mem::take(&mut presence.directed))
        };
        if was_available {
            self.broadcast(session, stanza);
        }
        for to in directed {
            if was_available && self.profile.roster.subscription_of(bare_str(&to)).is_from() {
                continue;
            }
            let mut copy = stanza.clone();
            copy.set_to(Some(to));
            self.send_as(session, copy);
        }
    }

    /// A session is gone: what it said about itself no longer holds (RFC 6121 §4.5.2).
    pub(super) fn gone(&mut self, session: &Arc<SessionHandle>) {
        let mut stanza = Stanza::new(StanzaKind::Presence);
        stanza.set_type(Some("unavailable"));
        stanza.set_from(Some(session.jid.clone().into()));
        self.unavailable(session, &stanza);
    }

    /// Sends a presence to the contacts that see the user, and to the user's available resources.
    fn broadcast(&mut self, session: &Arc<SessionHandle>, stanza: &Stanza) {
        for contact in self.profile.roster.contacts(|subscription| subscription.is_from()) {
            if self.is_worth_telling(contact) {
                let mut copy = stanza.clone();
                copy.set_to(Some(contact.clone().into()));
                self.send_as(session, copy);
            }
        }
        for other in self.handle.sessions().iter() {
            let is_available = other.presence().available.is_some();
            if is_available {
                let _gone = other.send_with(|out| {
                    stanza.write_with(out, stanza.from(), Some(&Jid::from(other.jid.clone())));
                });
            }
        }
    }

    /// Presence to somebody of this node who is not online needs no delivery, unless rules want to
    /// see it.
    fn is_worth_telling(&self, contact: &BareJid) -> bool {
        let tables = &self.core.tables;
        if let Some(account) = tables.active(contact.as_str()) {
            return !account.sessions().is_empty() || self.core.firewall.sees_deliver(contact.domain().as_str());
        }
        let domain = contact.domain().as_str();
        !tables.is_local(domain) || contact.node().is_none() || self.core.firewall.sees_deliver(domain)
    }

    /// Presence with a `to` (RFC 6121 §4.6).
    fn directed_presence(&mut self, session: &Arc<SessionHandle>, deliver: Deliver) {
        let Some(to) = deliver.stanza.to() else { return };
        let is_full = {
            let mut presence = session.presence();
            match deliver.stanza.type_attr() {
                None if presence.directed.contains(to) => false,
                None if presence.directed.len() >= MAX_DIRECTED => true,
                None => !presence.directed.insert(to.clone()),
                Some("unavailable") => {
                    presence.directed.remove(to);
                    false
                }
                Some(_) => false,
            }
        };
        match is_full {
            true => deliver.bounce(StanzaError::new(Condition::ResourceConstraint)),
            false => route_or_bounce(&self.core, self.handle.arbiter, deliver),
        }
    }

    /// Presence from somebody else, or from another resource of the user (RFC 6121 §8.5.2, §8.5.3).
    pub(super) fn deliver_presence(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        if let Some(kind) = SubscriptionKind::from_type(deliver.stanza.type_attr()) {
            return self.contact_subscription(kind, deliver, context);
        }
        let is_full = deliver.stanza.to().is_some_and(|to| to.resource().is_some());
        match deliver.stanza.type_attr() {
            Some("probe") => self.answer_probe(&deliver.stanza),
            Some("error") | None | Some("unavailable") if is_full => {
                self.to_full_jid(&deliver.stanza);
            }
            None | Some("unavailable") => {
                self.send_to(&deliver.stanza, |_| true);
            }
            Some(_) => {}
        }
        deliver.settle();
    }

    /// RFC 6121 §4.3.2.
    fn answer_probe(&self, probe: &Stanza) {
        let Some(from) = probe.from() else { return };
        let bare = bare_str(from);
        let is_own = bare == self.handle.jid.as_str();
        let mut answer = Stanza::new(StanzaKind::Presence);
        answer.set_from(Some(self.handle.jid.clone().into()));
        answer.set_to(Some(from.clone()));
        if !is_own && !self.profile.roster.subscription_of(bare).is_from() {
            answer.set_type(Some("unsubscribed"));
            answer.set_to(Some(from.to_bare().into()));
            return self.send(answer);
        }
        let current = self.current_presence();
        if current.is_empty() {
            answer.set_type(Some("unavailable"));
            return self.send(answer);
        }
        for mut presence in current {
            presence.set_to(Some(from.clone()));
            self.send(presence);
        }
    }

    /// The last presence of each available resource.
    pub(super) fn current_presence(&self) -> Vec<Stanza> {
        let sessions = self.handle.sessions();
        sessions.iter().filter_map(|session| session.presence().available.clone()).collect()
    }

    /// Routes a stanza that the node makes in the user's name.
    pub(super) fn send(&self, stanza: Stanza) {
        let deliver = Deliver::new(stanza, Origin::Node);
        route_or_bounce(&self.core, self.handle.arbiter, deliver);
    }

    /// Routes a stanza in the name of one session.
    fn send_as(&self, session: &Arc<SessionHandle>, stanza: Stanza) {
        let deliver = Deliver::new(stanza, Origin::Session(Arc::clone(session)));
        route_or_bounce(&self.core, self.handle.arbiter, deliver);
    }
}

/// The priority of a presence, 0 if it names none (RFC 6121 §4.7.2.3).
fn priority(stanza: &Stanza) -> Result<i8, std::num::ParseIntError> {
    let priority = stanza.children().find(|child| child.name() == "priority" && child.ns() == xmpp::ns::CLIENT);
    priority.map_or(Ok(0), |element| element.text().trim().parse())
}
