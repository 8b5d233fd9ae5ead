//! Elements of a stream that are no stanzas.

use bytes::Bytes;

use super::{ElementRef, attributes::Attribute, element_ref::Children};
use crate::{
    ns,
    xml::{Limits, XmlError, unit},
};
use std::borrow::Cow;

/// A first-level child of a stream that is no stanza (`<starttls/>`, `<auth/>`, `<r/>`), or any element on its own.
///
/// Owns its canonical bytes; [`as_ref`](Self::as_ref) gives the view with everything there is to read.
#[derive(Clone)]
pub struct Element(Bytes);

impl Element {
    /// Parses one complete element; an undeclared default namespace is `jabber:client`.
    ///
    /// # Errors
    /// [`XmlError`] as for anything a peer sends; [`XmlError::Incomplete`] if the element does not end.
    pub fn from_xml(xml: &[u8], limits: &Limits) -> Result<Self, XmlError> {
        unit::element(xml, limits)
    }

    /// Wraps canonical bytes that hold exactly one element, as [`XmlWriter::finish`](crate::xml::XmlWriter::finish)
    /// gives them; `None` if they do not.
    #[must_use]
    pub fn from_canonical(bytes: Bytes) -> Option<Self> {
        let (_, len) = ElementRef::first(&bytes, ns::CLIENT.as_bytes())?;
        (len == bytes.len()).then_some(Self(bytes))
    }

    pub(crate) fn from_parser(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The view that reads the element.
    #[must_use]
    pub fn as_ref(&self) -> ElementRef<'_> {
        ElementRef::whole(&self.0, ns::CLIENT.as_bytes()).unwrap_or(ElementRef::NONE)
    }

    /// The local name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.as_ref().name()
    }

    /// The namespace.
    #[must_use]
    pub fn ns(&self) -> Cow<'_, str> {
        self.as_ref().ns()
    }

    /// Whether this is the element `name` of the namespace `ns`.
    #[must_use]
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.as_ref().is(name, ns)
    }

    /// The value of an attribute: unprefixed, or `xml:lang`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        self.as_ref().attribute(name)
    }

    /// All attributes, without declarations of namespaces.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        self.as_ref().attributes()
    }

    /// The direct child elements.
    #[must_use]
    pub fn children(&self) -> Children<'_> {
        self.as_ref().children()
    }

    /// The first direct child with this name and namespace.
    #[must_use]
    pub fn child(&self, name: &str, ns: &str) -> Option<ElementRef<'_>> {
        self.as_ref().child(name, ns)
    }

    /// The direct text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        self.as_ref().text()
    }

    /// The canonical bytes; the namespace is declared in them unless it is `jabber:client`.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_ref().fmt(f)
    }
}
