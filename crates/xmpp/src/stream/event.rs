//! What goes into a negotiation and what comes out.

use smallvec::SmallVec;

use crate::{
    header::StreamHeader,
    jid::{BareJid, DomainPart, FullJid},
    sasl::{CredentialsAnswer, Mechanism, PasswordCheck, PasswordVerdict, PreparedPassword},
    stanza::{Element, Stanza},
    stanza_error::StanzaError,
    stream_error::StreamError,
    xml::StreamEvent,
};

use super::settings::TlsFacts;

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The parser: a stream header.
    Header(StreamHeader),
    /// The parser: an element that is no stanza.
    Element(Element),
    /// The parser: a stanza.
    Stanza(Stanza),
    /// The parser: the client closed its stream.
    Closed,
    /// After [`Output::StartTls`]: the handshake is done.
    TlsDone(TlsFacts),
    /// Instead of obeying [`Output::StartTls`]: the client sent plain text behind `<starttls/>`.
    PipelinedPlaintext,
    /// The answer to [`Output::Lookup`].
    Credentials(CredentialsAnswer),
    /// The answer to [`Output::CheckPassword`].
    PasswordChecked(PasswordVerdict),
    /// The answer to [`Output::Register`]; `conflict` if the name is taken, `resource-constraint` if there were too many.
    Registered(Result<(), StanzaError>),
    /// The answer to [`Output::Bind`]: the address that is now bound, whose resource may be another than asked for, or why
    /// there is none.
    Bound(Result<FullJid, StanzaError>),
    /// The stream has to end: an error of the parser, a deadline, a shutdown.
    Fail(StreamError),
}

impl From<StreamEvent> for Input {
    fn from(event: StreamEvent) -> Self {
        match event {
            StreamEvent::Header(header) => Self::Header(header),
            StreamEvent::Element(element) => Self::Element(element),
            StreamEvent::Stanza(stanza) => Self::Stanza(stanza),
            StreamEvent::Closed => Self::Closed,
        }
    }
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Output {
    /// Write these bytes.
    Send(Vec<u8>),
    /// Change to TLS, in this order:
    ///
    /// 1. If bytes of the client have been read and not parsed, they were sent in plain text and might be taken for
    ///    protected ones later (CVE-2011-0411). Then write nothing and feed [`Input::PipelinedPlaintext`]. White space
    ///    alone, which some clients send, is thrown away instead.
    /// 2. Write `proceed` and flush it.
    /// 3. Do the handshake with the certificate of `host`. If it fails, close the connection: nothing can be said.
    /// 4. Feed [`Input::TlsDone`].
    StartTls {
        /// The host that the client asked for.
        host: DomainPart,
        /// The element `<proceed/>`.
        proceed: &'static [u8],
    },
    /// Call `StreamParser::reset`: a new header follows. Once the client is authenticated, larger limits may be set.
    ResetParser {
        /// Whether the client is authenticated.
        is_authenticated: bool,
    },
    /// Read the keys of this user and feed [`Input::Credentials`].
    Lookup(BareJid),
    /// Run the check on a worker thread and feed [`Input::PasswordChecked`].
    CheckPassword(PasswordCheck),
    /// Make an account, if the limits on registration allow it, and feed [`Input::Registered`].
    Register(Registration),
    /// Bind this address and feed [`Input::Bound`]. What to do about another session with the same address is the driver's
    /// choice; by default the old one ends with the stream error `conflict`.
    Bind(FullJid),
    /// Negotiation is over. The machine is of no use any more.
    Established(Box<Established>),
    /// Flush what was written and close the connection, after waiting a little for the client's closing tag. `None` if no
    /// error was the reason. The machine is of no use any more.
    Close(Option<StreamError>),
}

/// What one input leads to, in order.
pub type Outputs = SmallVec<[Output; 2]>;

/// A request for an account, on a host that allows it and over a connection that is secure enough.
#[derive(Debug)]
pub struct Registration {
    /// The address of the new account.
    pub user: BareJid,
    /// Its password.
    pub password: PreparedPassword,
}

/// What is left of a negotiation: all that a session needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Established {
    /// The bound address.
    pub jid: FullJid,
    /// The mechanism of the log-in.
    pub mechanism: Mechanism,
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// Default language of the client's stanzas (RFC 6120 §4.7.4), at most 35 bytes long.
    pub lang: Option<Box<str>>,
    /// The id that the server gave to the stream.
    pub stream_id: Box<str>,
}
