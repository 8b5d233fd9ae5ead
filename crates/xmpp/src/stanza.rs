//! Stanzas: a parsed head and canonical content.
//!
//! A [`Stanza`] knows its kind, type, id, addresses and language, has an index of its direct children, and keeps its
//! content as canonical XML in a reference-counted buffer. Most stanzas are parsed once, never become a tree, and are
//! written out by copying.
//!
//! Canonical content is what [`XmlWriter`](crate::xml::XmlWriter) writes and the parser turns everything else into:
//! attribute values in `'`, `xmlns` first and only where the namespace differs from that around the element (outermost:
//! `jabber:client`), no prefixes on elements, prefixed attributes with a prefix `a0`, `a1`... declared on the spot,
//! empty elements as `<a/>`, CDATA and needless references turned to text, `<` and `>` nowhere but in markup. Two
//! stanzas with the same content in this form mean the same, and parsing what was written gives the same bytes.

mod attributes;
mod element;
mod element_ref;
mod head;
mod index;
mod tree;
mod write;

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;

use self::attributes::Attributes;
pub use self::{
    attributes::Attribute,
    element::Element,
    element_ref::{Children, ElementRef, Node, Nodes},
};
pub(crate) use self::{
    head::{Field, Head},
    index::{Child, ChildIndex},
};
use crate::{
    jid::Jid,
    ns,
    xml::{Limits, XmlError, escape, unit},
};

/// The three kinds of stanza (RFC 6120 §8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StanzaKind {
    /// Pushes information to another entity.
    Message,
    /// Tells about availability, or asks to be told.
    Presence,
    /// Asks or answers.
    Iq,
}

impl StanzaKind {
    /// The element name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Presence => "presence",
            Self::Iq => "iq",
        }
    }

    /// The kind with this element name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "message" => Some(Self::Message),
            "presence" => Some(Self::Presence),
            "iq" => Some(Self::Iq),
            _ => None,
        }
    }
}

/// Addresses that could not be parsed, as they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Malformed {
    pub(crate) from: Option<Box<str>>,
    pub(crate) to: Option<Box<str>>,
}

/// One stanza. See the [module](self) for how it is kept.
///
/// A clone shares everything and costs a reference count; what is shared is copied when one of the clones is changed.
/// The value itself is a pointer, so that queues of stanzas are small.
#[derive(Clone)]
pub struct Stanza(Arc<Parts>);

/// What a stanza is made of.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) kind: StanzaKind,
    pub(crate) from: Option<Jid>,
    pub(crate) to: Option<Jid>,
    pub(crate) malformed: Option<Box<Malformed>>,
    pub(crate) head: Head,
    pub(crate) content: Bytes,
    pub(crate) children: ChildIndex,
}

impl Parts {
    /// A stanza without attributes and content.
    pub(crate) fn new(kind: StanzaKind) -> Self {
        Self {
            kind,
            from: None,
            to: None,
            malformed: None,
            head: Head::default(),
            content: Bytes::new(),
            children: ChildIndex::new(),
        }
    }
}

impl Stanza {
    /// A stanza without attributes and content.
    #[must_use]
    pub fn new(kind: StanzaKind) -> Self {
        Self(Arc::new(Parts::new(kind)))
    }

    /// Parses one complete stanza; an undeclared default namespace is `jabber:client`. White space may stand around it.
    ///
    /// # Errors
    /// [`XmlError`] as for anything a peer sends, [`XmlError::Incomplete`] if the stanza does not end.
    pub fn from_xml(xml: &[u8], limits: &Limits) -> Result<Self, XmlError> {
        unit::stanza(xml, limits)
    }

