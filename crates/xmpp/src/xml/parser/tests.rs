use super::*;
use crate::stream_error::StreamCondition;

const HEADER: &str = "<?xml version='1.0'?><stream:stream to='example.com' version='1.0' xmlns='jabber:client' \
                      xmlns:stream='http://etherx.jabber.org/streams'>";

/// What a parser says to one input after another: events as text, then the error if any.
fn feed<'a>(parser: &mut StreamParser, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut said = Vec::new();
    for mut input in pieces {
        loop {
            match parser.next(&mut input) {
                Ok(None) => break,
                Ok(Some(event)) => said.push(format!("{event:?}")),
                Err(error) => said.push(format!("error {}", error.condition.name())),
            }
        }
        assert!(input.is_empty());
    }
    said
}

fn client() -> StreamParser {
    StreamParser::new(Limits::CLIENT)
}

/// The last thing said about a stream, which must not depend on how its bytes are split.
fn last(stream: &str) -> String {
    let whole = feed(&mut client(), [stream.as_bytes()]);
    let single = feed(&mut client(), stream.as_bytes().chunks(1));
    assert_eq!(whole, single, "{stream}");
    whole.last().cloned().unwrap_or_default()
}

fn error_after_header(rest: &str) -> String {
    last(&format!("{HEADER}{rest}"))
}

#[test]
fn headers_are_read() {
    let mut parser = client();
    let mut input = HEADER.as_bytes();
    let Ok(Some(StreamEvent::Header(header))) = parser.next(&mut input) else {
        panic!("no header")
    };
    assert_eq!(header.to_raw(), Some("example.com"));
    assert_eq!(header.version(), Some(crate::header::Version::ONE));
    assert_eq!(header.content_namespace(), Some(ContentNamespace::Client));
    assert_eq!(parser.buffered(), 0);
}

#[test]
fn both_spellings_of_a_stream_are_accepted() {
    let stream = "<stream xmlns='http://etherx.jabber.org/streams' to='a'>\
                  <message xmlns='jabber:client'><body>x</body></message></stream>";
    let said = feed(&mut client(), stream.as_bytes().chunks(1));
    assert_eq!(said.len(), 3);
    assert_eq!(said[1], "Stanza(<message><body>x</body></message>)");
    assert_eq!(said[2], "Closed");
    assert_eq!(
        error_after_header("<presence/></stream:stream >x<y"),
        "Closed"
    );
}

#[test]
fn wrong_headers_are_refused() {
    const NS: &str = "xmlns:stream='http://etherx.jabber.org/streams'";
    for (stream, condition) in [
        ("GET / HTTP/1.1\r\n", "not-well-formed"),
        ("\u{FEFF}<stream:stream>", "not-well-formed"),
        (" <?xml version='1.0'?>", "restricted-xml"),
        ("<?xml version='1.1'?>", "not-well-formed"),
        ("<?xml?>", "restricted-xml"),
        ("<?xml encoding='utf-8'?>", "not-well-formed"),
        ("<?xml version='1.0'>", "not-well-formed"),
        (
            "<?xml version='1.0' encoding='latin1'?>",
            "unsupported-encoding",
        ),
        ("<?php ?>", "restricted-xml"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]>", "restricted-xml"),
        ("<stream:stream>", "not-well-formed"),
        ("</stream:stream>", "not-well-formed"),
        ("<stream xmlns='jabber:client'>", "invalid-namespace"),
        ("<stream>", "invalid-namespace"),
        (
            "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>",
            "bad-namespace-prefix",
        ),
        (
            &format!("<stream:stream xmlns='jabber:server' {NS}>"),
            "invalid-namespace",
        ),
        (
            &format!("<stream:stream xmlns='jabber:foo' {NS}>"),
            "invalid-namespace",
        ),
        (
            &format!("<stream:stream xmlns='jabber:client' xmlns='jabber:client' {NS}>"),
            "not-well-formed",
        ),
        (
            &format!("<stream:start xmlns='jabber:client' {NS}>"),
            "bad-format",
        ),
        (
            &format!("<stream:stream xmlns='jabber:client' {NS}/>"),
            "bad-format",
        ),
        (
            &format!(
                "<stream:stream xmlns='jabber:client' {NS} to='{}'>",
                "a".repeat(10_000)
            ),
            "policy-violation",
        ),
    ] {
        assert_eq!(last(stream), format!("error {condition}"), "{stream}");
    }
}

