//! What is written is parsed back unchanged: parse ∘ write = identity.

use portcullis_xmpp::{Jid, Limits, Stanza, StanzaKind, XmlWriter, ns};

use super::{
    oracle,
    tree::{Node, Tree},
};

const NAMES: [&str; 6] = ["body", "x", "a-b", "_", "é", "a.1"];
const SPACES: [&str; 6] = [ns::CLIENT, "urn:a", "urn:b?x&y", "", "it's", "urn:é"];
const ATTRIBUTES: [&str; 5] = ["a", "b", "xml:lang", "type", "é"];

/// A source of small numbers and texts.
struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let byte = usize::from(self.byte()?);
        from.get(byte % from.len()).copied()
    }

    fn text(&mut self) -> Option<std::borrow::Cow<'a, str>> {
        let length = usize::from(self.byte()?) % 32;
        let (text, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        Some(String::from_utf8_lossy(text))
    }
}

/// The bytes are a program for a writer.
pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let Some((stanza, tree)) = build(&mut source) else {
        return;
    };
    assert_eq!(
        Tree::of_stanza(&stanza),
        tree,
        "the view differs from what was written"
    );
    let mut written = Vec::new();
    stanza.write_to(&mut written);
    let limits = Limits {
        stanza_bytes: usize::MAX,
        depth: 100,
        ..Limits::CLIENT
    };
    let parsed = Stanza::from_xml(&written, &limits);
    let parsed =
        parsed.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&written)));
    assert_eq!(parsed, stanza);
    assert_eq!(parsed.content(), stanza.content());
    assert_eq!(Tree::of_minidom(&parsed.to_element()), tree);

    let stream = [&b"<s xmlns='jabber:client'>"[..], &written].concat();
    let verdict = oracle::read(&stream);
    assert_eq!(
        verdict.children,
        [tree],
        "rxml reads something else: {:?}",
        verdict.error
    );
}

/// A stanza, and the tree it should mean.
fn build(source: &mut Source<'_>) -> Option<(Stanza, Tree)> {
    let kind = source.pick(&[StanzaKind::Message, StanzaKind::Presence, StanzaKind::Iq])?;
    let mut stanza = Stanza::new(kind);
    let mut root = Tree::new(kind.name(), ns::CLIENT);
    head(source, &mut stanza, &mut root)?;
    let mut xml = XmlWriter::new();
    let mut open = vec![root];
    let mut in_tag = false;
    while let Some(byte) = source.byte() {
        match byte % 8 {
            0..=2 if open.len() < 60 => {
                let (Some(name), Some(space)) = (source.pick(&NAMES), source.pick(&SPACES)) else {
                    break;
                };
                xml.open(name, space);
                open.push(Tree::new(name, space));
                in_tag = true;
            }
            3 | 4 if in_tag => {
                let (Some(name), Some(value)) = (source.pick(&ATTRIBUTES), source.text()) else {
                    break;
                };
                attribute(&mut xml, open.last_mut()?, name, &value);
            }
            5 | 6 => {
                let Some(text) = source.text() else { break };
                xml.text(&text);
                open.last_mut()?.push_text(&carried(&text));
                in_tag &= text.is_empty();
            }
            _ if open.len() > 1 => {
                xml.close();
                in_tag = false;
                close(&mut open);
            }
            _ => {}
        }
    }
    stanza.set_content(xml.finish());
    while open.len() > 1 {
        close(&mut open);
    }
    Some((stanza, open.pop()?))
}

fn head(source: &mut Source<'_>, stanza: &mut Stanza, root: &mut Tree) -> Option<()> {
    let flags = source.byte()?;
    let mut expect = |name: &str, value: &str| {
        root.attributes
            .insert((String::new(), name.into()), value.into());
    };
    if flags & 1 != 0 {
        let id = carried(&source.text()?);
        expect("id", &id);
        stanza.set_id(Some(&id));
    }
    if flags & 2 != 0 {
        let type_ = carried(&source.text()?);
        expect("type", &type_);
        stanza.set_type(Some(&type_));
    }
    if flags & 4 != 0
        && let Ok(jid) = Jid::new(&source.text()?)
    {
        expect("to", jid.as_str());
        stanza.set_to(Some(jid));
    }
    Some(())
}

fn attribute(xml: &mut XmlWriter, tree: &mut Tree, name: &str, value: &str) {
    let key = match name.strip_prefix("xml:") {
        Some(local) => (ns::XML.to_owned(), local.to_owned()),
        None => (String::new(), name.to_owned()),
    };
    // A writer trusts its caller not to write an attribute twice.
    if let std::collections::btree_map::Entry::Vacant(entry) = tree.attributes.entry(key) {
        xml.attr(name, value);
        entry.insert(carried(value));
    }
}

fn close(open: &mut Vec<Tree>) {
    if let (Some(tree), Some(parent)) = (open.pop(), open.last_mut()) {
        parent.nodes.push(Node::Element(tree));
    }
}

/// The text with what XML can not carry replaced.
fn carried(text: &str) -> String {
    let legal = |c: char| !matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}');
    text.chars()
        .map(|c| if legal(c) { c } else { '\u{FFFD}' })
        .collect()
}
