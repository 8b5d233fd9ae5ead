//! TLS on both kinds of port (RFC 6120 §5, RFC 7590, XEP-0368).

use harness::{HOST, Hash, Item, Scram, TestClient, TestNode, TlsOptions, mechanisms, password_of};

const STARTTLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";

#[tokio::test]
async fn n056_direct_tls_speaks_xmpp_from_the_first_byte() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = TestClient::connect_tls(node.direct_address(), &node.tls())
        .await
        .unwrap();
    let features = client.open(HOST).await;
    assert!(
        features.child_ns("starttls", STARTTLS).is_none(),
        "TLS is up already"
    );
    client
        .scram(&Scram::new(Hash::Sha256, "alice"), &password_of("alice"))
        .await
        .unwrap();
    client.open(HOST).await;
    client.bind(None).await;
}

#[tokio::test]
async fn alpn_chooses_xmpp_client() {
    let node = TestNode::start("").await;
    let options = TlsOptions {
        alpn: vec!["xmpp-client".into()],
        ..node.tls()
    };
    let client = TestClient::connect_tls(node.direct_address(), &options)
        .await
        .unwrap();
    assert_eq!(client.tls.unwrap().alpn.as_deref(), Some("xmpp-client"));
}

/// A bound login needs an exporter, which both versions have when the extended master secret is used.
#[tokio::test]
async fn both_tls_versions_log_in() {
    let node = TestNode::with_users("", &["alice"]).await;
    for tls12 in [false, true] {
        let options = TlsOptions {
            tls12,
            ..node.tls()
        };
        let mut client = TestClient::connect_tls(node.direct_address(), &options)
            .await
            .unwrap();
        assert_eq!(client.tls.as_ref().unwrap().is_tls13, !tls12);
        client.open(HOST).await;
        client
            .scram(&Scram::new(Hash::Sha256, "alice"), &password_of("alice"))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn n055_starttls_is_offered_once_and_then_not_again() {
    let node = TestNode::start("").await;
    let mut client = TestClient::connect(node.address()).await;
    let features = client.open(HOST).await;
    assert!(features.child_ns("starttls", STARTTLS).is_some());
    let (_, features) = client.starttls(&node.tls()).await;
    assert!(features.child_ns("starttls", STARTTLS).is_none());
    assert!(!mechanisms(&features).is_empty());
}

/// RFC 6120 §5.4.2.2 lets the server answer a wrong request with `<failure/>`, and then it closes the stream.
#[tokio::test]
async fn starttls_within_tls_ends_the_stream() {
    let node = TestNode::start("").await;
    let mut client = node.secured().await;
    client
        .send(&format!("<starttls xmlns='{STARTTLS}'/>"))
        .await;
    client.expect_eof().await;
}

/// What an attacker put in front of the handshake must not be taken for something said under TLS (CVE-2011-0411).
#[tokio::test]
async fn bytes_before_the_handshake_are_not_read_after_it() {
    let node = TestNode::start("").await;
    let mut client = TestClient::connect(node.address()).await;
    client.open(HOST).await;
    let injected = format!(
        "<starttls xmlns='{STARTTLS}'/><?xml version='1.0'?><stream:stream to='{HOST}' version='1.0' \
         xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
    );
    client.send(&injected).await;
    match client.event().await {
        harness::Event::Item(Item::Element(proceed)) if proceed.name == "proceed" => {}
        harness::Event::Item(Item::Element(_)) | harness::Event::Eof => return,
        other => panic!("{other:?}"),
    }
    // If TLS comes up at all, the first thing said under it is what we say, not what was injected.
    let Ok(mut client) = client.upgrade(&node.tls()).await else {
        return;
    };
    client.send(" ").await;
    client.send_header("nowhere.example").await;
    client.expect_stream_error("host-unknown").await;
}

#[tokio::test]
async fn the_certificate_is_the_configured_one() {
    let node = TestNode::start("").await;
    let other = TestNode::start("").await;
    let wrong_root = TlsOptions {
        root: other.certificates.root.clone(),
        ..node.tls()
    };
    let Err(error) = TestClient::connect_tls(node.direct_address(), &wrong_root).await else {
        panic!("a certificate of another authority was accepted")
    };
    assert!(
        error.to_string().contains("UnknownIssuer") || error.to_string().contains("BadSignature"),
        "{error}"
    );
}

#[tokio::test]
async fn n056_plain_text_on_the_direct_port_is_closed() {
    let node = TestNode::start("").await;
    let mut client = TestClient::connect(node.direct_address()).await;
    client.send_header(HOST).await;
    // A TLS alert is no XML, so read to the end of the connection only.
    client.expect_closed_without_xml().await;
}
