//! The machine: states, dispatch, errors.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use smallvec::smallvec;

use crate::{
    features::{Accepts, FEATURES},
    jid::{BareJid, DomainPart, FullJid, Jid},
    sasl::{Exchange, Mechanism},
    stanza::{Element, Stanza, StanzaKind},
    stanza_error::StanzaError,
    stream_error::{StreamCondition, StreamError},
};

use super::{
    event::{Established, Input, Output, Outputs},
    settings::{StreamSettings, TlsFacts, TlsPolicy},
};

pub(super) const CLOSING_TAG: &[u8] = b"</stream:stream>";

/// Who takes the next step of a SASL exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Client,
    Store,
    Worker,
}

/// Where the stream is.
pub(super) enum State {
    /// No header has been received since the connection began or the stream was restarted.
    Header,
    /// The features are out: the client's turn.
    Features,
    /// The driver does the handshake.
    Tls,
    /// A SASL exchange is under way.
    Sasl(Box<Exchange>, Turn),
    /// The driver makes an account; the iq to answer.
    Registering(Box<Stanza>),
    /// The driver binds a resource; the iq to answer.
    Binding(Box<Stanza>),
    /// Established or closed.
    Over,
}

/// Negotiates one stream of a client. See the [module](super) for how it is driven.
pub struct Negotiation {
    pub(super) settings: Arc<StreamSettings>,
    pub(super) policy: TlsPolicy,
    pub(super) tls: Option<TlsFacts>,
    /// The domain of the first header, which holds for all further ones.
    pub(super) host: Option<DomainPart>,
    pub(super) user: Option<(BareJid, Mechanism)>,
    pub(super) state: State,
    failures: u8,
    pub(super) lang: Option<Box<str>>,
    pub(super) stream_id: Box<str>,
}

impl Negotiation {
    /// A negotiation for a new connection; `tls` if the connection began with a handshake.
    #[must_use]
    pub fn new(settings: Arc<StreamSettings>, policy: TlsPolicy, tls: Option<TlsFacts>) -> Self {
        Self {
            settings,
            policy,
            tls,
            host: None,
            user: None,
            state: State::Header,
            failures: 0,
            lang: None,
            stream_id: Box::default(),
        }
    }

