//! Blocking (XEP-0191): the list itself, and what it does to stanzas of either direction.

use std::sync::Arc;

use actix::Context;
use storage::StoreError;
use xmpp::jid::{Jid, bare_str};
use xmpp::stanza_error::{Condition, StanzaError};
use xmpp::{Stanza, StanzaKind, XmlWriter, ns};

use super::iq::store_error;
use super::profile::{BLOCKED, Blocklist};
use super::{Account, Profile};
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
    pub(super) fn refuses(&self, deliver: &Deliver) -> bool {
        let blocklist = &self.profile.blocklist;
        if blocklist.0.is_empty() {
            return false;
        }
        let Some(from) = deliver.stanza.from() else { return false };
        bare_str(from) != self.handle.jid.as_str() && blocklist.blocks(from)
    }

    /// XEP-0191 §3.2: as if the user were not there.
    pub(super) fn refuse_blocked(&mut self, deliver: Deliver) {
        match deliver.stanza.kind() {
            StanzaKind::Presence => deliver.settle(),
            StanzaKind::Message if deliver.stanza.type_attr() == Some("groupchat") => deliver.settle(),
            StanzaKind::Message | StanzaKind::Iq => self.bounce(deliver, Condition::ServiceUnavailable),
        }
    }

    pub(super) fn get_blocklist(&mut self, deliver: Deliver) {
        if let Some(session) = deliver.origin.session() {
            session.presence().wants_blocklist = true;
        }
        let profile = Arc::clone(&self.profile);
        deliver.answer(|xml| write_list(xml, "blocklist", &profile.blocklist.0));
    }

    pub(super) fn block(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        let items = match items(&deliver.stanza, "block") {
            Ok(items) if !items.is_empty() => items,
            _ => return self.bounce(deliver, Condition::BadRequest),
        };
        let limit = self.core.config().limits.blocked;
        let stored = self.core.store.block(&self.handle.jid, items.clone(), limit);
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
        let before = profile.blocklist.clone();
        match change {
            Change::Block => add(&mut profile.blocklist, &items),
            Change::Unblock => remove(&mut profile.blocklist, &items),
        }
        if matches!(change, Change::Block) {
            self.show_to(&items, false);
        }
        self.publish(profile);
        if matches!(change, Change::Unblock) {
            let unblocked = if items.is_empty() { &before.0 } else { &items };
            self.show_to(unblocked, true);
        }
        deliver.answer(|_| {});
        self.push_blocklist(change, &items);
    }

    /// Contacts that see the user and are blocked see the user leave, and come back when unblocked
    /// (XEP-0191 §3.4, §3.5).
    fn show_to(&self, blocked: &[Jid], is_available: bool) {
        let list = Blocklist(blocked.to_vec());
        let contacts = self.profile.roster.contacts(|subscription| subscription.is_from());
        for contact in contacts.filter(|contact| list.blocks(&Jid::from((*contact).clone()))) {
            for mut presence in self.current_presence() {
                presence.set_to(Some(contact.clone().into()));
                if !is_available {
                    presence.set_type(Some("unavailable")).set_content(bytes::Bytes::new());
                }
                self.send(presence);
            }
        }
    }

    fn push_blocklist(&self, change: Change, items: &[Jid]) {
        for session in self.handle.sessions().iter() {
            let is_interested = session.presence().wants_blocklist;
            if is_interested {
                push(session, change, items);
            }
        }
    }
}

fn push(session: &SessionHandle, change: Change, items: &[Jid]) {
    let mut content = XmlWriter::new();
    write_list(&mut content, change.name(), items);
    let mut stanza = Stanza::new(StanzaKind::Iq);
    stanza.set_type(Some("set"));
    stanza.set_id(Some("portcullis-blocklist-push"));
    stanza.set_to(Some(session.jid.clone().into()));
    stanza.set_content(content.finish());
    // A session that can not be told is ending; it reads the list when it is back.
    let _gone = session.send(&stanza);
}

fn write_list(xml: &mut XmlWriter, name: &str, items: &[Jid]) {
    xml.open(name, ns::BLOCKING);
    for item in items {
        xml.open("item", ns::BLOCKING).attr("jid", item.as_str()).close();
    }
    xml.close();
}

/// The addresses that a request names.
fn items(stanza: &Stanza, name: &str) -> Result<Vec<Jid>, ()> {
    let request = stanza.child(name, ns::BLOCKING).ok_or(())?;
    let items = request.children().filter(|item| item.is("item", ns::BLOCKING));
    items.map(|item| item.attribute("jid").and_then(|jid| Jid::new(&jid).ok()).ok_or(())).collect()
}

fn add(list: &mut Blocklist, items: &[Jid]) {
    for item in items {
        if !list.0.contains(item) {
            list.0.push(item.clone());
        }
    }
}

fn remove(list: &mut Blocklist, items: &[Jid]) {
    match items.is_empty() {
        true => list.0.clear(),
        false => list.0.retain(|blocked| !items.contains(blocked)),
    }
}
