//! Silence, slowness and stubbornness end at the deadline that is configured, not before and not much later.

use std::time::{Duration, Instant};

use harness::{DEADLINE, Event, HOST, Item, TestClient, TestNode};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// What a loaded machine may add to a deadline.
const SLACK: Duration = Duration::from_secs(10);

fn expect_between(since: Instant, least: Duration) {
    let took = since.elapsed();
    assert!(
        took >= least && took < least + SLACK,
        "{took:?}, not {least:?}"
    );
}

/// Waits until the node has this many sessions.
pub(crate) async fn until_sessions(node: &TestNode, wanted: usize) {
    let waiting = async {
        while sessions(node).await != wanted {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("there are not {wanted} sessions"));
}

/// How many sessions the node has.
pub(crate) async fn sessions(node: &TestNode) -> usize {
    let answer = node
        .admin(serde_json::json!({ "actor-list": { "within": "sessions", "after": null } }))
        .await;
    // Without one the branch is not there either.
    answer["actors"]["actors"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn n081_a_client_that_says_nothing_at_all_is_told_so() {
    let node = TestNode::start("[listener.c2s.timeouts]\nread = \"1s\"\n").await;
    let since = Instant::now();
    let mut client = TestClient::connect(node.address()).await;
    client.expect_stream_error("connection-timeout").await;
    expect_between(since, Duration::from_secs(1));
    assert_eq!(client.header.name, "stream", "a header comes first");
    // Behind a header it is the deadline of the log-in that counts.
    let mut client = TestClient::connect(node.address()).await;
    client.open(HOST).await;
    let silence = timeout(Duration::from_millis(1500), client.event()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn n082_a_log_in_has_one_deadline_and_strangers_hear_nothing_before_it() {
    let node = TestNode::start("[listener.c2s.timeouts]\nauthenticate = \"1s\"\n").await;
    let since = Instant::now();
    let mut plain = TestClient::connect(node.address()).await;
    plain.open(HOST).await;
    let mut secured = node.secured().await;
    for client in [&mut plain, &mut secured] {
        match client.event().await {
            Event::Item(Item::Element(error)) if error.name == "error" => {
                assert!(error.child("connection-timeout").is_some(), "{error}");
            }
            other => client.fail(&format!("{other:?}")),
        }
        client.expect_end().await;
    }
    expect_between(since, Duration::from_secs(1));
}

/// Writes one byte after the other of a record that promises more than will ever come.
async fn drip(client: &mut TestClient) {
    let mut pace = interval(Duration::from_millis(100));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 400]].concat();
    for byte in hello {
        pace.tick().await;
        if client.try_send(&[byte]).await.is_err() {
            return;
        }
    }
    client.fail("a handshake of 40 s was allowed");
}

#[tokio::test]
async fn n059_n060_a_handshake_byte_by_byte_is_cut_at_its_deadline() {
    let toml = "[listener.c2s_tls]\ntls = { implicit = true, timeout = \"1s\" }\n\
                [listener.c2s]\ntls = { timeout = \"1s\" }\n";
    let node = TestNode::start(toml).await;
    let since = Instant::now();
    let mut client = TestClient::connect(node.direct_address()).await;
    drip(&mut client).await;
    expect_between(since, Duration::from_secs(1));

    let mut client = TestClient::connect(node.address()).await;
    client.open(HOST).await;
    let since = Instant::now();
    client
        .send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    client
        .expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    drip(&mut client).await;
    expect_between(since, Duration::from_secs(1));
    until_sessions(&node, 0).await;
}

#[tokio::test]
async fn a_client_that_does_not_close_its_side_has_its_time() {
    let node = TestNode::with_users("[listener.c2s.timeouts]\nclose = \"1s\"\n", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let since = Instant::now();
    alice.send("<stanza/>").await;
    alice.expect_stream_error("unsupported-stanza-type").await;
    // Our side is closed; hers is not, and she goes on sending.
    alice.send("<presence/>").await;
    until_sessions(&node, 0).await;
    expect_between(since, Duration::from_secs(1));
}

#[tokio::test]
async fn a_client_that_closes_its_side_is_not_waited_for() {
    let node = TestNode::with_users("[listener.c2s.timeouts]\nclose = \"5m\"\n", &["alice"]).await;
    let alice = node.login("alice").await;
    alice.close().await;
    until_sessions(&node, 0).await;
    let mut alice = node.login("alice").await;
    alice.send("<stanza/>").await;
    alice.expect_stream_error("unsupported-stanza-type").await;
    drop(alice);
    until_sessions(&node, 0).await;
    drop(node.login("alice").await);
    until_sessions(&node, 0).await;
}

/// A listener with small kernel buffers, so that a client that does not read is soon noticed.
pub(crate) const SMALL_BUFFERS: &str = "[listener.c2s.socket]\nsend_buffer = \"16KiB\"\n";

/// A message that takes some room.
pub(crate) fn long_message(to: &str, bytes: usize) -> String {
    let body = "x".repeat(bytes);
    format!("<message to='{to}' type='chat'><body>{body}</body></message>")
}

#[tokio::test]
async fn n087_a_reader_without_progress_is_dropped_however_often_more_is_queued() {
    let toml = format!("{SMALL_BUFFERS}[listener.c2s.timeouts]\nsend = \"1s\"\n");
    let node = TestNode::with_users(&toml, &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    let since = Instant::now();
    for _ in 0..30 {
        alice.send(&long_message(&bob.jid, 50_000)).await;
    }
    let bob_jid = bob.jid.clone();
    let mut pace = interval(Duration::from_millis(200));
    let trickle = async {
        loop {
            pace.tick().await;
            let got = {
                alice.send(&long_message(&bob_jid, 10)).await;
                alice.sync().await
            };
            let is_over = |stanza: &harness::Xml| stanza.attr("type") == Some("unavailable");
            if got.iter().any(is_over) {
                return;
            }
        }
    };
    timeout(DEADLINE, trickle).await.expect("bob to be gone");
    expect_between(since, Duration::from_secs(1));
}

#[tokio::test]
async fn n088_a_slow_reader_that_makes_progress_stays() {
    let toml = format!("{SMALL_BUFFERS}[listener.c2s.timeouts]\nsend = \"1s\"\n");
    let node = TestNode::with_users(&toml, &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    for _ in 0..40 {
        alice.send(&long_message(&bob.jid, 30_000)).await;
    }
    let mut pace = interval(Duration::from_millis(60));
    for _ in 0..40 {
        pace.tick().await;
        bob.expect("<message><body/></message>").await;
    }
    bob.expect_nothing().await;
}

#[tokio::test]
async fn n083_a_silent_client_is_asked_and_stays_if_it_answers() {
    let node = TestNode::with_users(
        "[listener.c2s.timeouts]\nread = \"1s\"\n",
        &["alice", "bob"],
    )
    .await;
    let mut bob = node.login("bob").await;
    let since = Instant::now();
    let mut alice = node.login("alice").await;
    for _ in 0..3 {
        let ping = alice
            .expect("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
            .await;
        let (id, from) = (ping.attr("id").unwrap(), ping.attr("from").unwrap());
        alice
            .send(&format!("<iq type='result' id='{id}' to='{from}'/>"))
            .await;
    }
    assert!(since.elapsed() >= Duration::from_secs(3));
    bob.expect("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    bob.expect_stream_error("connection-timeout").await;
    alice.sync().await;
}