    /// Whether an answer of the driver is due, so that no event of the parser may be fed now.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        match self.state {
            State::Tls | State::Registering(_) | State::Binding(_) => true,
            State::Sasl(_, turn) => turn != Turn::Client,
            State::Header | State::Features | State::Over => false,
        }
    }

    /// Attempts that failed so far: log-ins, binds and registrations.
    #[must_use]
    pub fn failures(&self) -> u8 {
        self.failures
    }

    /// Name of the state, for reports.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Header => "header",
            State::Features => "features",
            State::Tls => "tls",
            State::Sasl(..) => "sasl",
            State::Registering(_) => "registering",
            State::Binding(_) => "binding",
            State::Over => "over",
        }
    }

    /// The user who has logged in, once that is so.
    #[must_use]
    pub fn user(&self) -> Option<&BareJid> {
        self.user.as_ref().map(|(user, _)| user)
    }

    /// The host that the client asked for, once its header came and was accepted.
    #[must_use]
    pub fn host(&self) -> Option<&DomainPart> {
        self.host.as_ref()
    }

    /// Takes one input. An answer that nobody asked for ends the stream; after the end nothing happens any more.
    pub fn handle(&mut self, input: Input) -> Outputs {
        if matches!(self.state, State::Over) {
            return Outputs::new();
        }
        match input {
            Input::Fail(error) => self.fail(error),
            Input::Closed => self.close(None),
            Input::Header(header) => self.take_header(&header),
            Input::Element(element) => self.take_element(&element),
            Input::Stanza(stanza) => self.take_stanza(&stanza),
            Input::TlsDone(facts) => self.take_tls(facts),
            Input::PipelinedPlaintext => self.refuse_pipelined(),
            Input::Credentials(answer) => self.take_credentials(answer),
            Input::PasswordChecked(verdict) => self.take_verdict(verdict),
            Input::Registered(outcome) => self.take_registered(outcome),
            Input::Bound(outcome) => self.take_bound(outcome),
        }
    }

    fn take_element(&mut self, element: &Element) -> Outputs {
        if !matches!(self.state, State::Features | State::Sasl(_, Turn::Client)) {
            return self.fail(out_of_turn());
        }
        let taker = FEATURES.iter().find_map(|feature| match &feature.accepts {
            Accepts::Elements(names, namespace, take) if element.ns() == *namespace => {
                names.contains(&element.name()).then_some(take)
            }
            _ => None,
        });
        match taker {
            Some(take) => take(self, element),
            None => self.fail(super::refuse_element(element)),
        }
    }

    fn take_stanza(&mut self, stanza: &Stanza) -> Outputs {
        if !matches!(self.state, State::Features) {
            let is_early = matches!(self.state, State::Sasl(_, Turn::Client));
            return self.fail(if is_early {
                not_authorized()
            } else {
                out_of_turn()
            });
        }
        let taker = FEATURES.iter().find_map(|feature| match &feature.accepts {
            Accepts::Iq(name, namespace, take) if stanza.child(name, namespace).is_some() => {
                Some(take)
            }
            _ => None,
        });
        match taker {
            Some(take) if stanza.kind() == StanzaKind::Iq && self.is_for_server(stanza) => {
                take(self, stanza)
            }
            _ => self.fail(not_authorized()),
        }
    }

    /// Whether a stanza is for the server itself, as all are before a resource is bound (RFC 6120 §7.1).
    fn is_for_server(&self, stanza: &Stanza) -> bool {
        let is_ours = |to: &Jid| {
            let is_host = self
                .host
                .as_ref()
                .is_some_and(|host| to.as_str() == host.as_str());
            is_host || self.user().is_some_and(|user| to.as_str() == user.as_str())
        };
        stanza.malformed_to().is_none() && stanza.to().is_none_or(is_ours)
    }

    /// Ends with the address that the driver bound.
    pub(super) fn establish(
        &mut self,
        jid: FullJid,
        mechanism: Mechanism,
        reply: Vec<u8>,
    ) -> Outputs {
        self.state = State::Over;
        let established = Established {
            jid,
            mechanism,
            is_encrypted: self.tls.is_some(),
            lang: self.lang.take(),
            stream_id: std::mem::take(&mut self.stream_id),
        };
        smallvec![
            Output::Send(reply),
            Output::Established(Box::new(established))
        ]
    }

    /// Answers an iq that was refused, and counts it.
    pub(super) fn refuse_iq(&mut self, iq: &Stanza, error: &StanzaError) -> Outputs {
        self.state = State::Features;
        let mut out = Vec::new();
        if let Some(reply) = error.reply_to(iq) {
            reply.write_to(&mut out);
        }
        self.count_failure(out)
    }

    /// Sends `out`, and closes the stream if there were too many failures.
    pub(super) fn count_failure(&mut self, out: Vec<u8>) -> Outputs {
        self.failures = self.failures.saturating_add(1);
        let mut outputs: Outputs = smallvec![Output::Send(out)];
        if self.failures >= self.settings.max_failures.max(1) {
            outputs.extend(self.fail(StreamError::with_text(
                StreamCondition::PolicyViolation,
                "too many failed attempts",
            )));
        }
        outputs
    }

    /// Ends the stream with an error, behind our header if the client has not had one (RFC 6120 §4.9.1.2).
    pub(super) fn fail(&mut self, error: StreamError) -> Outputs {
        self.close(Some(error))
    }

    fn close(&mut self, error: Option<StreamError>) -> Outputs {
        let mut out = Vec::new();
        match std::mem::replace(&mut self.state, State::Over) {
            // In the middle of a handshake nothing can be said.
            State::Tls => return smallvec![Output::Close(error)],
            State::Header => {
                if let Some(id) = self.random_text::<15>() {
                    self.stream_id = id.into();
                }
                self.write_header(None, &mut out);
            }
            _ => {}
        }
        if let Some(error) = &error {
            error.write_to(&mut out);
        }
        out.extend_from_slice(CLOSING_TAG);
        smallvec![Output::Send(out), Output::Close(error)]
    }

    /// `BYTES` random bytes as text of letters, digits, `-` and `_`.
    pub(super) fn random_text<const BYTES: usize>(&self) -> Option<String> {
        let mut bytes = [0_u8; BYTES];
        (self.settings.random)(&mut bytes).then(|| URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// The driver fed something while an answer was due.
pub(super) fn out_of_turn() -> StreamError {
    StreamError::with_text(
        StreamCondition::InternalServerError,
        "an answer out of turn",
    )
}

pub(super) fn no_randomness() -> StreamError {
    StreamError::with_text(
        StreamCondition::InternalServerError,
        "the system gives no randomness",
    )
}

/// RFC 6120 §4.9.3.12: a stanza before the stream is ready for it.
fn not_authorized() -> StreamError {
    StreamError::with_text(
        StreamCondition::NotAuthorized,
        "log in and bind a resource first",
    )
}
