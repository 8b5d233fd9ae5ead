//! Faults that were found by attack; each test fails without its cure.

use harness::TestNode;

/// Escaping makes the stored form of a message longer than what the sender's limit let in.
#[tokio::test]
async fn a_message_that_grows_by_escaping_is_kept_and_delivered() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let body = "'>\"".repeat(87_000);
    alice
        .send(&format!(
            "<message to='bob@localhost' type='chat' id='long'><body>{body}</body></message>"
        ))
        .await;
    for found in alice.sync().await {
        assert_ne!(found.name, "message", "{found}");
    }
    let mut bob = node.login("bob").await;
    bob.send("<presence/>").await;
    bob.skip_to("<message type='chat' id='long'><body/></message>")
        .await;
}
