//! Comparing XML as XML: the order of attributes, quotes and needless declarations do not matter.

use std::collections::BTreeMap;

use xmpp::stanza::{ElementRef, Node, Nodes, Stanza};
use xmpp::xml::Limits;

/// A tree that is equal for equal meanings.
#[derive(Debug, PartialEq, Eq)]
enum Tree {
    Text(String),
    Element {
        name: String,
        ns: String,
        attributes: BTreeMap<String, String>,
        nodes: Vec<Tree>,
    },
}

fn of_element(element: ElementRef<'_>) -> Tree {
    Tree::Element {
        name: element.name().to_owned(),
        ns: element.ns().into_owned(),
        attributes: element
            .attributes()
            .map(|attribute| {
                let ns = attribute.ns.unwrap_or_default();
                (
                    format!("{ns}|{}", attribute.name),
                    attribute.value.into_owned(),
                )
            })
            .collect(),
        nodes: of_nodes(element.nodes()),
    }
}

fn of_nodes(nodes: Nodes<'_>) -> Vec<Tree> {
    nodes
        .map(|node| match node {
            Node::Text(text) => Tree::Text(text.into_owned()),
            Node::Element(element) => of_element(element),
        })
        .collect()
}

/// The trees in a piece of XML, with `jabber:client` as the namespace around it.
fn trees(xml: &str) -> Option<Vec<Tree>> {
    let wrapped = format!("<message xmlns='jabber:client'>{xml}</message>");
    let stanza = Stanza::from_xml(wrapped.as_bytes(), &Limits::default()).ok()?;
    Some(of_nodes(stanza.nodes()))
}

/// True if two pieces of XML mean the same; attributes in `ignored` do not count.
pub(super) fn same(left: &str, right: &str, ignored: &[&str]) -> bool {
    let read = |xml: &str| {
        let mut found = trees(xml)?;
        for tree in &mut found {
            if let Tree::Element { attributes, .. } = tree {
                attributes.retain(|name, _| {
                    !ignored.iter().any(|ignored| *name == format!("|{ignored}"))
                });
            }
        }
        Some(found)
    };
    match (read(left), read(right)) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}

/// True if two texts are equal but for the XML in them, which must mean the same.
pub(super) fn same_text(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    let cut = |text: &str| -> Option<(String, String, String)> {
        let (start, end) = (text.find('<')?, text.rfind('>')? + 1);
        Some((
            text.get(..start)?.to_owned(),
            text.get(start..end)?.to_owned(),
            text.get(end..)?.to_owned(),
        ))
    };
    let (Some(left), Some(right)) = (cut(left), cut(right)) else {
        return false;
    };
    let closed = |tag: &str| {
        tag.strip_suffix('>')
            .map(|tag| format!("{tag}/>"))
            .unwrap_or_default()
    };
    left.0 == right.0
        && left.2 == right.2
        && (same(&left.1, &right.1, &[]) || same(&closed(&left.1), &closed(&right.1), &[]))
}

/// A stanza as text.
pub(super) fn text_of(stanza: &Stanza) -> String {
    let mut xml = Vec::new();
    stanza.write_to(&mut xml);
    let xml = String::from_utf8_lossy(&xml).into_owned();
    // Malformed addresses are not written by themselves.
    match stanza.malformed_to() {
        Some(to) => {
            let name = stanza.kind().name();
            let to = to
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('\'', "&apos;");
            xml.replacen(&format!("<{name}"), &format!("<{name} to='{to}'"), 1)
        }
        None => xml,
    }
}