    /// Wraps what the parser has put together.
    pub(crate) fn from_parts(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The parts to change; copied before if they are shared.
    fn parts(&mut self) -> &mut Parts {
        Arc::make_mut(&mut self.0)
    }

    /// Message, presence or iq.
    #[must_use]
    pub fn kind(&self) -> StanzaKind {
        self.0.kind
    }

    /// The attribute `type`.
    #[must_use]
    pub fn type_attr(&self) -> Option<&str> {
        self.0.head.text(Field::Type)
    }

    /// Sets or removes `type`.
    pub fn set_type(&mut self, value: Option<&str>) -> &mut Self {
        self.parts().head.set(Field::Type, value.map(str::as_bytes));
        self
    }

    /// The attribute `id`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.head.text(Field::Id)
    }

    /// Sets or removes `id`.
    pub fn set_id(&mut self, value: Option<&str>) -> &mut Self {
        self.parts().head.set(Field::Id, value.map(str::as_bytes));
        self
    }

    /// The attribute `xml:lang`.
    #[must_use]
    pub fn lang(&self) -> Option<&str> {
        self.0.head.text(Field::Lang)
    }

    /// Sets or removes `xml:lang`.
    pub fn set_lang(&mut self, value: Option<&str>) -> &mut Self {
        self.parts().head.set(Field::Lang, value.map(str::as_bytes));
        self
    }

    /// The sender; `None` if there is no `from` or it is malformed, see [`malformed_from`](Self::malformed_from).
    #[must_use]
    pub fn from(&self) -> Option<&Jid> {
        self.0.from.as_ref()
    }

    /// Sets or removes `from`; a malformed one is forgotten.
    pub fn set_from(&mut self, value: Option<Jid>) -> &mut Self {
        let parts = self.parts();
        parts.from = value;
        if let Some(malformed) = &mut parts.malformed {
            malformed.from = None;
        }
        self
    }

    /// The addressee; `None` if there is no `to` or it is malformed, see [`malformed_to`](Self::malformed_to).
    #[must_use]
    pub fn to(&self) -> Option<&Jid> {
        self.0.to.as_ref()
    }

    /// Sets or removes `to`; a malformed one is forgotten.
    pub fn set_to(&mut self, value: Option<Jid>) -> &mut Self {
        let parts = self.parts();
        parts.to = value;
        if let Some(malformed) = &mut parts.malformed {
            malformed.to = None;
        }
        self
    }

    /// The value of a `from` that is no address.
    ///
    /// Such a stanza has no [`from`](Self::from) and is written without. Whoever receives it from a peer answers as
    /// RFC 6120 §8.1.2.1 wants it.
    #[must_use]
    pub fn malformed_from(&self) -> Option<&str> {
        self.0.malformed.as_ref()?.from.as_deref()
    }

    /// The value of a `to` that is no address.
    ///
    /// Such a stanza has no [`to`](Self::to), is written without, and must not be taken for one to the own account:
    /// ask here first and answer `jid-malformed` (RFC 6120 §8.3.3.8).
    #[must_use]
    pub fn malformed_to(&self) -> Option<&str> {
        self.0.malformed.as_ref()?.to.as_deref()
    }

