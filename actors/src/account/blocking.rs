//! Blocking (XEP-0191): the list itself, and what it does to stanzas of either direction.

use std::sync::Arc;

use actix::Context;
use storage::StoreError;
use xmpp::jid::{Jid, bare_str};
use xmpp::stanza_error::{Condition, StanzaError};
use xmpp::{Stanza, StanzaKind, XmlWriter, ns};

use super::iq::store_error;
use super::profile::BLOCKED;
use super::{Account, Blocklist, Profile};
use crate::delivery::Deliver;
use crate::handle::SessionHandle;

/// The answer to a client that sends to somebody it has blocked (XEP-0191 §3.2).
pub(crate) fn blocked_by_sender() -> StanzaError {
    StanzaError::new(Condition::NotAcceptable).with_application(BLOCKED.0, BLOCKED.1)
}

/// One change of the list, as pushed to the user's clients.
#[derive(Clone, Copy, Debug)]
enum Change {
    Block,
    Unblock,
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Unblock => "unblock",
        }
    }
}

impl Account {
    /// Whether the user has blocked the sender; the own account and the own server never are.
    pub(super) fn refuses(&self, from: &Jid) -> bool {
        let blocklist = &self.profile.blocklist;
        blocklist.blocks(from) && bare_str(from) != self.handle.jid.as_str()
    }

    /// XEP-0191 §3.2: as if the user were not there.
    pub(super) fn refuse_blocked(&mut self, deliver: Deliver) {
        match deliver.stanza.kind() {
            StanzaKind::Presence => deliver.settle(),
            StanzaKind::Message if deliver.stanza.type_attr() == Some("groupchat") => {
                deliver.settle()
            }
            StanzaKind::Message | StanzaKind::Iq => {
                self.bounce(deliver, Condition::ServiceUnavailable)
            }
        }
    }

    pub(super) fn get_blocklist(&mut self, deliver: Deliver) {
        if let Some(session) = deliver.origin.session() {
            session.presence().wants_blocklist = true;
        }
        let profile = Arc::clone(&self.profile);
        deliver.answer(|xml| write_list(xml, "blocklist", profile.blocklist.items()));
    }

    pub(super) fn block(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        let items = match items(&deliver.stanza, "block") {
            Ok(items) if !items.is_empty() => items,
            _ => return self.bounce(deliver, Condition::BadRequest),
        };
        let limit = self.core.config().limits.blocked;
        let stored = self
            .core
            .store
            .block(&self.handle.jid, items.clone(), limit);
        self.wait_for(stored, context, move |account, stored, _| {
            account.changed(Change::Block, items, deliver, stored);
        });
    }

    pub(super) fn unblock(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        let Ok(items) = items(&deliver.stanza, "unblock") else {
            return self.bounce(deliver, Condition::BadRequest);
        };
        let stored = match items.is_empty() {
            true => self.core.store.unblock_all(&self.handle.jid),
            false => self.core.store.unblock(&self.handle.jid, items.clone()),
        };
        self.wait_for(stored, context, move |account, stored, _| {
            account.changed(Change::Unblock, items, deliver, stored);
        });
    }

    /// Makes a stored change known: to rules, to the other clients, to the contacts concerned.
    fn changed(
        &mut self,
        change: Change,
        items: Vec<Jid>,
        deliver: Deliver,
        stored: Result<(), StoreError>,
    ) {
        if let Err(error) = stored {
            return deliver.bounce(store_error(&error));
        }
        let mut profile = Profile::clone(&self.profile);
        match change {
            Change::Block => {
                self.hide_from_blocked(&Blocklist::new(items.clone()));
                profile.blocklist = profile.blocklist.with(&items);
                self.publish(profile);
            }
            Change::Unblock => {
                let before = std::mem::take(&mut profile.blocklist);
                profile.blocklist = before.without(&items);
                self.publish(profile);
                self.return_to_unblocked(&before);
            }
        }
        deliver.answer(|_| {});
        self.push_blocklist(change, &items);
    }

    /// Whoever saw the user and is blocked sees the user leave (XEP-0191 §3.4), contacts as well as
    /// those who were sent directed presence.
    fn hide_from_blocked(&self, blocked: &Blocklist) {
        let contacts = self.profile.roster.contacts();
        for contact in contacts.iter().filter(|contact| contact.sees_user()) {
            if blocked.blocks(contact.jid()) && !self.profile.blocklist.blocks(contact.jid()) {
                self.hide_from(contact.jid());
            }
        }
        for session in self.handle.sessions().iter() {
            let mut taken_back = Vec::new();
            session.presence().directed.retain(|to| {
                let is_blocked = blocked.blocks(to);
                if is_blocked {
                    taken_back.push(to.clone());
                }
                !is_blocked
            });
            for to in taken_back {
                let mut stanza = Stanza::new(StanzaKind::Presence);
                stanza.set_type(Some("unavailable"));
                stanza.set_from(Some(session.jid.clone().into()));
                stanza.set_to(Some(to));
                self.send(stanza);
            }
        }
    }

    /// Contacts that are blocked no longer see the user come back (XEP-0191 §3.5), and the user asks
    /// whether they are there: what they sent meanwhile was refused.
    fn return_to_unblocked(&self, before: &Blocklist) {
        for contact in self.profile.roster.contacts() {
            let jid = contact.jid();
            if !before.blocks(jid) || self.profile.blocklist.blocks(jid) {
                continue;
            }
            if contact.sees_user() {
                self.show_current(jid);
            }
            if contact.is_seen() {
                self.probe(jid);
            }
        }
    }

    fn push_blocklist(&mut self, change: Change, items: &[Jid]) {
        self.pushes = self.pushes.wrapping_add(1);
        let id = format!("portcullis-blocklist-{}", self.pushes);
        for session in self.handle.sessions().iter() {
            let is_interested = session.presence().wants_blocklist;
            if is_interested {
                push(session, &id, change, items);
            }
        }
    }
}

fn push(session: &SessionHandle, id: &str, change: Change, items: &[Jid]) {
    let mut content = XmlWriter::new();
    write_list(&mut content, change.name(), items);
    let mut stanza = Stanza::new(StanzaKind::Iq);
    stanza.set_type(Some("set"));
    stanza.set_id(Some(id));
    stanza.set_to(Some(session.jid.clone().into()));
    stanza.set_content(content.finish());
    // A session that can not be told is ending; it reads the list when it is back.
    let _gone = session.send(&stanza);
}

fn write_list(xml: &mut XmlWriter, name: &str, items: &[Jid]) {
    xml.open(name, ns::BLOCKING);
    for item in items {
        xml.open("item", ns::BLOCKING)
            .attr("jid", item.as_str())
            .close();
    }
    xml.close();
}

/// The addresses that a request names.
fn items(stanza: &Stanza, name: &str) -> Result<Vec<Jid>, ()> {
    let request = stanza.child(name, ns::BLOCKING).ok_or(())?;
    let items = request
        .children()
        .filter(|item| item.is("item", ns::BLOCKING));
    items
        .map(|item| {
            item.attribute("jid")
                .and_then(|jid| Jid::new(&jid).ok())
                .ok_or(())
        })
        .collect()
}
