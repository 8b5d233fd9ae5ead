//! Stream errors: why a stream has to end (RFC 6120 §4.9).

use std::fmt;

use crate::{ns, xml::XmlWriter};

/// The defined conditions of RFC 6120 §4.9.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the RFC names and explains each of them")]
pub enum StreamCondition {
    BadFormat,
    BadNamespacePrefix,
    Conflict,
    ConnectionTimeout,
    HostGone,
    HostUnknown,
    ImproperAddressing,
    InternalServerError,
    InvalidFrom,
    InvalidNamespace,
    InvalidXml,
    NotAuthorized,
    NotWellFormed,
    PolicyViolation,
    RemoteConnectionFailed,
    Reset,
    ResourceConstraint,
    RestrictedXml,
    SeeOtherHost,
    SystemShutdown,
    UndefinedCondition,
    UnsupportedEncoding,
    UnsupportedFeature,
    UnsupportedStanzaType,
    UnsupportedVersion,
}

impl StreamCondition {
    /// The element name of the condition, as in `not-well-formed`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadFormat => "bad-format",
            Self::BadNamespacePrefix => "bad-namespace-prefix",
            Self::Conflict => "conflict",
            Self::ConnectionTimeout => "connection-timeout",
            Self::HostGone => "host-gone",
            Self::HostUnknown => "host-unknown",
            Self::ImproperAddressing => "improper-addressing",
            Self::InternalServerError => "internal-server-error",
            Self::InvalidFrom => "invalid-from",
            Self::InvalidNamespace => "invalid-namespace",
            Self::InvalidXml => "invalid-xml",
            Self::NotAuthorized => "not-authorized",
            Self::NotWellFormed => "not-well-formed",
            Self::PolicyViolation => "policy-violation",
            Self::RemoteConnectionFailed => "remote-connection-failed",
            Self::Reset => "reset",
            Self::ResourceConstraint => "resource-constraint",
            Self::RestrictedXml => "restricted-xml",
            Self::SeeOtherHost => "see-other-host",
            Self::SystemShutdown => "system-shutdown",
            Self::UndefinedCondition => "undefined-condition",
            Self::UnsupportedEncoding => "unsupported-encoding",
            Self::UnsupportedFeature => "unsupported-feature",
            Self::UnsupportedStanzaType => "unsupported-stanza-type",
            Self::UnsupportedVersion => "unsupported-version",
        }
    }
}

/// A stream error: the condition, and a text for people.
///
/// Sent as the last element of a stream, followed by `</stream:stream>`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct StreamError {
    /// What is wrong, in the words of RFC 6120 §4.9.3.
    pub condition: StreamCondition,
    /// What is wrong, in English, for the log and for the person at the other end.
    pub text: Option<String>,
    /// Content of the condition: the other address for `see-other-host` (RFC 6120 §4.9.3.19), else nothing.
    pub detail: Option<String>,
}

impl StreamError {
    /// An error without a text.
    #[must_use]
    pub fn new(condition: StreamCondition) -> Self {
        Self {
            condition,
            text: None,
            detail: None,
        }
    }

    /// An error with a text for people.
    #[must_use]
    pub fn with_text(condition: StreamCondition, text: impl Into<String>) -> Self {
        Self {
            condition,
            text: Some(text.into()),
            detail: None,
        }
    }

    /// Appends `<stream:error>...</stream:error>`; the prefix `stream` must be declared by the stream header.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let mut inner = XmlWriter::new();
        inner.open(self.condition.name(), ns::STREAM_ERRORS);
        if let Some(detail) = &self.detail {
            inner.text(detail);
        }
        inner.close();
        if let Some(text) = &self.text {
            inner.open("text", ns::STREAM_ERRORS);
            inner.attr("xml:lang", "en");
            inner.text(text);
            inner.close();
        }
        out.extend_from_slice(b"<stream:error>");
        out.extend_from_slice(&inner.finish());
        out.extend_from_slice(b"</stream:error>");
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition.name())?;
        match &self.text {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

impl From<StreamCondition> for StreamError {
    fn from(condition: StreamCondition) -> Self {
        Self::new(condition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_the_rfc_shows_it() {
        let mut out = Vec::new();
        StreamError::with_text(StreamCondition::PolicyViolation, "a < b").write_to(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>a &lt; b</text></stream:error>"
        );
    }
}