    /// Any attribute without a prefix, those of the head included, or `xml:lang`; malformed addresses as they came.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "type" => self.type_attr().map(Cow::Borrowed),
            "id" => self.id().map(Cow::Borrowed),
            "xml:lang" => self.lang().map(Cow::Borrowed),
            "from" => self
                .from()
                .map(Jid::as_str)
                .or(self.malformed_from())
                .map(Cow::Borrowed),
            "to" => self
                .to()
                .map(Jid::as_str)
                .or(self.malformed_to())
                .map(Cow::Borrowed),
            _ => attributes::find(self.0.head.bytes(Field::Others)?, name).map(escape::unescape),
        }
    }

    /// The attributes besides `from`, `to`, `type`, `id` and `xml:lang`.
    pub fn other_attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        Attributes::new(self.0.head.bytes(Field::Others).unwrap_or_default())
    }

    /// The direct child elements, from the index.
    pub fn children(&self) -> impl Iterator<Item = ElementRef<'_>> {
        self.0
            .children
            .iter()
            .filter_map(|child| child.view(&self.0.content))
    }

    /// The first direct child with this name and namespace.
    #[must_use]
    pub fn child(&self, name: &str, ns: &str) -> Option<ElementRef<'_>> {
        self.0
            .children
            .iter()
            .find(|child| child.is(&self.0.content, name, ns))?
            .view(&self.0.content)
    }

    /// Whether a direct child belongs to this namespace.
    #[must_use]
    pub fn has_payload_ns(&self, ns: &str) -> bool {
        self.children().any(|child| child.has_ns(ns))
    }

    /// The text of the first direct child with this name and namespace.
    #[must_use]
    pub fn child_text(&self, name: &str, ns: &str) -> Option<Cow<'_, str>> {
        self.child(name, ns).map(|child| child.text())
    }

    /// The text of `<body/>` (RFC 6121 §5.2.3).
    #[must_use]
    pub fn body(&self) -> Option<Cow<'_, str>> {
        self.child_text("body", ns::CLIENT)
    }

    /// Direct text and children in order.
    #[must_use]
    pub fn nodes(&self) -> Nodes<'_> {
        Nodes {
            rest: &self.0.content,
            ns: ns::CLIENT.as_bytes(),
        }
    }

    /// The canonical XML between start and end tag.
    #[must_use]
    pub fn content(&self) -> &Bytes {
        &self.0.content
    }

    /// Replaces the content.
    ///
    /// The bytes must be canonical: from an [`XmlWriter`](crate::xml::XmlWriter) or another stanza. They are trusted
    /// and only indexed.
    pub fn set_content(&mut self, content: Bytes) -> &mut Self {
        let parts = self.parts();
        parts.children = index::of(&content);
        parts.content = content;
        self
    }

    /// Appends canonical bytes to the content, under the same terms as [`set_content`](Self::set_content).
    pub fn append_content(&mut self, canonical: &[u8]) -> &mut Self {
        let mut all = Vec::with_capacity(self.0.content.len() + canonical.len());
        all.extend_from_slice(&self.0.content);
        all.extend_from_slice(canonical);
        self.set_content(Bytes::from(all))
    }

    /// Removes the direct children for which `keep` says no; whether any was.
    pub fn retain_children(&mut self, mut keep: impl FnMut(ElementRef<'_>) -> bool) -> bool {
        let mut kept = Vec::new();
        let mut copied = 0;
        for child in &self.0.children {
            if child.view(&self.0.content).is_some_and(|view| !keep(view)) {
                let range = child.range();
                kept.extend_from_slice(self.0.content.get(copied..range.start).unwrap_or_default());
                copied = range.end;
            }
        }
        if copied == 0 {
            return false;
        }
        kept.extend_from_slice(self.0.content.get(copied..).unwrap_or_default());
        self.set_content(Bytes::from(kept));
        true
    }

    /// The tree of the whole stanza, built anew at each call.
    #[must_use]
    pub fn to_element(&self) -> minidom::Element {
        tree::of_stanza(self)
    }
}

impl ElementRef<'_> {
    /// The tree of the element, built anew at each call.
    #[must_use]
    pub fn to_element(&self) -> minidom::Element {
        tree::of_element(*self)
    }
}

impl PartialEq for Stanza {
    /// Equal stanzas are written alike; malformed addresses count.
    fn eq(&self, other: &Self) -> bool {
        let others = |stanza: &Self| stanza.0.head.bytes(Field::Others).map(<[u8]>::to_vec);
        self.0.kind == other.0.kind
            && ["from", "to", "type", "id", "xml:lang"]
                .iter()
                .all(|name| self.attribute(name) == other.attribute(name))
            && others(self) == others(other)
            && self.0.content == other.0.content
    }
}

impl std::fmt::Debug for Stanza {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = Vec::with_capacity(self.size());
        self.write_to(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

#[cfg(test)]
mod tests;
