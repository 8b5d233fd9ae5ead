use super::*;
use crate::xml::{StreamEvent, StreamParser};

fn parse(body: &str) -> Result<Body, BodyError> {
    Body::parse(body.as_bytes(), &Limits::CLIENT)
}

/// What a session that has a stream makes of a payload.
fn events(payload: &[u8]) -> Vec<String> {
    let mut stream = Vec::new();
    StreamHeader::new(ContentNamespace::Client).write_to(&mut stream);
    stream.extend_from_slice(payload);
    let mut parser = StreamParser::new(Limits::CLIENT);
    let (mut input, mut found) = (stream.as_slice(), Vec::new());
    while let Some(event) = parser.next(&mut input).unwrap() {
        match event {
            StreamEvent::Stanza(stanza) => {
                let mut out = Vec::new();
                stanza.write_to(&mut out);
                found.push(String::from_utf8(out).unwrap());
            }
            StreamEvent::Element(element) => found.push(format!("{element:?}")),
            StreamEvent::Header(_) | StreamEvent::Closed => {}
        }
    }
    found
}

fn next(body: &str) -> Request {
    match parse(body) {
        Ok(Body::Next(_, request)) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_is_asked_for_as_the_specifications_show_it() {
    let body = parse(
        "<body content='text/xml; charset=utf-8' from='user@example.com' hold='1' rid='1573741820' to='example.com' \
         route='xmpp:example.com:9999' secure='true' wait='60' ack='1' ver='1.6' xml:lang='en' xmpp:version='1.0' \
         xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'/>",
    );
    let Ok(Body::Create(wish, request)) = body else {
        panic!("{body:?}");
    };
    let wished = Wish {
        wait: Some(Duration::from_secs(60)),
        hold: Some(1),
        version: Some((1, 6)),
        has_acks: true,
        content: ContentType::TextXml,
    };
    assert_eq!(wish, wished);
    let header = StreamHeader::new(ContentNamespace::Client)
        .with("to", "example.com")
        .with("from", "user@example.com")
        .with("version", "1.0")
        .with("xml:lang", "en");
    assert_eq!(request.header, Some(header));
    assert_eq!((request.rid, request.ack), (1_573_741_820, None));
    assert!(request.payload.is_empty());
}

#[test]
fn what_a_request_asks_for_is_understood() {
    let request = next(
        "<?xml version='1.0' encoding='utf-8'?>\n<body rid='7' sid='x' key='k' newkey='n' ack='5' pause='60' \
         type='terminate' xmlns='http://jabber.org/protocol/httpbind'/>\n",
    );
    assert_eq!((request.rid, request.ack), (7, Some(5)));
    assert_eq!(
        (request.key.as_deref(), request.new_key.as_deref()),
        (Some("k"), Some("n"))
    );
    assert_eq!(request.pause, Some(Duration::from_secs(60)));
    assert!(request.is_last && request.header.is_none());
    let restart = next(
        "<body rid='8' sid='x' to='example.com' p:restart='true' xmlns:p='urn:xmpp:xbosh' \
         xmlns='http://jabber.org/protocol/httpbind'/>",
    );
    let header = restart.header.unwrap();
    assert_eq!(
        (header.to_raw(), header.version_raw()),
        (Some("example.com"), Some("1.0"))
    );
}

#[test]
fn payloads_mean_in_the_stream_what_they_meant_in_the_body() {
    let request = next(
        "<body rid='1' sid='x' xmlns='http://jabber.org/protocol/httpbind' xmlns:p='urn:p' xmlns:c='jabber:client'>\
         <c:message to='a@b'><c:body>x</c:body><p:x p:y='1'/></c:message> \
         <presence/><iq id='1' type='get'><query xmlns='urn:q'><z xmlns='http://jabber.org/protocol/httpbind'/></query></iq>\
         <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth></body>",
    );
    assert_eq!(
        events(&request.payload),
        [
            "<message to='a@b'><body>x</body><x xmlns='urn:p' xmlns:a0='urn:p' a0:y='1'/></message>",
            "<presence/>",
            "<iq type='get' id='1'><query xmlns='urn:q'><z xmlns='http://jabber.org/protocol/httpbind'/></query></iq>",
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>",
        ]
    );
}

#[test]
fn what_is_no_body_is_refused() {
    let ns = "xmlns='http://jabber.org/protocol/httpbind'";
    for (body, error) in [
        ("<body rid='1'/>".to_owned(), BodyError::NotABody),
        (format!("<other rid='1' {ns}/>"), BodyError::NotABody),
        (format!("<body {ns}/>"), BodyError::Attribute("rid")),
        (format!("<body rid='0' {ns}/>"), BodyError::Attribute("rid")),
        (
            format!("<body rid='-1' {ns}/>"),
            BodyError::Attribute("rid"),
        ),
        (
            format!("<body rid='9007199254740992' {ns}/>"),
            BodyError::Attribute("rid"),
        ),
        (format!("<body rid='' {ns}/>"), BodyError::Attribute("rid")),
        (
            format!("<body rid='1' wait='x' {ns}/>"),
            BodyError::Attribute("wait"),
        ),
        (
            format!("<body rid='1' ver='1' {ns}/>"),
            BodyError::Attribute("ver"),
        ),
        (
            format!("<body rid='1' content='text/html' {ns}/>"),
            BodyError::Attribute("content"),
        ),
        (
            format!("<body rid='1' content='text/xml; charset=latin1' {ns}/>"),
            BodyError::Attribute("content"),
        ),
        (
            format!("<body rid='1' sid='' {ns}/>"),
            BodyError::Attribute("sid"),
        ),
        (
            format!("<body rid='1' sid='{}' {ns}/>", "a".repeat(65)),
            BodyError::Attribute("sid"),
        ),
        (
            format!("<body rid='1' sid='x' type='error' {ns}/>"),
            BodyError::Attribute("type"),
        ),
        (format!("<body rid='1' {ns}>text</body>"), BodyError::Text),
    ] {
        assert_eq!(parse(&body), Err(error), "{body}");
    }
    for body in [
        String::new(),
        "garbage".to_owned(),
        format!("<body rid='1' {ns}>"),
        format!("<body rid='1' {ns}/><body rid='2' {ns}/>"),
        format!("<body rid='1' {ns}><!-- x --></body>"),
        format!("<body rid='1' {ns}><p:x/></body>"),
        format!("<!DOCTYPE x><body rid='1' {ns}/>"),
    ] {
        assert!(matches!(parse(&body), Err(BodyError::Xml(_))), "{body}");
    }
}

#[test]
fn a_body_is_bounded() {
    let limits = Limits::UNAUTHENTICATED;
    let body = |inside: &str| {
        format!("<body rid='1' sid='x' xmlns='http://jabber.org/protocol/httpbind'>{inside}</body>")
    };
    for inside in ["a".repeat(10_000), "<a>".repeat(16), "<a/>".repeat(128)] {
        let parsed = Body::parse(body(&inside).as_bytes(), &limits);
        assert!(
            matches!(parsed, Err(BodyError::Xml(XmlError::TooMany(_)))),
            "{parsed:?}"
        );
    }
}

#[test]
fn media_types_are_those_that_no_browser_runs() {
    for (text, expected) in [
        ("text/xml", Some(ContentType::TextXml)),
        ("TEXT/XML;charset=UTF-8", Some(ContentType::TextXml)),
        (
            "application/xml; charset=\"utf-8\"",
            Some(ContentType::ApplicationXml),
        ),
        ("text/plain ; charset=utf-8;", Some(ContentType::TextPlain)),
        ("text/html", None),
        ("image/svg+xml", None),
        ("", None),
    ] {
        assert_eq!(ContentType::parse(text), expected, "{text}");
    }
}
