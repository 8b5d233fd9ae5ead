//! rxml as the judge of what XML is and means.

use rxml::{Event, Options, Parse, Parser, WithOptions, error::EndOrError};

use super::tree::{Node, Tree};

/// What rxml says about a stream.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The root without its content, once its start tag was read.
    pub root: Option<Tree>,
    /// The complete first-level elements, in order.
    pub children: Vec<Tree>,
    /// The root was closed.
    pub is_closed: bool,
    /// Why it stopped, if not for want of data.
    pub error: Option<String>,
}

/// Reads a stream as far as rxml goes.
///
/// Line ends are normalised before, as XML 1.0 §2.11 describes it: rxml does the same but refuses a lone carriage
/// return in an attribute value, which is legal.
pub fn read(bytes: &[u8]) -> Verdict {
    let bytes = normalise_line_ends(bytes);
    let mut bytes = bytes.as_slice();
    let options = Options {
        max_token_length: bytes.len() + 64,
        ..Options::default()
    };
    let mut parser = Parser::with_options(options);
    let mut verdict = Verdict::default();
    let mut open: Vec<Tree> = Vec::new();
    loop {
        match parser.parse(&mut bytes, false) {
            Ok(Some(event)) => take(event, &mut open, &mut verdict),
            Ok(None) | Err(EndOrError::NeedMoreData) => return verdict,
            Err(EndOrError::Error(error)) => {
                verdict.error = Some(error.to_string());
                return verdict;
            }
        }
        if verdict.is_closed {
            return verdict;
        }
    }
}

fn normalise_line_ends(bytes: &[u8]) -> Vec<u8> {
    let mut normal = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().peekable();
    while let Some(byte) = rest.next() {
        if *byte == b'\r' {
            rest.next_if_eq(&&b'\n');
            normal.push(b'\n');
        } else {
            normal.push(*byte);
        }
    }
    normal
}

fn take(event: Event, open: &mut Vec<Tree>, verdict: &mut Verdict) {
    match event {
        Event::XmlDeclaration(..) => {}
        Event::StartElement(_, (ns, name), attributes) => {
            let mut tree = Tree::new(&name, &ns);
            for ((ns, name), value) in attributes.iter() {
                tree.attributes
                    .insert((ns.to_string(), name.to_string()), value.clone());
            }
            match verdict.root {
                None => verdict.root = Some(tree),
                Some(_) => open.push(tree),
            }
        }
        Event::Text(_, text) => {
            if let Some(tree) = open.last_mut() {
                tree.push_text(&text);
            }
        }
        Event::EndElement(_) => match open.pop() {
            None => verdict.is_closed = true,
            Some(tree) => match open.last_mut() {
                Some(parent) => parent.nodes.push(Node::Element(tree)),
                None => verdict.children.push(tree),
            },
        },
    }
}
