//! What XML means: a tree without spelling.

use std::collections::BTreeMap;

use portcullis_xmpp::{
    ns,
    stanza::{ElementRef, Node as Piece, Stanza},
};

/// An element: names resolved, attributes unordered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub name: String,
    pub ns: String,
    /// By namespace and local name.
    pub attributes: BTreeMap<(String, String), String>,
    pub nodes: Vec<Node>,
}

/// A piece of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Text(String),
    Element(Tree),
}

impl Tree {
    /// An element without attributes and content.
    pub fn new(name: &str, ns: &str) -> Self {
        Self {
            name: name.into(),
            ns: ns.into(),
            ..Self::default()
        }
    }

    /// Appends text, joined to text before it.
    pub fn push_text(&mut self, text: &str) {
        match self.nodes.last_mut() {
            _ if text.is_empty() => {}
            Some(Node::Text(last)) => last.push_str(text),
            _ => self.nodes.push(Node::Text(text.into())),
        }
    }

    /// The same without text directly in it, as the children of a stream are compared.
    pub fn of_stanza(stanza: &Stanza) -> Self {
        let mut tree = Self::new(stanza.kind().name(), ns::CLIENT);
        for name in ["from", "to", "type", "id"] {
            if let Some(value) = stanza.attribute(name) {
                tree.attributes
                    .insert((String::new(), name.into()), value.into_owned());
            }
        }
        if let Some(lang) = stanza.lang() {
            tree.attributes
                .insert((ns::XML.into(), "lang".into()), lang.into());
        }
        for attribute in stanza.other_attributes() {
            tree.add(attribute);
        }
        tree.fill(stanza.nodes());
        tree
    }

    /// The tree of a view.
    pub fn of_element(element: ElementRef<'_>) -> Self {
        let mut tree = Self::new(element.name(), &element.ns());
        for attribute in element.attributes() {
            tree.add(attribute);
        }
        tree.fill(element.nodes());
        tree
    }

    /// The tree that minidom holds.
    pub fn of_minidom(element: &minidom::Element) -> Self {
        let mut tree = Self::new(element.name(), &element.ns());
        for ((ns, name), value) in element.attrs() {
            tree.attributes
                .insert((ns.to_string(), name.to_string()), value.clone());
        }
        for node in element.nodes() {
            match node {
                minidom::Node::Text(text) => tree.push_text(text),
                minidom::Node::Element(child) => {
                    tree.nodes.push(Node::Element(Self::of_minidom(child)));
                }
            }
        }
        tree
    }

    fn add(&mut self, attribute: portcullis_xmpp::stanza::Attribute<'_>) {
        let key = match (attribute.name.strip_prefix("xml:"), attribute.ns) {
            (Some(local), _) => (ns::XML.to_owned(), local.to_owned()),
            (None, ns) => (
                ns.unwrap_or_default().into_owned(),
                attribute.name.to_owned(),
            ),
        };
        let before = self.attributes.insert(key, attribute.value.into_owned());
        assert!(before.is_none(), "an attribute twice");
    }

    fn fill<'a>(&mut self, nodes: impl Iterator<Item = Piece<'a>>) {
        for node in nodes {
            match node {
                Piece::Text(text) => self.push_text(&text),
                Piece::Element(child) => self.nodes.push(Node::Element(Self::of_element(child))),
            }
        }
    }
}
