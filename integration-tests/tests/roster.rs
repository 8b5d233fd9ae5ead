//! The roster (RFC 6121 §2): get, set, push, removal, versions and refusals.

use harness::{HOST, TestClient, TestNode, Xml};

const ROSTER: &str = "jabber:iq:roster";

async fn get(client: &mut TestClient) -> Xml {
    let answer = client
        .request("get", None, &format!("<query xmlns='{ROSTER}'/>"))
        .await;
    answer
        .child_ns("query", ROSTER)
        .unwrap_or_else(|| panic!("{answer}"))
        .clone()
}

async fn set(client: &mut TestClient, item: &str) -> Xml {
    client
        .request(
            "set",
            None,
            &format!("<query xmlns='{ROSTER}'>{item}</query>"),
        )
        .await
}

async fn error_of(client: &mut TestClient, item: &str) -> String {
    let answer = set(client, item).await;
    let error = answer.child("error").unwrap_or_else(|| panic!("{answer}"));
    error.children[0].name.clone()
}

#[tokio::test]
async fn a_new_roster_is_empty() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    assert!(get(&mut alice).await.children.is_empty());
}

#[tokio::test]
async fn an_item_is_pushed_to_every_interested_resource_and_kept() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut desk = node.login("alice/desk").await;
    let mut phone = node.login("alice/phone").await;
    let mut deaf = node.login("alice/deaf").await;
    get(&mut desk).await;
    get(&mut phone).await;
    let answer = set(
        &mut desk,
        "<item jid='bob@localhost' name='Bob &amp; co'><group>Friends</group></item>",
    )
    .await;
    assert_eq!(answer.attr("type"), Some("result"));
    let push = "<iq type='set' id='*'><query xmlns='jabber:iq:roster'>\
                <item jid='bob@localhost' name='Bob &amp; co' subscription='none'><group>Friends</group></item></query></iq>";
    for client in [&mut desk, &mut phone] {
        let push = client.expect(push).await;
        let from = push.attr("from");
        assert!(
            from.is_none() || from == Some(&format!("alice@{HOST}")),
            "{push}"
        );
    }
    deaf.expect_nothing().await;
    let roster = get(&mut deaf).await;
    assert_eq!(roster.children.len(), 1);
    assert_eq!(roster.children[0].attr("name"), Some("Bob & co"));
}

#[tokio::test]
async fn an_item_is_changed_as_a_whole_and_removed() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    set(
        &mut alice,
        "<item jid='bob@localhost' name='Bob'><group>a</group><group>b</group></item>",
    )
    .await;
    set(
        &mut alice,
        "<item jid='bob@localhost' name='Robert'><group>c</group></item>",
    )
    .await;
    let roster = get(&mut alice).await;
    let groups: Vec<_> = roster.children[0]
        .children
        .iter()
        .map(|g| g.text.as_str())
        .collect();
    assert_eq!(
        (roster.children[0].attr("name"), groups),
        (Some("Robert"), vec!["c"])
    );
    set(
        &mut alice,
        "<item jid='bob@localhost' subscription='remove'/>",
    )
    .await;
    alice.expect("<iq type='set'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' subscription='remove'/></query></iq>").await;
    assert!(get(&mut alice).await.children.is_empty());
}

/// RFC 6121 §2.1.2: a client cannot give itself a subscription, nor forge `ask` or `approved`.
#[tokio::test]
async fn the_subscription_is_the_servers_to_say() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    set(
        &mut alice,
        "<item jid='bob@localhost' subscription='both' ask='subscribe' approved='true'/>",
    )
    .await;
    let roster = get(&mut alice).await;
    for item in &roster.children {
        assert_eq!(item.attr("subscription"), Some("none"));
        assert_eq!((item.attr("ask"), item.attr("approved")), (None, None));
    }
}

#[tokio::test]
async fn what_the_rfc_calls_errors_is_refused() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    assert_eq!(error_of(&mut alice, "").await, "bad-request");
    assert_eq!(
        error_of(&mut alice, "<item jid='a@b'/><item jid='c@d'/>").await,
        "bad-request"
    );
    assert_eq!(
        error_of(&mut alice, "<item name='x'/>").await,
        "bad-request"
    );
    assert_eq!(
        error_of(
            &mut alice,
            "<item jid='stranger@localhost' subscription='remove'/>"
        )
        .await,
        "item-not-found"
    );
    assert!(get(&mut alice).await.children.is_empty());
}

#[tokio::test]
async fn duplicate_and_empty_groups_are_refused() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    assert_eq!(
        error_of(
            &mut alice,
            "<item jid='a@b'><group>x</group><group>x</group></item>"
        )
        .await,
        "bad-request"
    );
    assert_eq!(
        error_of(&mut alice, "<item jid='a@b'><group/></item>").await,
        "not-acceptable"
    );
    let long = "x".repeat(5000);
    assert_eq!(
        error_of(&mut alice, &format!("<item jid='a@b' name='{long}'/>")).await,
        "not-acceptable"
    );
}

/// RFC 6121 §2.1.5 and §2.3.3: nobody reads or writes a roster that is not theirs.
#[tokio::test]
async fn a_roster_belongs_to_its_owner() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut bob = node.login("bob").await;
    let alice = format!("alice@{HOST}");
    let query = "<query xmlns='jabber:iq:roster'><item jid='x@y'/></query>";
    for (kind, payload) in [("get", "<query xmlns='jabber:iq:roster'/>"), ("set", query)] {
        let answer = bob.request(kind, Some(&alice), payload).await;
        assert_eq!(answer.attr("type"), Some("error"), "{answer}");
    }
    let mut alice = node.login("alice").await;
    assert!(get(&mut alice).await.children.is_empty());
}

#[tokio::test]
async fn a_known_version_is_answered_with_nothing_or_with_pushes() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    set(&mut alice, "<item jid='bob@localhost'/>").await;
    let answer = alice
        .request("get", None, "<query xmlns='jabber:iq:roster' ver=''/>")
        .await;
    let version = answer
        .child("query")
        .and_then(|q| q.attr("ver"))
        .expect("a version")
        .to_owned();
    let again = alice
        .request(
            "get",
            None,
            &format!("<query xmlns='jabber:iq:roster' ver='{version}'/>"),
        )
        .await;
    assert!(again.child("query").is_none(), "nothing changed: {again}");
    set(&mut alice, "<item jid='carol@localhost'/>").await;
    let push = alice.skip_to("<iq type='set'><query xmlns='jabber:iq:roster' ver='*'><item jid='carol@localhost'/></query></iq>").await;
    assert_ne!(
        push.child("query").unwrap().attr("ver"),
        Some(version.as_str())
    );
}

#[tokio::test]
async fn the_roster_feature_of_versions_is_announced() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.secured().await;
    client
        .plain("alice", &harness::password_of("alice"))
        .await
        .unwrap();
    let features = client.open(HOST).await;
    assert!(
        features
            .child_ns("ver", "urn:xmpp:features:rosterver")
            .is_some(),
        "{features}"
    );
    assert!(
        features
            .child_ns("sub", "urn:xmpp:features:pre-approval")
            .is_some(),
        "{features}"
    );
}

#[tokio::test]
async fn a_roster_survives_a_restart() {
    let mut node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    set(
        &mut alice,
        "<item jid='bob@localhost' name='Bob'><group>g</group></item>",
    )
    .await;
    alice.close().await;
    node.restart().await;
    let mut alice = node.login("alice").await;
    let roster = get(&mut alice).await;
    assert_eq!(roster.children[0].attr("name"), Some("Bob"));
}
