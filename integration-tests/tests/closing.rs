//! How streams end: by the client, by an error, by a fault, by the node (RFC 6120 §4.4).

use std::time::{Duration, Instant};

use harness::{DEADLINE, Event, HOST, Item, TestClient, TestNode};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A client may close its side and read on.
#[tokio::test]
async fn a_closed_side_does_not_cost_the_answer() {
    let node = TestNode::start("").await;
    for last in ["", "</stream:stream>"] {
        let mut socket = TcpStream::connect(node.address()).await.unwrap();
        let header = format!(
            "<stream:stream to='{HOST}' version='1.0' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>{last}"
        );
        socket.write_all(header.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut answer = String::new();
        timeout(DEADLINE, socket.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert!(answer.contains("</stream:features>"), "{answer}");
        assert_eq!(
            answer.ends_with("</stream:stream>"),
            !last.is_empty(),
            "{answer}"
        );
    }
}

/// What comes behind a message can not take it back, not even while the message waits for others.
#[tokio::test]
async fn messages_before_the_end_arrive() {
    let node = TestNode::with_users("", &["alice", "bob", "carol"]).await;
    let mut bob = node.online("bob").await;
    for (n, end) in [
        "</stream:stream>",
        "<stanza/>",
        "<message from='bob@localhost'/>",
    ]
    .iter()
    .enumerate()
    {
        let mut alice = node.login("alice").await;
        let all = format!(
            "<message to='carol@{HOST}' type='chat'><body>kept</body></message>\
             <iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>\
             <message to='bob@{HOST}' type='chat'><body>{n}</body></message>{end}"
        );
        alice.send(&all).await;
        bob.expect(&format!("<message><body>{n}</body></message>"))
            .await;
        alice.expect_eof().await;
    }
    let mut carol = node.online("carol").await;
    for _ in 0..3 {
        carol.skip_to("<message><body>kept</body></message>").await;
    }
}

#[tokio::test]
async fn a_session_that_panics_is_gone_for_its_contacts() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    let observed = node
        .admin(serde_json::json!({ "actor-observe": { "path": "sessions", "after": null } }))
        .await;
    let all = observed["actors"]["actors"].as_array().unwrap();
    let of_bob = all
        .iter()
        .find(|actor| actor["report"]["jid"] == bob.jid.as_str())
        .unwrap();
    node.admin(serde_json::json!({ "actor-panic": { "path": of_bob["path"] } }))
        .await;
    bob.expect_eof().await;
    alice
        .skip_to(&format!(
            "<presence type='unavailable' from='{}'/>",
            bob.jid
        ))
        .await;
    let answer = alice
        .request("get", Some(&bob.jid), "<ping xmlns='urn:xmpp:ping'/>")
        .await;
    assert!(
        answer.path(&["error", "service-unavailable"]).is_some(),
        "{answer}"
    );
    let mut again = node
        .online(&format!("bob/{}", bob.jid.split('/').nth(1).unwrap()))
        .await;
    assert_eq!(again.jid, bob.jid);
    again.sync().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_to_contacts_at_once() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    let jid = bob.jid.clone();
    drop(bob);
    alice
        .skip_to(&format!("<presence type='unavailable' from='{jid}'/>"))
        .await;
}

#[tokio::test]
async fn a_stop_is_told_to_everybody_and_waits_for_nobody_for_long() {
    let toml = "[listener.c2s.timeouts]\nclose = \"1s\"\n";
    let mut node = TestNode::with_users(toml, &["alice"]).await;
    let mut alice = node.online("alice").await;
    let mut stranger = TestClient::connect(node.address()).await;
    stranger.open(HOST).await;
    let mut silent = TestClient::connect(node.address()).await;
    let _in_tls = TestClient::connect(node.direct_address()).await;
    crate::timeouts::until_sessions(&node, 4).await;
    let since = Instant::now();
    node.signal(Signal::TERM);
    for client in [&mut alice, &mut stranger, &mut silent] {
        client.expect_stream_error("system-shutdown").await;
    }
    assert!(
        TcpStream::connect(node.address()).await.is_err(),
        "nobody is let in"
    );
    // None of them closes its side.
    assert_eq!(node.ended().await.code(), Some(0), "{}", node.log());
    let took = since.elapsed();
    assert!(
        took >= Duration::from_secs(1) && took < Duration::from_secs(10),
        "{took:?}"
    );
}

#[tokio::test]
async fn what_is_queued_is_written_before_the_node_ends() {
    let mut node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    for _ in 0..100 {
        alice
            .send(&crate::timeouts::long_message(&bob.jid, 20_000))
            .await;
    }
    alice.sync().await;
    node.signal(Signal::TERM);
    alice.expect_stream_error("system-shutdown").await;
    for _ in 0..100 {
        bob.expect("<message><body/></message>").await;
    }
    bob.expect_stream_error("system-shutdown").await;
    drop((alice, bob));
    assert_eq!(node.ended().await.code(), Some(0), "{}", node.log());
}

#[tokio::test]
async fn a_second_signal_ends_the_node_at_once() {
    let mut node =
        TestNode::with_users("[listener.c2s.timeouts]\nclose = \"5m\"\n", &["alice"]).await;
    let mut alice = node.online("alice").await;
    node.signal(Signal::TERM);
    alice.expect_stream_error("system-shutdown").await;
    let since = Instant::now();
    node.signal(Signal::TERM);
    let status = node.ended().await;
    assert!(!status.success(), "{status}");
    assert!(since.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_resource_that_is_bound_anew_ends_the_old_session() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut bob = node.online("bob").await;
    let mut old = node.online("alice/desk").await;
    let mut new = node.online("alice/desk").await;
    assert_eq!(old.jid, new.jid);
    loop {
        match old.event().await {
            Event::Item(Item::Element(error)) if error.name == "error" => {
                assert!(error.child("conflict").is_some(), "{error}");
                break;
            }
            Event::Item(Item::Element(_)) => {}
            other => old.fail(&format!("{other:?}")),
        }
    }
    old.expect_end().await;
    let to = new.jid.clone();
    bob.send(&format!(
        "<message to='{to}' type='chat'><body>hi</body></message>"
    ))
    .await;
    new.skip_to("<message><body>hi</body></message>").await;
}
