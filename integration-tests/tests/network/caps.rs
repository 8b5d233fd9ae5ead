//! How many are let in, and what the others are told.

use std::time::{Duration, Instant};

use harness::{DEADLINE, Event, HOST, TestClient, TestNode};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{listener, until};
use crate::timeouts::until_sessions;

#[tokio::test]
async fn n036_before_a_handshake_there_is_no_word() {
    let toml = "[listener.c2s_tls]\nmax_connections = 2\nlimits = { unauthenticated = 2 }\n";
    let node = TestNode::start(toml).await;
    let (mut one, mut two) = (
        TestClient::connect_tls(node.direct_address(), &node.tls())
            .await
            .unwrap(),
        TestClient::connect_tls(node.direct_address(), &node.tls())
            .await
            .unwrap(),
    );
    let mut third = TestClient::connect(node.direct_address()).await;
    assert_eq!(third.event().await, Event::Eof);
    one.open(HOST).await;
    two.open(HOST).await;
}

#[tokio::test]
async fn n038_the_node_counts_all_its_listeners() {
    let cap = "max_connections = 5\nlimits = { unauthenticated = 5 }\n";
    let toml =
        format!("[network]\nmax_connections = 6\n[listener.c2s]\n{cap}[listener.c2s_tls]\n{cap}");
    let node = TestNode::start(&toml).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = TestClient::connect(node.address()).await;
        client.open(HOST).await;
        held.push(client);
        let client = TestClient::connect_tls(node.direct_address(), &node.tls()).await;
        held.push(client.unwrap());
    }
    until_sessions(&node, 6).await;
    let mut seventh = TestClient::connect(node.address()).await;
    seventh.expect_stream_error("resource-constraint").await;
    let mut seventh = TestClient::connect(node.direct_address()).await;
    assert_eq!(seventh.event().await, Event::Eof);
    until_sessions(&node, 6).await;
}

#[tokio::test]
async fn n042_a_handshake_that_is_under_way_counts() {
    let toml = "[listener.c2s_tls]\nmax_connections = 2\nlimits = { unauthenticated = 2 }\n";
    let node = TestNode::start(toml).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = TestClient::connect(node.direct_address()).await;
        client.send_bytes(&[0x16, 3, 1]).await;
        held.push(client);
    }
    until(&node, "c2s_tls", |listener| listener["connections"] == 2).await;
    let mut third = TestClient::connect(node.direct_address()).await;
    assert_eq!(third.event().await, Event::Eof);
}

