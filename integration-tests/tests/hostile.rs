//! Bytes that nobody should send, and the stream error each gets (RFC 6120 §4.9.3, §11.1). Others keep their sessions.

use harness::{HOST, TestClient, TestNode};

const HEADER: &str = "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' \
                      xmlns:stream='http://etherx.jabber.org/streams'>";
const MALFORMED: &[&str] = &["not-well-formed", "bad-format", "invalid-xml"];

/// Sends bytes on a fresh plain connection and expects one of these stream errors.
async fn refused(node: &TestNode, bytes: &[u8], conditions: &[&str]) {
    let mut client = TestClient::connect(node.address()).await;
    // The server may close before it has read everything; its answer is there to be read all the same.
    drop(client.try_send(bytes).await);
    client.expect_any_stream_error(conditions).await;
}

/// The same behind a stream header.
async fn refused_in_stream(node: &TestNode, bytes: &[u8], conditions: &[&str]) {
    refused(node, &[HEADER.as_bytes(), bytes].concat(), conditions).await;
}

/// The same from a user who is logged in.
async fn refused_in_session(node: &TestNode, bytes: &[u8], conditions: &[&str]) {
    let mut client = node.login("mallory").await;
    drop(client.try_send(bytes).await);
    client.expect_any_stream_error(conditions).await;
}

async fn node() -> TestNode {
    TestNode::with_users("", &["alice", "bob", "mallory"]).await
}

#[tokio::test]
async fn billion_laughs() {
    let node = node().await;
    let mut laughs = String::from("<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a0 'lol'>");
    for n in 1..10 {
        let before = format!("&a{};", n - 1).repeat(10);
        laughs.push_str(&format!("<!ENTITY a{n} '{before}'>"));
    }
    laughs.push_str("]>");
    refused(
        &node,
        format!("{laughs}{HEADER}&a9;").as_bytes(),
        &["restricted-xml"],
    )
    .await;
    refused_in_stream(
        &node,
        laughs.as_bytes(),
        &["restricted-xml", "not-well-formed"],
    )
    .await;
    refused_in_session(
        &node,
        b"<message><body>&a9;</body></message>",
        &["restricted-xml", "not-well-formed"],
    )
    .await;
}

#[tokio::test]
async fn comments_and_processing_instructions() {
    let node = node().await;
    for bytes in [
        "<!-- x -->",
        "<?php x?>",
        "<iq type='get' id='1'><!-- x --></iq>",
        "<message><?x y?></message>",
    ] {
        refused_in_stream(&node, bytes.as_bytes(), &["restricted-xml"]).await;
    }
}

#[tokio::test]
async fn an_attribute_of_ten_megabytes() {
    let node = node().await;
    let attribute = format!("<message to='{}'/>", "a".repeat(10 << 20));
    refused_in_stream(&node, attribute.as_bytes(), &["policy-violation"]).await;
    refused_in_session(&node, attribute.as_bytes(), &["policy-violation"]).await;
    let header = format!("<stream:stream to='{}'>", "a".repeat(10 << 20));
    refused(&node, header.as_bytes(), &["policy-violation"]).await;
}

#[tokio::test]
async fn a_body_that_never_ends() {
    let node = node().await;
    let body = format!("<message to='bob@{HOST}'><body>{}", "a".repeat(10 << 20));
    refused_in_session(&node, body.as_bytes(), &["policy-violation"]).await;
}

#[tokio::test]
async fn ten_thousand_levels() {
    let node = node().await;
    let deep = format!("<message>{}", "<a>".repeat(10_000));
    refused_in_session(&node, deep.as_bytes(), &["policy-violation"]).await;
    let short = format!("<message>{}", "<a>".repeat(1_000));
    refused_in_stream(&node, short.as_bytes(), &["policy-violation"]).await;
}

#[tokio::test]
async fn ten_thousand_attributes() {
    let node = node().await;
    let attributes: String = (0..10_000).map(|n| format!(" a{n}='1'")).collect();
    refused_in_session(
        &node,
        format!("<message{attributes}/>").as_bytes(),
        &["policy-violation"],
    )
    .await;
}

#[tokio::test]
async fn invalid_utf8() {
    let node = node().await;
    let encodings: &[&str] = &["not-well-formed", "unsupported-encoding", "bad-format"];
    for bytes in [
        &b"\xff"[..],
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
        b"\x80",
    ] {
        let stanza = [b"<message><body>", bytes, b"</body></message>"].concat();
        refused_in_stream(&node, &stanza, encodings).await;
    }
    refused(&node, b"\xff\xfe<\0s\0t\0", encodings).await;
}

#[tokio::test]
async fn another_encoding_is_unsupported() {
    let node = node().await;
    for encoding in ["UTF-16", "ISO-8859-1"] {
        let bytes = format!("<?xml version='1.0' encoding='{encoding}'?>{HEADER}");
        refused(&node, bytes.as_bytes(), &["unsupported-encoding"]).await;
    }
}

#[tokio::test]
async fn what_is_not_well_formed() {
    let node = node().await;
    for bytes in [
        "<message></iq>",
        "<message a='1' a='2'/>",
        "<message a=1/>",
        "<message a='<'/>",
        "<message>&;</message>",
        "<message>&#0;</message>",
        "<message>\u{1}</message>",
        "<message>]]></message>",
        "<message\u{0}/>",
        "<1message/>",
        "< message/>",
        "<message a='1'b='2'/>",
        "<?xml version='1.0'?>",
        "words between stanzas",
    ] {
        refused_in_stream(
            &node,
            bytes.as_bytes(),
            &[MALFORMED, &["restricted-xml"]].concat(),
        )
        .await;
    }
}

