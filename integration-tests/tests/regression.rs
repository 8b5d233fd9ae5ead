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

/// Requests wait for the user and are shown all at once: long ones must not end every session at its start.
#[tokio::test]
async fn long_subscription_requests_keep_nobody_from_coming_online() {
    let strangers = (0..20).map(|i| format!("s{i}")).collect::<Vec<_>>();
    let users = strangers.iter().map(String::as_str).chain(["bob"]);
    let node = TestNode::with_users("", &users.collect::<Vec<_>>()).await;
    let status = "x".repeat(250_000);
    for stranger in &strangers {
        let mut client = node.login(stranger).await;
        client
            .send(&format!(
                "<presence type='subscribe' to='bob@localhost'><status>{status}</status></presence>"
            ))
            .await;
        client.sync().await;
    }
    let mut bob = node.login("bob").await;
    bob.send("<presence/>").await;
    for _ in &strangers {
        bob.skip_to("<presence type='subscribe'/>").await;
    }
    bob.sync().await;
}
