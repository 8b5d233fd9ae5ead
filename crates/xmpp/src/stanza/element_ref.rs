//! Views into canonical bytes.

use std::borrow::Cow;

use memchr::memchr;

use super::attributes::{self, Attribute, Attributes};
use crate::xml::escape;

/// An element inside canonical bytes: copied freely, read in place.
///
/// Walks are fast because canonical bytes hold `<` and `>` only as markup; nothing is allocated unless a reference has
/// to be resolved. The namespace is inherited from the elements around it.
#[derive(Clone, Copy)]
pub struct ElementRef<'a> {
    /// The element, from `<` to the end of its end tag.
    bytes: &'a [u8],
    /// Its namespace, escaped as in the bytes.
    ns: &'a [u8],
    /// Length of the name, which starts at 1.
    name_len: usize,
    /// The start tag ends before this offset.
    inner: usize,
}

impl<'a> ElementRef<'a> {
    /// Stands in where there is no element; it has neither name nor content.
    pub(crate) const NONE: Self = Self {
        bytes: b"</>",
        ns: b"",
        name_len: 0,
        inner: 3,
    };

    /// The element that `bytes` begin with, and its length; `None` at the end or if there is no whole element.
    pub(crate) fn first(bytes: &'a [u8], parent_ns: &'a [u8]) -> Option<(Self, usize)> {
        let len = element_len(bytes)?;
        Some((Self::whole(bytes.get(..len)?, parent_ns)?, len))
    }

    /// The element that makes up the whole of `bytes`.
    pub(crate) fn whole(bytes: &'a [u8], parent_ns: &'a [u8]) -> Option<Self> {
        let inner = memchr(b'>', bytes)? + 1;
        let name_len = bytes
            .get(1..inner)?
            .iter()
            .position(|b| matches!(b, b' ' | b'/' | b'>'))?;
        let ns = declared_ns(bytes.get(1 + name_len..inner)?).unwrap_or(parent_ns);
        Some(Self {
            bytes,
            ns,
            name_len,
            inner,
        })
    }

    /// The local name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        escape::as_str(self.bytes.get(1..=self.name_len).unwrap_or_default())
    }

    /// The namespace, its own or inherited; empty for an element in no namespace.
    #[must_use]
    pub fn ns(&self) -> Cow<'a, str> {
        escape::unescape(self.ns)
    }

    /// Whether this is the element `name` of the namespace `ns`.
    #[must_use]
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.bytes.get(1..=self.name_len) == Some(name.as_bytes()) && self.has_ns(ns)
    }

    /// Whether the element belongs to the namespace `ns`.
    #[must_use]
    pub fn has_ns(&self, ns: &str) -> bool {
        self.ns == ns.as_bytes()
            || (memchr(b'&', self.ns).is_some() && escape::unescape(self.ns) == ns)
    }

    /// The value of an attribute: unprefixed, or of the prefix `xml` when written so (`xml:lang`).
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        attributes::find(self.tag(), name).map(escape::unescape)
    }

    /// The value of an attribute that belongs to a namespace.
    #[must_use]
    pub fn attribute_ns(&self, name: &str, ns: &str) -> Option<Cow<'a, str>> {
        self.attributes()
            .find(|a| a.name == name && a.ns.as_deref() == Some(ns))
            .map(|a| a.value)
    }

    /// All attributes in the order they came, without declarations of namespaces.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        Attributes::new(self.tag())
    }

    /// The direct child elements.
    #[must_use]
    pub fn children(&self) -> Children<'a> {
        Children {
            rest: self.inner(),
            ns: self.ns,
        }
    }

    /// The first direct child with this name and namespace.
    #[must_use]
    pub fn child(&self, name: &str, ns: &str) -> Option<ElementRef<'a>> {
        self.children().find(|child| child.is(name, ns))
    }

    /// Whether there is a child element.
    #[must_use]
    pub fn has_child_elements(&self) -> bool {
        memchr(b'<', self.inner()).is_some()
    }

    /// The direct text, without that of child elements; borrowed if it is one piece without references.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        let inner = self.inner();
        match memchr(b'<', inner) {
            None => escape::unescape(inner),
            Some(at) => {
                let mut text = String::new();
                let (mut piece, mut rest) = inner.split_at(at);
                loop {
                    escape::unescape_into(&mut text, piece);
                    let Some(len) = element_len(rest) else {
                        return Cow::Owned(text);
                    };
                    rest = rest.get(len..).unwrap_or_default();
                    (piece, rest) = rest.split_at(memchr(b'<', rest).unwrap_or(rest.len()));
                }
            }
        }
    }

    /// The pieces of content in order: direct text and child elements.
    #[must_use]
    pub fn nodes(&self) -> Nodes<'a> {
        Nodes {
            rest: self.inner(),
            ns: self.ns,
        }
    }

    /// The canonical bytes between start and end tag.
    #[must_use]
    pub fn inner(&self) -> &'a [u8] {
        if self.bytes.get(self.inner.wrapping_sub(2)) == Some(&b'/') {
            return &[];
        }
        let end = self.bytes.len().saturating_sub(self.name_len + 3);
        self.bytes.get(self.inner..end).unwrap_or_default()
    }

    /// Appends the element so that it stands alone: its namespace is always declared.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        self.write_in(out, false);
    }

    /// Appends the element; `declared` says that its namespace is in force where it is written.
    pub(crate) fn write_in(&self, out: &mut Vec<u8>, declared: bool) {
        let (name, rest) = self
            .bytes
            .split_at_checked(1 + self.name_len)
            .unwrap_or_default();
        let own = declared_ns(rest).map(|ns| b" xmlns=''".len() + ns.len());
        out.extend_from_slice(name);
        if !declared {
            out.extend_from_slice(b" xmlns='");
            out.extend_from_slice(self.ns);
            out.push(b'\'');
        }
        out.extend_from_slice(rest.get(own.unwrap_or(0)..).unwrap_or_default());
    }

    /// The namespace as it is written.
    pub(crate) fn escaped_ns(&self) -> &'a [u8] {
        self.ns
    }

    /// The inside of the start tag after the name.
    fn tag(&self) -> &'a [u8] {
        self.bytes
            .get(1 + self.name_len..self.inner)
            .unwrap_or_default()
    }
}

