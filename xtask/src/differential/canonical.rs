//! XML as text that is equal for equal meanings: attributes sorted, namespaces resolved, texts joined.

use std::fmt::Write;

use xmpp::stanza::{ElementRef, Node, Nodes, Stanza};
use xmpp::xml::Limits;

/// The canonical form of XML in the namespace of clients; text that is no XML stays as it is.
pub(crate) fn xml(text: &str) -> String {
    let wrapped = format!("<message xmlns='jabber:client'>{text}</message>");
    match Stanza::from_xml(wrapped.as_bytes(), &Limits::default()) {
        Ok(stanza) => {
            let mut out = String::new();
            nodes(stanza.nodes(), &mut out);
            out
        }
        Err(_) => text.to_owned(),
    }
}

/// A text in which the attributes of all that looks like a start tag are sorted: the real one has no order.
pub(crate) fn mixed(text: &str) -> String {
    let mut out = String::new();
    // Each side makes up its prefixes; ours counts from 0 and the real one from 1.
    let text = text
        .replace(" xmlns:ns1=", " xmlns:a0=")
        .replace(" ns1:", " a0:");
    let mut rest = text.as_str();
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        match sorted_tag(tag) {
            Some((sorted, behind)) => {
                out.push_str(&sorted);
                rest = behind;
            }
            None => {
                out.push('<');
                rest = &tag[1..];
            }
        }
    }
    out + rest
}

/// The start tag at the beginning, with sorted attributes, and what is behind it.
fn sorted_tag(text: &str) -> Option<(String, &str)> {
    let end = text[1..].find([' ', '>', '/', '<'])? + 1;
    let (name, mut rest) = text.split_at(end);
    let mut attributes = Vec::new();
    while let Some(inside) = rest.strip_prefix(' ') {
        let (key, value) = inside.split_once('=')?;
        if key.contains([' ', '<', '>']) {
            return None;
        }
        let quote = value.chars().next().filter(|c| ['"', '\''].contains(c))?;
        let (value, behind) = value[1..].split_once(quote)?;
        attributes.push(format!(" {key}='{value}'"));
        rest = behind;
    }
    attributes.sort();
    Some((format!("{name}{}", attributes.concat()), rest))
}

fn element(element: ElementRef<'_>, out: &mut String) {
    let mut attributes: Vec<String> = element
        .attributes()
        .map(|attribute| {
            let ns = attribute.ns.unwrap_or_default();
            format!(" {{{ns}}}{}={:?}", attribute.name, attribute.value)
        })
        .collect();
    attributes.sort();
    let name = element.name();
    write!(out, "<{{{}}}{name}{}>", element.ns(), attributes.concat()).unwrap_or_default();
    nodes(element.nodes(), out);
    write!(out, "</{name}>").unwrap_or_default();
}

fn nodes(all: Nodes<'_>, out: &mut String) {
    for node in all {
        match node {
            Node::Text(text) => out.push_str(&text),
            Node::Element(child) => element(child, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_quotes_do_not_matter() {
        let left = xml("<a x='1' y=\"2\"><b xmlns='jabber:client'/></a>");
        assert_eq!(left, xml("<a y='2' x='1'><b></b></a>"));
        assert_ne!(left, xml("<a y='2' x='1'><b xmlns='urn:b'/></a>"));
        assert_eq!(mixed("a <m x='1' y='2'> b"), mixed("a <m y='2' x='1'> b"));
        assert_eq!(mixed("<a y=\"2\" x='1'><b/>"), mixed("<a x='1' y='2'><b/>"));
        for other in ["1 > 0 < 2", "<undefined>, <m", "a < b='c' <"] {
            assert_eq!(mixed(other), other);
        }
    }
}
