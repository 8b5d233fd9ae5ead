//! What comes before the first stanza: the XML declaration and the stream header.

use smallvec::SmallVec;

use super::{
    escape,
    limits::{Limits, XmlError},
    names::{self, QName},
    namespaces::{self, ContentNamespace, DefaultNamespace, Prefixes, StreamScope},
    tag::{self, RawAttributes},
};
use crate::{header::StreamHeader, ns};

/// Most prefixes that a header may declare besides `stream`.
const HEADER_PREFIXES: usize = 16;

/// Reads the XML declaration that `input` begins with (`<?xml`), and gives its length (XML 1.0 §2.8).
pub(super) fn declaration(input: &[u8]) -> Result<usize, XmlError> {
    const OPEN: &[u8] = b"<?xml";
    const WRONG: XmlError = XmlError::NotWellFormed("a malformed xml declaration");
    let Some(rest) = input.strip_prefix(OPEN) else {
        return Err(if OPEN.starts_with(input) {
            XmlError::Incomplete
        } else {
            PROCESSING
        });
    };
    match rest.first() {
        None => return Err(XmlError::Incomplete),
        Some(byte) if !names::is_space(*byte) => return Err(PROCESSING),
        Some(_) => {}
    }
    let end = memchr::memchr(b'>', rest).ok_or(XmlError::Incomplete)?;
    let inside = rest
        .get(..end)
        .unwrap_or_default()
        .strip_suffix(b"?")
        .ok_or(WRONG)?;
    // Read as the attributes of an empty tag, which it looks like but for its ends.
    let tag = [b"x", inside, b"/>"].concat();
    let (mut attributes, mut arena): (RawAttributes<'_>, _) = (SmallVec::new(), Vec::new());
    let (_, after) = tag::start_tag(&tag, 3, &mut attributes, &mut arena).map_err(|_| WRONG)?;
    if !after.is_empty() {
        return Err(WRONG);
    }
    let mut parts = attributes
        .iter()
        .map(|a| (a.name.whole, a.value.bytes(&arena)))
        .peekable();
    match parts.next() {
        Some((b"version", b"1.0")) => {}
        Some((b"version", _)) => {
            return Err(XmlError::NotWellFormed("a version of xml other than 1.0"));
        }
        _ => return Err(WRONG),
    }
    let encoding = parts.next_if(|(name, _)| *name == b"encoding");
    if encoding.is_some_and(|(_, name)| !name.eq_ignore_ascii_case(b"utf-8")) {
        return Err(XmlError::UnsupportedEncoding(
            "an encoding other than utf-8",
        ));
    }
    let standalone = parts.next_if(|(name, _)| *name == b"standalone");
    if standalone.is_some_and(|(_, answer)| !matches!(answer, b"yes" | b"no")) {
        return Err(WRONG);
    }
    match parts.next() {
        None => Ok(OPEN.len() + end + 1),
        Some(_) => Err(WRONG),
    }
}

/// What follows the XML declaration of a document, if it begins with one.
pub(crate) fn skip_declaration(input: &[u8]) -> Result<&[u8], XmlError> {
    match input {
        [b'<', b'?', ..] => {
            let length = declaration(input)?;
            Ok(input.get(length..).unwrap_or_default())
        }
        _ => Ok(input),
    }
}

const PROCESSING: XmlError = XmlError::Restricted("a processing instruction");

/// Reads the stream header that `input` begins with; gives it, what it declares, and its length.
pub(super) fn header(
    input: &[u8],
    content: ContentNamespace,
    limits: &Limits,
) -> Result<(StreamHeader, StreamScope, usize), XmlError> {
    let bytes = input.get(1..).unwrap_or_default();
    let mut arena = Vec::new();
    let mut attributes = RawAttributes::new();
    let (tag, rest) = tag::start_tag(bytes, limits.attributes, &mut attributes, &mut arena)?;
    namespaces::check_duplicates(&attributes)?;
    let (mut scope, default) = declarations(&attributes, &arena, content)?;
    scope.is_prefixed = !tag.name.prefix.is_empty();
    check_root(tag.name, &scope, default)?;
    check_prefixes(&attributes, &scope)?;
    if tag.is_empty {
        return Err(XmlError::BadFormat("a stream that ends where it begins"));
    }
    let declared = (scope.default == DefaultNamespace::Content).then_some(content);
    let mut header = declared.map(StreamHeader::new).unwrap_or_default();
    for attribute in &attributes {
        let value = escape::unescape(attribute.value.bytes(&arena));
        header = header.with(escape::as_str(attribute.name.whole), &value);
    }
    Ok((header, scope, input.len() - rest.len()))
}

/// What the header declares, and its default namespace as written.
fn declarations<'a>(
    attributes: &'a RawAttributes<'_>,
    arena: &'a [u8],
    content: ContentNamespace,
) -> Result<(StreamScope, &'a [u8]), XmlError> {
    let mut default: &[u8] = b"";
    let mut has_stream_prefix = false;
    let mut prefixes = Prefixes::new();
    for attribute in attributes {
        let uri = attribute.value.bytes(arena);
        if attribute.name.whole == b"xmlns" {
            namespaces::check_default(uri)?;
            default = uri;
        } else if attribute.name.prefix == b"xmlns"
            && namespaces::check_binding(attribute.name.local, uri)?
        {
            match attribute.name.local {
                b"stream" if uri == ns::STREAM.as_bytes() => has_stream_prefix = true,
                _ if prefixes.len() >= HEADER_PREFIXES => {
                    return Err(XmlError::TooMany("prefixes in force"));
                }
                prefix => prefixes.push((prefix.into(), uri.into())),
            }
        }
    }
    let kind = match default {
        b"" => DefaultNamespace::Absent,
        _ if default == content.name().as_bytes() => DefaultNamespace::Content,
        _ if default == ns::STREAM.as_bytes() => DefaultNamespace::Stream,
        _ => {
            return Err(XmlError::InvalidNamespace(
                "a content namespace that does not belong on this stream",
            ));
        }
    };
    let prefixes = (!prefixes.is_empty()).then(|| Box::new(prefixes));
    Ok((
        StreamScope {
            content,
            default: kind,
            has_stream_prefix,
            is_prefixed: false,
            prefixes,
        },
        default,
    ))
}

