//! In-band registration before log-in (XEP-0077 §3.1). What a user does with the account later is not negotiated here.

use smallvec::smallvec;

use crate::{
    ns,
    sasl::PreparedPassword,
    stanza::{Stanza, StanzaKind},
    stanza_error::{Condition, StanzaError},
    stream_error::{StreamCondition, StreamError},
    xml::XmlWriter,
};

use super::{
    event::{Output, Outputs, Registration},
    machine::{Negotiation, State, out_of_turn},
};

impl Negotiation {
    pub(crate) fn take_registration(&mut self, iq: &Stanza) -> Outputs {
        if self.user.is_some() {
            return self.fail(StreamError::with_text(
                StreamCondition::NotAuthorized,
                "bind a resource first",
            ));
        }
        if !self.offer().has_registration() {
            let error = match self.offer().is_secure_enough() {
                true => StanzaError::new(Condition::ServiceUnavailable)
                    .with_text("this server makes no accounts for strangers"),
                false => StanzaError::new(Condition::NotAllowed).with_text("start TLS first"),
            };
            return self.refuse_iq(iq, &error);
        }
        match iq.type_attr() {
            Some("get") => smallvec![Output::Send(result(iq, form))],
            Some("set") => match self.read_registration(iq) {
                Ok(registration) => {
                    let mut asked = Stanza::new(StanzaKind::Iq);
                    asked.set_type(Some("set")).set_id(iq.id());
                    self.state = State::Registering(Box::new(asked));
                    smallvec![Output::Register(registration)]
                }
                Err(error) => self.refuse_iq(iq, &error),
            },
            _ => self.refuse_iq(iq, &StanzaError::new(Condition::BadRequest)),
        }
    }

    pub(super) fn take_registered(&mut self, outcome: Result<(), StanzaError>) -> Outputs {
        match (std::mem::replace(&mut self.state, State::Features), outcome) {
            (State::Registering(iq), Ok(())) => smallvec![Output::Send(result(&iq, |_| ()))],
            (State::Registering(iq), Err(error)) => self.refuse_iq(&iq, &error),
            (state, _) => {
                self.state = state;
                self.fail(out_of_turn())
            }
        }
    }

    fn read_registration(&self, iq: &Stanza) -> Result<Registration, StanzaError> {
        let refuse = |condition, text: &str| StanzaError::new(condition).with_text(text);
        let query = iq
            .child("query", ns::REGISTER)
            .ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
        if query.child("remove", ns::REGISTER).is_some() {
            return Err(refuse(
                Condition::UnexpectedRequest,
                "log in to remove your account",
            ));
        }
        let field = |name| query.child(name, ns::REGISTER).map(|field| field.text());
        let (Some(username), Some(password)) = (field("username"), field("password")) else {
            return Err(refuse(
                Condition::NotAcceptable,
                "a username and a password are needed",
            ));
        };
        let user = self
            .host
            .as_ref()
            .and_then(|host| host.with_node_str(&username).ok());
        let user = user.ok_or_else(|| {
            refuse(
                Condition::NotAcceptable,
                "the username can not be part of an address",
            )
        })?;
        let password = PreparedPassword::new(&password)
            .map_err(|error| refuse(Condition::NotAcceptable, &format!("the password {error}")))?;
        Ok(Registration { user, password })
    }
}

fn form(xml: &mut XmlWriter) {
    xml.open("query", ns::REGISTER);
    xml.text_element(
        "instructions",
        ns::REGISTER,
        "Choose a username and a password.",
    );
    xml.empty("username", ns::REGISTER)
        .empty("password", ns::REGISTER)
        .close();
}

fn result(iq: &Stanza, content: impl FnOnce(&mut XmlWriter)) -> Vec<u8> {
    let mut xml = XmlWriter::new();
    content(&mut xml);
    let mut reply = Stanza::new(StanzaKind::Iq);
    reply
        .set_type(Some("result"))
        .set_id(iq.id())
        .set_content(xml.finish());
    let mut out = Vec::new();
    reply.write_to(&mut out);
    out
}
