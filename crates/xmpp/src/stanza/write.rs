//! Writing stanzas.

use super::{Stanza, head::Field};
use crate::{jid::Jid, ns, xml::escape};

impl Stanza {
    /// Appends the whole stanza as it goes into a stream whose default namespace is `jabber:client`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        self.write_with(out, self.from(), self.to());
    }

    /// Appends the whole stanza with other addresses; `None` leaves the attribute out.
    pub fn write_with(&self, out: &mut Vec<u8>, from: Option<&Jid>, to: Option<&Jid>) {
        out.reserve(
            self.0.content.len() + self.0.head.len() + address_len(from) + address_len(to) + TAGS,
        );
        self.write_head(out, true, from, to);
        self.write_content(out);
    }

    /// Appends the start tag alone, `>` included, even if there is no content.
    pub fn write_start_tag(&self, out: &mut Vec<u8>) {
        self.write_head(out, true, self.from(), self.to());
        out.push(b'>');
    }

    /// The number of bytes that [`write_to`](Self::write_to) appends, give or take escaping in attributes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.content.len()
            + self.0.head.len()
            + address_len(self.from())
            + address_len(self.to())
            + TAGS
    }

    /// Appends the stanza as an element; `declared` says that `jabber:client` is in force where it is written.
    pub(crate) fn write_element(&self, out: &mut Vec<u8>, declared: bool) {
        self.write_head(out, declared, self.from(), self.to());
        self.write_content(out);
    }

    /// Everything of the start tag but its end.
    fn write_head(&self, out: &mut Vec<u8>, declared: bool, from: Option<&Jid>, to: Option<&Jid>) {
        out.push(b'<');
        out.extend_from_slice(self.0.kind.name().as_bytes());
        if !declared {
            out.extend_from_slice(b" xmlns='");
            out.extend_from_slice(ns::CLIENT.as_bytes());
            out.push(b'\'');
        }
        write_attribute(out, b" from='", from.map(Jid::as_str));
        write_attribute(out, b" to='", to.map(Jid::as_str));
        write_attribute(out, b" type='", self.0.head.text(Field::Type));
        write_attribute(out, b" id='", self.0.head.text(Field::Id));
        write_attribute(out, b" xml:lang='", self.0.head.text(Field::Lang));
        out.extend_from_slice(self.0.head.bytes(Field::Others).unwrap_or_default());
    }

    /// The rest of the element after [`write_head`](Self::write_head).
    fn write_content(&self, out: &mut Vec<u8>) {
        if self.0.content.is_empty() {
            out.extend_from_slice(b"/>");
            return;
        }
        out.push(b'>');
        out.extend_from_slice(&self.0.content);
        out.extend_from_slice(b"</");
        out.extend_from_slice(self.0.kind.name().as_bytes());
        out.push(b'>');
    }
}

/// Room for the tags and the names of the attributes.
const TAGS: usize = 60;

fn address_len(jid: Option<&Jid>) -> usize {
    jid.map_or(0, |jid| jid.as_str().len())
}

fn write_attribute(out: &mut Vec<u8>, open: &[u8], value: Option<&str>) {
    if let Some(value) = value {
        out.extend_from_slice(open);
        escape::attribute_into(out, value);
        out.push(b'\'');
    }
}
