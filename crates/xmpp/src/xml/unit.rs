//! First-level elements: what they are, and the head of stanzas.

use bytes::Bytes;

use super::{
    canonical::{Pass, Start},
    escape,
    limits::{Limits, XmlError},
    names,
    namespaces::StreamScope,
    output,
    value::Piece,
};
use crate::{
    jid::Jid,
    ns,
    stanza::{Element, Field, Head, Malformed, Parts, Stanza, StanzaKind},
};

/// A first-level element of a stream.
pub(crate) enum Unit {
    Stanza(Stanza),
    Element(Element),
}

/// Parses the first-level element that `input` begins with, and gives its length.
///
/// [`XmlError::Incomplete`] if `input` ends inside of it; what is wrong further on is not known then.
pub(crate) fn first(
    input: &[u8],
    scope: &StreamScope,
    limits: &Limits,
) -> Result<(Unit, usize), XmlError> {
    let mut pass = Pass::new(input, scope, limits);
    let start = pass.start_tag()?;
    let unit = match kind(start, pass.arena.as_slice(), scope)? {
        Some(kind) => Unit::Stanza(stanza_from(&mut pass, kind, start)?),
        None => Unit::Element(element_from(&mut pass, start)?),
    };
    Ok((unit, input.len() - pass.rest.len()))
}

/// Parses one stanza outside of a stream.
pub(crate) fn stanza(xml: &[u8], limits: &Limits) -> Result<Stanza, XmlError> {
    let xml = lead(xml, limits)?;
    let (unit, length) = first(xml, &StreamScope::default(), limits)?;
    end(xml.get(length..).unwrap_or_default())?;
    match unit {
        Unit::Stanza(stanza) => Ok(stanza),
        Unit::Element(_) => Err(XmlError::UnsupportedStanzaType("not a stanza")),
    }
}

/// Parses one element of any name outside of a stream.
pub(crate) fn element(xml: &[u8], limits: &Limits) -> Result<Element, XmlError> {
    let scope = StreamScope::default();
    let mut pass = Pass::new(lead(xml, limits)?, &scope, limits);
    let start = pass.start_tag()?;
    let element = element_from(&mut pass, start)?;
    end(pass.rest)?;
    Ok(element)
}

/// What follows leading white space, if it may be an element.
fn lead<'i>(xml: &'i [u8], limits: &Limits) -> Result<&'i [u8], XmlError> {
    let xml = names::skip_space(xml);
    match xml {
        _ if xml.len() > limits.stanza_bytes => Err(XmlError::TooMany("bytes in one element")),
        [b'<', b'/', ..] => Err(XmlError::NotWellFormed("an end tag without a start tag")),
        [b'<', b'!' | b'?', ..] => Err(XmlError::Restricted("markup that is no element")),
        [b'<', ..] => Ok(xml),
        [] => Err(XmlError::Incomplete),
        _ => Err(XmlError::NotWellFormed("text outside of an element")),
    }
}

fn end(rest: &[u8]) -> Result<(), XmlError> {
    match names::skip_space(rest) {
        [] => Ok(()),
        _ => Err(XmlError::NotWellFormed("something after the element")),
    }
}

/// What a first-level element is: a stanza of some kind, another element that may be (`None`), or an error.
fn kind(
    start: Start<'_>,
    arena: &[u8],
    scope: &StreamScope,
) -> Result<Option<StanzaKind>, XmlError> {
    let uri = start.ns.bytes(arena);
    if uri == scope.content.name().as_bytes() {
        if !start.name.prefix.is_empty() {
            return Err(XmlError::BadNamespacePrefix("a prefix on a stanza"));
        }
        // The proof of a component (XEP-0114 §3) is in the namespace of its stanzas.
        if start.name.local == b"handshake" && uri == ns::COMPONENT.as_bytes() {
            return Ok(None);
        }
        let kind = StanzaKind::from_name(escape::as_str(start.name.local));
        return kind
            .map(Some)
            .ok_or(XmlError::UnsupportedStanzaType("not a stanza"));
    }
    if uri == ns::STREAM.as_bytes() {
        return match start.name.local {
            b"error" | b"features" => Ok(None),
            b"stream" => Err(XmlError::UnsupportedStanzaType("a second stream header")),
            _ => Err(XmlError::UnsupportedStanzaType("not a child of a stream")),
        };
    }
    let stanzas = [ns::CLIENT, ns::SERVER, ns::COMPONENT, ""];
    match stanzas.iter().any(|other| uri == other.as_bytes()) {
        true => Err(XmlError::InvalidNamespace(
            "not the stanza namespace of this stream",
        )),
        false => Ok(None),
    }
}

fn element_from<'i>(pass: &mut Pass<'i>, start: Start<'i>) -> Result<Element, XmlError> {
    pass.whole_element(start)?;
    Ok(Element::from_parser(Bytes::copy_from_slice(&pass.out)))
}

fn stanza_from<'i>(
    pass: &mut Pass<'i>,
    kind: StanzaKind,
    start: Start<'i>,
) -> Result<Stanza, XmlError> {
    let mut parts = Parts::new(kind);
    head(pass, &mut parts)?;
    pass.stanza_content(start)?;
    parts.content = Bytes::copy_from_slice(&pass.out);
    parts.children = std::mem::take(&mut pass.children);
    Ok(Stanza::from_parts(parts))
}

/// Takes the attributes of a stanza's start tag.
fn head(pass: &Pass<'_>, parts: &mut Parts) -> Result<(), XmlError> {
    let mut malformed = Malformed::default();
    let mut has_others = false;
    for attribute in &pass.attributes {
        let value = attribute.value;
        match attribute.name.whole {
            b"from" => address(value, &pass.arena, &mut parts.from, &mut malformed.from),
            b"to" => address(value, &pass.arena, &mut parts.to, &mut malformed.to),
            b"type" => text(&mut parts.head, Field::Type, value, &pass.arena),
            b"id" => text(&mut parts.head, Field::Id, value, &pass.arena),
            b"xml:lang" => text(&mut parts.head, Field::Lang, value, &pass.arena),
            _ => has_others |= !attribute.is_declaration(),
        }
    }
    if has_others {
        let mut others = Vec::new();
        let attributes = &pass.attributes;
        output::attributes(
            &mut others,
            attributes,
            &pass.namespaces,
            &pass.arena,
            is_head,
        )?;
        parts.head.add(Field::Others, &others);
    }
    if malformed.from.is_some() || malformed.to.is_some() {
        parts.malformed = Some(Box::new(malformed));
    }
    Ok(())
}

/// The attributes that a stanza keeps by themselves.
fn is_head(name: &[u8]) -> bool {
    matches!(name, b"from" | b"to" | b"type" | b"id" | b"xml:lang")
}

fn text(head: &mut Head, field: Field, value: Piece<'_>, arena: &[u8]) {
    match value {
        Piece::Plain(bytes) => head.add(field, bytes),
        Piece::Rewritten(..) => head.add(field, escape::unescape(value.bytes(arena)).as_bytes()),
    }
}

fn address(
    value: Piece<'_>,
    arena: &[u8],
    jid: &mut Option<Jid>,
    malformed: &mut Option<Box<str>>,
) {
    let text = escape::unescape(value.bytes(arena));
    match Jid::new(&text) {
        Ok(parsed) => *jid = Some(parsed),
        Err(_) => *malformed = Some(text.into()),
    }
}
