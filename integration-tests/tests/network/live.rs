//! What an operator does to one listener while the node runs.

use std::io::ErrorKind;
use std::time::Duration;

use harness::{HOST, TestClient, TestNode};
use tokio::net::TcpStream;

use super::{free, listener, listeners, text, until};

/// Runs a command of the node's program, which must work.
async fn done(node: &TestNode, arguments: &[&str]) -> String {
    let output = node.command(arguments).await;
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

/// Runs a command that must be refused.
async fn not_done(node: &TestNode, arguments: &[&str]) -> String {
    let output = node.command(arguments).await;
    assert!(!output.status.success(), "{}", text(&output));
    text(&output)
}

#[tokio::test]
async fn the_list_shows_sockets_counts_and_certificates() {
    let node = TestNode::with_users("", &["alice"]).await;
    let _alice = node.login("alice").await;
    let shown = done(&node, &["listener", "list"]).await;
    for part in [
        "c2s c2s serving, 1 connections, 0 not logged in, STARTTLS required",
        "c2s_tls c2s serving, 0 connections, 0 not logged in, TLS first",
        &format!("{} listening, 1 accepted, 0 refused", node.address()),
        "certificate",
        "for localhost",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let json = done(&node, &["listener", "list", "--json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let state = &listed[0]["tls"]["certificates"][0]["state"];
    assert_eq!(state, "valid", "{listed}");
}

#[tokio::test]
async fn n104_a_listener_is_drained_by_itself_and_resumed() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.login("alice").await;
    let mut bob = TestClient::connect_tls(node.direct_address(), &node.tls())
        .await
        .unwrap();
    bob.open(HOST).await;
    done(&node, &["listener", "drain", "c2s", "--timeout", "1s"]).await;
    assert!(
        TcpStream::connect(node.address()).await.is_err(),
        "it still listens"
    );
    alice.expect_stream_error("system-shutdown").await;
    drop(alice);
    until(&node, "c2s", |listener| listener["state"] == "drained").await;
    bob.send("</stream:stream>").await;
    bob.expect_end().await;
    TestClient::connect_tls(node.direct_address(), &node.tls())
        .await
        .unwrap();
    // A reload leaves it as it is.
    assert!(node.reload().await.status.success());
    assert!(
        TcpStream::connect(node.address()).await.is_err(),
        "it listens again"
    );
    let said = not_done(&node, &["listener", "restart", "c2s"]).await;
    assert!(said.contains("resume it"), "{said}");
    done(&node, &["listener", "resume", "c2s"]).await;
    until(&node, "c2s", |listener| listener["state"] == "serving").await;
    node.login("alice").await;
    let said = not_done(&node, &["listener", "resume", "c2s"]).await;
    assert!(said.contains("not drained"), "{said}");
}

#[tokio::test]
async fn a_drain_takes_its_time_and_can_be_ended() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    done(&node, &["listener", "drain", "c2s", "--timeout", "1h"]).await;
    let draining = listener(&node, "c2s").await;
    assert_eq!(
        (&draining["state"], &draining["connections"]),
        (&"draining".into(), &1.into())
    );
    alice.sync().await;
    done(&node, &["listener", "resume", "c2s"]).await;
    until(&node, "c2s", |listener| listener["state"] == "serving").await;
    alice.sync().await;
    node.login("alice").await;
}

#[tokio::test]
async fn a_listener_comes_and_goes_by_command() {
    let node = TestNode::with_users("", &["alice"]).await;
    let own = free();
    let bind = format!("bind=[\"{own}\"]");
    let add = ["listener", "add", "extra", "protocol=c2s", &bind];
    let said = done(&node, &add).await;
    assert!(said.contains("listener extra: added"), "{said}");
    until(&node, "extra", |listener| listener["state"] == "serving").await;
    let mut client = TestClient::connect(own).await;
    client.open(HOST).await;
    let said = not_done(&node, &add).await;
    assert!(said.contains("already"), "{said}");
    // A reload keeps what was added.
    assert!(node.reload().await.status.success());
    assert_eq!(listeners(&node).await.len(), 3);
    let said = not_done(
        &node,
        &[
            "listener",
            "add",
            "bad",
            "protocol=c2s",
            "bind=[\"nowhere\"]",
        ],
    )
    .await;
    assert!(said.contains("listener.bad.bind"), "{said}");
    assert_eq!(listeners(&node).await.len(), 3);
    done(&node, &["listener", "remove", "extra"]).await;
    assert!(TcpStream::connect(own).await.is_err(), "it still listens");
    client.send("</stream:stream>").await;
    client.expect_end().await;
    // One of the file stays away as well, until it is added again.
    done(&node, &["listener", "remove", "c2s_tls"]).await;
    assert!(node.reload().await.status.success());
    assert!(
        TcpStream::connect(node.direct_address()).await.is_err(),
        "it listens"
    );
    done(&node, &["listener", "add", "c2s_tls"]).await;
    until(&node, "c2s_tls", |listener| listener["state"] == "serving").await;
    let said = not_done(&node, &["listener", "remove", "nobody"]).await;
    assert!(said.contains("no listener \"nobody\""), "{said}");
}

#[tokio::test]
async fn the_address_is_never_closed_while_a_listener_is_restarted() {
    let node = TestNode::start("").await;
    let address = node.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let connecting = tokio::spawn(async move {
        let (mut stopped, mut connects) = (stopped, 0);
        while stopped.try_recv().is_err() {
            // Whom the kernel has put into the queue of the old socket in its last moment may be reset.
            if let Err(error) = TcpStream::connect(address).await {
                let kind = error.kind();
                assert_eq!(
                    kind,
                    ErrorKind::ConnectionReset,
                    "after {connects} connects"
                );
            }
            connects += 1;
        }
        connects
    });
    for _ in 0..10 {
        done(&node, &["listener", "restart", "c2s"]).await;
        until(&node, "c2s", |listener| listener["state"] == "serving").await;
    }
    stop.send(()).unwrap();
    assert!(connecting.await.unwrap() > 0);
}

#[tokio::test]
async fn a_listener_is_restarted_and_its_sessions_stay() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    done(&node, &["listener", "restart", "c2s"]).await;
    let fresh = |listener: &serde_json::Value| {
        listener["state"] == "serving" && listener["binds"][0]["report"]["accepted"] == 0
    };
    until(&node, "c2s", fresh).await;
    alice.sync().await;
    tokio::time::timeout(Duration::from_secs(60), node.login("alice"))
        .await
        .unwrap();
}
