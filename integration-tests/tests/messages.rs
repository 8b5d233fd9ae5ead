//! Where messages and requests go: the table of RFC 6121 §8.5, one row at a time.

use harness::{HOST, TestClient, TestNode};

async fn with_priority(node: &TestNode, user_and_resource: &str, priority: i8) -> TestClient {
    let mut client = node.login(user_and_resource).await;
    client
        .send(&format!(
            "<presence><priority>{priority}</priority></presence>"
        ))
        .await;
    client
        .skip_to(&format!("<presence from='{}'/>", client.jid))
        .await;
    client
}

/// Sends a message and a marker behind it; both end in whoever holds `marker_to`.
async fn send(client: &mut TestClient, to: &str, kind: &str, body: &str) {
    client
        .send(&format!(
            "<message to='{to}' type='{kind}'><body>{body}</body></message>"
        ))
        .await;
}

async fn expect_body(client: &mut TestClient, body: &str) -> harness::Xml {
    client
        .skip_to(&format!("<message><body>{body}</body></message>"))
        .await
}

/// Takes what has come so far and fails if a message is in it. The sender has synced before.
async fn expect_no_message(client: &mut TestClient) {
    for found in client.sync().await {
        assert_ne!(found.name, "message", "{}: {found}", client.jid);
    }
}

#[tokio::test]
async fn the_server_says_who_sent_it() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice/desk").await;
    let mut bob = node.online("bob").await;
    for from in ["", "from='alice@localhost/desk'", "from='alice@localhost'"] {
        alice
            .send(&format!(
                "<message to='{}' {from} type='chat' id='1'><body>x</body></message>",
                bob.jid
            ))
            .await;
        bob.expect(&format!(
            "<message from='{}' to='{}' type='chat' id='1'/>",
            alice.jid, bob.jid
        ))
        .await;
    }
}

/// RFC 6120 §8.1.2.1: a forged `from` ends the stream or is replaced by the truth.
#[tokio::test]
async fn a_forged_sender_is_never_believed() {
    let node = TestNode::with_users("", &["alice", "bob", "mallory"]).await;
    let mut bob = node.online("bob").await;
    for forged in [
        &format!("alice@{HOST}"),
        &format!("alice@{HOST}/x"),
        HOST,
        "other.example",
    ] {
        let mut mallory = node.login("mallory/x").await;
        mallory
            .send(&format!(
                "<message to='{}' from='{forged}'><body>x</body></message>",
                bob.jid
            ))
            .await;
        mallory
            .send("<iq type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>")
            .await;
        let answer = mallory.next().await;
        match answer.name.as_str() {
            "error" => assert!(answer.child("invalid-from").is_some(), "{answer}"),
            _ => drop(
                bob.expect(&format!("<message from='mallory@{HOST}/x'/>"))
                    .await,
            ),
        }
    }
    expect_no_message(&mut bob).await;
}

/// §8.5.2.1.1: a chat to the bare address goes to resources of the highest priority, never to a negative one.
#[tokio::test]
async fn a_bare_address_means_resources_of_non_negative_priority() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut high = with_priority(&node, "bob/high", 10).await;
    let mut negative = with_priority(&node, "bob/negative", -1).await;
    let mut alice = node.online("alice").await;
    for kind in ["chat", "normal", "headline"] {
        send(&mut alice, &format!("bob@{HOST}"), kind, kind).await;
        expect_body(&mut high, kind).await;
    }
    alice.sync().await;
    expect_no_message(&mut negative).await;
}

/// §8.5.2.1.1: a headline goes to every non-negative resource.
#[tokio::test]
async fn a_headline_goes_to_all_resources() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut low = with_priority(&node, "bob/low", 0).await;
    let mut high = with_priority(&node, "bob/high", 10).await;
    let mut alice = node.online("alice").await;
    send(&mut alice, &format!("bob@{HOST}"), "headline", "news").await;
    expect_body(&mut low, "news").await;
    expect_body(&mut high, "news").await;
}

/// §8.5.2.1.1: groupchat to a bare address is an error; error to a bare address is dropped.
#[tokio::test]
async fn groupchat_is_refused_and_errors_are_dropped() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut bob = node.online("bob").await;
    let mut alice = node.online("alice").await;
    send(&mut alice, &format!("bob@{HOST}"), "groupchat", "room").await;
    alice.expect("<message type='error'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>").await;
    alice
        .send(&format!(
            "<message to='bob@{HOST}' type='error'><body>x</body></message>"
        ))
        .await;
    alice.expect_nothing().await;
    expect_no_message(&mut bob).await;
}

/// §8.5.3.1: a full address of a connected resource gets everything, whatever its priority.
#[tokio::test]
async fn a_full_address_means_that_resource() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut negative = with_priority(&node, "bob/negative", -5).await;
    let mut other = with_priority(&node, "bob/other", 5).await;
    let mut alice = node.online("alice").await;
    for kind in ["chat", "normal", "headline", "groupchat", "error"] {
        send(&mut alice, &format!("bob@{HOST}/negative"), kind, kind).await;
        expect_body(&mut negative, kind).await;
    }
    alice.sync().await;
    expect_no_message(&mut other).await;
}