/// What follows a header, and the condition of the error.
const WRONG_XML: &[(&str, &str)] = &[
    ("<message></mess>", "not-well-formed"),
    ("<message><a></b></a></message>", "not-well-formed"),
    ("<message a='1' a='2'/>", "not-well-formed"),
    ("<message a=1/>", "not-well-formed"),
    ("<message a='1'b='2'/>", "not-well-formed"),
    ("<message a/>", "not-well-formed"),
    ("<message a='<'/>", "not-well-formed"),
    (
        "<message xmlns:a='u' xmlns:b='u' a:x='1' b:x='2'/>",
        "not-well-formed",
    ),
    (
        "<message><x xmlns='a' xmlns='b'/></message>",
        "not-well-formed",
    ),
    ("<message><x:y/></message>", "not-well-formed"),
    ("<message x:y='1'/>", "not-well-formed"),
    ("<message><y xmlns:x=''/></message>", "not-well-formed"),
    ("<message><xml:y/></message>", "not-well-formed"),
    ("<message><xmlns:y/></message>", "not-well-formed"),
    ("<message xmlns:xml='u'/>", "not-well-formed"),
    (
        "<message xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
        "not-well-formed",
    ),
    (
        "<message xmlns:x='http://www.w3.org/2000/xmlns/'/>",
        "not-well-formed",
    ),
    (
        "<message xmlns:x='http://www.w3.org/XML/1998/namespace'/>",
        "not-well-formed",
    ),
    (
        "<message><x xmlns='http://www.w3.org/XML/1998/namespace'/></message>",
        "not-well-formed",
    ),
    ("<message>]]></message>", "not-well-formed"),
    ("<message>\u{1}</message>", "not-well-formed"),
    ("<message>\u{FFFE}</message>", "not-well-formed"),
    ("<message a='\u{FFFF}'/>", "not-well-formed"),
    ("<message>&#0;</message>", "not-well-formed"),
    ("<message>&#xFFFE;</message>", "not-well-formed"),
    ("<message>&#xD800;</message>", "not-well-formed"),
    ("<message>&#;</message>", "not-well-formed"),
    ("<message>a & b</message>", "not-well-formed"),
    ("<message>&lol;</message>", "restricted-xml"),
    ("<message a='&lol;'/>", "restricted-xml"),
    ("<message><!-- x --></message>", "restricted-xml"),
    ("<message><?x y?></message>", "restricted-xml"),
    ("<message><!DOCTYPE x></message>", "restricted-xml"),
    ("<!-- x -->", "restricted-xml"),
    ("<?xml version='1.0'?>", "restricted-xml"),
    ("<!DOCTYPE x>", "restricted-xml"),
    ("<1/>", "not-well-formed"),
    ("<a:b:c/>", "not-well-formed"),
    ("<:a/>", "not-well-formed"),
    ("< a/>", "not-well-formed"),
    ("</stream>", "not-well-formed"),
    ("</message>", "not-well-formed"),
];

#[test]
fn xml_that_is_wrong_is_refused() {
    for (rest, condition) in WRONG_XML {
        assert_eq!(
            error_after_header(rest),
            format!("error {condition}"),
            "{rest}"
        );
    }
}

#[test]
fn streams_that_are_wrong_are_refused() {
    for (rest, condition) in [
        ("hello", "bad-format"),
        ("<presence/>x", "bad-format"),
        ("<![CDATA[ ]]>", "bad-format"),
        (
            "<x:message xmlns:x='jabber:client'/>",
            "bad-namespace-prefix",
        ),
        ("<message xmlns='jabber:server'/>", "invalid-namespace"),
        (
            "<message xmlns='jabber:component:accept'/>",
            "invalid-namespace",
        ),
        ("<message xmlns=''/>", "invalid-namespace"),
        ("<stream:message/>", "unsupported-stanza-type"),
        ("<msg/>", "unsupported-stanza-type"),
        (HEADER, "restricted-xml"),
        (
            HEADER.split_once("?>").unwrap().1,
            "unsupported-stanza-type",
        ),
    ] {
        assert_eq!(
            error_after_header(rest),
            format!("error {condition}"),
            "{rest}"
        );
    }
    assert_eq!(
        error_after_header("<message xmlns='urn:x'/>"),
        "Element(<message xmlns='urn:x'/>)"
    );
    assert_eq!(
        error_after_header("<stream:error xmlns:a='b'/>"),
        "Element(<error xmlns='http://etherx.jabber.org/streams'/>)"
    );
}

