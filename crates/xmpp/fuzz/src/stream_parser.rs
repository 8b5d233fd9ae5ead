//! Streams of a peer: any split says the same, rxml accepts whatever we accept, and understands the same.

use portcullis_xmpp::{
    Jid, Limits, Stanza, StreamEvent, StreamParser, component, stanza::Element,
    xml::ContentNamespace,
};

use super::{oracle, tree::Tree};

/// What most inputs stand behind, so that they get past the header.
const HEADER: &[u8] =
    b"<?xml version='1.0'?><stream:stream to='example.com' version='1.0' xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams'>";

/// The same for the stream of a component.
const COMPONENT_HEADER: &[u8] =
    b"<stream:stream to='echo.example.com' xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams'>";

/// Bounds that inputs of a few kilobytes reach.
const LIMITS: Limits = Limits {
    stanza_bytes: 4096,
    depth: 8,
    attributes: 8,
    elements: 64,
};

/// What a parser said: events, and the condition of the error.
type Said = (Vec<StreamEvent>, Option<&'static str>);

/// The first byte says whether a header is put before, and whose the stream is; the second seeds the split.
pub fn run(data: &[u8]) {
    let [mode, seed, rest @ ..] = data else {
        return;
    };
    let (content, header) = match mode & 8 {
        0 => (ContentNamespace::Client, HEADER),
        _ => (ContentNamespace::Component, COMPONENT_HEADER),
    };
    let stream = match mode % 4 {
        0 => rest.to_vec(),
        _ => [header, rest].concat(),
    };
    let limits = if mode & 4 == 0 {
        LIMITS
    } else {
        Limits::CLIENT
    };
    let whole = feed(content, limits, [&stream[..]]);
    let split = feed(content, limits, pieces(&stream, *seed));
    same_whatever_the_split(&whole, &split);
    if content == ContentNamespace::Component {
        return whole.0.iter().for_each(introduces);
    }
    agrees_with_rxml(&whole.0, &stream);
    for event in &whole.0 {
        match event {
            StreamEvent::Stanza(stanza) => stanza_is_canonical(stanza),
            StreamEvent::Element(element) => element_is_canonical(element),
            StreamEvent::Header(_) | StreamEvent::Closed => {}
        }
    }
}

/// What a component says before it is let in is judged without a panic; nobody guesses a proof.
fn introduces(event: &StreamEvent) {
    match event {
        StreamEvent::Header(header) => drop(component::domain_of(header)),
        StreamEvent::Element(element) => {
            assert!(component::check_proof(element, "of the stream", "and a secret").is_err());
        }
        StreamEvent::Stanza(_) | StreamEvent::Closed => {}
    }
}

fn feed<'a>(
    content: ContentNamespace,
    limits: Limits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Said {
    let mut parser = StreamParser::for_content(limits, content);
    let mut said = Vec::new();
    for mut input in pieces {
        loop {
            assert!(
                parser.buffered() <= limits.stanza_bytes,
                "more is held than the limit"
            );
            match parser.next(&mut input) {
                Ok(None) => break,
                Ok(Some(event)) => said.push(event),
                Err(error) => return (said, Some(error.condition.name())),
            }
        }
        assert!(input.is_empty(), "input is left");
    }
    (said, None)
}

/// Cuts the stream into pieces of pseudo-random length; with a seed below 8 into pieces of that length and one more.
fn pieces(stream: &[u8], seed: u8) -> Vec<&[u8]> {
    if seed < 8 {
        return stream.chunks(usize::from(seed) + 1).collect();
    }
    let mut state = u32::from(seed);
    let mut rest = stream;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, after) = rest.split_at((state >> 24) as usize % rest.len() + 1);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// The same events; an error may come later when the bytes come in pieces, after the end of this input at worst.
fn same_whatever_the_split(whole: &Said, split: &Said) {
    assert_eq!(
        format!("{:?}", whole.0),
        format!("{:?}", split.0),
        "events differ by the split"
    );
    assert!(
        split.1.is_none() || split.1 == whole.1,
        "{:?} in one piece, {:?} in many",
        whole.1,
        split.1
    );
}

fn agrees_with_rxml(events: &[StreamEvent], stream: &[u8]) {
    let verdict = oracle::read(stream);
    let mut children = verdict.children.iter();
    for event in events {
        let ours = match event {
            StreamEvent::Header(header) => {
                let root = verdict
                    .root
                    .as_ref()
                    .unwrap_or_else(|| panic!("rxml refuses the header: {:?}", verdict.error));
                assert_eq!(
                    (root.name.as_str(), root.ns.as_str()),
                    ("stream", header.stream_namespace())
                );
                let to = root
                    .attributes
                    .get(&(String::new(), "to".to_owned()))
                    .map(String::as_str);
                assert_eq!(to, header.to_raw());
                continue;
            }
            StreamEvent::Closed => {
                assert!(
                    verdict.is_closed,
                    "rxml does not see the end: {:?}",
                    verdict.error
                );
                continue;
            }
            StreamEvent::Stanza(stanza) => {
                let tree = Tree::of_stanza(stanza);
                assert_eq!(
                    tree,
                    Tree::of_minidom(&stanza.to_element()),
                    "the tree differs from the view"
                );
                tree
            }
            StreamEvent::Element(element) => Tree::of_element(element.as_ref()),
        };
        let theirs = children
            .next()
            .unwrap_or_else(|| panic!("rxml refuses {ours:?}: {:?}", verdict.error));
        assert_eq!(ours, normalised(theirs), "rxml understands something else");
    }
}

/// Addresses of stanzas are normalised when they are read.
fn normalised(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    if matches!(tree.name.as_str(), "message" | "presence" | "iq") && tree.ns == "jabber:client" {
        for name in ["from", "to"] {
            let value = tree.attributes.get_mut(&(String::new(), name.to_owned()));
            if let Some(value) = value
                && let Ok(jid) = Jid::new(value)
            {
                *value = jid.to_string();
            }
        }
    }
    tree
}

/// Writing and parsing gives the same stanza, and writing that the same bytes.
fn stanza_is_canonical(stanza: &Stanza) {
    let mut written = Vec::new();
    stanza.write_to(&mut written);
    let limits = Limits {
        stanza_bytes: usize::MAX,
        attributes: 64,
        ..Limits::CLIENT
    };
    let again =
        Stanza::from_xml(&written, &limits).unwrap_or_else(|error| panic!("{stanza:?}: {error}"));
    let mut rewritten = Vec::new();
    again.write_to(&mut rewritten);
    assert_eq!(
        String::from_utf8_lossy(&written),
        String::from_utf8_lossy(&rewritten)
    );
    if stanza.malformed_to().is_none() && stanza.malformed_from().is_none() {
        assert_eq!(stanza, &again);
    }
    let mut same = Stanza::new(stanza.kind());
    same.set_content(stanza.content().clone());
    let names = |stanza: &Stanza| {
        stanza
            .children()
            .map(|c| format!("{c:?}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&same), names(stanza), "the index differs");
    assert!(written.len() <= stanza.size() * 6, "the size is far off");
}

fn element_is_canonical(element: &Element) {
    let limits = Limits {
        stanza_bytes: usize::MAX,
        attributes: 64,
        ..Limits::CLIENT
    };
    let again = Element::from_xml(element.bytes(), &limits)
        .unwrap_or_else(|error| panic!("{element:?}: {error}"));
    assert_eq!(element.bytes(), again.bytes());
}