/// The root must be `stream` in the stream namespace, by the prefix `stream` or by default (RFC 6120 §4.8.5).
fn check_root(name: QName<'_>, scope: &StreamScope, default: &[u8]) -> Result<(), XmlError> {
    let uri = match name.prefix {
        [] => default,
        b"xml" | b"xmlns" => {
            return Err(XmlError::NotWellFormed("an element with a reserved prefix"));
        }
        prefix => scope
            .lookup(prefix)
            .ok_or(XmlError::NotWellFormed("a prefix that is not declared"))?,
    };
    if uri != ns::STREAM.as_bytes() {
        return Err(XmlError::InvalidNamespace(
            "the first element is not in the stream namespace",
        ));
    }
    if !matches!(name.prefix, b"" | b"stream") {
        return Err(XmlError::BadNamespacePrefix(
            "the prefix of the stream header is not `stream`",
        ));
    }
    match name.local {
        b"stream" => Ok(()),
        _ => Err(XmlError::BadFormat(
            "the first element is not a stream header",
        )),
    }
}

/// The prefixes of attributes must be declared, and no attribute may be there twice by two of them.
fn check_prefixes(attributes: &RawAttributes<'_>, scope: &StreamScope) -> Result<(), XmlError> {
    let mut seen: SmallVec<[(&[u8], &[u8]); 4]> = SmallVec::new();
    for attribute in attributes {
        if matches!(attribute.name.prefix, b"" | b"xml" | b"xmlns") {
            continue;
        }
        let uri = scope.lookup(attribute.name.prefix);
        let uri = uri.ok_or(XmlError::NotWellFormed("a prefix that is not declared"))?;
        if seen.contains(&(uri, attribute.name.local)) {
            return Err(XmlError::NotWellFormed(
                "an attribute twice, by two prefixes",
            ));
        }
        seen.push((uri, attribute.name.local));
    }
    Ok(())
}
