//! Resource binding (RFC 6120 §7).

use smallvec::smallvec;

use crate::{
    jid::{FullJid, ResourcePart},
    ns,
    stanza::{Stanza, StanzaKind},
    stanza_error::{Condition, StanzaError},
    stream_error::{StreamCondition, StreamError},
    xml::XmlWriter,
};

use super::{
    event::{Output, Outputs},
    machine::{Negotiation, State, no_randomness, out_of_turn},
};

/// What a client asks for.
enum Wish {
    Any,
    Resource(ResourcePart),
}

impl Negotiation {
    pub(crate) fn take_bind(&mut self, iq: &Stanza) -> Outputs {
        let Some(user) = self.user().cloned() else {
            return self.fail(StreamError::with_text(
                StreamCondition::NotAuthorized,
                "log in before binding a resource",
            ));
        };
        let jid = match read_wish(iq) {
            Ok(Wish::Resource(resource)) => user.with_resource(&resource),
            Ok(Wish::Any) => match self
                .random_text::<12>()
                .map(|resource| user.with_resource_str(&resource))
            {
                Some(Ok(jid)) => jid,
                _ => return self.fail(no_randomness()),
            },
            Err(error) => return self.refuse_iq(iq, &error),
        };
        let mut asked = Stanza::new(StanzaKind::Iq);
        asked.set_type(Some("set")).set_id(iq.id());
        self.state = State::Binding(Box::new(asked));
        smallvec![Output::Bind(jid)]
    }

    pub(super) fn take_bound(&mut self, outcome: Result<FullJid, StanzaError>) -> Outputs {
        let (iq, mechanism) = match (
            std::mem::replace(&mut self.state, State::Features),
            &self.user,
        ) {
            (State::Binding(iq), Some((_, mechanism))) => (iq, *mechanism),
            (state, _) => {
                self.state = state;
                return self.fail(out_of_turn());
            }
        };
        match outcome {
            Ok(jid) if self.user().is_some_and(|user| *user == jid.to_bare()) => {
                let reply = bind_result(&iq, &jid);
                self.establish(jid, mechanism, reply)
            }
            Ok(_) => self.fail(out_of_turn()),
            Err(error) => self.refuse_iq(&iq, &error),
        }
    }
}

fn read_wish(iq: &Stanza) -> Result<Wish, StanzaError> {
    let bad_request = |text: &str| StanzaError::new(Condition::BadRequest).with_text(text);
    if iq.type_attr() != Some("set") || iq.id().is_none() {
        return Err(bad_request("binding is an iq of type set with an id"));
    }
    let bind = iq
        .child("bind", ns::BIND)
        .filter(|_| iq.children().count() == 1);
    let bind = bind.ok_or_else(|| bad_request("an iq has one payload"))?;
    let mut resources = bind
        .children()
        .filter(|child| child.is("resource", ns::BIND));
    let text = resources.next().map(|resource| resource.text());
    if resources.next().is_some() {
        return Err(bad_request("one resource can be bound"));
    }
    match text.as_deref() {
        None | Some("") => Ok(Wish::Any),
        Some(text) => ResourcePart::new(text)
            .map(|resource| Wish::Resource(resource.into_owned()))
            .map_err(|_| bad_request("the resource is malformed or longer than 1023 bytes")),
    }
}

fn bind_result(iq: &Stanza, jid: &FullJid) -> Vec<u8> {
    let mut xml = XmlWriter::new();
    xml.open("bind", ns::BIND)
        .text_element("jid", ns::BIND, jid.as_str())
        .close();
    let mut reply = Stanza::new(StanzaKind::Iq);
    reply
        .set_type(Some("result"))
        .set_id(iq.id())
        .set_content(xml.finish());
    let mut out = Vec::new();
    reply.write_to(&mut out);
    out
}
