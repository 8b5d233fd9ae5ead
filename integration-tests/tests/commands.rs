//! The command line, the configuration's mistakes, and the life of the process.

use std::process::Output;

use harness::{HOST, TestNode, password_of};
use rustix::process::Signal;

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test]
async fn users_are_managed_while_the_node_runs() {
    let node = TestNode::with_users("", &["alice"]).await;
    let alice = format!("alice@{HOST}");
    let again = node.command_with_input(&["user", "add", &alice], "x").await;
    assert!(!again.status.success(), "an account is made once");
    let listed = node.command(&["user", "list"]).await;
    assert!(said(&listed).contains(&alice), "{listed:?}");

    let mut session = node.online("alice").await;
    let changed = node
        .command_with_input(&["user", "passwd", &alice], "a new one")
        .await;
    assert!(changed.status.success(), "{changed:?}");
    session.expect_eof().await;
    let mut client = node.secured().await;
    assert!(client.plain("alice", &password_of("alice")).await.is_err());
    client.plain("alice", "a new one").await.unwrap();

    let role = node.command(&["user", "role", &alice, "operator"]).await;
    assert!(role.status.success(), "{role:?}");
    assert!(said(&node.command(&["user", "list"]).await).contains("operator"));
    let deleted = node.command(&["user", "delete", &alice]).await;
    assert!(deleted.status.success(), "{deleted:?}");
    let mut client = node.secured().await;
    assert!(client.plain("alice", "a new one").await.is_err());
    assert!(!said(&node.command(&["user", "list"]).await).contains(&alice));
}

#[tokio::test]
async fn an_account_of_another_host_is_refused() {
    let node = TestNode::start("").await;
    for wrong in [
        "alice@elsewhere.example",
        "alice",
        "@localhost",
        "a b@localhost",
    ] {
        let output = node.command_with_input(&["user", "add", wrong], "x").await;
        assert!(!output.status.success(), "{wrong}: {output:?}");
    }
}

#[tokio::test]
async fn every_mistake_of_the_configuration_is_named_at_once() {
    let node = TestNode::start("").await;
    node.write(
        "portcullis.toml",
        "[listner.c2s]\nprotocol = \"c2s\"\n\n[network]\nmax_conections = 1\n\n[node]\narbiters = 0\n\n[logging]\nformat = 3\n",
    );
    for command in ["check", "run"] {
        let output = node.command(&[command]).await;
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        let said = said(&output);
        for wanted in [
            "listner",
            "listener",
            "max_conections",
            "max_connections",
            "node.arbiters",
            "logging.format",
        ] {
            assert!(said.contains(wanted), "{wanted} is missing in\n{said}");
        }
    }
}

#[tokio::test]
async fn a_sound_configuration_passes_the_check() {
    let node = TestNode::start("").await;
    let output = node.command(&["check"]).await;
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn the_version_is_shown() {
    let node = TestNode::start("").await;
    let output = node.command(&["version"]).await;
    assert!(output.status.success());
    assert!(said(&output).starts_with("portcullis "), "{output:?}");
}

/// Two nodes on one data directory would ruin it; the second one ends before it opens anything.
#[tokio::test]
async fn a_second_node_on_the_same_data_ends_with_75() {
    let node = TestNode::start("").await;
    let output = node.command(&["run"]).await;
    assert_eq!(output.status.code(), Some(75), "{output:?}");
}

#[tokio::test]
async fn a_stop_says_good_bye_to_every_session() {
    let mut node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.online("alice").await;
    node.signal(Signal::TERM);
    alice.expect_stream_error("system-shutdown").await;
    let status = node.ended().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn accounts_are_made_while_no_node_runs() {
    let mut node = TestNode::start("").await;
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());
    node.add_user("alice").await;
    node.start_again().await;
    node.online("alice").await;
}
