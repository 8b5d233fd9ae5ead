//! The machine: states, stream headers, dispatch, errors.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use smallvec::smallvec;

use crate::{
    features::{Accepts, FEATURES, write_features},
    header::{StreamHeader, Version},
    jid::{BareJid, DomainPart, FullJid, Jid},
    sasl::{Exchange, Mechanism, MechanismSet},
    stanza::{Element, Stanza, StanzaKind},
    stanza_error::StanzaError,
    stream_error::{StreamCondition, StreamError},
    xml::ContentNamespace,
};

use super::{
    event::{Established, Input, Output, Outputs},
    settings::{HostSettings, StreamSettings, TlsFacts, TlsPolicy},
};

const CLOSING_TAG: &[u8] = b"</stream:stream>";

/// Longest language tag that is kept (RFC 5646 §4.4.1).
const MAX_LANG_BYTES: usize = 35;

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
    policy: TlsPolicy,
    pub(super) tls: Option<TlsFacts>,
    /// The domain of the first header, which holds for all further ones.
    pub(super) host: Option<DomainPart>,
    pub(super) user: Option<(BareJid, Mechanism)>,
    pub(super) state: State,
    failures: u8,
    lang: Option<Box<str>>,
    stream_id: Box<str>,
}

/// What features depend on.
pub(crate) struct Offer<'a> {
    pub(crate) settings: &'a StreamSettings,
    pub(crate) policy: TlsPolicy,
    host: Option<&'a HostSettings>,
    tls: Option<&'a TlsFacts>,
    is_authenticated: bool,
}

