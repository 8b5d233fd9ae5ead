//! The bodies of the fuzz targets, run over their corpus, over generated input and over mutations of it.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its files"
)]

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "public for the fuzz targets")]
mod bodies;

use std::path::Path;

use bodies::{bosh_body, stanza_writer, stream_parser, websocket};
use proptest::{collection::vec, prelude::*};

/// Every file of a target's corpus.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn the_corpus_passes() {
    let streams = corpus("stream_parser");
    assert!(!streams.is_empty());
    for stream in streams {
        for mode in 0..8 {
            for seed in [0, 1, 2, 7, 40, 41, 42] {
                let tail = stream.get(2..).unwrap_or_default();
                stream_parser::run(&[&[mode, seed], tail].concat());
            }
        }
    }
    for program in corpus("stanza_writer") {
        stanza_writer::run(&program);
    }
    for message in corpus("websocket") {
        websocket::run(&message);
    }
    let bodies = corpus("bosh_body");
    assert!(!bodies.is_empty());
    for body in bodies {
        bosh_body::run(&body);
    }
}

/// Pieces from which XML that is nearly right is put together.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<message>",
        "</message>",
        "<iq type='get' id='1'>",
        "</iq>",
        "<presence/>",
        "<body>",
        "</body>",
        "<a>",
        "</a>",
        "<a xmlns='u'>",
        "<p:a xmlns:p='u'>",
        "</p:a>",
        "<p:b p:c='1'/>",
        "<b xmlns:q='u' q:c='2' q:d=\"'\"/>",
        "<b xmlns='' c='&#10;&amp;\t'/>",
        "<![CDATA[<&>]]>",
        "]]>",
        "&lt;",
        "&#x41;",
        "&foo;",
        "&",
        "<!-- -->",
        "<?a?>",
        "text",
        " ",
        "\r\n",
        "\r",
        ">",
        "'",
        "\"",
        "\u{e9}",
        "\u{fffe}",
        "\u{1}",
        "xmlns:p='v'",
        "<a b='1' b='2'/>",
        "<a xml:lang='en' xml:space='x'/>",
        "</stream:stream>",
        "<stream:error><x/></stream:error>",
        "<b",
        " xmlns:p='u' xmlns:q='u'",
        " p:a='1' q:a='2'",
        "/>",
        "=",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "<message to='A@B/c' from='@' xmlns:p='u' p:x='y'/>",
        "<xml:a/>",
        "<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
        "<q:a/>",
        "<a:b:c/>",
        "\u{feff}",
        "<a xmlns='a&amp;b'><b xmlns='a&#38;b'/></a>",
        "<a xmlns='http://jabber.org/protocol/httpbind'>",
        "<message xmlns='jabber:client'>",
    ]);
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn streams_of_fragments_pass(mode: u8, seed: u8, xml in fragments()) {
        stream_parser::run(&[&[mode, seed], xml.as_bytes()].concat());
    }

    #[test]
    fn messages_of_fragments_pass(xml in fragments()) {
        websocket::run(xml.as_bytes());
    }

    #[test]
    fn mutated_streams_pass(seed: u8, pick: prop::sample::Index, at: prop::sample::Index, byte: u8, cut: bool) {
        let corpus = corpus("stream_parser");
        let mut stream = corpus[pick.index(corpus.len())].clone();
        let at = at.index(stream.len());
        stream[at] = byte;
        if cut {
            stream.truncate(at + 1);
        }
        if let Some(place) = stream.get_mut(1) {
            *place = seed;
        }
        stream_parser::run(&stream);
    }

    #[test]
    fn programs_for_the_writer_pass(program in vec(any::<u8>(), 0..200)) {
        stanza_writer::run(&program);
    }

    #[test]
    fn bodies_of_fragments_pass(xml in fragments()) {
        bosh_body::run(&[&[1], xml.as_bytes()].concat());
    }

    #[test]
    fn mutated_bodies_pass(pick: prop::sample::Index, at: prop::sample::Index, byte: u8) {
        let corpus = corpus("bosh_body");
        let mut body = corpus[pick.index(corpus.len())].clone();
        let at = at.index(body.len());
        body[at] = byte;
        bosh_body::run(&body);
    }
}
