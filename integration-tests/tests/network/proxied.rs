//! Clients that come through proxies which say who they are (PROXY protocol).

use std::net::SocketAddr;

use harness::{Event, HOST, TestClient, TestNode};

use super::{refused, until};
use crate::timeouts::until_sessions;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const GARBAGE: [&str; 3] = ["not-well-formed", "bad-format", "invalid-xml"];

/// A header of version 2 for a client of IPv4.
fn binary(client: &str) -> Vec<u8> {
    let SocketAddr::V4(client) = client.parse().unwrap() else {
        panic!("{client}");
    };
    let addresses = [client.ip().octets(), [198, 51, 100, 1]].concat();
    let ports = [client.port().to_be_bytes(), 5222_u16.to_be_bytes()].concat();
    let value = [1, 0, 2, b'h', b'i'];
    let head = [0x21, 0x11, 0, 17];
    [SIGNATURE, &head, &addresses, &ports, &value].concat()
}

/// A client behind this header that has sent nothing else.
async fn behind(address: SocketAddr, header: &[u8]) -> TestClient {
    let mut client = TestClient::connect(address).await;
    client.send_bytes(header).await;
    client
}

/// Waits until the log has this.
async fn said(node: &TestNode, text: &str) {
    until(node, "c2s", |_| node.log().contains(text)).await;
}

/// The addresses of all clients, as the node has them.
pub(super) async fn peers(node: &TestNode) -> Vec<String> {
    let observe = serde_json::json!({ "actor-observe": { "path": "sessions", "after": null } });
    let answer = node.admin(observe).await;
    let reports = answer["actors"]["actors"].as_array().cloned();
    let reports = reports.unwrap_or_else(|| panic!("{answer}"));
    let peers = reports
        .iter()
        .filter_map(|report| report["report"]["peer"].as_str().map(str::to_owned));
    peers.collect()
}

