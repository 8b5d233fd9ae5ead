//! Bodies of BOSH requests: what is inside means in a stream what rxml says that it meant in the body.

use portcullis_xmpp::{
    ContentNamespace, Limits, StreamHeader, StreamParser,
    bosh::{Body, Request},
    ns,
};

use super::{
    oracle,
    tree::{Node, Tree},
};

/// Bounds that inputs of a few kilobytes reach.
const LIMITS: Limits = Limits {
    stanza_bytes: 4096,
    depth: 8,
    attributes: 16,
    elements: 64,
};

/// The first byte says whether the rest is a body (even) or what is inside of one (odd).
pub fn run(data: &[u8]) {
    let [mode, rest @ ..] = data else {
        return;
    };
    let body = match mode % 2 {
        0 => rest.to_vec(),
        _ => [
            b"<body rid='7' sid='x' xmlns='http://jabber.org/protocol/httpbind' xmlns:p='urn:p'>",
            rest,
            b"</body>",
        ]
        .concat(),
    };
    let Ok(Body::Create(_, request) | Body::Next(_, request)) = Body::parse(&body, &LIMITS) else {
        return;
    };
    assert!(request.rid > 0, "a request without a number");
    // rxml wants none of the white space that may stand before a root (XML 1.0 §2.8).
    let verdict = oracle::read(body.trim_ascii_start());
    let root = verdict.root.as_ref();
    let root = root.unwrap_or_else(|| panic!("rxml refuses the body: {:?}", verdict.error));
    assert_eq!(
        (root.name.as_str(), root.ns.as_str()),
        ("body", ns::HTTP_BIND)
    );
    assert!(
        verdict.is_closed,
        "rxml does not see the end: {:?}",
        verdict.error
    );
    let meant: Vec<_> = verdict.children.into_iter().map(as_meant).collect();
    assert_eq!(
        in_a_stream(&request),
        meant,
        "the payload means something else"
    );
}

/// What rxml reads of a payload inside a stream. The parser of streams may refuse what is no child of a stream, but
/// finds nothing that is no XML.
fn in_a_stream(request: &Request) -> Vec<Tree> {
    let mut stream = Vec::new();
    StreamHeader::new(ContentNamespace::Client).write_to(&mut stream);
    stream.extend_from_slice(&request.payload);
    let mut parser = StreamParser::new(Limits::STORED);
    let mut input = stream.as_slice();
    loop {
        match parser.next(&mut input) {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => {
                assert_ne!(error.condition.name(), "not-well-formed", "{error}");
                break;
            }
        }
    }
    let verdict = oracle::read(&stream);
    assert_eq!(verdict.error, None, "{}", String::from_utf8_lossy(&stream));
    verdict.children
}

/// A stanza in the namespace of the body is one of a client (XEP-0206 §2).
fn as_meant(tree: Tree) -> Tree {
    let is_stanza = matches!(tree.name.as_str(), "message" | "presence" | "iq");
    match is_stanza && tree.ns == ns::HTTP_BIND {
        true => as_of_a_client(tree),
        false => tree,
    }
}

fn as_of_a_client(mut tree: Tree) -> Tree {
    if tree.ns != ns::HTTP_BIND {
        return tree;
    }
    tree.ns = ns::CLIENT.to_owned();
    let nodes = tree.nodes.into_iter().map(|node| match node {
        Node::Element(child) => Node::Element(as_of_a_client(child)),
        text => text,
    });
    tree.nodes = nodes.collect();
    tree
}
