//! Everything has a bound, and each bound has its answer.

use harness::{Event, HOST, TestClient, TestNode};

#[tokio::test]
async fn a_stranger_who_is_silent_is_shown_out() {
    let node = TestNode::start("[listener.c2s.timeouts]\nauthenticate = \"1s\"\n").await;
    let mut client = TestClient::connect(node.address()).await;
    client.open(HOST).await;
    client.expect_stream_error("connection-timeout").await;
}

#[tokio::test]
async fn dripping_bytes_do_not_put_the_deadline_off() {
    let node = TestNode::start("[listener.c2s.timeouts]\nauthenticate = \"1s\"\n").await;
    let mut client = TestClient::connect(node.address()).await;
    client.open(HOST).await;
    // White space is legal and costs nothing; the deadline is for the whole of the negotiation.
    while client.try_send(b" ").await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn n058_a_handshake_that_never_ends_is_cut() {
    let node =
        TestNode::start("[listener.c2s_tls]\ntls = { implicit = true, timeout = \"1s\" }").await;
    let mut client = TestClient::connect(node.direct_address()).await;
    client.send_bytes(&[0x16, 3, 1]).await;
    client.expect_closed_without_xml().await;
}

#[tokio::test]
async fn a_stanza_is_bounded_as_configured() {
    let node = TestNode::with_users("[listener.c2s.limits]\nstanza = \"20kB\"\n", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let message = |n: usize| {
        format!(
            "<message to='{HOST}' type='headline'><body>{}</body></message>",
            "x".repeat(n)
        )
    };
    alice.send(&message(19_000)).await;
    alice.sync().await;
    drop(alice.try_send(message(21_000).as_bytes()).await);
    alice.expect_stream_error("policy-violation").await;
}

#[tokio::test]
async fn one_connection_too_many_is_refused() {
    let node = TestNode::start("[listener.c2s]\nmax_connections = 3\n").await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = TestClient::connect(node.address()).await;
        client.open(HOST).await;
        held.push(client);
    }
    let mut refused = TestClient::connect(node.address()).await;
    drop(refused.try_send(b"<?xml version='1.0'?>").await);
    refused.expect_eof().await;
    // A place that is given up is there for the next one.
    held.pop().unwrap().close().await;
    let mut tries = 0;
    loop {
        let mut next = TestClient::connect(node.address()).await;
        next.send_header(HOST).await;
        match next.event().await {
            Event::Item(harness::Item::Header(_)) => {
                if !matches!(next.event().await, Event::Item(harness::Item::Element(e)) if e.name == "error")
                {
                    return;
                }
            }
            _ => tokio::task::yield_now().await,
        }
        tries += 1;
        assert!(tries < 10_000, "the place was never given back");
    }
}

#[tokio::test]
async fn an_account_has_so_many_sessions() {
    let node = TestNode::with_users("[limits]\nsessions = 2\n", &["alice", "bob"]).await;
    let _one = node.login("alice/one").await;
    let _two = node.login("alice/two").await;
    let mut three = node.authenticated("alice").await;
    let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>three</resource></bind>";
    let answer = three.request("set", None, bind).await;
    assert!(
        answer.path(&["error", "resource-constraint"]).is_some(),
        "{answer}"
    );
    node.login("bob").await;
}

#[tokio::test]
async fn a_roster_has_so_many_items() {
    let node = TestNode::with_users("[limits]\nroster_items = 2\n", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let set = |jid: &str| format!("<query xmlns='jabber:iq:roster'><item jid='{jid}'/></query>");
    for jid in ["a@b", "c@d"] {
        assert_eq!(
            alice.request("set", None, &set(jid)).await.attr("type"),
            Some("result")
        );
    }
    let answer = alice.request("set", None, &set("e@f")).await;
    assert_eq!(answer.attr("type"), Some("error"), "{answer}");
    assert_eq!(
        alice.request("set", None, &set("a@b")).await.attr("type"),
        Some("result"),
        "a change is no new item"
    );
}

#[tokio::test]
async fn what_a_user_stores_is_bounded() {
    let toml =
        "[limits]\nvcard = \"1KiB\"\nprivate_xml = \"1KiB\"\nprivate_items = 2\nblocked = 2\n";
    let node = TestNode::with_users(toml, &["alice"]).await;
    let mut alice = node.login("alice").await;
    let long = "x".repeat(2000);
    for payload in [
        format!("<vCard xmlns='vcard-temp'><FN>{long}</FN></vCard>"),
        format!("<query xmlns='jabber:iq:private'><x xmlns='t:x'>{long}</x></query>"),
        "<block xmlns='urn:xmpp:blocking'><item jid='a.example'/><item jid='b.example'/><item jid='c.example'/></block>".into(),
    ] {
        let answer = alice.request("set", None, &payload).await;
        assert_eq!(answer.attr("type"), Some("error"), "{answer}");
    }
    for n in 0..3 {
        let answer = alice
            .request(
                "set",
                None,
                &format!("<query xmlns='jabber:iq:private'><x xmlns='t:{n}'/></query>"),
            )
            .await;
        assert_eq!(
            answer.attr("type"),
            Some(if n < 2 { "result" } else { "error" }),
            "{answer}"
        );
    }
}

/// Whoever does not read loses the connection; the sender and everybody else go on.
#[tokio::test]
async fn a_reader_that_stops_reading_is_dropped() {
    let node = TestNode::with_users(
        "[listener.c2s.limits]\nsend_buffer = \"300kB\"\n",
        &["alice", "bob", "carol"],
    )
    .await;
    let mut alice = node.online("alice").await;
    let mut carol = node.online("carol").await;
    let bob = node.online("bob").await;
    let body = "x".repeat(100_000);
    let to = bob.jid.clone();
    // More than the kernel keeps for one connection on top of the node's own bound.
    loop {
        let burst: String = (0..10)
            .map(|_| format!("<message to='{to}' type='chat'><body>{body}</body></message>"))
            .collect();
        alice.send(&burst).await;
        let found = alice.sync().await;
        if found
            .iter()
            .any(|stanza| stanza.attr("type") == Some("error"))
            || is_gone(&node, "bob").await
        {
            break;
        }
    }
    carol
        .send(&format!(
            "<message to='{}' type='chat'><body>hi</body></message>",
            alice.jid
        ))
        .await;
    alice.skip_to("<message><body>hi</body></message>").await;
    drop(bob);
}

async fn is_gone(node: &TestNode, user: &str) -> bool {
    let answer = node
        .admin(serde_json::json!({ "actor-observe": { "path": "sessions", "after": null } }))
        .await;
    !answer.to_string().contains(&format!("{user}@{HOST}"))
}

/// RFC 6120 §13.8.1 and common sense: whether a user exists must not show in the work that a guess costs.
#[tokio::test]
async fn a_guess_costs_the_same_for_anybody() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut costs = Vec::new();
    for user in ["alice", "nobody"] {
        let before = derivations(&node).await;
        let mut client = node.secured().await;
        assert_eq!(
            client.plain(user, "wrong").await,
            Err("not-authorized".into())
        );
        for hash in [harness::Hash::Sha1, harness::Hash::Sha256] {
            let mut client = node.secured().await;
            assert_eq!(
                client
                    .scram(&harness::Scram::new(hash, user), "wrong")
                    .await,
                Err("not-authorized".into())
            );
        }
        costs.push(derivations(&node).await - before);
    }
    assert_eq!(
        costs[0], costs[1],
        "derivations for a known and for an unknown user"
    );
    assert!(costs[0] > 0, "PLAIN derives at least one key");
}

async fn derivations(node: &TestNode) -> u64 {
    let answer = node.admin(serde_json::json!("status")).await;
    let passwords = &answer["status"]["passwords"];
    passwords["derivations"]
        .as_u64()
        .unwrap_or_else(|| panic!("{answer}"))
}
