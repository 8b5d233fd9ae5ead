//! Resolving prefixes (Namespaces in XML 1.0).
//!
//! Namespace names are handled in canonical (escaped) form throughout, in which equal names are equal bytes.

use smallvec::SmallVec;

use super::{
    limits::XmlError,
    tag::{RawAttribute, RawAttributes},
    value::Piece,
};
use crate::ns;

/// Most prefixes in force at one place, so that looking one up stays cheap.
const PREFIXES: usize = 64;

/// The namespace of stanzas on a stream. Inside, all are kept as `jabber:client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ContentNamespace {
    /// `jabber:client` (RFC 6120 §4.8.3).
    #[default]
    Client,
    /// `jabber:server` (RFC 6120 §4.8.3).
    Server,
    /// `jabber:component:accept` (XEP-0114).
    Component,
}

impl ContentNamespace {
    /// The namespace name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => ns::CLIENT,
            Self::Server => ns::SERVER,
            Self::Component => ns::COMPONENT,
        }
    }

    /// The content namespace with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Client, Self::Server, Self::Component]
            .into_iter()
            .find(|content| content.name() == name)
    }
}

/// What the stream header declares for all that follows.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamScope {
    /// The namespace of stanzas.
    pub(crate) content: ContentNamespace,
    /// The default namespace.
    pub(crate) default: DefaultNamespace,
    /// The prefix `stream` is declared.
    pub(crate) has_stream_prefix: bool,
    /// The header is written with it, so that the end tag has to be.
    pub(crate) is_prefixed: bool,
    /// Other prefixes, as hardly any header declares them.
    pub(crate) prefixes: Option<Box<Prefixes>>,
}

/// Prefixes and the (escaped) namespaces they are bound to.
pub(crate) type Prefixes = Vec<(Box<[u8]>, Box<[u8]>)>;

/// The default namespace of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum DefaultNamespace {
    /// The content namespace, as nearly always.
    #[default]
    Content,
    /// The stream namespace (RFC 6120 §4.8.5, second example).
    Stream,
    /// None declared.
    Absent,
}

impl StreamScope {
    /// The default namespace as it is written on this stream.
    pub(crate) fn default_ns(&self) -> &'static [u8] {
        match self.default {
            DefaultNamespace::Content => self.content.name().as_bytes(),
            DefaultNamespace::Stream => ns::STREAM.as_bytes(),
            DefaultNamespace::Absent => b"",
        }
    }

    /// The namespace that the header binds a prefix to.
    pub(crate) fn lookup(&self, prefix: &[u8]) -> Option<&[u8]> {
        if prefix == b"stream" && self.has_stream_prefix {
            return Some(ns::STREAM.as_bytes());
        }
        let prefixes = self.prefixes.as_ref()?;
        prefixes
            .iter()
            .find_map(|(name, uri)| (**name == *prefix).then_some(&**uri))
    }
}

/// The prefixes in force while an element is parsed.
#[derive(Debug)]
pub(crate) struct Namespaces<'i> {
    scope: &'i StreamScope,
    bindings: SmallVec<[(&'i [u8], Piece<'i>); 4]>,
}

impl<'i> Namespaces<'i> {
    pub(crate) fn new(scope: &'i StreamScope) -> Self {
        Self {
            scope,
            bindings: SmallVec::new(),
        }
    }

    /// How many prefixes are bound here; [`close`](Self::close) goes back to it.
    pub(crate) fn mark(&self) -> usize {
        self.bindings.len()
    }

    /// Forgets the prefixes bound since `mark`.
    pub(crate) fn close(&mut self, mark: usize) {
        self.bindings.truncate(mark);
    }

    /// Takes in the declarations of a start tag; gives its default namespace if it declares one.
    pub(crate) fn declare(
        &mut self,
        attributes: &RawAttributes<'i>,
        arena: &[u8],
    ) -> Result<Option<Piece<'i>>, XmlError> {
        let mut default = None;
        for attribute in attributes {
            if attribute.name.whole == b"xmlns" {
                check_default(attribute.value.bytes(arena))?;
                default = Some(attribute.value);
            } else if attribute.name.prefix == b"xmlns" {
                self.bind(attribute, arena)?;
            }
        }
        Ok(default)
    }

    fn bind(&mut self, attribute: &RawAttribute<'i>, arena: &[u8]) -> Result<(), XmlError> {
        if !check_binding(attribute.name.local, attribute.value.bytes(arena))? {
            return Ok(());
        }
        if self.bindings.len() >= PREFIXES {
            return Err(XmlError::TooMany("prefixes in force"));
        }
        self.bindings.push((attribute.name.local, attribute.value));
        Ok(())
    }

    /// The namespace that a prefix is bound to.
    pub(crate) fn resolve(&self, prefix: &[u8]) -> Result<Piece<'i>, XmlError> {
        if let Some((_, uri)) = self.bindings.iter().rev().find(|(name, _)| *name == prefix) {
            return Ok(*uri);
        }
        let uri = self.scope.lookup(prefix).map(Piece::Plain);
        uri.ok_or(XmlError::NotWellFormed("a prefix that is not declared"))
    }
}

/// Refuses a default namespace that belongs to a reserved prefix.
pub(crate) fn check_default(uri: &[u8]) -> Result<(), XmlError> {
    if uri == ns::XML.as_bytes() || uri == ns::XMLNS.as_bytes() {
        return Err(XmlError::NotWellFormed(
            "a reserved namespace as the default namespace",
        ));
    }
    Ok(())
}

/// Refuses a wrong declaration of a prefix; whether there is something to remember (not for `xml`).
pub(crate) fn check_binding(prefix: &[u8], uri: &[u8]) -> Result<bool, XmlError> {
    let is_xml = uri == ns::XML.as_bytes();
    match prefix {
        b"xml" if is_xml => Ok(false),
        b"xml" | b"xmlns" => Err(XmlError::NotWellFormed(
            "a reserved prefix bound to another namespace",
        )),
        _ if is_xml || uri == ns::XMLNS.as_bytes() => Err(XmlError::NotWellFormed(
            "a prefix bound to a reserved namespace",
        )),
        _ if uri.is_empty() => Err(XmlError::NotWellFormed("a prefix bound to no namespace")),
        _ => Ok(true),
    }
}

/// Refuses two attributes of one name, as written (also two declarations of one prefix).
pub(crate) fn check_duplicates(attributes: &RawAttributes<'_>) -> Result<(), XmlError> {
    for (at, one) in attributes.iter().enumerate() {
        for other in attributes.iter().take(at) {
            if one.name.whole == other.name.whole {
                return Err(XmlError::NotWellFormed("an attribute twice"));
            }
        }
    }
    Ok(())
}
