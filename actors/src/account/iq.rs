//! Questions to the user that the node answers in the user's name (RFC 6121 §8.5.1, §8.5.2).

use actix::Context;
use storage::{Fault, StoreError};
use xmpp::jid::bare_str;
use xmpp::stanza_error::{Condition, ErrorType, StanzaError};
use xmpp::{Stanza, ns};

use super::Account;
use crate::delivery::Deliver;

/// What the account answers to disco#info about itself (XEP-0030 §3.1).
const FEATURES: &[&str] = &[
    ns::BLOCKING,
    ns::DISCO_INFO,
    ns::DISCO_ITEMS,
    ns::PING,
    ns::PRIVATE,
    ns::ROSTER,
    ns::VCARD,
];

/// Which way an iq goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Get,
    Set,
}

impl Account {
    /// An iq for the user: to the resource that it names, or answered here.
    pub(super) fn deliver_iq(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        let is_full = deliver
            .stanza
            .to()
            .is_some_and(|to| to.resource().is_some());
        if is_full && self.to_full_jid(&deliver.stanza) {
            return deliver.settle();
        }
        let verb = match deliver.stanza.type_attr() {
            Some("get") if !is_full => Verb::Get,
            Some("set") if !is_full => Verb::Set,
            Some("get" | "set") => return self.bounce(deliver, Condition::ServiceUnavailable),
            _ => return deliver.settle(),
        };
        let from = deliver.stanza.from();
        let is_own = from.is_some_and(|from| bare_str(from) == self.handle.jid.as_str());
        match is_own {
            true => self.own_iq(verb, deliver, context),
            false => self.foreign_iq(verb, deliver, context),
        }
    }

    /// A question of the user's own clients.
    fn own_iq(&mut self, verb: Verb, deliver: Deliver, context: &mut Context<Self>) {
        let Some((name, namespace)) = payload(&deliver.stanza) else {
            return self.bounce(deliver, Condition::BadRequest);
        };
        match (verb, name.as_str(), namespace.as_str()) {
            (Verb::Get, "query", ns::ROSTER) => self.get_roster(deliver),
            (Verb::Set, "query", ns::ROSTER) => self.set_roster(deliver, context),
            (Verb::Get, "blocklist", ns::BLOCKING) => self.get_blocklist(deliver),
            (Verb::Set, "block", ns::BLOCKING) => self.block(deliver, context),
            (Verb::Set, "unblock", ns::BLOCKING) => self.unblock(deliver, context),
            (Verb::Get, "query", ns::PRIVATE) => self.get_private_xml(deliver, context),
            (Verb::Set, "query", ns::PRIVATE) => self.set_private_xml(deliver, context),
            (Verb::Get, "vCard", ns::VCARD) => self.get_vcard(deliver, context),
            (Verb::Set, "vCard", ns::VCARD) => self.set_vcard(deliver, context),
            (_, "query", ns::REGISTER) => self.register(deliver),
            // RFC 3921 §3: what clients of that time ask for after binding.
            (Verb::Set, "session", ns::SESSION) => deliver.answer(|_| {}),
            (Verb::Set, "bind", ns::BIND) => self.bounce(deliver, Condition::NotAllowed),
            (verb, name, namespace) => self.common_iq(verb, (name, namespace), deliver),
        }
    }

    /// A question of somebody else.
    fn foreign_iq(&mut self, verb: Verb, deliver: Deliver, context: &mut Context<Self>) {
        let Some((name, namespace)) = payload(&deliver.stanza) else {
            return self.bounce(deliver, Condition::BadRequest);
        };
        let from = deliver.stanza.from().map(bare_str);
        let sees_user = from.is_some_and(|from| self.lets_see(from));
        match (verb, name.as_str(), namespace.as_str()) {
            (Verb::Get, "vCard", ns::VCARD) => self.get_vcard(deliver, context),
            // XEP-0030 §8: strangers must not learn from the answer that there is such a user. A ping
            // would tell as much.
            (verb, name, namespace) if sees_user => {
                self.common_iq(verb, (name, namespace), deliver)
            }
            _ => self.bounce(deliver, Condition::ServiceUnavailable),
        }
    }

    /// What both the user and those who see the user may ask.
    fn common_iq(&mut self, verb: Verb, (name, namespace): (&str, &str), deliver: Deliver) {
        match (verb, name, namespace) {
            (Verb::Get, "ping", ns::PING) => deliver.answer(|_| {}),
            (Verb::Get, "query", ns::DISCO_INFO) => self.disco_info(deliver),
            (Verb::Get, "query", ns::DISCO_ITEMS) => self.disco_items(deliver),
            _ => self.bounce(deliver, Condition::ServiceUnavailable),
        }
    }

    fn disco_info(&mut self, deliver: Deliver) {
        if has_node(&deliver.stanza, ns::DISCO_INFO) {
            return self.bounce(deliver, Condition::ItemNotFound);
        }
        deliver.answer(|xml| {
            xml.open("query", ns::DISCO_INFO);
            xml.open("identity", ns::DISCO_INFO);
            xml.attr("category", "account")
                .attr("type", "registered")
                .close();
            for feature in FEATURES {
                xml.open("feature", ns::DISCO_INFO)
                    .attr("var", feature)
                    .close();
            }
            xml.close();
        });
    }

    /// XEP-0030 §4.2: the resources that are available.
    fn disco_items(&mut self, deliver: Deliver) {
        if has_node(&deliver.stanza, ns::DISCO_ITEMS) {
            return self.bounce(deliver, Condition::ItemNotFound);
        }
        let sessions = self.handle.sessions().clone();
        deliver.answer(|xml| {
            xml.open("query", ns::DISCO_ITEMS);
            for session in sessions
                .iter()
                .filter(|session| session.priority().is_some())
            {
                xml.open("item", ns::DISCO_ITEMS)
                    .attr("jid", session.jid.as_str())
                    .close();
            }
            xml.close();
        });
    }

    /// In-band registration for who is logged in already: another password, or no account any more.
    fn register(&mut self, deliver: Deliver) {
        crate::register::handle(&self.core, deliver);
    }
}

/// Name and namespace of the only child.
fn payload(stanza: &Stanza) -> Option<(String, String)> {
    let child = stanza.children().next()?;
    Some((child.name().to_owned(), child.ns().into_owned()))
}

/// Whether a disco question is about a node (XEP-0030 §3.2); there is none here.
pub(crate) fn has_node(stanza: &Stanza, namespace: &str) -> bool {
    let query = stanza.child("query", namespace);
    query.is_some_and(|query| query.attribute("node").is_some())
}

/// What a client is told when the store fails.
pub(crate) fn store_error(error: &StoreError) -> StanzaError {
    match error {
        StoreError::LimitReached { .. } => {
            StanzaError::new(Condition::ResourceConstraint).with_text(error.to_string())
        }
        StoreError::NoAccount { .. } => StanzaError::new(Condition::ItemNotFound),
        _ => match error.fault() {
            Fault::Load => StanzaError::new(Condition::ResourceConstraint),
            Fault::Request => StanzaError::new(Condition::NotAllowed),
            Fault::Operator | Fault::Bug => {
                StanzaError::new(Condition::InternalServerError).with_type(ErrorType::Wait)
            }
        },
    }
}
