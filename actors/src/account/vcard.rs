//! The user's vCard (XEP-0054): anybody may read it, the user may write it.

use actix::Context;
use xmpp::ns;
use xmpp::stanza_error::{Condition, StanzaError};

use super::Account;
use super::iq::store_error;
use crate::delivery::Deliver;

impl Account {
    pub(super) fn get_vcard(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        let is_own = deliver.stanza.to().is_none();
        let read = self.core.store.vcard(&self.handle.jid);
        self.wait_for(read, context, move |account, read, _| match read {
            Ok(Some(vcard)) => deliver.answer(|xml| {
                xml.raw(&vcard);
            }),
            // XEP-0054 §3.1: an empty vCard for the owner, an error for others.
            Ok(None) if is_own => deliver.answer(|xml| {
                xml.empty("vCard", ns::VCARD);
            }),
            // The same as when there is no such user.
            Ok(None) => account.bounce(deliver, Condition::ServiceUnavailable),
            Err(error) => deliver.bounce(store_error(&error)),
        });
    }

    pub(super) fn set_vcard(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        if deliver.stanza.to().is_some() {
            return self.bounce(deliver, Condition::Forbidden);
        }
        let content = deliver.stanza.content().clone();
        let limit = self.core.config().limits.vcard;
        if content.len() > limit {
            let text = format!(
                "the vCard has {} bytes, the limit is {limit}",
                content.len()
            );
            return deliver.bounce(StanzaError::new(Condition::NotAcceptable).with_text(text));
        }
        let stored = self.core.store.set_vcard(&self.handle.jid, content);
        self.wait_for(stored, context, move |_, stored, _| match stored {
            Ok(()) => deliver.answer(|_| {}),
            Err(error) => deliver.bounce(store_error(&error)),
        });
    }
}
