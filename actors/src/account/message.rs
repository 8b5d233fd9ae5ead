//! Messages to the user: RFC 6121 §8.5, and who of the sessions gets what.
//!
//! Where the RFC leaves a choice:
//!
//! | to | type | ours |
//! |---|---|---|
//! | bare | normal, chat | every available resource of the highest priority that is not negative; else kept |
//! | bare | headline | every available resource whose priority is not negative; else dropped |
//! | bare | groupchat | `service-unavailable` |
//! | bare | error | dropped |
//! | full, there | any | that resource, whatever its priority |
//! | full, gone | chat | as to the bare address |
//! | full, gone | normal, groupchat | `service-unavailable` |
//! | full, gone | headline, error | dropped |

use std::sync::Arc;

use actix::Context;
use xmpp::stanza_error::{Condition, StanzaError};
use xmpp::{Stanza, StanzaKind};

use super::Account;
use crate::delivery::Deliver;
use crate::handle::SessionHandle;

/// The types of RFC 6121 §5.2.2; an unknown or absent one is `normal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageType {
    Normal,
    Chat,
    Groupchat,
    Headline,
    Error,
}

impl MessageType {
    pub(super) fn of(stanza: &Stanza) -> Self {
        match stanza.type_attr() {
            Some("chat") => Self::Chat,
            Some("groupchat") => Self::Groupchat,
            Some("headline") => Self::Headline,
            Some("error") => Self::Error,
            _ => Self::Normal,
        }
    }
}

impl Account {
    /// Delivers what the router handed over: blocklist, rules, then the sessions.
    pub(super) fn deliver(&mut self, deliver: Deliver, context: &mut Context<Self>) {
        if deliver.stanza.from().is_some_and(|from| self.refuses(from)) {
            return self.refuse_blocked(deliver);
        }
        let Some(deliver) = self.decide(deliver) else {
            return;
        };
        if !self.profile.exists {
            return self.no_such_user(deliver);
        }
        match deliver.stanza.kind() {
            StanzaKind::Message => self.deliver_message(deliver, context),
            StanzaKind::Presence => self.deliver_presence(deliver, context),
            StanzaKind::Iq => self.deliver_iq(deliver, context),
        }
    }

    /// RFC 6121 §8.5.1: messages and iqs are answered, presence is not, and a probe learns as much as
    /// that of a stranger about a user who is there.
    fn no_such_user(&mut self, deliver: Deliver) {
        match (
            deliver.stanza.kind(),
            deliver.stanza.type_attr(),
            deliver.stanza.from(),
        ) {
            (StanzaKind::Presence, Some("probe"), Some(from)) => self.deny_probe(from),
            (StanzaKind::Presence, ..) => {}
            _ => return self.bounce(deliver, Condition::ServiceUnavailable),
        }
        deliver.settle();
    }

    /// Answers with an error of `condition`, and counts it.
    pub(super) fn bounce(&mut self, deliver: Deliver, condition: Condition) {
        self.report.bounced += 1;
        deliver.bounce(StanzaError::new(condition));
    }

    fn deliver_message(&mut self, mut deliver: Deliver, context: &mut Context<Self>) {
        if deliver.stanza.to().is_none() {
            // RFC 6120 §10.3.1: to the user; a copy that is read later has to say to whom.
            let own = self.handle.jid.clone();
            deliver.stanza.set_to(Some(own.into()));
        }
        let kind = MessageType::of(&deliver.stanza);
        let is_full = deliver
            .stanza
            .to()
            .is_some_and(|to| to.resource().is_some());
        if is_full {
            if self.to_full_jid(&deliver.stanza) {
                return self.delivered(deliver);
            }
            return match kind {
                MessageType::Chat => self.message_to_bare_jid(kind, deliver, context),
                MessageType::Normal | MessageType::Groupchat => {
                    self.bounce(deliver, Condition::ServiceUnavailable);
                }
                MessageType::Headline | MessageType::Error => deliver.settle(),
            };
        }
        self.message_to_bare_jid(kind, deliver, context);
    }

    /// Hands the stanza to the session bound to exactly its `to`, available or not.
    pub(super) fn to_full_jid(&self, stanza: &Stanza) -> bool {
        let Some(to) = stanza.to() else { return false };
        let sessions = self.handle.sessions();
        let session = sessions
            .iter()
            .find(|session| session.jid.as_str() == to.as_str());
        session.is_some_and(|session| session.send(stanza).is_ok())
    }

    fn message_to_bare_jid(
        &mut self,
        kind: MessageType,
        deliver: Deliver,
        context: &mut Context<Self>,
    ) {
        let taken = match kind {
            MessageType::Groupchat => {
                return self.bounce(deliver, Condition::ServiceUnavailable);
            }
            MessageType::Error => return deliver.settle(),
            MessageType::Headline => {
                self.send_to(&deliver.stanza, |priority| priority >= 0);
                return self.delivered(deliver);
            }
            MessageType::Normal | MessageType::Chat => self.to_most_available(&deliver.stanza),
        };
        match taken {
            true => self.delivered(deliver),
            false => self.keep_offline(deliver, context),
        }
    }

    /// Hands the stanza to every session of the highest priority that is not negative; whether one
    /// took it.
    fn to_most_available(&self, stanza: &Stanza) -> bool {
        let sessions = self.handle.sessions();
        if let [only] = sessions.as_slice() {
            return only.priority().is_some_and(|priority| priority >= 0)
                && only.send(stanza).is_ok();
        }
        let open = |session: &&Arc<SessionHandle>| session.is_open();
        let highest = sessions
            .iter()
            .filter(open)
            .filter_map(|session| session.priority())
            .max();
        match highest {
            Some(highest) if highest >= 0 => self.send_to(stanza, |priority| priority == highest),
            _ => false,
        }
    }

    /// Hands the stanza to every available session whose priority fits; whether one took it.
    pub(super) fn send_to(&self, stanza: &Stanza, fits: impl Fn(i8) -> bool) -> bool {
        let mut taken = false;
        for session in self.handle.sessions().iter() {
            if session.priority().is_some_and(&fits) && session.send(stanza).is_ok() {
                taken = true;
            }
        }
        taken
    }

    fn delivered(&mut self, deliver: Deliver) {
        self.report.delivered += 1;
        deliver.settle();
    }
}
