//! SIGTERM: everybody is told, and the node ends in time whatever its peers do.

use std::time::{Duration, Instant};

use harness::{Event, HOST, Item, TestClient, TestNode};
use rustix::process::Signal;

use crate::timeouts::{SMALL_BUFFERS, long_message, until_sessions};

/// `timeouts.close` of the node under test.
const CLOSE: Duration = Duration::from_secs(3);

/// A peer that answers, some that do not, one that does not even read, strangers before and behind their header.
#[tokio::test]
async fn n105_a_stop_ends_in_time_even_with_peers_that_do_not_answer_or_read() {
    let toml = format!("{SMALL_BUFFERS}[listener.c2s.timeouts]\nclose = \"3s\"\n");
    let mut node = TestNode::with_users(&toml, &["alice", "bob", "carol"]).await;
    let mut answering = node.online("alice").await;
    let mut silent = node.online("carol").await;
    let mut stuck = node.online("bob").await;
    for _ in 0..30 {
        answering.send(&long_message(&stuck.jid, 50_000)).await;
    }
    answering.sync().await;
    let mut stranger = TestClient::connect(node.address()).await;
    stranger.open(HOST).await;
    let mut mute = TestClient::connect(node.address()).await;
    let _in_tls = TestClient::connect(node.direct_address()).await;
    until_sessions(&node, 6).await;
    let since = Instant::now();
    node.signal(Signal::TERM);
    answering.skip_to_stream_error("system-shutdown").await;
    answering.expect_end_of_stream().await;
    answering.send("</stream:stream>").await;
    for client in [&mut silent, &mut stranger, &mut mute] {
        client.skip_to_stream_error("system-shutdown").await;
        client.expect_end_of_stream().await;
    }
    let status = node.ended().await;
    let took = since.elapsed();
    assert_eq!(status.code(), Some(0), "{}", node.log());
    assert!(took < CLOSE + Duration::from_secs(1), "{took:?}");
    assert!(
        !node.log().contains("did not stop in time"),
        "{}",
        node.log()
    );
    // What it had not read was for it alone to read: the connection ends.
    while !matches!(stuck.event().await, Event::Eof | Event::Item(Item::End)) {}
}