#[tokio::test]
async fn n043_at_the_cap_operators_are_still_answered() {
    let node = TestNode::start("[network]\nmax_connections = 1\n").await;
    let mut held = TestClient::connect(node.address()).await;
    held.open(HOST).await;
    let mut refused = TestClient::connect(node.address()).await;
    refused.expect_stream_error("resource-constraint").await;
    assert_eq!(listener(&node, "c2s").await["connections"], 1);
    let output = node.command(&["listener", "list"]).await;
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn n053_without_descriptors_everybody_is_served_or_closed() {
    // What the node itself needs leaves room for few clients.
    let node = TestNode::wrapped("", &["prlimit", "--nofile=64:64", "--"]).await;
    assert!(node.log().contains("limit on open files"), "{}", node.log());
    let mut crowd = Vec::new();
    for _ in 0..70 {
        crowd.push(TestClient::connect(node.address()).await);
    }
    let mut served = Vec::new();
    let mut closed = 0;
    for mut client in crowd {
        // A refused one finds an answer or the end of the connection.
        let hello = client.try_send(
            b"<stream:stream xmlns='jabber:client' version='1.0' to='localhost' \
                                      xmlns:stream='http://etherx.jabber.org/streams'>",
        );
        drop(hello.await);
        match timeout(DEADLINE, client.event())
            .await
            .expect("service or a close")
        {
            Event::Item(harness::Item::Element(element)) if element.name == "error" => closed += 1,
            Event::Item(_) => served.push(client),
            _ => closed += 1,
        }
    }
    assert!(
        !served.is_empty() && closed > 0,
        "{} served, {closed} closed",
        served.len()
    );
    drop(served);
    let again = async {
        loop {
            let mut client = TestClient::connect(node.address()).await;
            drop(
                client
                    .try_send(
                        b"<stream:stream xmlns='jabber:client' version='1.0' to='localhost' \
                                   xmlns:stream='http://etherx.jabber.org/streams'>",
                    )
                    .await,
            );
            client.expect_header().await;
            if matches!(client.event().await, Event::Item(harness::Item::Element(e)) if e.name == "features")
            {
                return;
            }
        }
    };
    timeout(DEADLINE, again)
        .await
        .expect("service after the crowd");
}

#[tokio::test]
async fn n093_a_crowd_of_strangers_keeps_no_user_out() {
    let toml = "[listener.c2s.limits]\nunauthenticated = 500\n";
    let node = TestNode::with_users(toml, &["alice"]).await;
    let mut crowd = Vec::new();
    for _ in 0..500 {
        crowd.push(TestClient::connect(node.address()).await);
    }
    until(&node, "c2s", |listener| listener["unauthenticated"] == 500).await;
    let since = Instant::now();
    let mut alice = node.login("alice").await;
    alice.sync().await;
    let took = since.elapsed();
    // One second on a machine that is not busy with other tests.
    assert!(took < Duration::from_secs(10), "{took:?}");
    drop(crowd);
}

#[tokio::test]
async fn who_connects_too_often_is_told() {
    let name = "network::caps::who_connects_too_often_is_told";
    if !super::in_own_network(name).await {
        return;
    }
    // Loopback is exempt, so the address is another one.
    super::ip("addr add 192.0.2.1/32 dev lo");
    let toml = "[listener.outside]\nprotocol = \"c2s\"\nbind = [\"192.0.2.1:6222\", \"127.0.0.1:6222\"]\n\
                limits = { per_ip_rate = \"3/h\" }\n";
    let _node = TestNode::start(toml).await;
    for _ in 0..3 {
        TestClient::connect(([192, 0, 2, 1], 6222).into())
            .await
            .open(HOST)
            .await;
    }
    let mut fourth = TestClient::connect(([192, 0, 2, 1], 6222).into()).await;
    fourth.expect_stream_error("resource-constraint").await;
    for _ in 0..5 {
        TestClient::connect(([127, 0, 0, 1], 6222).into())
            .await
            .open(HOST)
            .await;
    }
}

#[tokio::test]
async fn a_listener_that_queues_lets_the_next_in_when_one_leaves() {
    let toml = "[listener.c2s]\nmax_connections = 1\nat_capacity = \"queue\"\nlimits = { unauthenticated = 1 }\n";
    let node = TestNode::start(toml).await;
    let mut first = TestClient::connect(node.address()).await;
    first.open(HOST).await;
    let mut second = TestClient::connect(node.address()).await;
    second.send_header(HOST).await;
    assert_eq!(
        listener(&node, "c2s").await["binds"][0]["report"]["accepted"],
        1
    );
    let silence = timeout(Duration::from_millis(200), second.event()).await;
    assert!(silence.is_err(), "{silence:?}");
    drop(first);
    second.expect_header().await;
    let report = listener(&node, "c2s").await["binds"][0]["report"].clone();
    assert_eq!(
        (&report["accepted"], &report["refused"]),
        (&2.into(), &0.into())
    );
}

#[tokio::test]
async fn n035_a_place_is_free_as_soon_as_somebody_leaves() {
    let toml = "[listener.c2s]\nmax_connections = 1\nlimits = { unauthenticated = 1 }\n";
    let node = TestNode::start(toml).await;
    for _ in 0..20 {
        let stream = TcpStream::connect(node.address()).await.unwrap();
        until(&node, "c2s", |listener| listener["connections"] == 1).await;
        drop(stream);
        until(&node, "c2s", |listener| listener["connections"] == 0).await;
    }
    TestClient::connect(node.address()).await.open(HOST).await;
}
