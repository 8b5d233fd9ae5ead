//! Presence: what the user's clients send (RFC 6121 §4), and what others send to the user.

use std::sync::Arc;

use actix::Context;
use xmpp::jid::{Jid, bare_str};
use xmpp::roster::SubscriptionKind;
use xmpp::stanza_error::{Condition, StanzaError};
use xmpp::{Stanza, StanzaKind, ns};

use super::Account;
use super::contacts::Contact;
use super::fan_out::{Leg, Wave};
use crate::delivery::{Deliver, Origin};
use crate::handle::{MAX_DIRECTED, SessionHandle, Ticket};
use crate::route::route_or_bounce;
use crate::tables::AccountHandle;

impl Account {
    /// Handles what one of the user's clients sent to its own server.
    pub(super) fn client_sent(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        match deliver.stanza.kind() {
            StanzaKind::Presence => self.client_presence(deliver, context),
            StanzaKind::Iq => self.deliver(deliver, context),
            StanzaKind::Message => self.deliver(deliver, context),
        }
    }

    fn client_presence(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        let Some(session) = deliver.origin.session().cloned() else {
            return deliver.settle();
        };
        if session.presence().is_gone {
            return deliver.settle();
        }
        let kind = SubscriptionKind::from_type(deliver.stanza.type_attr());
        match (kind, deliver.stanza.to().is_some()) {
            (Some(kind), true) => self.client_subscription(kind, deliver, context),
            (_, true) => self.directed_presence(&session, deliver),
            (_, false) => self.presence_for_all(&session, deliver, context),
        }
    }

