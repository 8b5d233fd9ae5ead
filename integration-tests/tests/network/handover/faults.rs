//! Either side ends at each step of the handover: nothing is lost, and one of both serves.

use harness::{DEADLINE, HOST, TestClient, TestNode};
use rustix::process::Signal;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::time::timeout;

use super::Flood;
use super::relay::{Relay, connect, receive, send};
use crate::network::text;

/// Lines that are said, in turn: the request, the sockets, what is taken, that the data is free, that the successor
/// serves, the farewell.
const LINES: usize = 6;

/// A node with a message that waits for bob, and alice logged in.
async fn node() -> (TestNode, TestClient) {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.login("alice").await;
    alice
        .send("<message to='bob@localhost' type='chat'><body>kept</body></message>")
        .await;
    alice.sync().await;
    (node, alice)
}

/// Has the two say so many lines, and the next one be said but not heard.
async fn after(lines: usize, node: &TestNode) -> (Relay, Child) {
    let (relay, successor) = Relay::start(node).await;
    for number in 0..=lines.min(LINES - 1) {
        let is_of_successor = number % 2 == 0;
        let line = match is_of_successor {
            true => relay.of_successor().await,
            false => relay.of_node().await,
        };
        if number < lines {
            let to = match is_of_successor {
                true => &relay.node,
                false => &relay.successor,
            };
            send(to, &line).await;
        }
    }
    (relay, successor)
}

/// Waits until somebody serves who knows what was kept, and nobody else.
async fn is_served(node: &TestNode) {
    let address = node.address();
    let trying = async { while TcpStream::connect(address).await.is_err() {} };
    timeout(DEADLINE, trying)
        .await
        .expect("somebody who listens");
    let mut bob = node.online("bob").await;
    bob.skip_to("<message><body>kept</body></message>").await;
}

#[tokio::test]
async fn a_node_that_is_killed_at_any_step_has_its_successor_serve() {
    for lines in 0..=LINES {
        let (mut node, _alice) = node().await;
        let (relay, successor) = after(lines, &node).await;
        node.signal(Signal::KILL);
        node.ended().await;
        drop(relay);
        node.succeed(successor);
        is_served(&node).await;
        node.signal(Signal::TERM);
        let status = node.ended().await;
        assert!(status.success(), "after {lines} lines: {status}");
    }
}

/// Once the node has heard that the successor serves it ends: what becomes of the successor then is like the end of any node.
#[tokio::test]
async fn a_successor_that_is_killed_at_any_step_has_the_node_serve() {
    for lines in 0..LINES - 1 {
        let (mut node, mut alice) = node().await;
        let (relay, mut successor) = after(lines, &node).await;
        successor.start_kill().unwrap();
        timeout(DEADLINE, successor.wait()).await.unwrap().unwrap();
        drop(relay);
        match lines {
            0..3 => alice.sync().await.clear(),
            _ => alice.skip_to_stream_error("system-shutdown").await,
        }
        drop(alice);
        is_served(&node).await;
        let taking = async { while !node.reload().await.status.success() {} };
        timeout(DEADLINE, taking).await.expect("an admin socket");
        node.signal(Signal::TERM);
        let status = node.ended().await;
        assert!(status.success(), "after {lines} lines: {status}");
    }
}

#[tokio::test]
async fn a_successor_that_can_not_serve_says_so_and_the_node_goes_on() {
    let (mut node, mut alice) = node().await;
    let path = node.directory().join("portcullis.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    let script = node.write("bad.pfw", "FLY.\n");
    for (bad, status) in [
        ("[logging]\nfilter = 3\n".to_owned(), 78),
        (format!("[firewall]\nscripts = [{script:?}]\n"), 78),
    ] {
        std::fs::write(&path, format!("{good}\n{bad}")).unwrap();
        let mut successor = node.start_successor(&[]);
        let ended = timeout(DEADLINE, successor.wait()).await.unwrap().unwrap();
        assert_eq!(ended.code(), Some(status), "{}", node.log());
        std::fs::write(&path, &good).unwrap();
        alice.sync().await;
        std::fs::write(&path, format!("{good}\n{bad}")).unwrap();
        // The command reads the configuration too, so the node is asked past it.
        let refused = node.admin(serde_json::json!("upgrade")).await;
        let problems = refused["refused"]["problems"].to_string();
        assert!(problems.len() > 4, "{refused}");
        std::fs::write(&path, &good).unwrap();
    }
    alice.sync().await;
    is_served(&node).await;
    node.take_over(&[]).await;
    alice.skip_to_stream_error("system-shutdown").await;
}

/// The data can only be opened when the node has let it go, so this is found late.
#[tokio::test]
async fn a_successor_that_fails_late_costs_no_connect() {
    let (mut node, mut alice) = node().await;
    let flood = Flood::start(node.address(), "");
    flood.go_on(50).await;
    let key = format!("storage.path={:?}", node.directory());
    let mut successor = node.start_successor(&["--set", &key]);
    let ended = timeout(DEADLINE, successor.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(74), "{}", node.log());
    alice.skip_to_stream_error("system-shutdown").await;
    flood.go_on(100).await;
    flood.end();
    let log = node.log();
    assert!(log.contains("taking service up again"), "{log}");
    is_served(&node).await;
    // And once more, now with one that serves.
    let taking = async { while !node.reload().await.status.success() {} };
    timeout(DEADLINE, taking).await.expect("an admin socket");
    node.take_over(&[]).await;
    node.login("alice").await;
}

/// Whoever says something else than a successor would gets nothing, and the node goes on.
#[tokio::test]
async fn nonsense_instead_of_a_successor_is_left() {
    let (node, mut alice) = node().await;
    let request = r#"{"version":1,"command":"handover"}"#;
    for nonsense in [
        "\"serving\"",
        "nonsense",
        r#"{"failed":{"problems":["no"]}}"#,
    ] {
        let talk = connect(&node).await;
        send(&talk, &request.into()).await;
        assert!(receive(&talk).await.text.starts_with("{\"sockets\""));
        send(&talk, &nonsense.into()).await;
        alice.sync().await;
    }
    is_served(&node).await;
}

#[tokio::test]
async fn without_a_node_a_takeover_is_a_plain_start() {
    let (mut node, alice) = node().await;
    drop(alice);
    node.kill9().await;
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());
    let successor = node.start_successor(&[]);
    node.succeed(successor);
    is_served(&node).await;
    // A second one beside it is refused, as ever.
    let second = node.command(&["run"]).await;
    assert_eq!(second.status.code(), Some(75), "{}", text(&second));
    TestClient::connect(node.address()).await.open(HOST).await;
}
