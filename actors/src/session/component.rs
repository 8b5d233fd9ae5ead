//! What a component sends: checked and routed. It speaks for every address of its domain, and no account is its own.

use std::sync::Arc;

use actix::Context;
use xmpp::Stanza;
use xmpp::jid::DomainRef;
use xmpp::stanza_error::{Condition, StanzaError};
use xmpp::stream_error::{StreamCondition, StreamError};

use super::intake::{RETRIES, Stalled, malformation};
use super::{JoinedAs, Session};
use crate::delivery::{Deliver, Origin};
use crate::route::route;

impl actix::Handler<JoinedAs> for Session {
    type Result = ();

    fn handle(&mut self, JoinedAs(joined): JoinedAs, context: &mut Context<Self>) {
        self.joined = Some(Box::new(joined));
        self.obey_late_order(context);
    }
}

impl Session {
    /// Checks a stanza of a component, and sends it on its way.
    pub(super) fn accept_from_component(
        &mut self,
        stanza: Stanza,
        context: &mut Context<Self>,
    ) -> Result<(), Stalled> {
        let Some(joined) = &self.joined else {
            return Ok(());
        };
        if let Err(error) = check_from(&stanza, joined.domain()) {
            self.close(Some(error), context);
            return Ok(());
        }
        let problem = malformation(&stanza).or_else(|| missing_to(&stanza));
        let deliver = Deliver::new(stanza, Origin::Component(Arc::clone(&joined.link)));
        match problem {
            Some(error) => {
                deliver.bounce(error);
                Ok(())
            }
            None => self.dispatch_from_component(deliver, 0),
        }
    }

    /// Routes what is checked; a full recipient holds up what comes behind.
    pub(super) fn dispatch_from_component(
        &mut self,
        deliver: Deliver,
        tries: u16,
    ) -> Result<(), Stalled> {
        if tries > RETRIES {
            deliver.bounce(StanzaError::new(Condition::ResourceConstraint));
            return Ok(());
        }
        let result = route(&self.core, self.placement.index(), deliver);
        result.map_err(|deliver| Stalled::Routing(deliver, tries))
    }
}

/// XEP-0114 §4: a component names an address of its domain.
fn check_from(stanza: &Stanza, own: &DomainRef) -> Result<(), StreamError> {
    match stanza.from() {
        Some(from) if from.domain() == own => Ok(()),
        _ => Err(StreamError::with_text(
            StreamCondition::InvalidFrom,
            format!("each stanza of this stream needs a 'from' of the domain {own}"),
        )),
    }
}

fn missing_to(stanza: &Stanza) -> Option<StanzaError> {
    let text = "a stanza of a component needs an address in to";
    let is_missing = stanza.to().is_none();
    is_missing.then(|| StanzaError::new(Condition::BadRequest).with_text(text))
}