#[tokio::test]
async fn prefixes_that_mean_nothing() {
    let node = node().await;
    let conditions: &[&str] = &[
        "bad-namespace-prefix",
        "not-well-formed",
        "invalid-namespace",
        "bad-format",
    ];
    for bytes in [
        "<nowhere:message/>",
        "<message nowhere:a='1'/>",
        "<message xmlns:a='t:x' xmlns:b='t:x' a:y='1' b:y='2'/>",
        "<message xmlns:xml='t:x'/>",
        "<message xmlns:a=''/>",
        "<message xmlns:xmlns='t:x'/>",
        "<a:b:c xmlns:a='t:x'/>",
    ] {
        refused_in_stream(&node, bytes.as_bytes(), conditions).await;
    }
}

#[tokio::test]
async fn headers_of_other_namespaces() {
    let node = node().await;
    let streams = "xmlns:stream='http://etherx.jabber.org/streams'";
    for header in [
        format!(
            "<stream:stream to='{HOST}' version='1.0' xmlns='jabber:client' xmlns:stream='wrong'>"
        ),
        format!("<stream:stream to='{HOST}' version='1.0' xmlns='jabber:nothing' {streams}>"),
        format!("<stream to='{HOST}' version='1.0' xmlns='jabber:client'>"),
        format!("<stream:stram to='{HOST}' version='1.0' xmlns='jabber:client' {streams}>"),
    ] {
        let conditions = &[
            "invalid-namespace",
            "bad-format",
            "invalid-xml",
            "bad-namespace-prefix",
        ];
        refused(&node, header.as_bytes(), conditions).await;
    }
}

#[tokio::test]
async fn headers_for_somebody_else() {
    let node = node().await;
    let header = HEADER.replace("localhost", "elsewhere.example");
    refused(&node, header.as_bytes(), &["host-unknown"]).await;
    let header = HEADER.replace("to='localhost'", "");
    refused(
        &node,
        header.as_bytes(),
        &["host-unknown", "improper-addressing"],
    )
    .await;
    let header = HEADER.replace("localhost", "a b@@");
    refused(
        &node,
        header.as_bytes(),
        &["host-unknown", "improper-addressing"],
    )
    .await;
}

#[tokio::test]
async fn a_second_stream_header() {
    let node = node().await;
    let conditions = &[MALFORMED, &["unsupported-stanza-type", "invalid-namespace"]].concat();
    refused_in_stream(&node, HEADER.as_bytes(), conditions).await;
    refused_in_session(&node, HEADER.as_bytes(), conditions).await;
}

#[tokio::test]
async fn what_is_no_xml_at_all() {
    let node = node().await;
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01",
        b"\x05\x01\x00",
        b"{}",
    ] {
        refused(
            &node,
            bytes,
            &[MALFORMED, &["unsupported-encoding"]].concat(),
        )
        .await;
    }
}

#[tokio::test]
async fn stanzas_before_authentication() {
    let node = node().await;
    for stanza in [
        format!("<message to='bob@{HOST}'><body>x</body></message>"),
        format!("<presence to='bob@{HOST}'/>"),
        format!("<iq type='get' id='1' to='bob@{HOST}'><ping xmlns='urn:xmpp:ping'/></iq>"),
    ] {
        refused_in_stream(&node, stanza.as_bytes(), &["not-authorized"]).await;
    }
}

#[tokio::test]
async fn elements_that_are_no_stanzas() {
    let node = node().await;
    let conditions = &[
        "unsupported-stanza-type",
        "invalid-namespace",
        "bad-namespace-prefix",
    ];
    for bytes in [
        "<message xmlns='jabber:server' to='bob@localhost'/>",
        "<message xmlns='' to='bob@localhost'/>",
        "<Message to='bob@localhost'/>",
        "<stanza/>",
        "<stream:message to='bob@localhost'/>",
    ] {
        refused_in_session(&node, bytes.as_bytes(), conditions).await;
    }
}

/// RFC 6120 §4.6.3: more bytes than anybody needs who has not said yet who he is.
#[tokio::test]
async fn a_flood_before_authentication() {
    let node = node().await;
    let much = format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{}</auth>",
        "A".repeat(100_000)
    );
    refused_in_stream(&node, much.as_bytes(), &["policy-violation"]).await;
}

/// RFC 6120 §6.4.5: a server bounds the attempts on one stream.
#[tokio::test]
async fn guessing_passwords_for_ever() {
    let node = node().await;
    let mut client = node.secured().await;
    for _ in 0..100 {
        let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAHdyb25n</auth>";
        if client.try_send(auth.as_bytes()).await.is_err() {
            return;
        }
        let answer = client.next().await;
        if answer.name == "error" {
            assert!(answer.child("policy-violation").is_some(), "{answer}");
            return client.expect_end().await;
        }
        assert_eq!(answer.name, "failure", "{answer}");
    }
    client.fail("a hundred attempts were allowed");
}

/// Whoever cannot be parsed loses the stream, and nobody else notices.
#[tokio::test]
async fn others_keep_their_sessions() {
    let node = node().await;
    let mut alice = node.online("alice").await;
    refused_in_session(&node, b"<message></iq>", MALFORMED).await;
    refused_in_stream(&node, b"\0", MALFORMED).await;
    alice.expect_nothing().await;
}
