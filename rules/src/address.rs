//! Addresses as rules see them: split by form, compared byte for byte.

use xmpp::jid::Jid;
use xmpp::stanza::Stanza;

use crate::facts::{Origin, OriginKind};

/// The parts of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    pub(crate) node: Option<&'a str>,
    pub(crate) host: &'a str,
    pub(crate) resource: Option<&'a str>,
    pub(crate) bare: &'a str,
}

/// Splits `[node@]host[/resource]`; `None` for anything else (firewall language, section 4).
pub(crate) fn split(text: &str) -> Option<Parts<'_>> {
    let bytes = text.as_bytes();
    let slash = memchr::memchr(b'/', bytes);
    let (bare, resource) = match slash {
        Some(at) => (text.get(..at)?, Some(text.get(at + 1..)?)),
        None => (text, None),
    };
    let (node, host) = match memchr::memchr(b'@', bare.as_bytes()) {
        Some(at) => (Some(bare.get(..at)?), bare.get(at + 1..)?),
        None => (None, bare),
    };
    let is_empty = host.is_empty() || node == Some("") || resource == Some("");
    let is_bad = is_empty || memchr::memchr(b'@', host.as_bytes()).is_some();
    (!is_bad).then_some(Parts {
        node,
        host,
        resource,
        bare,
    })
}

/// An address attribute: its text, and its parts if the text is an address.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Party<'a> {
    pub(crate) text: Option<&'a str>,
    pub(crate) parts: Option<Parts<'a>>,
}

impl<'a> Party<'a> {
    fn new(text: Option<&'a str>) -> Self {
        Self {
            text,
            parts: text.and_then(split),
        }
    }

    pub(crate) fn from_of(stanza: &'a Stanza) -> Self {
        Self::new(
            stanza
                .from()
                .map(Jid::as_str)
                .or_else(|| stanza.malformed_from()),
        )
    }

    /// The recipient, or the account of the client that sent the stanza to nobody.
    pub(crate) fn to_of(stanza: &'a Stanza, origin: &Origin<'a>) -> Self {
        let text = stanza
            .to()
            .map(Jid::as_str)
            .or_else(|| stanza.malformed_to());
        if text.is_some() || origin.kind != OriginKind::Client {
            return Self::new(text);
        }
        let own = origin.full_jid.and_then(split).map(|parts| parts.bare);
        Self::new(own)
    }

    pub(crate) fn bare(&self) -> Option<&'a str> {
        self.parts.map(|parts| parts.bare)
    }

    pub(crate) fn host(&self) -> Option<&'a str> {
        self.parts.map(|parts| parts.host)
    }

    pub(crate) fn node(&self) -> Option<&'a str> {
        self.parts.and_then(|parts| parts.node)
    }

    pub(crate) fn resource(&self) -> Option<&'a str> {
        self.parts.and_then(|parts| parts.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_by_form() {
        let parts = split("a@b/c@d/e").expect("an address");
        assert_eq!(
            (parts.node, parts.host, parts.resource),
            (Some("a"), "b", Some("c@d/e"))
        );
        assert_eq!(parts.bare, "a@b");
        for bad in ["", "@b", "a@", "a@b@c", "b/", "/x", "a@/x"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
