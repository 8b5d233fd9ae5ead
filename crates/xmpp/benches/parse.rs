//! Cost of one stanza: time and allocations to parse, to write, and to read the body.
//!
//! `cargo bench -p portcullis-xmpp --bench parse`

#![expect(clippy::unwrap_used, reason = "a bench of known input")]

use divan::{AllocProfiler, Bencher, black_box};
use portcullis_xmpp::{Limits, Stanza, StreamEvent, StreamParser, jid::Jid, xml::XmlWriter};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

const HEADER: &[u8] =
    b"<?xml version='1.0'?><stream:stream to='example.com' version='1.0' xml:lang='en' \
    xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

fn main() {
    divan::main();
}

/// A chat message with a receipt request and a chat state; the body fills it to `size` bytes.
fn message(size: usize) -> String {
    let with = |body: &str| {
        format!(
            "<message to='romeo@example.net/orchard' id='6b3a4d6e-5f0c-4a7e-9f52-0d6f5d6b2f10' type='chat'>\
             <body>{body}</body><request xmlns='urn:xmpp:receipts'/>\
             <active xmlns='http://jabber.org/protocol/chatstates'/></message>"
        )
    };
    let body: String = "wherefore art thou "
        .chars()
        .cycle()
        .take(size - with("").len())
        .collect();
    with(&body)
}

/// What a load generator sends: little but a body.
fn small() -> String {
    "<message to='u17@localhost/bench' type='chat' id='4711'><body>01234567890123456789012</body></message>"
        .into()
}

/// The answer to a disco#info request with some forty features.
fn iq() -> String {
    let features: String = (0..40)
        .map(|n| format!("<feature var='http://jabber.org/protocol/{n}'/>"))
        .collect();
    format!(
        "<iq to='juliet@example.com/balcony' id='info1' type='result'>\
         <query xmlns='http://jabber.org/protocol/disco#info' node='x'>\
         <identity category='client' type='pc' name='Gajim'/>{features}</query></iq>"
    )
}

fn started() -> StreamParser {
    let mut parser = StreamParser::new(Limits::CLIENT);
    assert!(matches!(
        parser.next(&mut &HEADER[..]),
        Ok(Some(StreamEvent::Header(_)))
    ));
    parser
}

fn parse(bencher: Bencher<'_, '_>, xml: &str) {
    let mut parser = started();
    bencher
        .counter(divan::counter::BytesCount::of_str(xml))
        .bench_local(|| {
            let mut input = black_box(xml.as_bytes());
            parser.next(&mut input)
        });
}

#[divan::bench]
fn parse_message_100(bencher: Bencher<'_, '_>) {
    parse(bencher, &small());
}

#[divan::bench]
fn parse_message_300(bencher: Bencher<'_, '_>) {
    parse(bencher, &message(300));
}

#[divan::bench]
fn parse_message_1000(bencher: Bencher<'_, '_>) {
    parse(bencher, &message(1000));
}

#[divan::bench]
fn parse_message_1000_cyrillic(bencher: Bencher<'_, '_>) {
    let xml = format!(
        "<message to='a@b'><body>{}</body></message>",
        "привет, мир ".repeat(46)
    );
    parse(bencher, &xml);
}

#[divan::bench]
fn parse_iq_2000(bencher: Bencher<'_, '_>) {
    parse(bencher, &iq());
}

#[divan::bench]
fn parse_presence(bencher: Bencher<'_, '_>) {
    parse(bencher, "<presence/>");
}

#[divan::bench]
fn parse_message_300_in_two_pieces(bencher: Bencher<'_, '_>) {
    let xml = message(300);
    let (one, two) = xml.as_bytes().split_at(150);
    let mut parser = started();
    bencher.bench_local(|| {
        assert!(matches!(parser.next(&mut black_box(one)), Ok(None)));
        parser.next(&mut black_box(two))
    });
}

#[divan::bench]
fn write_message_300(bencher: Bencher<'_, '_>) {
    let stanza = Stanza::from_xml(message(300).as_bytes(), &Limits::CLIENT).unwrap();
    let from = Jid::new("juliet@example.com/balcony").unwrap();
    let mut out = Vec::with_capacity(1000);
    bencher.bench_local(|| {
        out.clear();
        stanza.write_with(&mut out, black_box(Some(&from)), stanza.to());
        out.len()
    });
}

#[divan::bench]
fn read_body(bencher: Bencher<'_, '_>) {
    let stanza = Stanza::from_xml(message(300).as_bytes(), &Limits::CLIENT).unwrap();
    bencher.bench_local(|| black_box(&stanza).body().map(|body| body.len()));
}

#[divan::bench]
fn clone_stanza(bencher: Bencher<'_, '_>) {
    let stanza = Stanza::from_xml(message(300).as_bytes(), &Limits::CLIENT).unwrap();
    bencher.bench_local(|| black_box(&stanza).clone());
}

#[divan::bench]
fn make_receipt(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        let mut xml = XmlWriter::new();
        xml.open("received", "urn:xmpp:receipts")
            .attr("id", black_box("4711"))
            .close();
        xml.finish()
    });
}

#[divan::bench]
fn parse_address(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Jid::new(black_box("romeo@example.net/orchard")));
}
