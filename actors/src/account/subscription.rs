//! Presence subscriptions: the state machine of `xmpp::roster`, carried out (RFC 6121 §3).

use actix::Context;
use bytes::Bytes;
use storage::{ItemUpdate, RequestUpdate, RosterLimits, RosterUpdate};
use xmpp::jid::BareJid;
use xmpp::roster::subscription::{inbound, outbound};
use xmpp::roster::{Audience, Effect, Pending, Step, SubscriptionKind};
use xmpp::{Stanza, StanzaKind};

use super::Account;
use super::iq::store_error;
use crate::delivery::Deliver;
use crate::route::route_or_bounce;

/// Subscription requests of one user that wait for an answer.
const MAX_REQUESTS: usize = 500;
/// Longest content that a kept request has; a longer one is kept without. All requests go to a client
/// at once when it comes online, and must fit its send buffer.
const MAX_REQUEST_BYTES: usize = 2048;

impl Account {
    /// One of the user's clients manages a subscription.
    pub(super) fn client_subscription(
        &mut self,
        kind: SubscriptionKind,
        deliver: Deliver,
        context: &mut Context<Self>,
    ) {
        let Some(contact) = deliver.stanza.to().map(xmpp::jid::Jid::to_bare) else {
            return;
        };
        if contact == self.handle.jid {
            return deliver.settle();
        }
        let roster = &self.profile.roster;
        let has_request = roster.has_request(&contact);
        let is_granted = roster.is_granted(&contact);
        // A shared group grants already what is asked for or given here; nothing is to be agreed on.
        let is_needless = match kind {
            SubscriptionKind::Subscribe => is_granted,
            SubscriptionKind::Subscribed => is_granted && !has_request,
            SubscriptionKind::Unsubscribe | SubscriptionKind::Unsubscribed => false,
        };
        if is_needless {
            return deliver.settle();
        }
        let step = outbound(kind, &contact, roster.kept(&contact), has_request);
        self.store_step(contact, step, deliver, context);
    }

    /// Somebody else manages a subscription with the user.
    pub(super) fn contact_subscription(
        &mut self,
        kind: SubscriptionKind,
        deliver: Deliver,
        context: &mut Context<Self>,
    ) {
        let Some(contact) = deliver.stanza.from().map(xmpp::jid::Jid::to_bare) else {
            return;
        };
        if contact == self.handle.jid {
            return deliver.settle();
        }
        let roster = &self.profile.roster;
        // Whom a shared group lets see the user is told so, and nothing is stored.
        let is_settled = kind == SubscriptionKind::Subscribe && roster.sees_user(contact.as_str());
        let item = match is_settled {
            true => roster.item(&contact),
            false => roster.kept(&contact),
        };
        let step = inbound(kind, &contact, item, roster.has_request(&contact));
        self.store_step(contact, step, deliver, context);
    }

    /// Rules take a contact's subscription to the user away (`UNSUBSCRIBE SENDER`). Unlike after a
    /// client's wish the contact is told even if there was none.
    pub(super) fn cancel_subscription(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        let Some(contact) = deliver.stanza.to().map(xmpp::jid::Jid::to_bare) else {
            return;
        };
        let roster = &self.profile.roster;
        if !self.profile.exists || contact == self.handle.jid {
            return deliver.settle();
        }
        let has_request = roster.has_request(&contact);
        let kind = SubscriptionKind::Unsubscribed;
        let mut step = outbound(kind, &contact, roster.kept(&contact), has_request);
        if !step.effects.contains(&Effect::Route) {
            step.effects.push(Effect::Route);
        }
        self.store_step(contact, step, deliver, context);
    }

    /// Stores what a step changes, then carries out what it asks for.
    fn store_step(
        &mut self,
        contact: BareJid,
        step: Step,
        deliver: Deliver,
        context: &mut Context<Self>,
    ) {
        let Some(update) = self.update_of(&contact, &step, &deliver.stanza) else {
            self.carry_out(&contact, &step, Some(&deliver));
            return deliver.settle();
        };
        let limits = self.roster_limits();
        let stored = self
            .core
            .store
            .update_roster(&self.handle.jid, update, limits);
        self.wait_for(stored, context, move |account, stored, _| match stored {
            Ok(version) => {
                account.apply(&contact, &step, version, Some(&deliver.stanza));
                account.carry_out(&contact, &step, Some(&deliver));
                deliver.settle();
            }
            Err(error) => deliver.bounce(store_error(&error)),
        });
    }

    pub(super) fn roster_limits(&self) -> RosterLimits {
        RosterLimits {
            items: self.core.config().limits.roster_items,
            requests: MAX_REQUESTS,
        }
    }

