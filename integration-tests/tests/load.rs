//! Crowds and floods, small: nobody hangs, nobody who was there is lost. How fast that is says `cargo xtask bench`.

use harness::{DEADLINE, Event, HOST, TestClient, TestNode};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::timeouts::until_sessions;

/// Whose sessions are idle: one account may have only so many.
const CROWD: [&str; 10] = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"];

/// Clients that have logged in and say nothing.
async fn crowd(node: &TestNode, count: usize) -> Vec<TestClient> {
    let mut crowd = Vec::new();
    for number in 0..count {
        let user = CROWD[number % CROWD.len()];
        crowd.push(node.login(&format!("{user}/{number}")).await);
    }
    crowd
}

async fn round_trip(from: &mut TestClient, to: &mut TestClient, id: usize) {
    from.send(&format!("<message to='{}' type='chat' id='{id}'/>", to.jid))
        .await;
    to.expect(&format!("<message id='{id}'/>")).await;
}

#[tokio::test]
async fn five_hundred_idle_connections_are_held_through_chat_log_ins_and_a_reload() {
    let toml = "[listener.c2s.limits]\nunauthenticated = 500\n";
    let node = TestNode::with_users(toml, &[&["alice", "bob"], &CROWD[..]].concat()).await;
    let mut idle = Vec::new();
    for _ in 0..450 {
        let mut client = TestClient::connect(node.address()).await;
        client.open(HOST).await;
        idle.push(client);
    }
    let mut sessions = crowd(&node, 50).await;
    let mut alice = node.login("alice").await;
    let mut bob = node.login("bob").await;
    for id in 0..20 {
        round_trip(&mut alice, &mut bob, id).await;
    }
    let file = node.directory().join("portcullis.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = format!("{text}\n[network.timeouts]\nread = \"13m\"\n");
    std::fs::write(&file, changed).unwrap();
    assert!(node.reload().await.status.success());
    for id in 20..40 {
        round_trip(&mut bob, &mut alice, id).await;
    }
    for session in &mut sessions {
        session.sync().await;
    }
    for client in &mut idle {
        client
            .send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            .await;
        client
            .expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            .await;
    }
}

/// What becomes of somebody who connects and says hello: whether it was let in.
async fn knock(address: std::net::SocketAddr) -> bool {
    let mut client = TestClient::connect(address).await;
    let hello = format!(
        "<stream:stream xmlns='jabber:client' version='1.0' to='{HOST}' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    );
    // A refused one may be gone before this is written.
    drop(client.try_send(hello.as_bytes()).await);
    loop {
        match client.event().await {
            Event::Item(harness::Item::Element(element)) => return element.name == "features",
            Event::Item(harness::Item::Header(_)) => {}
            Event::Item(harness::Item::End) | Event::Eof => return false,
        }
    }
}

#[tokio::test]
async fn a_flood_at_the_cap_hangs_nobody_and_a_free_place_is_taken_at_once() {
    let toml = "[listener.c2s]\nmax_connections = 20\nlimits = { unauthenticated = 20 }\n";
    let node = TestNode::with_users(toml, &["alice", "bob"]).await;
    let mut alice = node.login("alice").await;
    let mut bob = node.login("bob").await;
    let mut held = Vec::new();
    for _ in 0..18 {
        let mut client = TestClient::connect(node.address()).await;
        client.open(HOST).await;
        held.push(client);
    }
    until_sessions(&node, 20).await;
    let mut flood = JoinSet::new();
    for _ in 0..600 {
        flood.spawn(knock(node.address()));
    }
    let mut ended = 0;
    while ended < 600 {
        let served = timeout(DEADLINE, flood.join_next()).await;
        let served = served.expect("an end for everybody").unwrap().unwrap();
        assert!(!served, "there was no place");
        ended += 1;
        if ended % 50 == 0 {
            round_trip(&mut alice, &mut bob, ended).await;
        }
    }
    held.pop();
    until_sessions(&node, 19).await;
    assert!(knock(node.address()).await, "there is a place");
    bob.sync().await;
}
