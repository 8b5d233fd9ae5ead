//! One presence for many: handed on in portions, so that a long roster holds up nobody else.
//!
//! The stanza is shared and only its `to` differs; the recipient's account writes its own address.
//! While portions are under way the account holds its queue, so order is kept per pair.

use std::sync::Arc;

use actix::{Context, Handler, Message};
use xmpp::jid::{BareJid, Jid, bare_str};
use xmpp::{Stanza, StanzaKind};

use super::contacts::Contact;
use super::{Account, Held, Profile};
use crate::delivery::{Deliver, Origin};
use crate::handle::Ticket;
use crate::route::route_or_bounce;
use crate::tables::AccountHandle;

/// Recipients looked at in one go.
const PORTION: usize = 64;

/// A presence, or a probe, that another account shows to this user. Sent by accounts.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Told {
    presence: Arc<Stanza>,
    /// Who is meant; `None`: the user, by the bare address.
    to: Option<Jid>,
    origin: Origin,
}

impl Told {
    /// Bytes of the presence.
    pub(super) fn bytes(&self) -> usize {
        self.presence.size()
    }
}

/// Recipients of one presence.
pub(super) enum Leg {
    /// The contacts of a snapshot for which the function says yes, save those who are blocked.
    Contacts(Arc<Profile>, fn(&Contact) -> bool),
    /// Users of the host who see the user by a public group.
    Accounts(Vec<Arc<AccountHandle>>),
    /// Whoever was sent directed presence.
    Addresses(Vec<Jid>),
}

/// A presence on its way.
pub(super) struct Wave {
    pub(super) presence: Arc<Stanza>,
    pub(super) origin: Origin,
    /// What is still to do; the last comes first.
    pub(super) legs: Vec<Leg>,
    /// How far the last leg has come.
    pub(super) next: usize,
    /// Held until all is handed on: what the client sends next waits for it.
    pub(super) ticket: Option<Ticket>,
}

impl Handler<Told> for Account {
    type Result = ();

    fn handle(&mut self, told: Told, context: &mut Context<Self>) {
        self.accept(Held::Told(told), context);
    }
}

impl Account {
    /// Hands a wave on, a portion now and the rest when others have had their turn.
    pub(super) fn spread(&mut self, mut wave: Wave, context: &mut Context<Self>) {
        let end = wave.next + PORTION;
        let length = match wave.legs.last() {
            None => 0,
            Some(Leg::Contacts(profile, fits)) => {
                let contacts = profile.roster.contacts();
                for contact in contacts
                    .iter()
                    .take(end)
                    .skip(wave.next)
                    .filter(|contact| fits(contact))
                {
                    if !profile.blocklist.blocks(contact.jid()) {
                        self.tell_contact(contact.jid(), &wave);
                    }
                }
                contacts.len()
            }
            Some(Leg::Accounts(accounts)) => {
                for account in accounts.iter().take(end).skip(wave.next) {
                    self.tell_account(account, &wave);
                }
                accounts.len()
            }
            Some(Leg::Addresses(addresses)) => {
                for address in addresses.iter().take(end).skip(wave.next) {
                    self.show(&wave.presence, address.clone(), &wave.origin);
                }
                addresses.len()
            }
        };
        wave.next = end;
        if end >= length {
            wave.next = 0;
            wave.legs.pop();
        }
        if wave.legs.is_empty() {
            if let Some(ticket) = wave.ticket {
                ticket.settle();
            }
        } else {
            let turn = tokio::task::yield_now();
            self.wait_for(turn, context, move |account, (), context| {
                account.spread(wave, context)
            });
        }
    }

    /// Tells a contact. One of this node who is not online needs no delivery, unless rules want to
    /// see it.
    fn tell_contact(&self, contact: &BareJid, wave: &Wave) {
        let tables = &self.core.tables;
        if let Some(account) = tables.active(contact.as_str()) {
            return self.tell_account(&account, wave);
        }
        let domain = contact.domain().as_str();
        let is_away = contact.node().is_some() && tables.is_local(domain);
        if !is_away || self.core.firewall.sees_deliver(domain) {
            self.route_to(&wave.presence, contact.clone().into(), &wave.origin);
        }
    }

    fn tell_account(&self, account: &Arc<AccountHandle>, wave: &Wave) {
        let domain = account.jid.domain();
        if account.sessions().is_empty() && !self.core.firewall.sees_deliver(domain.as_str()) {
            return;
        }
        let (presence, origin) = (Arc::clone(&wave.presence), wave.origin.clone());
        if account
            .offer(Told {
                presence,
                to: None,
                origin,
            })
            .is_err()
        {
            self.route_to(&wave.presence, account.jid.clone().into(), &wave.origin);
        }
    }

    /// Sends a shared presence to one address.
    pub(super) fn show(&self, presence: &Arc<Stanza>, to: Jid, origin: &Origin) {
        let Some(account) = self.core.tables.active(bare_str(&to)) else {
            return self.route_to(presence, to, origin);
        };
        let told = Told {
            presence: Arc::clone(presence),
            to: Some(to),
            origin: origin.clone(),
        };
        if let Err(refused) = account.offer(told)
            && let Some(to) = refused.into_inner().to
        {
            self.route_to(presence, to, origin);
        }
    }

    fn route_to(&self, presence: &Stanza, to: Jid, origin: &Origin) {
        let mut stanza = presence.clone();
        stanza.set_to(Some(to));
        let deliver = Deliver::new(stanza, origin.clone());
        route_or_bounce(&self.core, self.handle.arbiter, deliver);
    }

    /// Shows the user what another account tells.
    pub(super) fn told(&mut self, told: Told, context: &mut Context<Self>) {
        let Some(from) = told.presence.from() else {
            return;
        };
        if self
            .core
            .firewall
            .sees_deliver(self.handle.jid.domain().as_str())
        {
            return self.deliver(self.as_deliver(told), context);
        }
        if !self.profile.exists || self.refuses(from) {
            return;
        }
        let is_full = told.to.as_ref().is_some_and(|to| to.resource().is_some());
        match told.presence.type_attr() {
            Some("probe") => self.answer_probe(from, told.to.as_ref()),
            _ if is_full => self.write_to_full(&told),
            _ => self.write_to_available(&told.presence),
        }
    }

    /// The same as an ordinary delivery, for who can not take it as it is.
    pub(super) fn as_deliver(
        &self,
        Told {
            presence,
            to,
            origin,
        }: Told,
    ) -> Deliver {
        let mut stanza = Arc::unwrap_or_clone(presence);
        stanza.set_to(Some(to.unwrap_or_else(|| self.handle.jid.clone().into())));
        debug_assert_eq!(stanza.kind(), StanzaKind::Presence);
        Deliver::new(stanza, origin)
    }

    fn write_to_full(&self, Told { presence, to, .. }: &Told) {
        let Some(to) = to else { return };
        let sessions = self.handle.sessions();
        if let Some(session) = sessions
            .iter()
            .find(|session| session.jid.as_str() == to.as_str())
        {
            // A session that can not be told is ending.
            let _gone =
                session.send_with(|out| presence.write_with(out, presence.from(), Some(to)));
        }
    }

    /// Shows a presence to every available session, addressed to the user.
    fn write_to_available(&self, presence: &Stanza) {
        for session in self.handle.sessions().iter() {
            if session.priority().is_some() {
                let own: &Jid = &self.handle.jid;
                let _gone =
                    session.send_with(|out| presence.write_with(out, presence.from(), Some(own)));
            }
        }
    }
}
