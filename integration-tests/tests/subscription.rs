//! Subscriptions (RFC 6121 §3 and appendix A), as two raw clients see them.

use harness::{HOST, TestClient, TestNode};

/// Leaves both with a subscription to each other, and with nothing unread.
pub(crate) async fn befriend(one: &mut TestClient, two: &mut TestClient) {
    for _ in 0..2 {
        let (asking, asked) = (one.bare().to_owned(), two.bare().to_owned());
        one.send(&format!("<presence type='subscribe' to='{asked}'/>"))
            .await;
        two.skip_to(&format!("<presence type='subscribe' from='{asking}'/>"))
            .await;
        two.send(&format!("<presence type='subscribed' to='{asking}'/>"))
            .await;
        one.skip_to(&format!("<presence type='!' from='{}'/>", two.jid))
            .await;
        std::mem::swap(one, two);
    }
    one.sync().await;
    two.sync().await;
}

async fn roster_item(client: &mut TestClient, jid: &str) -> Option<harness::Xml> {
    let answer = client
        .request("get", None, "<query xmlns='jabber:iq:roster'/>")
        .await;
    let items = &answer.child("query").unwrap().children;
    items
        .iter()
        .find(|item| item.attr("jid") == Some(jid))
        .cloned()
}

fn push(jid: &str, attributes: &str) -> String {
    format!(
        "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='{jid}' {attributes}/></query></iq>"
    )
}

async fn pair(node: &TestNode) -> (TestClient, TestClient) {
    (
        node.online("alice/desk").await,
        node.online("bob/phone").await,
    )
}

/// The handshake of RFC 6121 §3.1, with every push and every presence on the way.
#[tokio::test]
async fn the_whole_handshake_is_seen_by_both() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let (mut alice, mut bob) = pair(&node).await;
    let (a, b) = (format!("alice@{HOST}"), format!("bob@{HOST}"));

    alice
        .send(&format!("<presence type='subscribe' to='{b}' id='s1'/>"))
        .await;
    alice
        .expect(&push(&b, "subscription='none' ask='subscribe'"))
        .await;
    bob.expect(&format!("<presence type='subscribe' from='{a}' to='{b}'/>"))
        .await;

    bob.send(&format!("<presence type='subscribed' to='{a}'/>"))
        .await;
    bob.expect(&push(&a, "subscription='from'")).await;
    alice
        .expect_all(&[
            &push(&b, "subscription='to' ask='!'"),
            &format!("<presence type='subscribed' from='{b}'/>"),
            &format!("<presence type='!' from='{b}/phone'/>"),
        ])
        .await;

    bob.send(&format!("<presence type='subscribe' to='{a}'/>"))
        .await;
    bob.expect(&push(&a, "subscription='from' ask='subscribe'"))
        .await;
    alice
        .expect(&format!("<presence type='subscribe' from='{b}'/>"))
        .await;
    alice
        .send(&format!("<presence type='subscribed' to='{b}'/>"))
        .await;
    alice.expect(&push(&b, "subscription='both'")).await;
    bob.expect_all(&[
        &push(&a, "subscription='both' ask='!'"),
        &format!("<presence type='subscribed' from='{a}'/>"),
        &format!("<presence type='!' from='{a}/desk'/>"),
    ])
    .await;
}

#[tokio::test]
async fn a_request_waits_for_the_contact_to_come_online() {
    let mut node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice/desk").await;
    alice
        .send(&format!(
            "<presence type='subscribe' to='bob@{HOST}'><status>it is me</status></presence>"
        ))
        .await;
    alice.sync().await;
    let request = format!("<presence type='subscribe' from='alice@{HOST}'/>");
    let mut bob = node.login("bob/phone").await;
    bob.send("<presence/>").await;
    bob.skip_to(&request).await;
    bob.close().await;
    node.restart().await;
    let mut bob = node.login("bob/phone").await;
    bob.send("<presence/>").await;
    bob.skip_to(&request).await;
    // A request that waits is no roster item (RFC 6121 §3.1.3).
    assert!(
        roster_item(&mut bob, &format!("alice@{HOST}"))
            .await
            .is_none()
    );
}

#[tokio::test]
async fn a_refusal_ends_the_request() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let (mut alice, mut bob) = pair(&node).await;
    alice
        .send(&format!("<presence type='subscribe' to='bob@{HOST}'/>"))
        .await;
    bob.skip_to("<presence type='subscribe'/>").await;
    bob.send(&format!(
        "<presence type='unsubscribed' to='alice@{HOST}'/>"
    ))
    .await;
    alice
        .skip_to(&push(&format!("bob@{HOST}"), "subscription='none' ask='!'"))
        .await;
    bob.sync().await;
    let mut bob_later = node.login("bob/later").await;
    bob_later.send("<presence/>").await;
    for found in bob_later.sync().await {
        assert_ne!(found.attr("type"), Some("subscribe"), "{found}");
    }
}

