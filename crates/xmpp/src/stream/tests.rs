//! Conversations with a driver that does at once what it is told.

mod conversations;
mod hostile;
mod matrix;
mod random;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;
use crate::{
    StreamError,
    jid::{DomainPart, FullJid},
    sasl::{
        AccountCredentials, CredentialsAnswer, Mechanism, PreparedPassword, ScramClient,
        ServerSecret,
    },
    stanza_error::StanzaError,
    xml::{Limits, StreamParser},
};

pub(super) const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                      to='example.com' version='1.0'>";
pub(super) const EXPORTER: [u8; 32] = [5; 32];
pub(super) const ROUNDS: u32 = 3;

fn fixed(buffer: &mut [u8]) -> bool {
    buffer.fill(0);
    true
}

pub(super) fn domain(name: &str) -> DomainPart {
    DomainPart::new(name).unwrap().into_owned()
}

pub(super) fn settings(change: impl FnOnce(&mut StreamSettings)) -> Arc<StreamSettings> {
    let mut closed = HostSettings::new(domain("example.com"));
    closed.registration = false;
    let mut open = HostSettings::new(domain("open.example"));
    open.registration = true;
    let mut settings = StreamSettings::new(ServerSecret::new([1; 32]), [closed, open]);
    settings.iterations = ROUNDS;
    settings.random = fixed;
    change(&mut settings);
    Arc::new(settings)
}

/// What juliet's account holds; nobody else has one.
pub(super) fn answer_for(user: &str) -> CredentialsAnswer {
    let password = PreparedPassword::new("r0m30").unwrap();
    match user {
        "juliet@example.com" | "closed@example.com" => CredentialsAnswer::Known {
            credentials: AccountCredentials::derive_with(
                &password,
                b"0123456789abcdef",
                b"fedcba9876543210",
                ROUNDS,
            ),
            is_disabled: user.starts_with("closed"),
        },
        _ => CredentialsAnswer::Unknown,
    }
}

/// A client's connection, from the client's side.
pub(super) struct Client {
    pub(super) machine: Negotiation,
    parser: StreamParser,
    /// What the driver has to say when a resource is to be bound; the address asked for if `None`.
    pub(super) bound: Option<Result<FullJid, StanzaError>>,
    pub(super) registered: Result<(), StanzaError>,
    pub(super) registrations: Vec<Registration>,
    pub(super) derivations: u32,
    pub(super) lookups: usize,
    pub(super) established: Option<Established>,
    pub(super) closed: Option<Option<StreamError>>,
    received: String,
}

impl Client {
    pub(super) fn new(policy: TlsPolicy, tls: Option<TlsFacts>) -> Self {
        Self::with(settings(|_| ()), policy, tls)
    }

    pub(super) fn with(
        settings: Arc<StreamSettings>,
        policy: TlsPolicy,
        tls: Option<TlsFacts>,
    ) -> Self {
        Self {
            machine: Negotiation::new(settings, policy, tls),
            parser: StreamParser::new(Limits::UNAUTHENTICATED),
            bound: None,
            registered: Ok(()),
            registrations: Vec::new(),
            derivations: 0,
            lookups: 0,
            established: None,
            closed: None,
            received: String::new(),
        }
    }

    /// A connection that began with TLS 1.3.
    pub(super) fn encrypted() -> Self {
        Self::new(
            TlsPolicy::Required,
            Some(TlsFacts {
                exporter: Some(EXPORTER),
            }),
        )
    }

    /// An encrypted connection whose client has logged in and has seen the features.
    pub(super) fn logged_in() -> Self {
        let mut client = Self::encrypted();
        client.send(HEADER);
        client.log_in("juliet", "r0m30");
        client.send(HEADER);
        client
    }

    /// Sends bytes and returns what the server answers.
    pub(super) fn send(&mut self, xml: &str) -> String {
        let mut input = xml.as_bytes();
        while self.closed.is_none() && self.established.is_none() {
            match self.parser.next(&mut input) {
                Ok(Some(event)) => self.feed(event.into(), input.trim_ascii().len()),
                Ok(None) => break,
                Err(error) => self.feed(Input::Fail(error), 0),
            }
        }
        std::mem::take(&mut self.received)
    }

