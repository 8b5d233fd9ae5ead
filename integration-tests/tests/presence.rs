//! Presence (RFC 6121 §4): broadcast, probes, directed presence, priority and the end of a session.

use harness::{HOST, Pattern, TestClient, TestNode};

use crate::subscription::befriend;

async fn two_friends(toml: &str) -> (TestNode, TestClient, TestClient) {
    let node = TestNode::with_users(toml, &["alice", "bob"]).await;
    let mut alice = node.online("alice/desk").await;
    let mut bob = node.online("bob/phone").await;
    befriend(&mut alice, &mut bob).await;
    (node, alice, bob)
}

#[tokio::test]
async fn initial_presence_reaches_the_own_resources_and_finds_them() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut desk = node.online("alice/desk").await;
    let mut phone = node.login("alice/phone").await;
    phone
        .send("<presence><priority>5</priority></presence>")
        .await;
    desk.expect(&format!(
        "<presence from='alice@{HOST}/phone' type='!'><priority>5</priority></presence>"
    ))
    .await;
    let desk_seen = format!("<presence from='alice@{HOST}/desk' type='!'/>");
    phone
        .expect_all(&[
            &format!("<presence from='alice@{HOST}/phone'/>"),
            &desk_seen,
        ])
        .await;
}

#[tokio::test]
async fn friends_see_each_other_come_change_and_go() {
    let (node, mut alice, bob) = two_friends("").await;
    bob.close().await;
    alice
        .expect(&format!(
            "<presence from='bob@{HOST}/phone' type='unavailable'/>"
        ))
        .await;
    let mut bob = node.login("bob/phone").await;
    bob.send("<presence/>").await;
    bob.expect_all(&[
        &format!("<presence from='bob@{HOST}/phone' type='!'/>"),
        &format!("<presence from='alice@{HOST}/desk' type='!'/>"),
    ])
    .await;
    alice
        .expect(&format!("<presence from='bob@{HOST}/phone' type='!'/>"))
        .await;
    bob.send("<presence><show>away</show><status>lunch</status></presence>")
        .await;
    alice
        .expect(&format!(
            "<presence from='bob@{HOST}/phone'><show>away</show><status>lunch</status></presence>"
        ))
        .await;
    bob.send("<presence type='unavailable'><status>bye</status></presence>")
        .await;
    alice
        .expect(&format!(
            "<presence from='bob@{HOST}/phone' type='unavailable'><status>bye</status></presence>"
        ))
        .await;
}

#[tokio::test]
async fn a_broken_connection_is_an_unavailable_presence() {
    let (_node, mut alice, bob) = two_friends("").await;
    drop(bob);
    alice
        .expect(&format!(
            "<presence from='bob@{HOST}/phone' type='unavailable'/>"
        ))
        .await;
}

/// RFC 6121 §4.3.2: a late-comer is told the last presence of those who are there.
#[tokio::test]
async fn a_late_comer_sees_the_last_presence_of_friends() {
    let (node, _alice, mut bob) = two_friends("").await;
    bob.send("<presence><show>dnd</show></presence>").await;
    bob.sync().await;
    let mut phone = node.login("alice/phone").await;
    phone.send("<presence/>").await;
    let seen = phone
        .skip_to(&format!("<presence from='bob@{HOST}/phone'/>"))
        .await;
    assert!(
        Pattern::new("<presence><show>dnd</show></presence>").matches(&seen),
        "{seen}"
    );
}

/// RFC 6121 §4.3.2: a probe from someone without a subscription tells nothing.
#[tokio::test]
async fn a_strangers_probe_tells_nothing() {
    let node = TestNode::with_users("", &["alice", "mallory"]).await;
    let mut alice = node.online("alice").await;
    let mut mallory = node.online("mallory").await;
    mallory
        .send(&format!("<presence type='probe' to='alice@{HOST}'/>"))
        .await;
    for found in mallory.sync().await {
        assert!(
            !Pattern::new("<presence type='!'/>").matches(&found),
            "{found}"
        );
    }
    alice.expect_nothing().await;
}

/// RFC 6121 §4.6: directed presence goes to strangers too, and they learn when it ends.
#[tokio::test]
async fn directed_presence_is_taken_back_at_the_end() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice/desk").await;
    let mut bob = node.online("bob/phone").await;
    bob.send(&format!(
        "<presence to='{}'><status>hi</status></presence>",
        alice.jid
    ))
    .await;
    alice
        .expect(&format!(
            "<presence from='{}' to='{}'><status>hi</status></presence>",
            bob.jid, alice.jid
        ))
        .await;
    bob.send("<presence><show>away</show></presence>").await;
    bob.sync().await;
    alice.expect_nothing().await;
    let bob_jid = bob.jid.clone();
    bob.close().await;
    alice
        .expect(&format!("<presence from='{bob_jid}' type='unavailable'/>"))
        .await;
}

#[tokio::test]
async fn directed_unavailable_ends_it_for_that_contact() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice/desk").await;
    let mut bob = node.online("bob/phone").await;
    bob.send(&format!("<presence to='{}'/>", alice.jid)).await;
    bob.send(&format!(
        "<presence type='unavailable' to='{}'/>",
        alice.jid
    ))
    .await;
    alice
        .expect(&format!("<presence from='{}' type='!'/>", bob.jid))
        .await;
    alice
        .expect(&format!(
            "<presence from='{}' type='unavailable'/>",
            bob.jid
        ))
        .await;
    bob.close().await;
    alice.expect_nothing().await;
}

#[tokio::test]
async fn a_priority_out_of_range_is_refused_or_ignored() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    for priority in ["128", "-129", "soon"] {
        alice
            .send(&format!(
                "<presence><priority>{priority}</priority></presence>"
            ))
            .await;
        for found in alice.sync().await {
            let is_error = found.attr("type") == Some("error");
            let shows_it = found.child("priority").is_some_and(|p| p.text == priority);
            assert!(is_error || !shows_it, "{found}");
        }
    }
}
