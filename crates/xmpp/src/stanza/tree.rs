//! The tree of a stanza, for the few who need one.

use minidom::rxml::{Namespace, NcName};

use super::{ElementRef, Stanza, attributes::Attribute, element_ref::Node};
use crate::ns;

/// Builds the tree of a whole stanza, its head included.
pub(super) fn of_stanza(stanza: &Stanza) -> minidom::Element {
    let mut root = minidom::Element::bare(stanza.kind().name(), ns::CLIENT);
    for name in ["from", "to", "type", "id"] {
        if let (Some(value), Ok(name)) = (stanza.attribute(name), NcName::try_from(name)) {
            root.set_attr(Namespace::NONE, name, value.into_owned());
        }
    }
    if let (Some(lang), Ok(name)) = (stanza.lang(), NcName::try_from("lang")) {
        root.set_attr(Namespace::XML, name, lang);
    }
    for attribute in stanza.other_attributes() {
        set(&mut root, attribute);
    }
    append(&mut root, stanza.nodes());
    root
}

/// Builds the tree of an element. Recursive, which the depth limit of the parser bounds.
pub(super) fn of_element(element: ElementRef<'_>) -> minidom::Element {
    let mut tree = minidom::Element::bare(element.name(), element.ns());
    for attribute in element.attributes() {
        set(&mut tree, attribute);
    }
    append(&mut tree, element.nodes());
    tree
}

fn append<'a>(tree: &mut minidom::Element, nodes: impl Iterator<Item = Node<'a>>) {
    for node in nodes {
        match node {
            Node::Text(text) => tree.append_text_node(text),
            Node::Element(element) => {
                tree.append_child(of_element(element));
            }
        }
    }
}

fn set(tree: &mut minidom::Element, attribute: Attribute<'_>) {
    let (ns, name) = match (attribute.name.strip_prefix("xml:"), attribute.ns) {
        (Some(name), _) => (Namespace::XML, name),
        (None, Some(ns)) => (Namespace::from(ns.into_owned()), attribute.name),
        (None, None) => (Namespace::NONE, attribute.name),
    };
    if let Ok(name) = NcName::try_from(name) {
        tree.set_attr(ns, name, attribute.value.into_owned());
    }
}
