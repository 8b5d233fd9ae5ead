//! Private XML (XEP-0049): pieces that only the user's own clients read and write.

use actix::Context;
use bytes::Bytes;
use storage::PrivateKey;
use xmpp::stanza_error::{Condition, StanzaError};
use xmpp::{Stanza, ns};

use super::Account;
use super::iq::store_error;
use crate::delivery::Deliver;

impl Account {
    pub(super) fn get_private_xml(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        let Some((key, _)) = piece(&deliver.stanza) else {
            return self.bounce(deliver, Condition::BadRequest);
        };
        let read = self.core.store.private_xml(&self.handle.jid, key.clone());
        self.wait_for(read, context, move |_, read, _| match read {
            Ok(stored) => deliver.answer(|xml| {
                xml.open("query", ns::PRIVATE);
                match &stored {
                    Some(stored) => xml.raw(stored),
                    // XEP-0049 §2.2: what was never stored is there, and empty.
                    None => xml.empty(&key.name, &key.ns),
                };
                xml.close();
            }),
            Err(error) => deliver.bounce(store_error(&error)),
        });
    }

    pub(super) fn set_private_xml(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        let Some((key, xml)) = piece(&deliver.stanza) else {
            return self.bounce(deliver, Condition::BadRequest);
        };
        let limits = self.core.config().limits.clone();
        if xml.len() > limits.private_xml {
            let text = format!(
                "the piece has {} bytes, the limit is {}",
                xml.len(),
                limits.private_xml
            );
            return deliver.bounce(StanzaError::new(Condition::NotAcceptable).with_text(text));
        }
        let items = limits.private_items;
        let stored = self
            .core
            .store
            .set_private_xml(&self.handle.jid, key, xml, items);
        self.wait_for(stored, context, move |_, stored, _| match stored {
            Ok(()) => deliver.answer(|_| {}),
            Err(error) => deliver.bounce(store_error(&error)),
        });
    }
}

/// The one piece that a query is about (XEP-0049 §2.3); its namespace is one of its own.
fn piece(stanza: &Stanza) -> Option<(PrivateKey, Bytes)> {
    let query = stanza.child("query", ns::PRIVATE)?;
    let mut pieces = query.children();
    let piece = pieces.next()?;
    if pieces.next().is_some() || piece.has_ns(ns::PRIVATE) || piece.has_ns("") {
        return None;
    }
    let key = PrivateKey {
        name: piece.name().to_owned(),
        ns: piece.ns().into_owned(),
    };
    let mut xml = Vec::new();
    piece.write_to(&mut xml);
    Some((key, xml.into()))
}
