//! SASL in the elements of RFC 6120 §6.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use smallvec::smallvec;
use zeroize::Zeroizing;

use crate::{
    jid::DomainRef,
    ns,
    sasl::{
        Authenticated, CredentialsAnswer, Exchange, Mechanism, PasswordVerdict, SaslCondition,
        SaslContext, SaslFailure, Step,
    },
    stanza::Element,
    stream_error::{StreamCondition, StreamError},
    xml::XmlWriter,
};

use super::{
    event::{Output, Outputs},
    machine::{Negotiation, State, Turn, out_of_turn},
};

impl Negotiation {
    /// `<auth/>`, `<response/>` or `<abort/>`.
    pub(crate) fn take_sasl(&mut self, element: &Element) -> Outputs {
        if self.user.is_some() {
            return self.fail(StreamError::with_text(
                StreamCondition::PolicyViolation,
                "you have logged in already",
            ));
        }
        let exchange = match std::mem::replace(&mut self.state, State::Features) {
            State::Sasl(exchange, _) => Some(exchange),
            _ => None,
        };
        match (element.name(), exchange) {
            ("auth", None) => self.begin(element),
            ("response", Some(exchange)) => self.resume(exchange, element),
            ("abort", _) => {
                self.refuse_log_in(SaslFailure::new(SaslCondition::Aborted, "aborted as asked"))
            }
            _ => self.refuse_log_in(SaslFailure::new(
                SaslCondition::MalformedRequest,
                "this is not what is expected now",
            )),
        }
    }

    fn begin(&mut self, element: &Element) -> Outputs {
        let asked = element
            .attribute("mechanism")
            .and_then(|name| Mechanism::from_name(&name));
        let mechanism = match asked {
            Some(mechanism) if self.offer().mechanisms().contains(mechanism) => mechanism,
            Some(_) if self.offer().has_starttls() => {
                return self.refuse_log_in(SaslFailure::new(
                    SaslCondition::EncryptionRequired,
                    "start TLS first",
                ));
            }
            _ => {
                return self.refuse_log_in(SaslFailure::new(
                    SaslCondition::InvalidMechanism,
                    "this mechanism is not offered",
                ));
            }
        };
        // An empty initial response is written as "=" (RFC 6120 §6.4.2); no text means that there is none.
        let initial = match payload(element) {
            Ok(Payload::Absent) => None,
            Ok(Payload::Message(message)) => Some(message),
            Err(failure) => return self.refuse_log_in(failure),
        };
        match self.with_context(|context| {
            Exchange::start(
                context,
                mechanism,
                initial.as_ref().map(|message| message.as_slice()),
            )
        }) {
            Some((exchange, step)) => self.step(Box::new(exchange), step),
            None => self.fail(out_of_turn()),
        }
    }

    fn resume(&mut self, mut exchange: Box<Exchange>, element: &Element) -> Outputs {
        let message = match payload(element) {
            Ok(Payload::Absent) => Zeroizing::default(),
            Ok(Payload::Message(message)) => message,
            Err(failure) => return self.refuse_log_in(failure),
        };
        match self.with_context(|context| exchange.response(context, &message)) {
            Some(step) => self.step(exchange, step),
            None => self.fail(out_of_turn()),
        }
    }

    pub(super) fn take_credentials(&mut self, answer: CredentialsAnswer) -> Outputs {
        match std::mem::replace(&mut self.state, State::Features) {
            State::Sasl(mut exchange, Turn::Store) => {
                match self.with_context(|context| exchange.credentials(context, answer)) {
                    Some(step) => self.step(exchange, step),
                    None => self.fail(out_of_turn()),
                }
            }
            state => self.fail_in(state),
        }
    }

    pub(super) fn take_verdict(&mut self, verdict: PasswordVerdict) -> Outputs {
        match std::mem::replace(&mut self.state, State::Features) {
            State::Sasl(mut exchange, Turn::Worker) => {
                let step = exchange.password_checked(verdict);
                self.step(exchange, step)
            }
            state => self.fail_in(state),
        }
    }

    fn fail_in(&mut self, state: State) -> Outputs {
        self.state = state;
        self.fail(out_of_turn())
    }

    fn with_context<T>(&self, run: impl FnOnce(&SaslContext<'_>) -> T) -> Option<T> {
        let host: &DomainRef = self.host.as_ref()?;
        Some(run(&SaslContext {
            host,
            offered: self.offer().mechanisms(),
            exporter: self.tls.as_ref().and_then(|tls| tls.exporter.as_ref()),
            secret: &self.settings.secret,
            iterations: self.settings.iterations,
            random: self.settings.random,
        }))
    }

    fn step(&mut self, exchange: Box<Exchange>, step: Step) -> Outputs {
        let (turn, output) = match step {
            Step::Challenge(message) => (
                Turn::Client,
                Output::Send(element("challenge", Some(&message))),
            ),
            Step::Lookup(user) => (Turn::Store, Output::Lookup(user)),
            Step::Check(check) => (Turn::Worker, Output::CheckPassword(check)),
            Step::Success(authenticated) => return self.log_in(&authenticated),
            Step::Failure(failure) => return self.refuse_log_in(failure),
        };
        self.state = State::Sasl(exchange, turn);
        smallvec![output]
    }

    /// The only way to become authenticated.
    fn log_in(&mut self, authenticated: &Authenticated) -> Outputs {
        self.user = Some((authenticated.user().clone(), authenticated.mechanism()));
        self.state = State::Header;
        let success = element("success", authenticated.data());
        smallvec![
            Output::Send(success),
            Output::ResetParser {
                is_authenticated: true
            }
        ]
    }

    fn refuse_log_in(&mut self, failure: SaslFailure) -> Outputs {
        self.state = State::Features;
        let mut xml = XmlWriter::new();
        xml.open("failure", ns::SASL)
            .empty(failure.condition.name(), ns::SASL);
        xml.open("text", ns::SASL)
            .attr("xml:lang", "en")
            .text(failure.text)
            .close();
        self.count_failure(xml.finish().to_vec())
    }
}

enum Payload {
    Absent,
    /// It may hold a password.
    Message(Zeroizing<Vec<u8>>),
}

/// The base64 text of an element (RFC 6120 §6.4.2).
fn payload(element: &Element) -> Result<Payload, SaslFailure> {
    if element.as_ref().has_child_elements() {
        return Err(SaslFailure::new(
            SaslCondition::MalformedRequest,
            "only text is expected here",
        ));
    }
    match element.text().as_ref() {
        "" => Ok(Payload::Absent),
        "=" => Ok(Payload::Message(Zeroizing::default())),
        text => STANDARD
            .decode(text)
            .map(|message| Payload::Message(Zeroizing::new(message)))
            .map_err(|_| {
                SaslFailure::new(SaslCondition::IncorrectEncoding, "the text is not base64")
            }),
    }
}

/// An element with a message in base64; `None` and the empty challenge have no text.
fn element(name: &str, message: Option<&str>) -> Vec<u8> {
    let mut xml = XmlWriter::new();
    xml.open(name, ns::SASL);
    if let Some(message) = message {
        xml.text(&STANDARD.encode(message));
    }
    xml.finish().to_vec()
}
