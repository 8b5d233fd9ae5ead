//! slixmpp (Python); the scenarios are in `clients/slixmpp_talk.py`.

use std::time::Duration;

use harness::TestNode;
use tokio::process::Command;
use tokio::time::timeout;

use super::{assert_success, scripts, tools};

async fn run(scenario: &str) {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let python = tools().join("venv/bin/python");
    assert!(python.exists(), "run `cargo xtask test --only tools` first");
    let child = Command::new(python)
        .arg(scripts().join("slixmpp_talk.py"))
        .args(["--host", &node.address().ip().to_string()])
        .args(["--port", &node.address().port().to_string()])
        .args(["--direct-port", &node.direct_address().port().to_string()])
        .arg("--ca")
        .arg(&node.certificates.root_file)
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