impl PartialEq for ElementRef<'_> {
    /// Equal elements have the same name, namespace, attributes in the same order, and content.
    fn eq(&self, other: &Self) -> bool {
        let (mut one, mut two) = (Vec::new(), Vec::new());
        self.write_to(&mut one);
        other.write_to(&mut two);
        one == two
    }
}

impl std::fmt::Debug for ElementRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = Vec::new();
        self.write_to(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

/// The child elements of an element.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    pub(crate) rest: &'a [u8],
    pub(crate) ns: &'a [u8],
}

impl<'a> Iterator for Children<'a> {
    type Item = ElementRef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.rest.get(memchr(b'<', self.rest)?..)?;
        let (element, len) = ElementRef::first(at, self.ns)?;
        self.rest = at.get(len..)?;
        Some(element)
    }
}

/// A piece of an element's content.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'a> {
    /// A run of text, unescaped.
    Text(Cow<'a, str>),
    /// A child element.
    Element(ElementRef<'a>),
}

/// The pieces of content of an element.
#[derive(Clone, Debug)]
pub struct Nodes<'a> {
    pub(crate) rest: &'a [u8],
    pub(crate) ns: &'a [u8],
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        match memchr(b'<', self.rest).unwrap_or(self.rest.len()) {
            0 if self.rest.is_empty() => None,
            0 => {
                let (element, len) = ElementRef::first(self.rest, self.ns)?;
                self.rest = self.rest.get(len..)?;
                Some(Node::Element(element))
            }
            at => {
                let (text, rest) = self.rest.split_at_checked(at)?;
                self.rest = rest;
                Some(Node::Text(escape::unescape(text)))
            }
        }
    }
}

/// The (escaped) value of `xmlns`, which canonical form puts first in the tag.
fn declared_ns(tag: &[u8]) -> Option<&[u8]> {
    let value = tag.strip_prefix(b" xmlns='")?;
    value.get(..memchr(b'\'', value)?)
}

/// Length of the element at the beginning of canonical bytes.
fn element_len(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0;
    loop {
        let tag = bytes.get(at..)?;
        let len = memchr(b'>', tag)? + 1;
        if tag.get(1) == Some(&b'/') {
            depth = depth.checked_sub(1)?;
        } else if tag.get(len.checked_sub(2)?) != Some(&b'/') {
            depth += 1;
        }
        at += len;
        if depth == 0 {
            return Some(at);
        }
        at += memchr(b'<', bytes.get(at..)?)?;
    }
}