    /// Presence without a `to`, which is for the user's own address first: rules look at it as such.
    fn presence_for_all(
        &mut self,
        session: &Arc<SessionHandle>,
        deliver: Deliver,
        context: &mut Context<Self>,
    ) {
        let Some(deliver) = self.decide(deliver) else {
            return;
        };
        match deliver.stanza.type_attr() {
            None => self.available(session, deliver, context),
            Some("unavailable") => {
                // RFC 6121 §4.5.2: who leaves is told as well.
                let _gone = session.send(&deliver.stanza);
                self.unavailable(session, deliver.stanza, deliver.ticket, context);
            }
            Some(_) => deliver.settle(),
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
        let stanza = Arc::new(deliver.stanza);
        let (is_initial, wants_offline) = {
            let mut presence = session.presence();
            let is_initial = presence.available.replace(Arc::clone(&stanza)).is_none();
            let was_negative = is_initial || presence.priority < 0;
            presence.priority = priority;
            (is_initial, was_negative && priority >= 0)
        };
        let legs = self.viewers();
        self.broadcast(session, stanza, legs, deliver.ticket, context);
        if is_initial {
            self.welcome(session, context);
        }
        if wants_offline {
            self.flush_offline(session, context);
        }
    }

    /// What a resource is told when it becomes available: the presence of contacts (by probes,
    /// RFC 6121 §4.3.1) and of the user's other resources, and requests that wait (§3.1.3).
    fn welcome(&mut self, session: &Arc<SessionHandle>, context: &mut Context<Self>) {
        for other in self
            .handle
            .sessions()
            .iter()
            .filter(|other| other.id != session.id)
        {
            let available = other.presence().available.clone();
            if let Some(presence) = available {
                // A session that can not be told is ending.
                let _gone = session
                    .send_with(|out| presence.write_with(out, presence.from(), Some(&session.jid)));
            }
        }
        for request in self.profile.roster.requests() {
            let _gone = session.send(request);
        }
        let mut probe = Stanza::new(StanzaKind::Presence);
        probe.set_type(Some("probe"));
        probe.set_from(Some(session.jid.clone().into()));
        let wave = Wave {
            presence: Arc::new(probe),
            // Only answers matter: who has no server that answers is not there.
            origin: Origin::Node,
            legs: vec![Leg::Contacts(Arc::clone(&self.profile), Contact::is_seen)],
            next: 0,
            ticket: None,
        };
        self.spread(wave, context);
    }

    /// Unavailable presence (RFC 6121 §4.5): to contacts, own resources, and whoever was sent
    /// directed presence.
    fn unavailable(
        &mut self,
        session: &Arc<SessionHandle>,
        stanza: Stanza,
        ticket: Option<Ticket>,
        context: &mut Context<Self>,
    ) {
        let (was_available, directed) = {
            let mut presence = session.presence();
            presence.priority = 0;
            let was_available = presence.available.take().is_some();
            (was_available, std::mem::take(&mut presence.directed))
        };
        let mut directed: Vec<_> = directed.into_iter().collect();
        let mut legs = Vec::new();
        if was_available {
            directed.retain(|to| !self.profile.roster.sees_user(bare_str(to)));
            legs = self.viewers();
        }
        if !directed.is_empty() {
            legs.push(Leg::Addresses(directed));
        }
        self.broadcast(session, Arc::new(stanza), legs, ticket, context);
    }

    /// A session is gone: what it said about itself no longer holds (RFC 6121 §4.5.2).
    pub(super) fn gone(&mut self, session: &Arc<SessionHandle>, context: &mut Context<Self>) {
        let mut stanza = Stanza::new(StanzaKind::Presence);
        stanza.set_type(Some("unavailable"));
        stanza.set_from(Some(session.jid.clone().into()));
        session.presence().is_gone = true;
        self.unavailable(session, stanza, None, context);
    }

    /// Sends a presence to `legs`, and, if contacts are among them, to the own available resources.
    fn broadcast(
        &mut self,
        session: &Arc<SessionHandle>,
        presence: Arc<Stanza>,
        legs: Vec<Leg>,
        ticket: Option<Ticket>,
        context: &mut Context<Self>,
    ) {
        if legs.iter().any(|leg| matches!(leg, Leg::Contacts(..))) {
            for other in self.handle.sessions().iter() {
                let is_available = other.presence().available.is_some();
                if is_available {
                    let _gone = other.send_with(|out| {
                        presence.write_with(out, presence.from(), Some(&other.jid))
                    });
                }
            }
        }
        let origin = Origin::Session(Arc::clone(session));
        self.spread(
            Wave {
                presence,
                origin,
                legs,
                next: 0,
                ticket,
            },
            context,
        );
    }

    /// Who receives the user's presence: contacts, and for members of a public group whoever of the
    /// host is online.
    fn viewers(&self) -> Vec<Leg> {
        let mut legs = vec![Leg::Contacts(Arc::clone(&self.profile), Contact::sees_user)];
        let public = self.public_viewers();
        if !public.is_empty() {
            legs.push(Leg::Accounts(public));
        }
        legs
    }

    fn public_viewers(&self) -> Vec<Arc<AccountHandle>> {
        let domain = self.handle.jid.domain();
        let host = self.core.tables.host(domain.as_str());
        if !host.is_some_and(|host| host.groups.is_public(&self.handle.jid)) {
            return Vec::new();
        }
        let mut accounts = self.core.tables.accounts();
        accounts.retain(|account| {
            account.jid.domain() == domain
                && account.jid != self.handle.jid
                && !account.sessions().is_empty()
                && !self.profile.roster.sees_user(account.jid.as_str())
                && !self.profile.blocklist.blocks(&account.jid)
        });
        accounts
    }

    /// Presence with a `to` (RFC 6121 §4.6).
    fn directed_presence(&mut self, session: &Arc<SessionHandle>, deliver: Deliver) {
        let Some(to) = deliver.stanza.to() else {
            return;
        };
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
        let is_full = deliver
            .stanza
            .to()
            .is_some_and(|to| to.resource().is_some());
        match (deliver.stanza.type_attr(), deliver.stanza.from()) {
            (Some("probe"), Some(from)) => self.answer_probe(from, deliver.stanza.to()),
            (Some("error" | "unavailable") | None, _) if is_full => {
                self.to_full_jid(&deliver.stanza);
            }
            (None | Some("unavailable"), _) => {
                self.send_to(&deliver.stanza, |_| true);
            }
            _ => {}
        }
        deliver.settle();
    }

    /// RFC 6121 §4.3.2; a probe to a full address is about that resource.
    pub(super) fn answer_probe(&self, from: &Jid, to: Option<&Jid>) {
        if !self.lets_see(bare_str(from)) {
            return self.deny_probe(from);
        }
        let resource = to.and_then(Jid::resource);
        let mut current = self.current_presence();
        current.retain(|presence| {
            resource.is_none() || presence.from().and_then(Jid::resource) == resource
        });
        if current.is_empty() {
            let mut answer = Stanza::new(StanzaKind::Presence);
            answer.set_type(Some("unavailable"));
            answer.set_from(Some(self.handle.jid.clone().into()));
            current.push(Arc::new(answer));
        }
        for presence in current {
            self.show(&presence, from.clone(), &Origin::Node);
        }
    }

    /// The answer to a probe of somebody who does not see the user, or of a user who is not there.
    pub(super) fn deny_probe(&self, from: &Jid) {
        let mut answer = Stanza::new(StanzaKind::Presence);
        answer.set_type(Some("unsubscribed"));
        answer.set_from(Some(self.handle.jid.clone().into()));
        answer.set_to(Some(from.to_bare().into()));
        self.send(answer);
    }

    /// Whether whoever has this bare address may know whether the user is there.
    pub(super) fn lets_see(&self, bare: &str) -> bool {
        if bare == self.handle.jid.as_str() || self.profile.roster.sees_user(bare) {
            return true;
        }
        let Some(host) = self.core.tables.host(self.handle.jid.domain().as_str()) else {
            return false;
        };
        if !host.groups.is_public(&self.handle.jid) {
            return false;
        }
        let Ok(viewer) = xmpp::jid::BareJid::new(bare) else {
            return false;
        };
        viewer.domain() == self.handle.jid.domain()
            && host.groups.lets_see(&self.handle.jid, &viewer)
    }

    /// The last presence of each available resource.
    pub(super) fn current_presence(&self) -> Vec<Arc<Stanza>> {
        let sessions = self.handle.sessions();
        sessions
            .iter()
            .filter_map(|session| session.presence().available.clone())
            .collect()
    }

    /// Routes a stanza that the node makes in the user's name.
    pub(super) fn send(&self, stanza: Stanza) {
        let deliver = Deliver::new(stanza, Origin::Node);
        route_or_bounce(&self.core, self.handle.arbiter, deliver);
    }

    /// Shows one address the presence of every available resource.
    pub(super) fn show_current(&self, to: &Jid) {
        for presence in self.current_presence() {
            self.show(&presence, to.clone(), &Origin::Node);
        }
    }

    /// Tells one address that every available resource is gone.
    pub(super) fn hide_from(&self, to: &Jid) {
        for presence in self.current_presence() {
            let mut stanza = Stanza::new(StanzaKind::Presence);
            stanza.set_type(Some("unavailable"));
            stanza.set_from(presence.from().cloned());
            self.show(&Arc::new(stanza), to.clone(), &Origin::Node);
        }
    }

    /// Asks one contact for its presence, on behalf of all the user's resources.
    pub(super) fn probe(&self, to: &Jid) {
        let mut probe = Stanza::new(StanzaKind::Presence);
        probe.set_type(Some("probe"));
        probe.set_from(Some(self.handle.jid.clone().into()));
        self.show(&Arc::new(probe), to.clone(), &Origin::Node);
    }
}

/// The priority of a presence, 0 if it names none (RFC 6121 §4.7.2.3).
fn priority(stanza: &Stanza) -> Result<i8, std::num::ParseIntError> {
    let priority = stanza.child("priority", ns::CLIENT);
    priority.map_or(Ok(0), |element| element.text().trim().parse())
}