    /// Feeds one input and does what comes out; `unread` bytes are behind it.
    pub(super) fn feed(&mut self, input: Input, unread: usize) {
        for output in self.machine.handle(input) {
            match output {
                Output::Send(bytes) => self.received.push_str(std::str::from_utf8(&bytes).unwrap()),
                Output::StartTls { .. } if unread > 0 => self.feed(Input::PipelinedPlaintext, 0),
                Output::StartTls { host, proceed } => {
                    assert_eq!(Some(&host), self.machine.host());
                    self.received
                        .push_str(std::str::from_utf8(proceed).unwrap());
                    self.feed(
                        Input::TlsDone(TlsFacts {
                            exporter: Some(EXPORTER),
                        }),
                        0,
                    );
                }
                Output::ResetParser { is_authenticated } => {
                    assert_eq!(is_authenticated, self.machine.user().is_some());
                    self.parser.reset();
                }
                Output::Lookup(user) => {
                    assert!(self.machine.is_waiting());
                    self.lookups += 1;
                    self.feed(Input::Credentials(answer_for(user.as_str())), 0);
                }
                Output::CheckPassword(check) => {
                    assert!(self.machine.is_waiting());
                    let verdict = check.run();
                    self.derivations += verdict.derivations();
                    self.feed(Input::PasswordChecked(verdict), 0);
                }
                Output::Register(registration) => {
                    self.registrations.push(registration);
                    let outcome = self.registered.clone();
                    self.feed(Input::Registered(outcome), 0);
                }
                Output::Bind(jid) => {
                    let outcome = self.bound.clone().unwrap_or(Ok(jid));
                    self.feed(Input::Bound(outcome), 0);
                }
                Output::Established(established) => self.established = Some(*established),
                Output::Close(error) => self.closed = Some(error),
            }
        }
    }

    /// Logs in by PLAIN and returns the last answer.
    pub(super) fn log_in(&mut self, name: &str, password: &str) -> String {
        let message = STANDARD.encode(format!("\0{name}\0{password}"));
        self.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{message}</auth>"
        ))
    }

    /// Logs in by SCRAM and returns the last answer.
    pub(super) fn scram(&mut self, mechanism: Mechanism, name: &str, password: &str) -> String {
        let binding = mechanism.is_plus().then_some(EXPORTER);
        let password = PreparedPassword::new(password).unwrap();
        let mut scram = ScramClient::new(mechanism.hash().unwrap(), name, password, "abc", binding);
        let answer = self.auth(mechanism.name(), &scram.first());
        let Some(challenge) = decode(&answer, "challenge") else {
            return answer;
        };
        let last = STANDARD.encode(scram.answer(&challenge).unwrap());
        let answer = self.send(&format!(
            "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{last}</response>"
        ));
        if let Some(signature) = decode(&answer, "success") {
            scram.verify(&signature).unwrap();
        }
        answer
    }

    /// Sends `<auth/>` with an initial response.
    pub(super) fn auth(&mut self, mechanism: &str, message: &str) -> String {
        let message = STANDARD.encode(message);
        self.send(&format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{message}</auth>"))
    }

    /// Name of the condition with which the server closed the stream.
    pub(super) fn condition(&self) -> &'static str {
        self.closed
            .as_ref()
            .expect("the stream is closed")
            .as_ref()
            .map_or("none", |error| error.condition.name())
    }
}

/// The message inside an element of SASL.
pub(super) fn decode(xml: &str, name: &str) -> Option<String> {
    let rest = xml.strip_prefix(&format!(
        "<{name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
    ))?;
    let text = rest.strip_suffix(&format!("</{name}>"))?;
    Some(String::from_utf8(STANDARD.decode(text).unwrap()).unwrap())
}

/// The condition inside `<failure/>` of SASL.
pub(super) fn failure(xml: &str) -> String {
    let rest = xml
        .strip_prefix("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><")
        .unwrap_or_else(|| panic!("{xml}"));
    rest.split_once('/').unwrap().0.to_owned()
}