/// §8.5.3.2.1: chat to a resource that is gone is treated as sent to the bare address; groupchat is refused, headline and error dropped.
#[tokio::test]
async fn a_full_address_that_is_gone_falls_back_for_chat_only() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut bob = with_priority(&node, "bob/here", 0).await;
    let mut alice = node.online("alice").await;
    let gone = format!("bob@{HOST}/gone");
    send(&mut alice, &gone, "chat", "one").await;
    expect_body(&mut bob, "one").await;
    send(&mut alice, &gone, "headline", "two").await;
    send(&mut alice, &gone, "error", "three").await;
    alice.expect_nothing().await;
    send(&mut alice, &gone, "groupchat", "four").await;
    alice.expect("<message type='error'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>").await;
    expect_no_message(&mut bob).await;
}

/// §8.5.1: nobody there.
#[tokio::test]
async fn messages_to_nobody_are_answered() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.online("alice").await;
    for to in [format!("nobody@{HOST}"), format!("nobody@{HOST}/x")] {
        send(&mut alice, &to, "chat", "x").await;
        alice.expect(&format!("<message type='error' from='{to}'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")).await;
        let answer = alice
            .request("get", Some(&to), "<ping xmlns='urn:xmpp:ping'/>")
            .await;
        assert!(
            answer.path(&["error", "service-unavailable"]).is_some(),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn requests_between_clients_go_both_ways() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    alice
        .send(&format!(
            "<iq type='get' id='q1' to='{}'><x xmlns='test:x'/></iq>",
            bob.jid
        ))
        .await;
    bob.expect(&format!(
        "<iq type='get' id='q1' from='{}'><x xmlns='test:x'/></iq>",
        alice.jid
    ))
    .await;
    bob.send(&format!(
        "<iq type='result' id='q1' to='{}'><y xmlns='test:x'/></iq>",
        alice.jid
    ))
    .await;
    alice
        .expect(&format!(
            "<iq type='result' id='q1' from='{}'><y xmlns='test:x'/></iq>",
            bob.jid
        ))
        .await;
}

/// §8.5.3.2.3 and §8.5.2: a request to a resource that is gone, and one for the account that nobody understands.
#[tokio::test]
async fn unanswerable_requests_get_service_unavailable() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let _bob = node.online("bob/here").await;
    for to in [
        format!("bob@{HOST}/gone"),
        format!("bob@{HOST}"),
        HOST.to_owned(),
    ] {
        for kind in ["get", "set"] {
            let answer = alice
                .request(kind, Some(&to), "<x xmlns='test:unknown'/>")
                .await;
            assert!(
                answer.path(&["error", "service-unavailable"]).is_some(),
                "{kind} {to}: {answer}"
            );
            assert_eq!(answer.attr("from"), Some(to.as_str()));
        }
    }
}

/// RFC 6120 §8.2.3: an iq has an id, one of four types, and exactly one child when it asks.
#[tokio::test]
async fn a_malformed_iq_is_a_bad_request() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let bob = node.online("bob").await;
    for (n, inside) in ["", "<a xmlns='t:a'/><b xmlns='t:b'/>"].iter().enumerate() {
        alice
            .send(&format!(
                "<iq type='get' id='m{n}' to='{}'>{inside}</iq>",
                bob.jid
            ))
            .await;
        let wanted = format!(
            "<iq type='error' id='m{n}'><error><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        );
        alice.expect(&wanted).await;
    }
    alice
        .send(&format!(
            "<iq type='nonsense' id='m9' to='{}'><a xmlns='t:a'/></iq>",
            bob.jid
        ))
        .await;
    alice.expect("<iq type='error' id='m9'/>").await;
}

#[tokio::test]
async fn an_address_that_is_none_is_malformed() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.online("alice").await;
    for to in [
        "@",
        "a@",
        "a@b@c",
        "localhost/",
        "a b@localhost",
        "&#x200e;@",
    ] {
        alice
            .send(&format!(
                "<message to='{to}' id='x'><body>x</body></message>"
            ))
            .await;
        alice.expect("<message type='error'><error><jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>").await;
    }
}

/// Until servers talk to each other, a remote address is one that is not found.
#[tokio::test]
async fn a_remote_domain_is_not_found() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.online("alice").await;
    send(&mut alice, "bob@elsewhere.example", "chat", "x").await;
    alice.expect("<message type='error'><error><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>").await;
    let answer = alice
        .request(
            "get",
            Some("elsewhere.example"),
            "<ping xmlns='urn:xmpp:ping'/>",
        )
        .await;
    assert!(
        answer.path(&["error", "remote-server-not-found"]).is_some(),
        "{answer}"
    );
}

#[tokio::test]
async fn order_is_kept_between_two_sessions() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    let burst: String = (0..500)
        .map(|n| {
            format!(
                "<message to='{}' type='chat'><body>{n}</body></message>",
                bob.jid
            )
        })
        .collect();
    alice.send(&burst).await;
    for n in 0..500 {
        bob.expect(&format!("<message><body>{n}</body></message>"))
            .await;
    }
}

/// What a client writes arrives with the same meaning: entities, CDATA, namespaces, language, other alphabets.
#[tokio::test]
async fn content_arrives_as_it_was_meant() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    let content = "<body xml:lang='de'>&lt;&amp;&#x1F600; <![CDATA[<b>&amp;</b>]]> grün 日本</body>\
                   <p:x xmlns:p='test:p' p:y='1' z='&quot;&#10;'><p:in/><out xmlns='test:q'/></p:x>";
    alice
        .send(&format!(
            "<message to='{}' xml:lang='en'>{content}</message>",
            bob.jid
        ))
        .await;
    let got = bob.next().await;
    let sent = harness::Xml::parse(&format!("<message>{content}</message>")).unwrap();
    assert_eq!(got.children, sent.children);
    assert_eq!(
        got.attr_ns("http://www.w3.org/XML/1998/namespace", "lang"),
        Some("en")
    );
}
