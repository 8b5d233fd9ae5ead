//! The roster as the user's clients see it: get, set, push, versions (RFC 6121 §2).

use actix::Context;
use storage::{ItemUpdate, RequestUpdate, RosterUpdate};
use xmpp::jid::BareJid;
use xmpp::roster::ItemEdit;
use xmpp::roster::subscription::remove;
use xmpp::roster::wire::{RosterSet, read_set, write_item, write_removal};
use xmpp::stanza_error::{Condition, StanzaError};
use xmpp::{Stanza, StanzaKind, XmlWriter, ns};

use super::iq::store_error;
use super::{Account, Profile};
use crate::delivery::Deliver;

impl Account {
    /// Roster get: the whole roster, or nothing when the client has this version (RFC 6121 §2.6).
    pub(super) fn get_roster(&mut self, deliver: Deliver) {
        if let Some(session) = deliver.origin.session() {
            session.presence().wants_roster = true;
        }
        let roster = &self.profile.roster;
        let ver = roster.ver();
        let query = deliver.stanza.child("query", ns::ROSTER);
        let known = query.and_then(|query| query.attribute("ver").map(|ver| ver.into_owned()));
        if known.as_deref() == Some(&*ver) {
            return deliver.answer(|_| {});
        }
        deliver.answer(|xml| {
            xml.open("query", ns::ROSTER).attr("ver", &ver);
            for contact in roster.contacts() {
                write_item(xml, contact.shown());
            }
            xml.close();
        });
    }

    /// Roster set: one item added, changed or removed (RFC 6121 §2.3, §2.4, §2.5).
    pub(super) fn set_roster(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        match read_set(&deliver.stanza) {
            Ok(RosterSet::Update(edit)) if edit.jid == self.handle.jid => {
                self.bounce(deliver, Condition::NotAllowed);
            }
            Ok(RosterSet::Update(edit)) => self.update_item(edit, deliver, context),
            Ok(RosterSet::Remove(contact)) => self.remove_item(contact, deliver, context),
            Err(error) => deliver.bounce(error.into()),
        }
    }

    fn update_item(&mut self, edit: ItemEdit, deliver: Deliver, context: &mut Context<Self>) {
        let contact = edit.jid.clone();
        let roster = &self.profile.roster;
        let item = roster.without_granted(edit).apply(roster.kept(&contact));
        if roster.kept(&contact) == Some(&item) {
            self.push_item(&contact);
            return deliver.answer(|_| {});
        }
        let put = ItemUpdate::Put(item.clone());
        let update = RosterUpdate {
            contact: contact.clone(),
            item: put,
            request: RequestUpdate::Keep,
        };
        let stored = self
            .core
            .store
            .update_roster(&self.handle.jid, update, self.roster_limits());
        self.wait_for(stored, context, move |account, stored, _| match stored {
            Ok(version) => {
                let mut profile = Profile::clone(&account.profile);
                profile.roster.set_version(version);
                profile.roster.put(item);
                account.publish(profile);
                account.push_item(&contact);
                deliver.answer(|_| {});
            }
            Err(error) => deliver.bounce(store_error(&error)),
        });
    }

    fn remove_item(&mut self, contact: BareJid, deliver: Deliver, context: &mut Context<Self>) {
        let roster = &self.profile.roster;
        if roster.is_granted(&contact) {
            let text =
                "this contact comes from a shared group of the server and can not be removed";
            return deliver.bounce(StanzaError::new(Condition::NotAllowed).with_text(text));
        }
        let Some(item) = roster.kept(&contact) else {
            return self.bounce(deliver, Condition::ItemNotFound);
        };
        let step = remove(item, roster.has_request(&contact));
        let Some(update) = self.update_of(&contact, &step, &deliver.stanza) else {
            return deliver.answer(|_| {});
        };
        let stored = self
            .core
            .store
            .update_roster(&self.handle.jid, update, self.roster_limits());
        self.wait_for(stored, context, move |account, stored, _| match stored {
            Ok(version) => {
                account.apply(&contact, &step, version, None);
                account.carry_out(&contact, &step, None);
                deliver.answer(|_| {});
            }
            Err(error) => deliver.bounce(store_error(&error)),
        });
    }

    /// Tells the interested resources what an item is now (RFC 6121 §2.1.6).
    pub(super) fn push_item(&self, contact: &BareJid) {
        let Some(item) = self.profile.roster.item(contact) else {
            return;
        };
        self.push_roster(|xml| write_item(xml, item));
    }

    /// Tells the interested resources that an item is gone.
    pub(super) fn push_removal(&self, contact: &BareJid) {
        self.push_roster(|xml| write_removal(xml, contact));
    }

    fn push_roster(&self, write: impl FnOnce(&mut XmlWriter)) {
        let ver = self.profile.roster.ver();
        let mut content = XmlWriter::new();
        content.open("query", ns::ROSTER).attr("ver", &ver);
        write(&mut content);
        content.close();
        let mut push = Stanza::new(StanzaKind::Iq);
        push.set_type(Some("set"));
        push.set_id(Some(&format!("portcullis-push-{ver}")));
        push.set_content(content.finish());
        for session in self.handle.sessions().iter() {
            let is_interested = session.presence().wants_roster;
            if is_interested {
                push.set_to(Some(session.jid.clone().into()));
                // A session that can not be told is ending; it reads the roster when it is back.
                let _gone = session.send(&push);
            }
        }
    }
}
