//! The writer of canonical XML, for everything the server says itself.

use bytes::Bytes;
use smallvec::SmallVec;

use super::escape;
use crate::{
    ns,
    stanza::{ElementRef, Stanza},
};

/// An element that was opened and not yet closed; positions in the writer's output.
#[derive(Clone, Copy, Debug)]
struct Open {
    name_start: usize,
    name_len: usize,
    /// Where the (escaped) namespace stands.
    ns: Namespace,
}

/// Where the namespace in force is written.
#[derive(Clone, Copy, Debug)]
enum Namespace {
    /// The stanza namespace, declared by the stream header.
    Client,
    /// A range of the output.
    Written { start: usize, len: usize },
}

/// Writes canonical XML, the inside of a stanza or any element.
///
/// The outermost elements are taken to stand in a stanza, so that `jabber:client` is declared nowhere. Text and
/// attribute values are escaped; characters that XML can not carry become U+FFFD. Names are the caller's and are
/// written as they are.
///
/// ```
/// use portcullis_xmpp::{ns, xml::XmlWriter};
///
/// let mut xml = XmlWriter::new();
/// xml.open("query", ns::ROSTER);
/// xml.attr("ver", "7");
/// xml.open("item", ns::ROSTER);
/// xml.attr("jid", "romeo@example.net");
/// xml.text_element("group", ns::ROSTER, "Friends & foes");
/// assert_eq!(
///     &xml.finish()[..],
///     b"<query xmlns='jabber:iq:roster' ver='7'><item jid='romeo@example.net'>\
///       <group>Friends &amp; foes</group></item></query>"
/// );
/// ```
#[derive(Debug, Default)]
pub struct XmlWriter {
    out: Vec<u8>,
    open: SmallVec<[Open; 8]>,
    /// The last start tag still lacks its `>`.
    in_tag: bool,
}

impl XmlWriter {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            out: Vec::with_capacity(capacity),
            ..Self::default()
        }
    }

    /// Begins an element. `xmlns` is written where the namespace differs from that of the element around it.
    pub fn open(&mut self, name: &str, namespace: &str) -> &mut Self {
        self.end_tag_start();
        self.out.push(b'<');
        let name_start = self.out.len();
        self.out.extend_from_slice(name.as_bytes());
        let ns = self.declare(namespace);
        self.open.push(Open {
            name_start,
            name_len: name.len(),
            ns,
        });
        self.in_tag = true;
        self
    }

    /// Adds an attribute to the element just opened; `name` is unprefixed or `xml:lang`.
    ///
    /// Must come before any content of the element; later calls are a mistake of the caller and are ignored.
    pub fn attr(&mut self, name: &str, value: &str) -> &mut Self {
        debug_assert!(self.in_tag, "attribute `{name}` after the start tag");
        if self.in_tag {
            self.out.push(b' ');
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"='");
            escape::attribute_into(&mut self.out, value);
            self.out.push(b'\'');
        }
        self
    }

    /// [`attr`](Self::attr) if there is a value.
    pub fn attr_some(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }

    /// Adds text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        if !text.is_empty() {
            self.end_tag_start();
            escape::text_into(&mut self.out, text);
        }
        self
    }

    /// Ends the innermost open element, as `<name/>` if it is empty.
    pub fn close(&mut self) -> &mut Self {
        debug_assert!(!self.open.is_empty(), "nothing to close");
        let Some(element) = self.open.pop() else {
            return self;
        };
        if self.in_tag {
            self.out.extend_from_slice(b"/>");
            self.in_tag = false;
        } else {
            self.out.extend_from_slice(b"</");
            self.out
                .extend_from_within(element.name_start..element.name_start + element.name_len);
            self.out.push(b'>');
        }
        self
    }

    /// An element without content.
    pub fn empty(&mut self, name: &str, namespace: &str) -> &mut Self {
        self.open(name, namespace).close()
    }

    /// An element that holds a text.
    pub fn text_element(&mut self, name: &str, namespace: &str, text: &str) -> &mut Self {
        self.open(name, namespace).text(text).close()
    }

    /// Adds an element that exists already, with the declaration it needs here.
    pub fn element(&mut self, element: ElementRef<'_>) -> &mut Self {
        self.end_tag_start();
        let declared = self.is_in_force(element.escaped_ns());
        element.write_in(&mut self.out, declared);
        self
    }

    /// Adds a whole stanza as an element, as in a forwarded message (XEP-0297).
    pub fn stanza(&mut self, stanza: &Stanza) -> &mut Self {
        self.end_tag_start();
        let declared = self.is_in_force(ns::CLIENT.as_bytes());
        stanza.write_element(&mut self.out, declared);
        self
    }

    /// Adds canonical bytes as they are.
    ///
    /// They must come from a stanza's content or a writer, and stand where `jabber:client` is the namespace in force
    /// (outermost, or in an element of that namespace), since that is what their declarations refer to.
    pub fn raw(&mut self, canonical: &[u8]) -> &mut Self {
        if !canonical.is_empty() {
            self.end_tag_start();
            self.out.extend_from_slice(canonical);
        }
        self
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Ends what is still open and gives the canonical bytes.
    #[must_use]
    pub fn finish(mut self) -> Bytes {
        while !self.open.is_empty() {
            self.close();
        }
        Bytes::from(self.out)
    }

    fn end_tag_start(&mut self) {
        if self.in_tag {
            self.out.push(b'>');
            self.in_tag = false;
        }
    }

    fn namespace_here(&self) -> Namespace {
        self.open
            .last()
            .map_or(Namespace::Client, |element| element.ns)
    }

    /// Whether this (escaped) namespace need not be declared here.
    fn is_in_force(&self, escaped: &[u8]) -> bool {
        match self.namespace_here() {
            Namespace::Client => escaped == ns::CLIENT.as_bytes(),
            Namespace::Written { start, len } => self.out.get(start..start + len) == Some(escaped),
        }
    }

    /// Writes ` xmlns='...'` unless that namespace is in force already.
    fn declare(&mut self, namespace: &str) -> Namespace {
        let before = self.out.len();
        self.out.extend_from_slice(b" xmlns='");
        let start = self.out.len();
        escape::attribute_into(&mut self.out, namespace);
        let len = self.out.len() - start;
        let here = self.namespace_here();
        let (declared, new) = self.out.split_at(start);
        let same = match here {
            Namespace::Client => new == ns::CLIENT.as_bytes(),
            Namespace::Written { start, len } => declared.get(start..start + len) == Some(new),
        };
        if same {
            self.out.truncate(before);
            return here;
        }
        self.out.push(b'\'');
        Namespace::Written { start, len }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declares_a_namespace_only_where_it_changes() {
        let mut xml = XmlWriter::new();
        xml.open("a", "urn:one")
            .empty("b", "urn:one")
            .empty("c", "urn:two")
            .close();
        xml.text_element("body", ns::CLIENT, "hi");
        assert_eq!(
            &xml.finish()[..],
            b"<a xmlns='urn:one'><b/><c xmlns='urn:two'/></a><body>hi</body>"
        );
    }

    #[test]
    fn finish_closes_what_is_open() {
        let mut xml = XmlWriter::new();
        xml.open("a", "u").open("b", "u").text("<");
        assert_eq!(&xml.finish()[..], b"<a xmlns='u'><b>&lt;</b></a>");
    }

    #[test]
    fn namespaces_with_special_characters_are_compared_escaped() {
        let mut xml = XmlWriter::new();
        xml.open("a", "u?x&y").empty("b", "u?x&y").close();
        assert_eq!(&xml.finish()[..], b"<a xmlns='u?x&amp;y'><b/></a>");
    }
}
