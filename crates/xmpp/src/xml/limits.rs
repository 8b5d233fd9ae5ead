//! The bounds of what a peer may send, and what is wrong with what it sent.

use crate::stream_error::{StreamCondition, StreamError};

/// Bounds on one first-level element of a stream (a stanza, or `<auth/>` and the like) and on the stream header.
///
/// Whatever exceeds one ends the stream with `policy-violation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the element as sent; the header too, but for it never more than 10,000. The canonical form may have
    /// twice as many.
    pub stanza_bytes: usize,
    /// Elements inside one another, the first-level element included.
    pub depth: usize,
    /// Attributes of one element, declarations of namespaces included.
    pub attributes: usize,
    /// Elements altogether.
    pub elements: usize,
}

impl Limits {
    /// Before a peer is authenticated: 10,000 bytes, little structure.
    pub const UNAUTHENTICATED: Self = Self {
        stanza_bytes: 10_000,
        depth: 16,
        attributes: 32,
        elements: 128,
    };

    /// An authenticated client: 256 KiB.
    pub const CLIENT: Self = Self {
        stanza_bytes: 256 * 1024,
        depth: 64,
        attributes: 64,
        elements: 10_000,
    };

    /// Another server or a component: 512 KiB, deeper.
    pub const SERVER: Self = Self {
        stanza_bytes: 512 * 1024,
        depth: 128,
        attributes: 64,
        elements: 20_000,
    };

    /// What this node wrote itself, as to its store. It was bounded when it came in, but by whatever was
    /// configured then; and its canonical form may be longer than what came.
    pub const STORED: Self = Self {
        stanza_bytes: usize::MAX,
        depth: 256,
        attributes: 256,
        elements: usize::MAX,
    };

    /// The same with another bound in bytes.
    #[must_use]
    pub fn with_stanza_bytes(self, stanza_bytes: usize) -> Self {
        Self {
            stanza_bytes,
            ..self
        }
    }
}

impl Default for Limits {
    /// [`Limits::CLIENT`].
    fn default() -> Self {
        Self::CLIENT
    }
}

/// What is wrong with XML that a peer sent; the peer is at fault in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// The input ends inside the element; inside a stream this only means to wait for more.
    #[error("the element does not end")]
    Incomplete,
    /// Against XML 1.0 or Namespaces in XML 1.0.
    #[error("{0}")]
    NotWellFormed(&'static str),
    /// Another encoding than UTF-8, or bytes that are no UTF-8.
    #[error("{0}")]
    UnsupportedEncoding(&'static str),
    /// XML that RFC 6120 §11.1 forbids: comments, processing instructions, DTDs, entities.
    #[error("{0}")]
    Restricted(&'static str),
    /// A prefix where RFC 6120 §4.8.5 allows none, or an unsupported one.
    #[error("{0}")]
    BadNamespacePrefix(&'static str),
    /// A stream or stanza in a namespace that does not belong on this stream (RFC 6120 §4.9.3.10).
    #[error("{0}")]
    InvalidNamespace(&'static str),
    /// A first-level element that nobody understands (RFC 6120 §4.9.3.24).
    #[error("{0}")]
    UnsupportedStanzaType(&'static str),
    /// Well-formed XML that makes no stream, such as text between stanzas.
    #[error("{0}")]
    BadFormat(&'static str),
    /// More than [`Limits`] allow; the word says of what.
    #[error("too many {0}")]
    TooMany(&'static str),
}

impl XmlError {
    /// The condition of the stream error that ends the stream.
    #[must_use]
    pub fn condition(self) -> StreamCondition {
        match self {
            Self::Incomplete | Self::NotWellFormed(_) => StreamCondition::NotWellFormed,
            Self::UnsupportedEncoding(_) => StreamCondition::UnsupportedEncoding,
            Self::Restricted(_) => StreamCondition::RestrictedXml,
            Self::BadNamespacePrefix(_) => StreamCondition::BadNamespacePrefix,
            Self::InvalidNamespace(_) => StreamCondition::InvalidNamespace,
            Self::UnsupportedStanzaType(_) => StreamCondition::UnsupportedStanzaType,
            Self::BadFormat(_) => StreamCondition::BadFormat,
            Self::TooMany(_) => StreamCondition::PolicyViolation,
        }
    }
}

impl From<XmlError> for StreamError {
    fn from(error: XmlError) -> Self {
        Self::with_text(error.condition(), error.to_string())
    }
}
