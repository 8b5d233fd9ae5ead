//! Offline messages (XEP-0160, XEP-0203; RFC 6121 §8.5.2.2).

use harness::{HOST, TestClient, TestNode};

async fn leave(node: &TestNode, to: &str, stanzas: &[&str]) {
    let mut alice = node.online("alice").await;
    for stanza in stanzas {
        alice.send(&stanza.replace("TO", to)).await;
    }
    alice.sync().await;
    alice.close().await;
}

async fn bodies(client: &mut TestClient) -> Vec<String> {
    let found = client.sync().await;
    let messages = found.iter().filter(|stanza| stanza.name == "message");
    messages
        .filter_map(|m| m.child("body"))
        .map(|b| b.text.clone())
        .collect()
}

#[tokio::test]
async fn messages_wait_in_order_and_carry_the_time_they_came() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let to = format!("bob@{HOST}");
    leave(
        &node,
        &to,
        &[
            "<message to='TO' type='chat' id='1'><body>one</body></message>",
            "<message to='TO'><body>two</body></message>",
            "<message to='TO/gone' type='chat'><body>three</body></message>",
        ],
    )
    .await;
    let mut bob = node.login("bob").await;
    bob.send("<presence/>").await;
    for body in ["one", "two", "three"] {
        let wanted = format!(
            "<message from='*'><body>{body}</body><delay xmlns='urn:xmpp:delay' stamp='*'/></message>"
        );
        let message = bob.skip_to(&wanted).await;
        let delay = message.child_ns("delay", "urn:xmpp:delay").unwrap();
        assert!(delay.attr("stamp").unwrap().ends_with('Z'), "{delay}");
        assert!(
            message
                .attr("from")
                .unwrap()
                .starts_with(&format!("alice@{HOST}/"))
        );
    }
}

#[tokio::test]
async fn they_are_delivered_once() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    leave(
        &node,
        &format!("bob@{HOST}"),
        &["<message to='TO' type='chat'><body>x</body></message>"],
    )
    .await;
    let mut first = node.login("bob/first").await;
    first.send("<presence/>").await;
    first.skip_to("<message><body>x</body></message>").await;
    first.sync().await;
    let mut second = node.login("bob/second").await;
    second.send("<presence/>").await;
    assert!(bodies(&mut second).await.is_empty());
}

/// XEP-0160 §3: a negative priority is no place for messages, so they go on waiting.
#[tokio::test]
async fn a_negative_priority_leaves_them_waiting() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    leave(
        &node,
        &format!("bob@{HOST}"),
        &["<message to='TO' type='chat'><body>x</body></message>"],
    )
    .await;
    let mut negative = node.login("bob/negative").await;
    negative
        .send("<presence><priority>-1</priority></presence>")
        .await;
    assert!(bodies(&mut negative).await.is_empty());
    negative
        .send("<presence><priority>0</priority></presence>")
        .await;
    negative.skip_to("<message><body>x</body></message>").await;
}

/// XEP-0160 §3: headlines, errors, groupchat and bare chat states are not kept.
#[tokio::test]
async fn what_is_only_for_now_is_not_kept() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    leave(&node, &format!("bob@{HOST}"), &[
        "<message to='TO' type='headline'><body>headline</body></message>",
        "<message to='TO' type='error'><body>error</body></message>",
        "<message to='TO' type='groupchat'><body>groupchat</body></message>",
        "<message to='TO' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        "<message to='TO' type='chat'><body>kept</body></message>",
    ])
    .await;
    let mut bob = node.login("bob").await;
    bob.send("<presence/>").await;
    bob.skip_to("<message type='chat'><body>kept</body></message>")
        .await;
    assert!(bodies(&mut bob).await.is_empty());
}

#[tokio::test]
async fn they_survive_a_restart() {
    let mut node = TestNode::with_users("", &["alice", "bob"]).await;
    leave(
        &node,
        &format!("bob@{HOST}"),
        &["<message to='TO' type='chat'><body>x</body></message>"],
    )
    .await;
    node.restart().await;
    let mut bob = node.login("bob").await;
    bob.send("<presence/>").await;
    bob.skip_to("<message><body>x</body></message>").await;
}

#[tokio::test]
async fn the_bound_per_user_is_answered_with_service_unavailable() {
    let node =
        TestNode::with_users("[host.localhost]\noffline_messages = 3", &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    for n in 0..4 {
        alice
            .send(&format!(
                "<message to='bob@{HOST}' type='chat' id='m{n}'><body>{n}</body></message>"
            ))
            .await;
    }
    alice.expect("<message type='error' id='m3'><error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>").await;
    let mut bob = node.login("bob").await;
    bob.send("<presence/>").await;
    assert_eq!(bodies(&mut bob).await, ["0", "1", "2"]);
}
