//! Blocking (XEP-0191).

use harness::{HOST, TestClient, TestNode};

use crate::subscription::befriend;

const NS: &str = "urn:xmpp:blocking";

async fn block(client: &mut TestClient, jid: &str) {
    let answer = client
        .request(
            "set",
            None,
            &format!("<block xmlns='{NS}'><item jid='{jid}'/></block>"),
        )
        .await;
    assert_eq!(answer.attr("type"), Some("result"), "{answer}");
}

async fn unblock(client: &mut TestClient, items: &str) {
    let answer = client
        .request(
            "set",
            None,
            &format!("<unblock xmlns='{NS}'>{items}</unblock>"),
        )
        .await;
    assert_eq!(answer.attr("type"), Some("result"), "{answer}");
}

async fn list(client: &mut TestClient) -> Vec<String> {
    let answer = client
        .request("get", None, &format!("<blocklist xmlns='{NS}'/>"))
        .await;
    let list = answer
        .child_ns("blocklist", NS)
        .unwrap_or_else(|| panic!("{answer}"));
    list.children
        .iter()
        .filter_map(|item| item.attr("jid").map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn the_list_is_kept_and_pushed_to_who_asked_for_it() {
    let mut node = TestNode::with_users("", &["alice"]).await;
    let mut desk = node.online("alice/desk").await;
    let mut phone = node.online("alice/phone").await;
    let mut deaf = node.online("alice/deaf").await;
    assert!(list(&mut phone).await.is_empty());
    desk.sync().await;
    phone.sync().await;
    deaf.sync().await;
    block(&mut desk, "mallory@example.net").await;
    phone
        .expect(&format!(
            "<iq type='set'><block xmlns='{NS}'><item jid='mallory@example.net'/></block></iq>"
        ))
        .await;
    deaf.expect_nothing().await;
    node.restart().await;
    let mut desk = node.online("alice/desk").await;
    assert_eq!(list(&mut desk).await, ["mallory@example.net"]);
    unblock(&mut desk, "").await;
    assert!(list(&mut desk).await.is_empty());
}

#[tokio::test]
async fn a_blocked_sender_hears_that_nobody_is_there() {
    let node = TestNode::with_users("", &["alice", "mallory"]).await;
    let mut alice = node.online("alice").await;
    let mut mallory = node.online("mallory").await;
    block(&mut alice, &format!("mallory@{HOST}")).await;
    alice.sync().await;
    let unavailable =
        "<error><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for to in [format!("alice@{HOST}"), alice.jid.clone()] {
        mallory
            .send(&format!(
                "<message to='{to}' type='chat'><body>x</body></message>"
            ))
            .await;
        mallory
            .expect(&format!("<message type='error'>{unavailable}</message>"))
            .await;
        let answer = mallory
            .request("get", Some(&to), "<x xmlns='test:x'/>")
            .await;
        assert!(
            answer.path(&["error", "service-unavailable"]).is_some(),
            "{answer}"
        );
        mallory.send(&format!("<presence to='{to}'/>")).await;
        mallory
            .send(&format!(
                "<message to='{to}' type='headline'><body>x</body></message>"
            ))
            .await;
        mallory.sync().await;
    }
    alice.expect_nothing().await;
}

/// XEP-0191 §3.2: the user's own stanzas to someone blocked are stopped as well.
#[tokio::test]
async fn one_cannot_write_to_whom_one_blocks() {
    let node = TestNode::with_users("", &["alice", "mallory"]).await;
    let mut alice = node.online("alice").await;
    let mut mallory = node.online("mallory").await;
    block(&mut alice, &format!("mallory@{HOST}")).await;
    alice.sync().await;
    alice
        .send(&format!(
            "<message to='mallory@{HOST}'><body>x</body></message>"
        ))
        .await;
    let refused = alice.expect("<message type='error'><error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>").await;
    assert!(
        refused
            .child("error")
            .unwrap()
            .child_ns("blocked", "urn:xmpp:blocking:errors")
            .is_some(),
        "{refused}"
    );
    mallory.expect_nothing().await;
}

#[tokio::test]
async fn a_domain_and_a_resource_can_be_blocked() {
    let node = TestNode::with_users("", &["alice", "mallory"]).await;
    let mut alice = node.online("alice").await;
    let mut bad = node.online("mallory/bad").await;
    let mut good = node.online("mallory/good").await;
    block(&mut alice, &format!("mallory@{HOST}/bad")).await;
    alice.sync().await;
    for (client, body) in [(&mut bad, "bad"), (&mut good, "good")] {
        client
            .send(&format!(
                "<message to='{}' type='chat'><body>{body}</body></message>",
                alice.jid
            ))
            .await;
        client.sync().await;
    }
    alice.expect("<message><body>good</body></message>").await;
    block(&mut alice, "example.net").await;
    let mut listed = list(&mut alice).await;
    listed.sort();
    assert_eq!(
        listed,
        ["example.net".to_owned(), format!("mallory@{HOST}/bad")]
    );
}

/// XEP-0191 §3.3 and §3.4: a friend who is blocked sees the user go, and come back when unblocked.
#[tokio::test]
async fn a_blocked_friend_sees_the_user_go_and_come_back() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice/desk").await;
    let mut bob = node.online("bob/phone").await;
    befriend(&mut alice, &mut bob).await;
    block(&mut alice, &format!("bob@{HOST}")).await;
    bob.skip_to(&format!(
        "<presence type='unavailable' from='alice@{HOST}/desk'/>"
    ))
    .await;
    unblock(&mut alice, &format!("<item jid='bob@{HOST}'/>")).await;
    bob.skip_to(&format!("<presence type='!' from='alice@{HOST}/desk'/>"))
        .await;
}

#[tokio::test]
async fn an_offline_user_blocks_all_the_same() {
    let node = TestNode::with_users("", &["alice", "mallory"]).await;
    let mut alice = node.online("alice").await;
    block(&mut alice, &format!("mallory@{HOST}")).await;
    alice.close().await;
    let mut mallory = node.online("mallory").await;
    mallory
        .send(&format!(
            "<message to='alice@{HOST}' type='chat'><body>x</body></message>"
        ))
        .await;
    mallory.expect("<message type='error'/>").await;
    let mut alice = node.login("alice").await;
    alice.send("<presence/>").await;
    for found in alice.sync().await {
        assert_ne!(found.name, "message", "{found}");
    }
}

#[tokio::test]
async fn a_block_without_an_address_is_refused() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.online("alice").await;
    for inside in ["", "<item/>"] {
        let answer = alice
            .request(
                "set",
                None,
                &format!("<block xmlns='{NS}'>{inside}</block>"),
            )
            .await;
        assert_eq!(answer.attr("type"), Some("error"), "{answer}");
    }
}
