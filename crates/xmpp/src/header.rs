//! Stream headers (RFC 6120 §4.7).

use crate::{
    jid::Jid,
    ns,
    xml::{ContentNamespace, escape},
};

/// An address of a stream header: the text, and what it means if it is an address at all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Address {
    raw: String,
    jid: Option<Jid>,
}

/// The version of XMPP that a peer says it speaks (RFC 6120 §4.7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 1 for RFC 6120; 0 for what came before.
    pub major: u16,
    /// Compatible additions.
    pub minor: u16,
}

impl Version {
    /// What RFC 6120 defines.
    pub const ONE: Self = Self { major: 1, minor: 0 };

    /// Reads `1.0`: two numbers without sign (RFC 6120 §4.7.5, leading zeros allowed).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let number = |digits: &str| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        Some(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

/// The opening tag of a peer's stream.
///
/// The parser has checked the element, its namespaces and the content namespace; what the attributes say is for the
/// negotiation to judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHeader(Box<Fields>);

/// What a header says. Boxed, so that it does not make the events of a stream large.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Fields {
    to: Option<Address>,
    from: Option<Address>,
    version: Option<String>,
    lang: Option<String>,
    id: Option<String>,
    content: Option<ContentNamespace>,
}

impl StreamHeader {
    /// A header as a client would send it, for tests and for streams that are not made of bytes.
    #[must_use]
    pub fn new(content: ContentNamespace) -> Self {
        Self(Box::new(Fields {
            content: Some(content),
            ..Fields::default()
        }))
    }

    /// Sets an attribute by name: `to`, `from`, `version`, `xml:lang` or `id`; others are not kept.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let address = || Address {
            raw: value.to_owned(),
            jid: Jid::new(value).ok(),
        };
        match name {
            "to" => self.0.to = Some(address()),
            "from" => self.0.from = Some(address()),
            "version" => self.0.version = Some(value.to_owned()),
            "xml:lang" => self.0.lang = Some(value.to_owned()),
            "id" => self.0.id = Some(value.to_owned()),
            _ => {}
        }
        self
    }

    /// The domain or account that the stream is for; `None` if absent or no address, see [`to_raw`](Self::to_raw).
    #[must_use]
    pub fn to(&self) -> Option<&Jid> {
        self.0.to.as_ref()?.jid.as_ref()
    }

    /// The attribute `to` as sent.
    #[must_use]
    pub fn to_raw(&self) -> Option<&str> {
        self.0.to.as_ref().map(|address| address.raw.as_str())
    }

    /// Who the peer says it is; `None` if absent or no address, see [`from_raw`](Self::from_raw).
    #[must_use]
    pub fn from(&self) -> Option<&Jid> {
        self.0.from.as_ref()?.jid.as_ref()
    }

    /// The attribute `from` as sent.
    #[must_use]
    pub fn from_raw(&self) -> Option<&str> {
        self.0.from.as_ref().map(|address| address.raw.as_str())
    }

    /// The version; `None` if the attribute is absent (which means 0.9) or no version.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        Version::parse(self.version_raw()?)
    }

    /// The attribute `version` as sent.
    #[must_use]
    pub fn version_raw(&self) -> Option<&str> {
        self.0.version.as_deref()
    }

    /// The default language of what the peer will send (RFC 6120 §4.7.4).
    #[must_use]
    pub fn lang(&self) -> Option<&str> {
        self.0.lang.as_deref()
    }

    /// The stream id; only the receiving entity gives one (RFC 6120 §4.7.3).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// The content namespace that the header declares as the default namespace; `None` if it declares none, so that
    /// each stanza has to (RFC 6120 §4.8.5).
    #[must_use]
    pub fn content_namespace(&self) -> Option<ContentNamespace> {
        self.0.content
    }

    /// The stream namespace, which is always the same.
    #[must_use]
    pub fn stream_namespace(&self) -> &'static str {
        ns::STREAM
    }

    /// Appends the header as the server sends it: XML declaration, prefix `stream`, content namespace as default.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<?xml version='1.0'?><stream:stream xmlns='");
        out.extend_from_slice(self.0.content.unwrap_or_default().name().as_bytes());
        out.extend_from_slice(b"' xmlns:stream='");
        out.extend_from_slice(ns::STREAM.as_bytes());
        out.push(b'\'');
        for (name, value) in [
            ("from", self.from_raw()),
            ("to", self.to_raw()),
            ("id", self.id()),
            ("version", self.version_raw()),
            ("xml:lang", self.lang()),
        ] {
            if let Some(value) = value {
                out.push(b' ');
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"='");
                escape::attribute_into(out, value);
                out.push(b'\'');
            }
        }
        out.push(b'>');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_two_numbers() {
        assert_eq!(Version::parse("1.0"), Some(Version::ONE));
        assert_eq!(
            Version::parse("01.012"),
            Some(Version {
                major: 1,
                minor: 12
            })
        );
        for wrong in [
            "1", "", ".", "1.", "+1.0", "1.-0", "a.b", "1.0.0", "99999.0",
        ] {
            assert_eq!(Version::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn is_written_with_both_namespaces() {
        let header = StreamHeader::new(ContentNamespace::Client)
            .with("from", "example.com")
            .with("version", "1.0");
        let mut out = Vec::new();
        header.with("id", "a'b").write_to(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' from='example.com' id='a&apos;b' version='1.0'>"
        );
    }
}
