//! xmpp.js (Node.js) over TCP and WebSocket; what it does is in `clients/xmpp_js.mjs`.

use std::process::Stdio;

use harness::{DEADLINE, HOST, TestNode};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{assert_success, chat, meet_alice, node_modules, say, scripts, talk_with_alice};
use crate::network::until;

const WEB: &str = "[listener.web]\nprotocol = \"http\"\n[listener.web_tls]\nprotocol = \"http\"\ntls = { implicit = true }\n";

/// Starts alice, who is to talk with bob.
fn start(node: &TestNode, scheme: &str, listener: &str) -> Child {
    let address = node.listener(listener);
    let path = if scheme.starts_with("ws") {
        "/xmpp-websocket"
    } else {
        ""
    };
    Command::new("node")
        .env("NODE_EXTRA_CA_CERTS", &node.certificates.root_file)
        .arg(scripts().join("xmpp_js.mjs"))
        .arg(node_modules())
        .arg(format!("{scheme}://{HOST}:{}{path}", address.port()))
        .arg(address.ip().to_string())
        .args(["alice", "bob"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn ended(alice: Child) {
    let output = timeout(DEADLINE, alice.wait_with_output()).await;
    assert_success("xmpp.js", &output.expect("an end").unwrap());
}

async fn talks(scheme: &str, listener: &str) {
    let node = TestNode::with_users(WEB, &["alice", "bob"]).await;
    let mut bob = node.online("bob").await;
    let alice = start(&node, scheme, listener);
    talk_with_alice(&mut bob).await;
    ended(alice).await;
    bob.close().await;
    until(&node, listener, |listener| listener["connections"] == 0).await;
}

#[tokio::test]
async fn talks_over_starttls() {
    talks("xmpp", "c2s").await;
}

#[tokio::test]
async fn talks_over_direct_tls() {
    talks("xmpps", "c2s_tls").await;
}

#[tokio::test]
async fn talks_over_websocket() {
    talks("ws", "web").await;
}

#[tokio::test]
async fn talks_over_websocket_with_tls() {
    talks("wss", "web_tls").await;
}

#[tokio::test]
async fn comes_back_after_a_restart_of_the_node() {
    let mut node = TestNode::with_users(WEB, &["alice", "bob"]).await;
    let mut bob = node.online("bob").await;
    let alice = start(&node, "wss", "web_tls");
    meet_alice(&mut bob).await;
    node.restart().await;
    let mut bob = node.login("bob").await;
    bob.go_online().await;
    // Her presence may have come before he was there to see it; what she says waits for him.
    let here = chat(&mut bob).await;
    say(&mut bob, here.attr("from").unwrap(), "leave").await;
    ended(alice).await;
}
