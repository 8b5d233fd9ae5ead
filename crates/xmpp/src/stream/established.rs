//! What is left to say about negotiation once a resource is bound.

use crate::{
    ns,
    stanza::{Element, Stanza, StanzaKind},
    stanza_error::{Condition, StanzaError},
    stream_error::{StreamCondition, StreamError},
};

/// Answers what belongs to negotiation and may still come from a client with a bound resource: the session of
/// RFC 3921 §3, which does nothing, and a second resource, which is refused. `None` if the stanza is neither; call it for
/// stanzas without `to` and for those to the client's own host.
#[must_use]
pub fn answer_late_iq(iq: &Stanza) -> Option<Stanza> {
    if iq.kind() != StanzaKind::Iq || iq.type_attr() != Some("set") {
        return None;
    }
    if iq.child("bind", ns::BIND).is_some() {
        return StanzaError::new(Condition::NotAllowed)
            .with_text("one resource is bound already")
            .reply_to(iq);
    }
    iq.child("session", ns::SESSION)?;
    let mut reply = Stanza::new(StanzaKind::Iq);
    reply.set_type(Some("result")).set_id(iq.id());
    reply.set_from(iq.to().cloned()).set_to(iq.from().cloned());
    Some(reply)
}

/// Why a first-level element that nobody takes ends the stream (RFC 6120 §4.9.3.24).
#[must_use]
pub fn refuse_element(element: &Element) -> StreamError {
    if element.ns() == ns::STREAM && element.name() == "stream" {
        return StreamError::with_text(
            StreamCondition::UnsupportedStanzaType,
            "a second stream header",
        );
    }
    StreamError::with_text(
        StreamCondition::UnsupportedStanzaType,
        "this element means nothing here",
    )
}
