//! A reload changes what it says it changes, for whom it says so, and nothing when there is a mistake.

use std::net::{IpAddr, TcpListener};
use std::process::Output;
use std::time::Duration;

use harness::{Certificates, DEADLINE, HOST, TestClient, TestNode, TlsOptions};
use rustix::process::Signal;
use tokio::time::timeout;

use crate::timeouts::{SMALL_BUFFERS, long_message};

/// Changes the node's configuration file: `listener.c2s.timeouts.read = "1s"`, one key a line.
pub(crate) fn rewrite(node: &TestNode, keys: &str) {
    let path = node.directory().join("portcullis.toml");
    let mut config: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
    for line in keys.lines() {
        let (key, value) = line.split_once(" = ").unwrap();
        let mut table = &mut config;
        let mut parts: Vec<_> = key.split('.').collect();
        let last = parts.pop().unwrap();
        for part in parts {
            let next = table
                .entry(part)
                .or_insert_with(|| toml::Table::new().into());
            table = next.as_table_mut().unwrap();
        }
        let value: toml::Table = format!("value = {value}").parse().unwrap();
        table.insert(last.to_owned(), value["value"].clone());
    }
    std::fs::write(path, config.to_string()).unwrap();
}

fn said(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!("{out}{err}")
}

/// Changes the configuration and has the node take it over.
pub(crate) async fn change(node: &TestNode, keys: &str) {
    rewrite(node, keys);
    let output = node.reload().await;
    assert!(output.status.success(), "{}", said(&output));
}

