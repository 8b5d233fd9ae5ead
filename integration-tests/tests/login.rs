//! Logging in (RFC 6120 §6 and §7): mechanisms, their failures, and resource binding.

use harness::{HOST, Hash, SASL, SaslReply, Scram, TestClient, TestNode, mechanisms, password_of};

const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";

#[tokio::test]
async fn scram_over_starttls_binds_the_resource_asked_for() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.login("alice/desk").await;
    assert_eq!(client.jid, format!("alice@{HOST}/desk"));
    client.go_online().await;
    client.close().await;
}

#[tokio::test]
async fn every_mechanism_that_is_offered_works() {
    let node = TestNode::with_users("", &["alice"]).await;
    for (hash, bound) in [
        (Hash::Sha1, false),
        (Hash::Sha1, true),
        (Hash::Sha256, false),
        (Hash::Sha256, true),
    ] {
        let mut client = node.secured().await;
        let exporter = client.tls.as_ref().unwrap().exporter;
        let scram = if bound {
            Scram::bound(hash, "alice", exporter)
        } else {
            Scram::new(hash, "alice")
        };
        client.scram(&scram, &password_of("alice")).await.unwrap();
        client.open(HOST).await;
        client.bind(None).await;
    }
    let mut client = node.secured().await;
    client.plain("alice", &password_of("alice")).await.unwrap();
    client.open(HOST).await;
    assert!(
        client
            .bind(None)
            .await
            .starts_with(&format!("alice@{HOST}/"))
    );
}

#[tokio::test]
async fn features_list_the_mechanisms_strongest_first_and_the_binding_types() {
    let node = TestNode::start("").await;
    let mut client = TestClient::connect(node.address()).await;
    client.open(HOST).await;
    let (_, features) = client.starttls(&node.tls()).await;
    let wanted = [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "PLAIN",
    ];
    assert_eq!(mechanisms(&features), wanted);
    let binding = features
        .child_ns("sasl-channel-binding", "urn:xmpp:sasl-cb:0")
        .expect("XEP-0440");
    let types: Vec<_> = binding
        .children
        .iter()
        .filter_map(|c| c.attr("type"))
        .collect();
    assert!(types.contains(&"tls-exporter"), "{types:?}");
}

#[tokio::test]
async fn before_tls_nobody_can_authenticate() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = TestClient::connect(node.address()).await;
    let features = client.open(HOST).await;
    assert!(mechanisms(&features).is_empty(), "{features}");
    let starttls = features
        .child_ns("starttls", "urn:ietf:params:xml:ns:xmpp-tls")
        .expect("STARTTLS");
    assert!(starttls.child("required").is_some());
    let refused = client
        .sasl_start(
            "PLAIN",
            format!("\0alice\0{}", password_of("alice")).as_bytes(),
        )
        .await;
    assert_eq!(refused.failure(), "encryption-required");
}

#[tokio::test]
async fn a_wrong_password_is_not_authorized_and_may_be_tried_again() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.secured().await;
    let scram = Scram::new(Hash::Sha256, "alice");
    assert_eq!(
        client.scram(&scram, "wrong").await,
        Err("not-authorized".into())
    );
    assert_eq!(
        client.plain("alice", "wrong").await,
        Err("not-authorized".into())
    );
    client
        .scram(&Scram::new(Hash::Sha1, "alice"), &password_of("alice"))
        .await
        .unwrap();
}

/// RFC 6120 §6.5: one condition each for what is wrong with the exchange itself.
#[tokio::test]
async fn malformed_sasl_gets_the_condition_of_the_rfc() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.secured().await;
    assert_eq!(
        client.sasl_start("NO-SUCH-MECHANISM", b"x").await.failure(),
        "invalid-mechanism"
    );
    client
        .send(&format!(
            "<auth xmlns='{SASL}' mechanism='PLAIN'>!!not base64!!</auth>"
        ))
        .await;
    assert_eq!(client.sasl_reply().await.failure(), "incorrect-encoding");
    let challenge = client
        .sasl_start(
            "SCRAM-SHA-256",
            Scram::new(Hash::Sha256, "alice").first().as_bytes(),
        )
        .await;
    assert!(matches!(challenge, SaslReply::Challenge(_)));
    client.send(&format!("<abort xmlns='{SASL}'/>")).await;
    assert_eq!(client.sasl_reply().await.failure(), "aborted");
    client.plain("alice", &password_of("alice")).await.unwrap();
}

