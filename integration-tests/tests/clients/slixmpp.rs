//! slixmpp (Python), its clients and its component; the scenarios are in `clients/slixmpp_talk.py`.

use std::time::Duration;

use harness::TestNode;
use tokio::process::Command;
use tokio::time::timeout;

use super::{assert_success, scripts, tools};

async fn run(scenario: &str) {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    talk(&node, scenario, &[]).await;
}

async fn talk(node: &TestNode, scenario: &str, more: &[&str]) {
    let python = tools().join("venv/bin/python");
    assert!(python.exists(), "run `cargo xtask test --only tools` first");
    let child = Command::new(python)
        .arg(scripts().join("slixmpp_talk.py"))
        .args(["--host", &node.address().ip().to_string()])
        .args(["--port", &node.address().port().to_string()])
        .args(["--direct-port", &node.direct_address().port().to_string()])
        .arg("--ca")
        .arg(&node.certificates.root_file)
        .args(more)
        .arg(scenario)
        .kill_on_drop(true)
        .output();
    let output = timeout(Duration::from_secs(120), child)
        .await
        .expect("a scenario that ends")
        .unwrap();
    assert_success(scenario, &output);
}

#[tokio::test]
async fn logs_in_with_every_mechanism_over_starttls_and_direct_tls() {
    run("login").await;
}

#[tokio::test]
async fn keeps_a_roster() {
    run("roster").await;
}

#[tokio::test]
async fn subscribes() {
    run("subscription").await;
}

#[tokio::test]
async fn chats() {
    run("chat").await;
}

#[tokio::test]
async fn gets_what_came_while_it_was_away() {
    run("offline").await;
}

#[tokio::test]
async fn blocks() {
    run("blocking").await;
}

#[tokio::test]
async fn is_a_component() {
    // The script connects to one address.
    let toml = "[listener.components]\nprotocol = \"component\"\nbind = []\n\
                [component.\"echo.localhost\"]\nsecret = \"open sesame\"\n";
    let node = TestNode::with_users(toml, &["alice"]).await;
    let free = std::net::TcpListener::bind((node.address().ip(), 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let file = node.directory().join("portcullis.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let config = config.replace("bind = []", &format!("bind = [\"{address}\"]"));
    std::fs::write(&file, config).unwrap();
    assert!(node.reload().await.status.success());
    let port = address.port().to_string();
    talk(&node, "component", &["--component-port", &port]).await;
}
