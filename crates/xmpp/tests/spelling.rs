//! Two spellings of one tree of namespaced elements give the same stanza, byte for byte, and the tree that was meant.

#[path = "../fuzz/src/tree.rs"]
#[expect(unreachable_pub, reason = "public for the fuzz targets")]
mod tree;

use std::collections::BTreeMap;

use portcullis_xmpp::{Limits, Stanza, ns};
use proptest::{collection::vec, prelude::*, sample::select};
use tree::{Node, Tree};

const SPACES: [&str; 5] = [ns::CLIENT, "urn:a", "urn:b?x=1&y='2'", "urn:é", ""];

fn text() -> impl Strategy<Value = String> {
    "[a-c &<>'\"\\]\\n\\r\\t\u{e9}\u{20ac}\u{1f600}]{0,12}"
}

fn attributes() -> impl Strategy<Value = BTreeMap<(String, String), String>> {
    let key = (
        select(vec!["", "urn:a", "urn:b?x=1&y='2'", ns::XML]),
        select(vec!["a", "b", "lang"]),
    );
    let key = key.prop_map(|(ns, name)| (ns.to_owned(), name.to_owned()));
    prop::collection::btree_map(key, text(), 0..4)
}

/// A tree without two texts side by side.
fn element() -> impl Strategy<Value = Tree> {
    let named = || {
        (
            select(vec!["a", "b-c", "\u{e9}"]),
            select(SPACES.to_vec()),
            attributes(),
        )
    };
    let leaf = (named(), text()).prop_map(|((name, ns, attributes), text)| {
        let mut tree = Tree {
            attributes,
            ..Tree::new(name, ns)
        };
        tree.push_text(&text);
        tree
    });
    leaf.prop_recursive(4, 24, 4, move |inner| {
        (named(), vec((inner, text()), 0..4)).prop_map(|((name, ns, attributes), children)| {
            let mut tree = Tree {
                attributes,
                ..Tree::new(name, ns)
            };
            for (child, text) in children {
                tree.nodes.push(Node::Element(child));
                tree.push_text(&text);
            }
            tree
        })
    })
}

/// Writes trees, choosing among spellings by a stream of numbers.
struct Speller<'a> {
    choices: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    prefixes: usize,
    out: String,
}

impl Speller<'_> {
    fn choose(&mut self, from: u8) -> u8 {
        self.choices.next().copied().unwrap_or_default() % from
    }

    fn blank(&mut self, least: &str) {
        let blank = match self.choose(4) {
            0 => " \n",
            1 => "\t",
            2 => "\r\n ",
            _ => least,
        };
        self.out.push_str(blank);
    }

    fn character(&mut self, c: char, must: bool) {
        let number = u32::from(c);
        let spelt = match (self.choose(4), c) {
            (0, _) => format!("&#{number};"),
            (1, _) => format!("&#x{number:X};"),
            (_, '&') => "&amp;".to_owned(),
            (_, '<') => "&lt;".to_owned(),
            (_, '>') => "&gt;".to_owned(),
            (2, '\'') => "&apos;".to_owned(),
            (2, '"') => "&quot;".to_owned(),
            _ if must => format!("&#{number};"),
            _ => format!("{c}"),
        };
        self.out.push_str(&spelt);
    }

    fn text(&mut self, text: &str) {
        if self.choose(4) == 0 && !text.contains("]]>") && !text.contains('\r') {
            self.out.push_str(&format!("<![CDATA[{text}]]>"));
            return;
        }
        for c in text.chars() {
            self.character(c, c == '\r');
        }
    }

    fn value(&mut self, value: &str) {
        let quote = if self.choose(2) == 0 { '\'' } else { '"' };
        self.blank("");
        self.out.push('=');
        self.blank("");
        self.out.push(quote);
        for c in value.chars() {
            self.character(c, c == quote || c.is_ascii_control());
        }
        self.out.push(quote);
    }

    fn declare(&mut self, name: &str, uri: &str) {
        self.blank(" ");
        self.out.push_str(name);
        self.value(uri);
    }

    /// `default` is the default namespace in force.
    fn element(&mut self, tree: &Tree, default: &str) {
        let mut declarations = Vec::new();
        let mut default = default.to_owned();
        let mut name = tree.name.clone();
        if tree.ns != default || self.choose(3) == 0 {
            if !tree.ns.is_empty() && self.choose(2) == 0 {
                self.prefixes += 1;
                name = format!("p{}:{name}", self.prefixes % 9);
                declarations.push((format!("xmlns:p{}", self.prefixes % 9), tree.ns.clone()));
            } else {
                declarations.push(("xmlns".to_owned(), tree.ns.clone()));
                default.clone_from(&tree.ns);
            }
        }
        self.out.push_str(&format!("<{name}"));
        for (number, ((ns, name), value)) in tree.attributes.iter().enumerate() {
            let name = match ns.as_str() {
                "" => name.clone(),
                ns::XML => format!("xml:{name}"),
                _ => {
                    declarations.push((format!("xmlns:q{number}"), ns.clone()));
                    format!("q{number}:{name}")
                }
            };
            self.blank(" ");
            self.out.push_str(&name);
            self.value(value);
        }
        for (name, uri) in declarations {
            self.declare(&name, &uri);
        }
        self.blank("");
        if tree.nodes.is_empty() && self.choose(2) == 0 {
            self.out.push_str("/>");
            return;
        }
        self.out.push('>');
        for node in &tree.nodes {
            match node {
                Node::Text(text) => self.text(text),
                Node::Element(child) => self.element(child, &default),
            }
        }
        self.out.push_str(&format!("</{name}"));
        self.blank("");
        self.out.push('>');
    }
}

fn spell(tree: &Tree, choices: &[u8]) -> String {
    let mut speller = Speller {
        choices: choices.iter().cycle(),
        prefixes: 0,
        out: String::new(),
    };
    speller.out.push_str("<message");
    speller.blank("");
    speller.out.push('>');
    speller.element(tree, ns::CLIENT);
    speller.out.push_str("</message>");
    speller.out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spelling_does_not_matter(tree in element(), one in vec(any::<u8>(), 1..40), two in vec(any::<u8>(), 1..40)) {
        let mut message = Tree::new("message", ns::CLIENT);
        message.nodes.push(Node::Element(tree.clone()));
        let (one, two) = (spell(&tree, &one), spell(&tree, &two));
        let parse = |xml: &str| Stanza::from_xml(xml.as_bytes(), &Limits::CLIENT).map_err(|error| format!("{error}: {xml}"));
        let stanza = parse(&one).unwrap();
        // Attributes keep the order in which they came, which is the same in both.
        let other = parse(&two).unwrap();
        prop_assert_eq!(stanza.content(), other.content());
        prop_assert_eq!(&Tree::of_stanza(&stanza), &message);
        prop_assert_eq!(Tree::of_minidom(&stanza.to_element()), message);
        let mut written = Vec::new();
        stanza.write_to(&mut written);
        prop_assert_eq!(parse(std::str::from_utf8(&written).unwrap()).unwrap(), stanza);
    }
}