#[tokio::test]
async fn taking_back_a_subscription_hides_the_presence() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let (mut alice, mut bob) = pair(&node).await;
    befriend(&mut alice, &mut bob).await;
    bob.send(&format!(
        "<presence type='unsubscribed' to='alice@{HOST}'/>"
    ))
    .await;
    alice
        .expect_all(&[
            &push(&format!("bob@{HOST}"), "subscription='from'"),
            &format!("<presence type='unsubscribed' from='bob@{HOST}'/>"),
            &format!("<presence type='unavailable' from='bob@{HOST}/phone'/>"),
        ])
        .await;
    bob.send("<presence><show>xa</show></presence>").await;
    bob.sync().await;
    alice.expect_nothing().await;
}

#[tokio::test]
async fn unsubscribing_is_seen_by_the_contact() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let (mut alice, mut bob) = pair(&node).await;
    befriend(&mut alice, &mut bob).await;
    alice
        .send(&format!("<presence type='unsubscribe' to='bob@{HOST}'/>"))
        .await;
    bob.expect_all(&[
        &push(&format!("alice@{HOST}"), "subscription='to'"),
        &format!("<presence type='unsubscribe' from='alice@{HOST}'/>"),
    ])
    .await;
    let item = roster_item(&mut alice, &format!("bob@{HOST}"))
        .await
        .unwrap();
    assert_eq!(item.attr("subscription"), Some("from"));
}

/// RFC 6121 §2.5.2: removing a contact ends both subscriptions, and the contact is told.
#[tokio::test]
async fn removing_a_contact_ends_both_subscriptions() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let (mut alice, mut bob) = pair(&node).await;
    befriend(&mut alice, &mut bob).await;
    let remove = format!(
        "<query xmlns='jabber:iq:roster'><item jid='bob@{HOST}' subscription='remove'/></query>"
    );
    let answer = alice.request("set", None, &remove).await;
    assert_eq!(answer.attr("type"), Some("result"));
    bob.skip_to(&push(&format!("alice@{HOST}"), "subscription='none'"))
        .await;
    assert!(
        roster_item(&mut alice, &format!("bob@{HOST}"))
            .await
            .is_none()
    );
    let item = roster_item(&mut bob, &format!("alice@{HOST}"))
        .await
        .unwrap();
    assert_eq!(item.attr("subscription"), Some("none"));
}

/// RFC 6121 §3.4: approval before the request.
#[tokio::test]
async fn an_approval_may_come_first() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let (mut alice, mut bob) = pair(&node).await;
    bob.send(&format!("<presence type='subscribed' to='alice@{HOST}'/>"))
        .await;
    bob.expect(&push(
        &format!("alice@{HOST}"),
        "subscription='none' approved='true'",
    ))
    .await;
    alice.expect_nothing().await;
    alice
        .send(&format!("<presence type='subscribe' to='bob@{HOST}'/>"))
        .await;
    alice
        .skip_to(&format!("<presence type='!' from='bob@{HOST}/phone'/>"))
        .await;
    for found in bob.sync().await {
        assert_ne!(
            found.attr("type"),
            Some("subscribe"),
            "the user need not be asked again: {found}"
        );
    }
    let item = roster_item(&mut alice, &format!("bob@{HOST}"))
        .await
        .unwrap();
    assert_eq!(item.attr("subscription"), Some("to"));
}

/// RFC 6121 §3.1.2: subscription stanzas go from and to bare addresses, whatever the client wrote.
#[tokio::test]
async fn subscription_stanzas_carry_bare_addresses() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let (mut alice, mut bob) = pair(&node).await;
    alice
        .send(&format!(
            "<presence type='subscribe' to='bob@{HOST}/phone'/>"
        ))
        .await;
    bob.expect(&format!(
        "<presence type='subscribe' from='alice@{HOST}' to='bob@{HOST}'/>"
    ))
    .await;
}

/// RFC 6121 §3.1.3: a request to nobody may not tell that nobody is there by an answer at once and a silence otherwise.
#[tokio::test]
async fn a_request_to_nobody_is_refused_or_silent() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.online("alice").await;
    alice
        .send(&format!("<presence type='subscribe' to='nobody@{HOST}'/>"))
        .await;
    alice
        .expect(&push(&format!("nobody@{HOST}"), "ask='subscribe'"))
        .await;
    for found in alice.sync().await {
        let kind = found.attr("type").unwrap_or_default();
        assert!(
            found.name == "iq" || kind == "unsubscribed" || kind == "error",
            "{found}"
        );
    }
}

/// Subscribing to oneself would make a roster item that nobody can explain.
#[tokio::test]
async fn nobody_subscribes_to_themselves() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.online("alice").await;
    let own = format!("alice@{HOST}");
    alice
        .send(&format!("<presence type='subscribe' to='{own}'/>"))
        .await;
    alice
        .send(&format!("<presence type='subscribed' to='{own}'/>"))
        .await;
    alice.sync().await;
    assert!(roster_item(&mut alice, &own).await.is_none());
}
