//! The body of a response (XEP-0124 §7.2, §8 and §17, XEP-0206 §3 and §5).

use bytes::Bytes;

use super::{BodyError, terms::Terms};
use crate::{
    header::StreamHeader,
    ns,
    stream_error::StreamCondition,
    xml::{XmlError, escape, write_standalone},
};

/// Why a session ended, for the client (XEP-0124 §17.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalCondition {
    /// The request has no meaning.
    BadRequest,
    /// The domain is no longer served here.
    HostGone,
    /// The domain is not served here.
    HostUnknown,
    /// The client has not said which domain it means.
    ImproperAddressing,
    /// There is no such session or request.
    ItemNotFound,
    /// The client asked too often, or for too much.
    PolicyViolation,
    /// The stream ended with an error, which is inside.
    RemoteStreamError,
    /// The node stops.
    SystemShutdown,
    /// The stream ended without a word.
    UndefinedCondition,
}

impl TerminalCondition {
    /// The name as written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::HostGone => "host-gone",
            Self::HostUnknown => "host-unknown",
            Self::ImproperAddressing => "improper-addressing",
            Self::ItemNotFound => "item-not-found",
            Self::PolicyViolation => "policy-violation",
            Self::RemoteStreamError => "remote-stream-error",
            Self::SystemShutdown => "system-shutdown",
            Self::UndefinedCondition => "undefined-condition",
        }
    }

    /// The condition for a stream that ended with an error whose content is this: a condition of the same meaning, or
    /// [`Self::RemoteStreamError`].
    pub(super) fn of_stream(error: &[u8]) -> Self {
        let same = [
            (StreamCondition::HostGone, Self::HostGone),
            (StreamCondition::HostUnknown, Self::HostUnknown),
            (
                StreamCondition::ImproperAddressing,
                Self::ImproperAddressing,
            ),
            (StreamCondition::SystemShutdown, Self::SystemShutdown),
        ];
        let name = error.strip_prefix(b"<").unwrap_or_default();
        let is_named = |condition: StreamCondition| {
            let rest = name.strip_prefix(condition.name().as_bytes());
            rest.is_some_and(|rest| matches!(rest, [b' ' | b'/' | b'>', ..]))
        };
        let found = same.iter().find(|(condition, _)| is_named(*condition));
        found.map_or(Self::RemoteStreamError, |(_, terminal)| *terminal)
    }
}

impl From<BodyError> for TerminalCondition {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Xml(XmlError::TooMany(_)) => Self::PolicyViolation,
            _ => Self::BadRequest,
        }
    }
}

/// The response that ends a session, or refuses one.
#[must_use]
pub fn write_terminate(condition: TerminalCondition) -> Bytes {
    Response::default().ending(Some(condition)).finish(&[])
}

/// First-level elements on their way to the client.
#[derive(Debug, Default)]
pub(super) struct Payload {
    bytes: Vec<u8>,
    /// One of them is written with the prefix `stream`.
    has_prefix: bool,
}

impl Payload {
    /// Adds an element as the session wrote it.
    pub(super) fn push(&mut self, element: &[u8]) {
        if element.starts_with(b"<stream:") {
            self.has_prefix = true;
            self.bytes.extend_from_slice(element);
        } else {
            write_standalone(element, &mut self.bytes);
        }
    }