fn free_address() -> std::net::SocketAddr {
    let address = IpAddr::from([127, 0, 0, 1]);
    TcpListener::bind((address, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}

#[tokio::test]
async fn n103_silence_is_measured_anew_for_sessions_that_exist() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    change(&node, "listener.c2s.timeouts.read = \"1s\"").await;
    let ping = alice
        .expect("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    change(&node, "listener.c2s.timeouts.read = \"1h\"").await;
    let answer = format!(
        "<iq type='result' id='{}' to='{HOST}'/>",
        ping.attr("id").unwrap()
    );
    alice.send(&answer).await;
    let silence = timeout(Duration::from_millis(2500), alice.event()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn n103_a_client_that_stands_still_meets_the_new_deadline() {
    let node = TestNode::with_users(SMALL_BUFFERS, &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    for _ in 0..30 {
        alice.send(&long_message(&bob.jid, 50_000)).await;
    }
    alice.expect_nothing().await;
    change(&node, "listener.c2s.timeouts.send = \"500ms\"").await;
    alice.skip_to("<presence type='unavailable'/>").await;
}

#[tokio::test]
async fn n103_the_bound_of_a_queue_changes_for_sessions_that_exist() {
    let node = TestNode::with_users(SMALL_BUFFERS, &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    for _ in 0..30 {
        alice.send(&long_message(&bob.jid, 50_000)).await;
    }
    alice.expect_nothing().await;
    change(
        &node,
        "listener.c2s.limits.stanza = \"100kB\"\nlistener.c2s.limits.send_buffer = \"100kB\"",
    )
    .await;
    alice.send(&long_message(&bob.jid, 10)).await;
    alice.skip_to("<presence type='unavailable'/>").await;
}

#[tokio::test]
async fn the_bound_of_a_stanza_changes_for_sessions_that_exist() {
    let node = TestNode::with_users(
        "[listener.c2s.limits]\nstanza = \"20kB\"\n",
        &["alice", "bob"],
    )
    .await;
    let mut alice = node.login("alice").await;
    let mut bob = node.login("bob").await;
    change(&node, "listener.c2s.limits.stanza = \"100kB\"").await;
    alice.send(&long_message("x@nowhere.example", 90_000)).await;
    alice.expect("<message type='error'/>").await;
    change(&node, "listener.c2s.limits.stanza = \"10kB\"").await;
    drop(
        bob.try_send(long_message("x@nowhere.example", 15_000).as_bytes())
            .await,
    );
    bob.expect_stream_error("policy-violation").await;
    alice.sync().await;
}

#[tokio::test]
async fn n103_a_lower_cap_closes_nobody_and_holds_at_once() {
    let node = TestNode::start("").await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = TestClient::connect(node.address()).await;
        client.open(HOST).await;
        held.push(client);
    }
    change(&node, "listener.c2s.max_connections = 1").await;
    let mut refused = TestClient::connect(node.address()).await;
    refused.expect_stream_error("resource-constraint").await;
    for client in &mut held {
        client
            .send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            .await;
        client
            .expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            .await;
    }
    change(&node, "listener.c2s.max_connections = 10").await;
    TestClient::connect(node.address()).await.open(HOST).await;
    change(&node, "network.max_connections = 1").await;
    let mut refused = TestClient::connect(node.address()).await;
    refused.expect_stream_error("resource-constraint").await;
}

/// The inode of the socket that listens at this address, if one does.
pub(crate) async fn listening_inode(address: std::net::SocketAddr) -> Option<String> {
    let text = listeners_at(address).await;
    let inode = text
        .split_whitespace()
        .find(|part| part.starts_with("ino:"));
    inode.map(str::to_owned)
}

async fn listeners_at(address: std::net::SocketAddr) -> String {
    let output = tokio::process::Command::new("ss")
        .args(["-Hltne", "src", &address.to_string()])
        .output();
    let output = output.await.expect("ss, of iproute2");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Backlog and inode of the socket that listens at this address.
async fn listening_socket(address: std::net::SocketAddr) -> (u32, String) {
    let text = listeners_at(address).await;
    let backlog = text
        .split_whitespace()
        .nth(2)
        .and_then(|number| number.parse().ok());
    let inode = text
        .split_whitespace()
        .find(|part| part.starts_with("ino:"));
    (
        backlog.unwrap_or_else(|| panic!("{text}")),
        inode.unwrap().to_owned(),
    )
}

#[tokio::test]
async fn another_backlog_keeps_the_socket_and_other_options_reopen_it() {
    let node = TestNode::with_users("[listener.c2s.socket]\nbacklog = 77\n", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let (backlog, first) = listening_socket(node.address()).await;
    assert_eq!(backlog, 77);
    change(&node, "listener.c2s.socket.backlog = 33").await;
    let becoming = async { while listening_socket(node.address()).await != (33, first.clone()) {} };
    timeout(DEADLINE, becoming)
        .await
        .expect("the new backlog on the same socket");
    change(&node, "listener.c2s.socket.reuse_port = false").await;
    let reopening = async {
        while listening_inode(node.address())
            .await
            .is_none_or(|inode| inode == first)
        {}
    };
    timeout(DEADLINE, reopening).await.expect("another socket");
    node.login("alice").await;
    alice.sync().await;
}

#[tokio::test]
async fn new_connections_follow_other_rules_and_old_ones_do_not() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    change(&node, "listener.c2s.tls.enabled = false").await;
    let mut new = TestClient::connect(node.address()).await;
    let features = new.open(HOST).await;
    assert!(features.child("starttls").is_none(), "{features}");
    alice.sync().await;
    change(
        &node,
        "listener.c2s.tls.enabled = true\nlistener.c2s.tls.implicit = true",
    )
    .await;
    TestClient::connect_tls(node.address(), &node.tls())
        .await
        .unwrap();
    alice.sync().await;
}

#[tokio::test]
async fn n101_addresses_come_and_go_and_sessions_stay() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let (before, other) = (node.address(), free_address());
    change(
        &node,
        &format!("listener.c2s.bind = [\"{before}\", \"{other}\"]"),
    )
    .await;
    for address in [before, other] {
        connect_soon(address).await.open(HOST).await;
    }
    change(&node, &format!("listener.c2s.bind = [\"{other}\"]")).await;
    assert!(
        tokio::net::TcpStream::connect(before).await.is_err(),
        "it is closed"
    );
    connect_soon(other).await.open(HOST).await;
    alice.sync().await;
    change(&node, "listener.c2s.bind = []").await;
    assert!(
        tokio::net::TcpStream::connect(other).await.is_err(),
        "it is closed"
    );
    alice.sync().await;
}

/// Connects as soon as somebody listens.
async fn connect_soon(address: std::net::SocketAddr) -> TestClient {
    let trying = async { while tokio::net::TcpStream::connect(address).await.is_err() {} };
    timeout(DEADLINE, trying)
        .await
        .expect("somebody who listens");
    TestClient::connect(address).await
}

#[tokio::test]
async fn what_needs_a_restart_is_refused_and_named() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    rewrite(
        &node,
        "node.hash_threads = 7\nlistener.c2s.max_connections = 1",
    );
    let output = node.reload().await;
    assert!(!output.status.success());
    let said = said(&output);
    assert!(
        said.contains("node.hash_threads") && said.contains("restart"),
        "{said}"
    );
    // Nothing of it holds, the rest neither.
    TestClient::connect(node.address()).await.open(HOST).await;
    alice.sync().await;
}

#[tokio::test]
async fn n102_a_mistake_changes_nothing_and_every_one_is_named() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    rewrite(
        &node,
        "listener.c2s.timeouts.read = \"abc\"\nlistener.c2s.socket.ttl = 0\nlistener.c2s.max_connections = 1",
    );
    let output = node.reload().await;
    assert!(!output.status.success());
    let said = said(&output);
    for key in ["listener.c2s.timeouts.read", "listener.c2s.socket.ttl"] {
        assert!(said.contains(key), "{key} is missing in {said}");
    }
    TestClient::connect(node.address()).await.open(HOST).await;
    alice.sync().await;
}

#[tokio::test]
async fn the_filter_of_the_log_changes_at_once() {
    let node = TestNode::start("").await;
    TestClient::connect(node.address()).await.open(HOST).await;
    assert!(!node.log().contains("DEBUG"), "{}", node.log());
    change(&node, "logging.filter = \"debug\"").await;
    TestClient::connect(node.address()).await.open(HOST).await;
    let debugging = async {
        while !node.log().contains("DEBUG") {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, debugging).await.expect("a finer log");
    crate::timeouts::until_sessions(&node, 0).await;
    change(&node, "logging.filter = \"error\"").await;
    let length = node.log().len();
    let mut client = TestClient::connect(node.address()).await;
    client.open(HOST).await;
    drop(client);
    crate::timeouts::until_sessions(&node, 0).await;
    let log = node.log();
    assert!(!log.get(length..).unwrap().contains("DEBUG"), "{log}");
}

#[tokio::test]
async fn a_hang_up_brings_new_certificates_and_a_broken_one_changes_nothing() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let fresh = Certificates::create(node.directory(), &[HOST.to_owned()]);
    let trusting = TlsOptions {
        root: fresh.root.clone(),
        ..node.tls()
    };
    node.signal(Signal::HUP);
    let changing = async {
        while TestClient::connect_tls(node.direct_address(), &trusting)
            .await
            .is_err()
        {}
    };
    timeout(DEADLINE, changing)
        .await
        .expect("the new certificate");
    let mut client = TestClient::connect(node.address()).await;
    client.open(HOST).await;
    client.starttls(&trusting).await;
    assert!(
        TestClient::connect_tls(node.direct_address(), &node.tls())
            .await
            .is_err()
    );
    node.write("chain.pem", "no certificate");
    let output = node.reload().await;
    assert!(
        !output.status.success() && said(&output).contains("chain.pem"),
        "{output:?}"
    );
    TestClient::connect_tls(node.direct_address(), &trusting)
        .await
        .unwrap();
    alice.sync().await;
}

/// Who has been let in by the kernel is served, even if the socket is closed next.
#[tokio::test]
async fn clients_in_the_queue_of_a_socket_that_closes_are_served() {
    let node = TestNode::start("").await;
    for keys in [
        "listener.c2s.socket.reuse_port = false".to_owned(),
        format!("listener.c2s.bind = [\"{}\"]", free_address()),
    ] {
        let address = node.address();
        node.signal(Signal::STOP);
        let mut waiting = Vec::new();
        for _ in 0..20 {
            waiting.push(TestClient::connect(address).await);
        }
        rewrite(&node, &keys);
        node.signal(Signal::HUP);
        node.signal(Signal::CONT);
        for client in &mut waiting {
            client.open(HOST).await;
        }
    }
}