#[tokio::test]
async fn n094_a_header_of_a_trusted_peer_says_who_the_client_is() {
    let node = TestNode::start(
        "[listener.c2s]\nproxy_protocol = { trusted = [\"127.0.0.0/8\"] }\n\
         [listener.c2s_tls]\nproxy_protocol = { mode = \"require\", trusted = [\"127.0.0.1\"] }\n",
    )
    .await;
    let text = b"PROXY TCP4 192.0.2.1 198.51.100.1 4001 5222\r\n";
    let text_6 = b"PROXY TCP6 2001:db8::1 2001:db8::2 4002 5222\r\n";
    for (header, shown) in [
        (&text[..], "192.0.2.1:4001"),
        (text_6, "[2001:db8::1]:4002"),
        (&binary("192.0.2.3:4003"), "192.0.2.3:4003"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1:"),
        (&[SIGNATURE, &[0x20, 0, 0, 0]].concat(), "127.0.0.1:"),
        // Where it is optional, there may be none.
        (b"", "127.0.0.1:"),
    ] {
        let mut client = behind(node.address(), header).await;
        client.open(HOST).await;
        let found = peers(&node).await;
        assert!(found[0].starts_with(shown), "{found:?}, not {shown}");
        client.starttls(&node.tls()).await.0.close().await;
        until_sessions(&node, 0).await;
    }
    // Before TLS, in pieces.
    let mut client = TestClient::connect(node.direct_address()).await;
    for byte in binary("192.0.2.4:4004") {
        client.send_bytes(&[byte]).await;
    }
    let mut client = client.upgrade(&node.tls()).await.unwrap();
    client.open(HOST).await;
    assert_eq!(peers(&node).await, ["192.0.2.4:4004"]);
}

#[tokio::test]
async fn n095_a_header_of_anybody_else_is_garbage() {
    let node = TestNode::start(
        "[listener.c2s]\nproxy_protocol = { mode = \"accept\", trusted = [\"192.0.2.1\"] }\n\
         [listener.c2s_tls]\nproxy_protocol = { mode = \"require\", trusted = [\"192.0.2.1\"] }\n",
    )
    .await;
    for header in [
        &b"PROXY TCP4 192.0.2.1 198.51.100.1 4001 5222\r\n"[..],
        &binary("192.0.2.1:4001"),
    ] {
        let mut client = behind(node.address(), header).await;
        client.expect_any_stream_error(&GARBAGE).await;
        let mut client = behind(node.direct_address(), header).await;
        client.expect_eof().await;
    }
    let mut client = TestClient::connect(node.address()).await;
    client.open(HOST).await;
}

#[tokio::test]
async fn n095_where_a_header_is_required_nobody_is_served_without() {
    let node = TestNode::start(
        "[network]\nproxy_trusted_networks = [\"127.0.0.1\"]\n\
         [listener.c2s]\nproxy_protocol = { mode = \"require\" }\ntimeouts = { detect = \"300ms\" }\n\
         [listener.c2s_tls]\nproxy_protocol = { mode = \"require\" }\ntimeouts = { detect = \"5m\" }\n",
    )
    .await;
    let mut silent = TestClient::connect(node.address()).await;
    assert_eq!(silent.event().await, Event::Eof);
    said(&node, "came within timeouts.detect").await;
    let mut slow = behind(node.address(), b"PROXY TCP4 192.0.2").await;
    assert_eq!(slow.event().await, Event::Eof);
    let mut plain = TestClient::connect(node.direct_address()).await;
    plain.send_header(HOST).await;
    assert_eq!(plain.event().await, Event::Eof);
    said(&node, "there is no header of the PROXY protocol").await;
    let mut wrong = behind(node.direct_address(), b"PROXY TCP4 192.0.2.1 x 1 2\r\n").await;
    assert_eq!(wrong.event().await, Event::Eof);
    said(&node, "the header of the PROXY protocol is refused").await;
    until(&node, "c2s_tls", |listener| listener["connections"] == 0).await;
    until(&node, "c2s", |listener| listener["connections"] == 0).await;
}

#[tokio::test]
async fn n095_where_a_header_is_required_others_are_told() {
    let node = TestNode::start(
        "[listener.c2s]\nproxy_protocol = { mode = \"require\", trusted = [\"192.0.2.1\"] }\n",
    )
    .await;
    let mut client = behind(node.address(), &binary("192.0.2.1:1")).await;
    client.expect_stream_error("policy-violation").await;
}

#[tokio::test]
async fn n096_the_listeners_own_list_replaces_the_networks() {
    let node = TestNode::start(
        "[network]\nproxy_trusted_networks = [\"127.0.0.0/8\"]\n\
         [listener.c2s]\nproxy_protocol = { trusted = [\"192.0.2.1\"] }\n",
    )
    .await;
    let header = binary("192.0.2.1:4001");
    let mut client = behind(node.address(), &header).await;
    client.expect_any_stream_error(&GARBAGE).await;
    drop(client);
    until_sessions(&node, 0).await;
    let client = behind(node.direct_address(), &header).await;
    let mut client = client.upgrade(&node.tls()).await.unwrap();
    client.open(HOST).await;
    assert_eq!(peers(&node).await, ["192.0.2.1:4001"]);
}

#[tokio::test]
async fn n092_who_the_header_names_is_counted() {
    let node = TestNode::start(
        "[listener.c2s]\nlimits = { per_ip = 3 }\n\
         proxy_protocol = { mode = \"require\", trusted = [\"127.0.0.1\"] }\n",
    )
    .await;
    let mut held = Vec::new();
    for port in 1..=3 {
        let header = binary(&format!("127.0.0.1:{port}"));
        let mut client = behind(node.address(), &header).await;
        client.open(HOST).await;
        held.push(client);
    }
    let mut fourth = behind(node.address(), &binary("127.0.0.1:4")).await;
    fourth.expect_stream_error("resource-constraint").await;
    let mut other = behind(node.address(), &binary("192.0.2.1:4")).await;
    other.open(HOST).await;
    // The proxy itself may have as many as it needs.
    for _ in 0..4 {
        let mut own = behind(node.address(), b"PROXY UNKNOWN\r\n").await;
        own.open(HOST).await;
        held.push(own);
    }
}

#[tokio::test]
async fn n042_a_header_that_is_awaited_counts() {
    let node = TestNode::start(
        "[listener.c2s]\nmax_connections = 2\nlimits = { unauthenticated = 2 }\n\
         timeouts = { detect = \"5m\" }\n\
         proxy_protocol = { mode = \"require\", trusted = [\"127.0.0.1\"] }\n",
    )
    .await;
    let mut first = behind(node.address(), b"PROXY ").await;
    let _second = TestClient::connect(node.address()).await;
    until(&node, "c2s", |listener| listener["connections"] == 2).await;
    let mut third = TestClient::connect(node.address()).await;
    third.expect_stream_error("resource-constraint").await;
    first.send_bytes(b"UNKNOWN\r\n").await;
    first.open(HOST).await;
}

#[tokio::test]
async fn a_list_that_trusts_nobody_is_a_mistake() {
    let head = "[listener.clients]\nprotocol = \"c2s\"\n";
    let said = refused(&format!(
        "{head}proxy_protocol = {{ mode = \"require\" }}\n"
    ))
    .await;
    assert!(said.contains("\"require\" trusts nobody: write "), "{said}");
    let said = refused("[network]\nproxy_trusted_networks = [\"192.0.2.1/24\"]\n").await;
    assert!(said.contains("write 192.0.2.0/24"), "{said}");
}