/// RFC 6120 §7.7.2.2: either way of solving a conflict leaves two sessions that can be told apart, or one.
#[tokio::test]
async fn a_resource_that_is_taken_ends_the_older_session() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut old = node.login("alice/desk").await;
    let mut new = node.login("alice/desk").await;
    old.expect_stream_error("conflict").await;
    assert_eq!(new.jid, format!("alice@{HOST}/desk"));
    new.go_online().await;
}

#[tokio::test]
async fn the_server_picks_a_resource_when_none_is_asked_for() {
    let node = TestNode::with_users("", &["alice"]).await;
    let first = node.login("alice").await;
    let second = node.login("alice").await;
    assert_ne!(first.jid, second.jid);
}

/// RFC 6120 §7.7.2.1: a resource that cannot be is refused, and the client may ask for another, or is replaced.
#[tokio::test]
async fn a_resource_that_cannot_be_is_never_bound() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.authenticated("alice").await;
    let too_long = "x".repeat(1024);
    let payload = format!("<bind xmlns='{BIND}'><resource>{too_long}</resource></bind>");
    let answer = client.request("set", None, &payload).await;
    match answer.path(&["bind", "jid"]) {
        Some(jid) => assert!(!jid.text.contains(&too_long)),
        None => {
            assert!(answer.path(&["error", "bad-request"]).is_some(), "{answer}");
            client.bind(Some("desk")).await;
        }
    }
}

#[tokio::test]
async fn nothing_but_binding_is_possible_before_binding() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.authenticated("alice").await;
    client
        .send("<message to='bob@localhost'><body>x</body></message>")
        .await;
    client.expect_stream_error("not-authorized").await;
}

/// RFC 3921 §3 clients ask for a session; RFC 6121 servers say yes and mean nothing by it.
#[tokio::test]
async fn the_old_session_request_still_succeeds() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.login("alice").await;
    let answer = client
        .request(
            "set",
            None,
            "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
        )
        .await;
    assert_eq!(answer.attr("type"), Some("result"));
}

#[tokio::test]
async fn user_names_are_prepared_as_addresses_are() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.secured().await;
    client.plain("Alice", &password_of("alice")).await.unwrap();
    client.open(HOST).await;
    assert!(client.bind(Some("x")).await.starts_with("alice@"));
}

/// Whoever asks about a user who does not exist sees what a wrong password looks like, whole exchange included.
#[tokio::test]
async fn an_unknown_user_looks_like_a_wrong_password() {
    let node = TestNode::with_users("", &["alice"]).await;
    for hash in [Hash::Sha1, Hash::Sha256] {
        let (known, known_outcome) = half_exchange(&node, hash, "alice").await;
        let (unknown, unknown_outcome) = half_exchange(&node, hash, "nobody").await;
        let (again, _) = half_exchange(&node, hash, "nobody").await;
        assert_eq!(known.iterations, unknown.iterations);
        assert_eq!(known.salt.len(), unknown.salt.len());
        assert_eq!(
            unknown.salt, again.salt,
            "the salt of an unknown user must not change"
        );
        assert_eq!(known_outcome, unknown_outcome);
    }
    let mut client = node.secured().await;
    assert_eq!(
        client.plain("nobody", "wrong").await,
        client.plain("alice", "wrong").await
    );
}

async fn half_exchange(
    node: &TestNode,
    hash: Hash,
    user: &str,
) -> (harness::Challenge, Result<(), String>) {
    let mut client = node.secured().await;
    let scram = Scram::new(hash, user);
    let name = if hash == Hash::Sha1 {
        "SCRAM-SHA-1"
    } else {
        "SCRAM-SHA-256"
    };
    let text = client
        .sasl_start(name, scram.first().as_bytes())
        .await
        .challenge();
    let challenge = harness::Challenge::parse(&text);
    let (last, _) = scram.last(&challenge, "wrong");
    let outcome = match client.sasl_respond(last.as_bytes()).await {
        SaslReply::Failure(condition) => Err(condition),
        _ => Ok(()),
    };
    (challenge, outcome)
}