impl Offer<'_> {
    pub(crate) fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// STARTTLS is allowed and has not happened.
    pub(crate) fn has_starttls(&self) -> bool {
        self.policy != TlsPolicy::Off && self.tls.is_none() && !self.is_authenticated
    }

    /// The connection is as secure as the listener demands.
    pub(crate) fn is_secure_enough(&self) -> bool {
        self.tls.is_some() || self.policy != TlsPolicy::Required
    }

    pub(crate) fn has_sasl(&self) -> bool {
        self.mechanisms() != MechanismSet::NONE
    }

    pub(crate) fn has_registration(&self) -> bool {
        self.host.is_some_and(|host| host.registration) && self.is_secure_enough() && !self.is_authenticated
    }

    /// The mechanisms that may be used now.
    pub(crate) fn mechanisms(&self) -> MechanismSet {
        if self.is_authenticated || !self.is_secure_enough() {
            return MechanismSet::NONE;
        }
        let has_exporter = self.tls.is_some_and(|tls| tls.exporter.is_some());
        self.host.map_or(MechanismSet::NONE, |host| host.mechanisms.usable(self.tls.is_some(), has_exporter))
    }
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

    pub(crate) fn offer(&self) -> Offer<'_> {
        Offer {
            settings: &self.settings,
            policy: self.policy,
            host: self.host.as_ref().and_then(|host| self.settings.hosts.get(host.as_str())),
            tls: self.tls.as_ref(),
            is_authenticated: self.user.is_some(),
        }
    }

    fn take_header(&mut self, header: &StreamHeader) -> Outputs {
        if !matches!(self.state, State::Header) {
            return self.fail(StreamError::with_text(StreamCondition::UnsupportedStanzaType, "a second stream header"));
        }
        if let Err(error) = self.check_header(header) {
            return self.fail(error);
        }
        let Some(id) = self.random_text::<15>() else { return self.fail(no_randomness()) };
        self.stream_id = id.into();
        self.lang = header.lang().filter(|lang| lang.len() <= MAX_LANG_BYTES).map(Into::into);
        let mut out = Vec::with_capacity(768);
        self.write_header(header.from(), &mut out);
        self.state = State::Features;
        write_features(&self.offer(), &mut out);
        smallvec![Output::Send(out)]
    }

    /// Judges the attributes (RFC 6120 §4.7) and keeps the host.
    fn check_header(&mut self, header: &StreamHeader) -> Result<(), StreamError> {
        use StreamCondition::{HostUnknown, ImproperAddressing, InvalidFrom, NotAuthorized, UnsupportedVersion};
        let refuse = |condition, text: &str| Err(StreamError::with_text(condition, text));
        let host = match (header.to_raw(), header.to()) {
            (None | Some(""), _) => return refuse(ImproperAddressing, "the stream header needs the attribute 'to'"),
            (Some(_), Some(to)) if to.node().is_none() && to.resource().is_none() => to.domain(),
            _ => return refuse(ImproperAddressing, "the attribute 'to' is not a domain"),
        };
        if !self.settings.hosts.contains_key(host.as_str()) {
            return refuse(HostUnknown, "this server does not serve the domain of 'to'");
        }
        match &self.host {
            Some(first) if first.as_str() != host.as_str() => {
                return refuse(NotAuthorized, "the attribute 'to' must not change when the stream is restarted");
            }
            Some(_) => {}
            None => self.host = Some(host.to_owned()),
        }
        if header.version().is_none_or(|version| version < Version::ONE) {
            return refuse(UnsupportedVersion, "XMPP 1.0 is needed");
        }
        match (&self.user, header.from_raw(), header.from()) {
            (Some((user, _)), Some(_), from) if from.map(Jid::to_bare).as_ref() != Some(user) => {
                refuse(InvalidFrom, "the attribute 'from' is not the address that logged in")
            }
            _ => Ok(()),
        }
    }

    /// Appends our header; its `from` is the host, or any host if the client asked for one that we do not serve.
    fn write_header(&self, from: Option<&Jid>, out: &mut Vec<u8>) {
        let fallback = || self.settings.hosts.keys().min().map(String::as_str);
        let host = self.host.as_ref().map(|host| host.as_str()).or_else(fallback);
        let mut header = StreamHeader::new(ContentNamespace::Client)
            .with("id", &self.stream_id)
            .with("version", "1.0")
            .with("xml:lang", "en");
        if let Some(host) = host {
            header = header.with("from", host);
        }
        if let Some(from) = from {
            header = header.with("to", from.to_bare().as_str());
        }
        header.write_to(out);
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
            return self.fail(if is_early { not_authorized() } else { out_of_turn() });
        }
        let taker = FEATURES.iter().find_map(|feature| match &feature.accepts {
            Accepts::Iq(name, namespace, take) if stanza.child(name, namespace).is_some() => Some(take),
            _ => None,
        });
        match taker {
            Some(take) if stanza.kind() == StanzaKind::Iq && self.is_for_server(stanza) => take(self, stanza),
            _ => self.fail(not_authorized()),
        }
    }

    /// Whether a stanza is for the server itself, as all are before a resource is bound (RFC 6120 §7.1).
    fn is_for_server(&self, stanza: &Stanza) -> bool {
        let is_ours = |to: &Jid| {
            let is_host = self.host.as_ref().is_some_and(|host| to.as_str() == host.as_str());
            is_host || self.user().is_some_and(|user| to.as_str() == user.as_str())
        };
        stanza.malformed_to().is_none() && stanza.to().is_none_or(is_ours)
    }

    pub(crate) fn take_starttls(&mut self, _: &Element) -> Outputs {
        let Some(host) = self.host.clone() else { return self.fail(out_of_turn()) };
        if !self.offer().has_starttls() || !matches!(self.state, State::Features) {
            let mut out = b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".to_vec();
            out.extend_from_slice(CLOSING_TAG);
            self.state = State::Over;
            return smallvec![Output::Send(out), Output::Close(None)];
        }
        self.state = State::Tls;
        smallvec![Output::StartTls { host, proceed: b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" }]
    }

    fn take_tls(&mut self, facts: TlsFacts) -> Outputs {
        if !matches!(self.state, State::Tls) {
            return self.fail(out_of_turn());
        }
        self.tls = Some(facts);
        self.state = State::Header;
        smallvec![Output::ResetParser { is_authenticated: false }]
    }

    fn refuse_pipelined(&mut self) -> Outputs {
        self.state = State::Features;
        self.fail(StreamError::with_text(
            StreamCondition::PolicyViolation,
            "nothing may follow <starttls/> before <proceed/>",
        ))
    }

    /// Ends with the address that the driver bound.
    pub(super) fn establish(&mut self, jid: FullJid, mechanism: Mechanism, reply: Vec<u8>) -> Outputs {
        self.state = State::Over;
        let established = Established {
            jid,
            mechanism,
            is_encrypted: self.tls.is_some(),
            lang: self.lang.take(),
            stream_id: std::mem::take(&mut self.stream_id),
        };
        smallvec![Output::Send(reply), Output::Established(Box::new(established))]
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
            outputs.extend(
                self.fail(StreamError::with_text(StreamCondition::PolicyViolation, "too many failed attempts")),
            );
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
    StreamError::with_text(StreamCondition::InternalServerError, "an answer out of turn")
}

pub(super) fn no_randomness() -> StreamError {
    StreamError::with_text(StreamCondition::InternalServerError, "the system gives no randomness")
}

/// RFC 6120 §4.9.3.12: a stanza before the stream is ready for it.
fn not_authorized() -> StreamError {
    StreamError::with_text(StreamCondition::NotAuthorized, "log in and bind a resource first")
}
