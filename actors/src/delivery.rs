//! A stanza on its way, and whom it came from.

use std::sync::Arc;

use actix::Message;
use xmpp::jid::bare_str;
use xmpp::stanza_error::StanzaError;
use xmpp::{Stanza, StanzaKind, XmlWriter};

use crate::component::ComponentLink;
use crate::handle::{SessionHandle, Ticket};

/// How often a stanza may be sent on by rules (REDIRECT, COPY, FORWARD), and what is made of it again.
pub const MAX_HOPS: u8 = 8;

/// Stanzas that rules may make of one in all, however their circles branch.
pub const MAX_COPIES: u16 = 64;

/// What rules may still make of a stanza: circles end by depth and, where they branch, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    hops: u8,
    copies: u16,
}

impl Allowance {
    /// That of a stanza that no rule has touched.
    pub const FULL: Self = Self {
        hops: MAX_HOPS,
        copies: MAX_COPIES,
    };

    /// That of each of `number` stanzas made of one; `None` when there may be no more.
    pub fn of_each(self, number: u16) -> Option<Self> {
        let share = self.copies / number.max(1);
        Some(Self {
            hops: self.hops.checked_sub(1)?,
            copies: share.checked_sub(1)?,
        })
    }
}

/// Who handed a stanza to the router.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A client of this node.
    Session(Arc<SessionHandle>),
    /// A component of this node.
    Component(Arc<ComponentLink>),
    /// The node itself: presence that it sends in a user's name, stanzas made by rules.
    Node,
}

impl Origin {
    /// Hands a reply straight to the origin; no chain sees it. The node needs no answer, nor does a
    /// client hear of what rules made in another name of its stanza.
    pub fn reply(&self, stanza: &Stanza) {
        if let Self::Session(session) = self
            && stanza
                .to()
                .is_none_or(|to| bare_str(to) == bare_str(&session.jid))
        {
            // A session that can not be told is ending; nobody waits for the answer.
            let _gone = session.send(stanza);
        } else if let Self::Component(link) = self
            && stanza.to().is_none_or(|to| *to.domain() == *link.domain)
        {
            let _gone = link.send(stanza);
        }
    }

    /// The session, if a client sent the stanza.
    pub fn session(&self) -> Option<&Arc<SessionHandle>> {
        match self {
            Self::Session(session) => Some(session),
            Self::Component(_) | Self::Node => None,
        }
    }
}

/// A stanza for a local account or host. Sessions, accounts and hosts send it through `route`.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Deliver {
    /// The stanza; `to` is set.
    pub stanza: Stanza,
    /// Where answers go.
    pub origin: Origin,
    /// What rules may still make of it.
    pub allowance: Allowance,
    /// For a message whose sender waits to hear that the node has it.
    pub ticket: Option<Ticket>,
}

impl Deliver {
    /// A stanza fresh from `origin`.
    pub fn new(stanza: Stanza, origin: Origin) -> Self {
        Self {
            stanza,
            origin,
            allowance: Allowance::FULL,
            ticket: None,
        }
    }

    /// Answers with `error` (RFC 6120 §8.3; nothing for errors and results) and ends the delivery.
    pub fn bounce(self, error: StanzaError) {
        if let Some(reply) = error.reply_to(&self.stanza) {
            self.origin.reply(&reply);
        }
        self.settle();
    }

    /// Answers an iq with a result that holds what `write` writes (RFC 6120 §8.2.3).
    pub fn answer(self, write: impl FnOnce(&mut XmlWriter)) {
        let mut content = XmlWriter::new();
        write(&mut content);
        let mut result = Stanza::new(StanzaKind::Iq);
        result.set_type(Some("result"));
        result.set_id(self.stanza.id());
        result.set_from(self.stanza.to().cloned());
        result.set_to(self.stanza.from().cloned());
        result.set_content(content.finish());
        self.origin.reply(&result);
        self.settle();
    }

    /// Ends the delivery: the stanza needs nothing more.
    pub fn settle(self) {
        if let Some(ticket) = self.ticket {
            ticket.settle();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(allowance: Allowance, branches: u16) -> u32 {
        allowance
            .of_each(branches)
            .map_or(0, |each| u32::from(branches) * (1 + made(each, branches)))
    }

    #[test]
    fn circles_end_however_they_branch() {
        for branches in 1..=300 {
            let made = made(Allowance::FULL, branches);
            assert!(
                made <= u32::from(MAX_COPIES),
                "{branches} branches make {made}"
            );
        }
        assert_eq!(made(Allowance::FULL, 1), u32::from(MAX_HOPS));
        assert_eq!(made(Allowance::FULL, MAX_COPIES), u32::from(MAX_COPIES));
    }
}
