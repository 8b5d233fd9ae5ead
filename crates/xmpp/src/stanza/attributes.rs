//! Reading the attributes of canonical start tags.

use std::borrow::Cow;

use memchr::memchr;

use crate::xml::escape;

/// One attribute of an element, as [`ElementRef::attributes`](super::ElementRef::attributes) yields it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The name without prefix, or `xml:lang` and the like for attributes of the prefix `xml`.
    pub name: &'a str,
    /// The namespace of a prefixed attribute; `None` for unprefixed ones and those of the prefix `xml`.
    pub ns: Option<Cow<'a, str>>,
    /// The value, unescaped.
    pub value: Cow<'a, str>,
}

/// Walks ` name='value'` pairs, declarations included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawAttributes<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for RawAttributes<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.strip_prefix(b" ")?;
        let (name, rest) = rest.split_at_checked(memchr(b'=', rest)?)?;
        let rest = rest.get(2..)?;
        let (value, rest) = rest.split_at_checked(memchr(b'\'', rest)?)?;
        self.0 = rest.get(1..)?;
        Some((name, value))
    }
}

/// Walks the attributes proper: declarations are left out and generated prefixes resolved.
#[derive(Clone, Debug)]
pub(crate) struct Attributes<'a> {
    all: RawAttributes<'a>,
    rest: RawAttributes<'a>,
}

impl<'a> Attributes<'a> {
    /// `bytes` are the inside of a start tag after the name, or the same without end.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            all: RawAttributes(bytes),
            rest: RawAttributes(bytes),
        }
    }

    /// The (escaped) namespace that a generated prefix is bound to.
    fn namespace(&self, prefix: &[u8]) -> Option<&'a [u8]> {
        self.all
            .into_iter()
            .find_map(|(name, value)| (name.strip_prefix(b"xmlns:")? == prefix).then_some(value))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (name, value) = self.rest.next()?;
            if name == b"xmlns" || name.starts_with(b"xmlns:") {
                continue;
            }
            let (name, ns) = match memchr(b':', name) {
                Some(at) if !name.starts_with(b"xml:") => (
                    name.get(at + 1..)?,
                    self.namespace(name.get(..at)?).map(escape::unescape),
                ),
                _ => (name, None),
            };
            return Some(Attribute {
                name: escape::as_str(name),
                ns,
                value: escape::unescape(value),
            });
        }
    }
}

/// The value of the attribute written with exactly this name: an unprefixed one, or `xml:lang`.
pub(crate) fn find<'a>(bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    if name == "xmlns" || (name.contains(':') && !name.starts_with("xml:")) {
        return None;
    }
    RawAttributes(bytes).find_map(|(found, value)| (found == name.as_bytes()).then_some(value))
}