    /// Adds elements that declare what they need.
    pub(super) fn push_standalone(&mut self, elements: &[u8]) {
        self.bytes.extend_from_slice(elements);
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// A response in the making: attributes first, then what is inside.
#[derive(Debug, Default)]
pub(super) struct Response {
    attributes: Vec<u8>,
}

impl Response {
    fn attribute(mut self, name: &str, value: &str) -> Self {
        let out = &mut self.attributes;
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"='");
        escape::attribute_into(out, value);
        out.push(b'\'');
        self
    }

    fn number(self, name: &str, value: u64) -> Self {
        self.attribute(name, &value.to_string())
    }

    /// The session is there; `header` is that of the stream if it has come.
    pub(super) fn creating(self, sid: &str, terms: &Terms, header: Option<&StreamHeader>) -> Self {
        let (major, minor) = terms.version;
        let response = self
            .attribute("sid", sid)
            .number("wait", terms.wait.as_secs())
            .number("hold", terms.hold.into())
            .number("requests", terms.requests())
            .number("inactivity", terms.inactivity.as_secs())
            .number("polling", terms.polling.as_secs())
            .number("maxpause", terms.max_pause.as_secs())
            .attribute("ver", &format!("{major}.{minor}"))
            .attribute("xmlns:xmpp", ns::XBOSH)
            .attribute("xmpp:restartlogic", "true");
        match header {
            Some(header) => response.with_header(header),
            None => response,
        }
    }

    fn with_header(mut self, header: &StreamHeader) -> Self {
        for (name, value) in [
            ("from", header.from_raw()),
            ("authid", header.id()),
            ("xmpp:version", header.version_raw()),
        ] {
            if let Some(value) = value {
                self = self.attribute(name, value);
            }
        }
        self
    }

    /// The highest request that was received, and all before it.
    pub(super) fn acknowledging(self, rid: u64) -> Self {
        self.number("ack", rid)
    }

    /// The session is over.
    pub(super) fn ending(self, condition: Option<TerminalCondition>) -> Self {
        let response = self.attribute("type", "terminate");
        match condition {
            Some(condition) => response.attribute("condition", condition.name()),
            None => response,
        }
    }

    /// The whole body with these payloads inside.
    pub(super) fn finish_with(mut self, payload: &Payload) -> Bytes {
        if payload.has_prefix {
            self = self.attribute("xmlns:stream", ns::STREAM);
        }
        self.finish(&payload.bytes)
    }

    fn finish(self, inside: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(64 + self.attributes.len() + inside.len());
        out.extend_from_slice(b"<body xmlns='");
        out.extend_from_slice(ns::HTTP_BIND.as_bytes());
        out.push(b'\'');
        out.extend_from_slice(&self.attributes);
        match inside {
            [] => out.extend_from_slice(b"/>"),
            inside => {
                out.push(b'>');
                out.extend_from_slice(inside);
                out.extend_from_slice(b"</body>");
            }
        }
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bosh::{Bounds, Wish},
        stanza::Element,
        xml::{ContentNamespace, Limits},
    };

    #[test]
    fn a_session_is_told_with_its_terms_and_features() {
        let second = std::time::Duration::from_secs(1);
        let bounds = Bounds {
            wait: second * 120,
            hold: 2,
            inactivity: second * 60,
            max_pause: second * 90,
        };
        let header = StreamHeader::new(ContentNamespace::Client)
            .with("from", "example.com")
            .with("id", "it's")
            .with("version", "1.0");
        let mut payload = Payload::default();
        payload.push(b"<stream:features><bind xmlns='urn:x'/></stream:features>");
        let terms = Terms::agree(&Wish::default(), &bounds);
        let response = Response::default()
            .creating("abc", &terms, Some(&header))
            .acknowledging(7);
        let written = response.finish_with(&payload);
        let element = Element::from_xml(&written, &Limits::SERVER).unwrap();
        for (name, value) in [
            ("sid", "abc"),
            ("wait", "120"),
            ("hold", "1"),
            ("requests", "2"),
            ("inactivity", "60"),
            ("polling", "5"),
            ("maxpause", "90"),
            ("ver", "1.11"),
            ("from", "example.com"),
            ("authid", "it's"),
            ("ack", "7"),
        ] {
            assert_eq!(element.attribute(name).as_deref(), Some(value), "{name}");
        }
        let body = element.as_ref();
        assert_eq!(
            body.attribute_ns("restartlogic", ns::XBOSH).as_deref(),
            Some("true")
        );
        assert_eq!(
            body.attribute_ns("version", ns::XBOSH).as_deref(),
            Some("1.0")
        );
        assert!(body.child("features", ns::STREAM).is_some());
    }

    #[test]
    fn stanzas_keep_their_namespace() {
        let mut payload = Payload::default();
        payload.push(b"<message to='a'><body>x</body></message>");
        assert_eq!(
            &Response::default().finish_with(&payload)[..],
            b"<body xmlns='http://jabber.org/protocol/httpbind'>\
              <message xmlns='jabber:client' to='a'><body>x</body></message></body>"
        );
    }

    #[test]
    fn an_end_names_its_condition() {
        assert_eq!(
            &write_terminate(TerminalCondition::ItemNotFound)[..],
            b"<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='item-not-found'/>"
        );
        for (error, condition) in [
            ("<host-unknown xmlns='x'/>", TerminalCondition::HostUnknown),
            (
                "<host-unknown-not xmlns='x'/>",
                TerminalCondition::RemoteStreamError,
            ),
            (
                "<conflict xmlns='x'/>",
                TerminalCondition::RemoteStreamError,
            ),
            ("", TerminalCondition::RemoteStreamError),
        ] {
            assert_eq!(
                TerminalCondition::of_stream(error.as_bytes()),
                condition,
                "{error}"
            );
        }
    }
}