    /// What of a step has to be stored; `None` when nothing changes.
    pub(super) fn update_of(
        &self,
        contact: &BareJid,
        step: &Step,
        stanza: &Stanza,
    ) -> Option<RosterUpdate> {
        let item = match (&step.item, step.removed) {
            (Some(item), _) => ItemUpdate::Put(item.clone()),
            (None, true) => ItemUpdate::Remove,
            (None, false) => ItemUpdate::Keep,
        };
        let request = match step.pending {
            Pending::Keep => RequestUpdate::Keep,
            Pending::Clear => RequestUpdate::Clear,
            Pending::Store => RequestUpdate::Store(self.request_bytes(contact, stanza)),
        };
        let is_nothing = item == ItemUpdate::Keep && request == RequestUpdate::Keep;
        (!is_nothing).then(|| RosterUpdate {
            contact: contact.clone(),
            item,
            request,
        })
    }

    /// A request as it is stored: from bare to bare JID (RFC 6121 §3.1.3).
    fn request_bytes(&self, contact: &BareJid, stanza: &Stanza) -> Bytes {
        let mut out = Vec::with_capacity(stanza.size());
        self.request(contact, stanza).write_to(&mut out);
        out.into()
    }

    fn request(&self, contact: &BareJid, stanza: &Stanza) -> Stanza {
        let mut request = stanza.clone();
        request.set_from(Some(contact.clone().into()));
        request.set_to(Some(self.handle.jid.clone().into()));
        if request.content().len() > MAX_REQUEST_BYTES {
            request.set_content(Bytes::new());
        }
        request
    }

    /// Makes a stored step part of what is published.
    pub(super) fn apply(
        &mut self,
        contact: &BareJid,
        step: &Step,
        version: u64,
        stanza: Option<&Stanza>,
    ) {
        let mut profile = (*self.profile).clone();
        profile.roster.set_version(version);
        match &step.item {
            Some(item) => profile.roster.put(item.clone()),
            None if step.removed => profile.roster.remove(contact),
            None => {}
        }
        match (step.pending, stanza) {
            (Pending::Keep, _) | (Pending::Store, None) => {}
            (Pending::Clear, _) => profile.roster.set_request(contact, None),
            (Pending::Store, Some(stanza)) => {
                profile
                    .roster
                    .set_request(contact, Some(self.request(contact, stanza)));
            }
        }
        self.publish(profile);
    }

    /// Does what a step asks for; `cause` is the stanza that led to it.
    pub(super) fn carry_out(&mut self, contact: &BareJid, step: &Step, cause: Option<&Deliver>) {
        for effect in &step.effects {
            match effect {
                Effect::Route => self.route_subscription(contact, cause),
                Effect::Deliver(audience) => self.show_subscription(contact, *audience, cause),
                Effect::Push => self.push_item(contact),
                Effect::PushRemoval => self.push_removal(contact),
                Effect::Send(kind) => self.send_to_contact(contact, Some(kind.as_str())),
                Effect::SendCurrentPresence => self.show_current(contact),
                Effect::SendUnavailable
                    if self.profile.roster.sees_user(contact.as_str())
                        && self.profile.roster.is_granted(contact) => {}
                Effect::SendUnavailable => self.hide_from(contact),
            }
        }
    }

    /// Sends the client's stanza to the contact, from bare to bare JID.
    fn route_subscription(&self, contact: &BareJid, cause: Option<&Deliver>) {
        let Some(cause) = cause else { return };
        let mut stanza = cause.stanza.clone();
        stanza.set_from(Some(self.handle.jid.clone().into()));
        stanza.set_to(Some(contact.clone().into()));
        let mut deliver = Deliver::new(stanza, cause.origin.clone());
        deliver.allowance = cause.allowance;
        route_or_bounce(&self.core, self.handle.arbiter, deliver);
    }

    /// Shows the contact's stanza to the user's clients.
    fn show_subscription(&self, contact: &BareJid, audience: Audience, cause: Option<&Deliver>) {
        let Some(cause) = cause else { return };
        let stanza = self.request(contact, &cause.stanza);
        for session in self.handle.sessions().iter() {
            let is_meant = match audience {
                Audience::Available => session.priority().is_some(),
                Audience::Interested => session.presence().wants_roster,
            };
            if is_meant {
                // A session that can not be told is ending; it reads the roster when it is back.
                let _gone = session.send(&stanza);
            }
        }
    }

    fn send_to_contact(&self, contact: &BareJid, kind: Option<&str>) {
        let mut stanza = Stanza::new(StanzaKind::Presence);
        stanza.set_type(kind);
        stanza.set_from(Some(self.handle.jid.clone().into()));
        stanza.set_to(Some(contact.clone().into()));
        self.send(stanza);
    }
}