#[test]
fn invalid_utf8_is_an_encoding_error() {
    for bytes in [
        &b"<message>\xFF</message>"[..],
        b"<message a='\xC0\x80'/>",
        b"<m\xE4ssage/>",
        b"<message>\xED\xA0\x80</message>",
    ] {
        let stream = [HEADER.as_bytes(), bytes].concat();
        assert_eq!(
            feed(&mut client(), [&stream[..]]).last().unwrap(),
            "error unsupported-encoding"
        );
        assert_eq!(
            feed(&mut client(), stream.chunks(1)).last().unwrap(),
            "error unsupported-encoding"
        );
    }
}

#[test]
fn limits_are_kept() {
    let deep = "<a>".repeat(10_000);
    let many = format!("<message>{}</message>", "<a/>".repeat(10_000));
    let attributes: String = (0..65).map(|n| format!(" a{n}=''")).collect();
    let big = format!("<message a='{}'/>", "x".repeat(10 << 20));
    let grows = format!(
        "<message><a xmlns:a='{}'>{}</a></message>",
        "u".repeat(9000),
        "<a:b/>".repeat(1000)
    );
    let prefixes: String = (0..20)
        .map(|n| format!("<x xmlns:a{n}='u' xmlns:b{n}='v' xmlns:c{n}='w' xmlns:d{n}='x'>"))
        .collect();
    for rest in [
        format!("<message>{deep}"),
        many,
        format!("<message{attributes}/>"),
        big,
        grows,
        format!("<message>{prefixes}{}</message>", "</x>".repeat(20)),
        format!("<message {}='1'/>", "a".repeat(2000)),
    ] {
        let stream = format!("{HEADER}{rest}");
        assert_eq!(
            feed(&mut client(), [stream.as_bytes()]).last().unwrap(),
            "error policy-violation"
        );
        assert_eq!(
            feed(&mut client(), stream.as_bytes().chunks(1000))
                .last()
                .unwrap(),
            "error policy-violation"
        );
    }
}

#[test]
fn never_holds_more_than_the_limit() {
    let mut parser = StreamParser::new(Limits::CLIENT.with_stanza_bytes(20_000));
    feed(&mut parser, [HEADER.as_bytes(), b"<message><body>"]);
    for _ in 0..100 {
        let before = parser.buffered();
        assert!(before <= 20_000, "{before}");
        feed(&mut parser, [&[b'x'; 1000][..]]);
    }
    assert_eq!(parser.buffered(), 0);
}

#[test]
fn holds_nothing_while_idle() {
    let mut parser = client();
    feed(&mut parser, HEADER.as_bytes().chunks(1));
    assert_eq!(parser.buffered(), 0);
    feed(
        &mut parser,
        b"<message><body>x</body></message> \n".chunks(1),
    );
    assert_eq!(parser.buffered(), 0);
    assert!(
        size_of::<StreamParser>() < 200,
        "{}",
        size_of::<StreamParser>()
    );
}

#[test]
fn a_restart_expects_a_header() {
    let mut parser = client();
    feed(&mut parser, [HEADER.as_bytes(), b"<a xmlns='urn:x'/>"]);
    parser.reset();
    assert!(feed(&mut parser, [b"\n", HEADER.as_bytes()])[0].starts_with("Header"));
    parser.reset();
    assert_eq!(
        feed(&mut parser, [&b"<presence/>"[..]]),
        ["error invalid-namespace"]
    );
    assert_eq!(feed(&mut parser, [HEADER.as_bytes()]), [""; 0]);
}

#[test]
fn other_content_namespaces_are_translated() {
    let stream = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>\
                  <message><body>x</body><f xmlns='u'><message xmlns='jabber:client'/><y xmlns='jabber:server'/></f></message>\
                  <message xmlns='jabber:client'/>";
    let mut parser = StreamParser::for_content(Limits::SERVER, ContentNamespace::Server);
    assert_eq!(
        feed(&mut parser, stream.as_bytes().chunks(1))[1..],
        [
            "Stanza(<message><body>x</body><f xmlns='u'><message xmlns='jabber:client'/><y xmlns='jabber:client'/></f></message>)",
            "error invalid-namespace"
        ]
    );
}

#[test]
fn prefixes_of_the_header_are_in_force() {
    let stream = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:d='urn:d'>\
                  <message d:a='1'><d:x/></message>";
    assert_eq!(
        last(stream),
        "Stanza(<message xmlns:a0='urn:d' a0:a='1'><x xmlns='urn:d'/></message>)"
    );
}

#[test]
fn conditions_follow_the_fault() {
    assert_eq!(
        XmlError::TooMany("x").condition(),
        StreamCondition::PolicyViolation
    );
    assert_eq!(
        StreamError::from(XmlError::Restricted("a comment")).to_string(),
        "restricted-xml: a comment"
    );
}
