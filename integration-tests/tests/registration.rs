//! Accounts made and changed in-band (XEP-0077).

use harness::{HOST, TestNode, password_of};

const NS: &str = "jabber:iq:register";

fn account(user: &str, password: &str) -> String {
    format!(
        "<query xmlns='{NS}'><username>{user}</username><password>{password}</password></query>"
    )
}

const ON: &str = "[host.localhost.registration]\nenabled = true\nrate = \"3/h\"";

#[tokio::test]
async fn registration_is_off_unless_configured() {
    let node = TestNode::start("").await;
    let mut client = node.secured().await;
    let answer = client.request("set", None, &account("eve", "x")).await;
    assert_eq!(answer.attr("type"), Some("error"), "{answer}");
    let mut client = node.secured().await;
    assert!(client.plain("eve", "x").await.is_err());
}

#[tokio::test]
async fn a_stranger_makes_an_account_and_logs_in() {
    let node = TestNode::start(ON).await;
    let mut client = node.secured().await;
    let form = client
        .request("get", None, &format!("<query xmlns='{NS}'/>"))
        .await;
    let query = form
        .child_ns("query", NS)
        .unwrap_or_else(|| panic!("{form}"));
    assert!(
        query.child("username").is_some() && query.child("password").is_some(),
        "{form}"
    );
    let answer = client.request("set", None, &account("eve", "secret")).await;
    assert_eq!(answer.attr("type"), Some("result"), "{answer}");
    client.plain("eve", "secret").await.unwrap();
}

#[tokio::test]
async fn the_feature_is_announced_when_it_is_on_and_only_then() {
    for (toml, wanted) in [(ON, true), ("", false)] {
        let node = TestNode::start(toml).await;
        let mut client = harness::TestClient::connect(node.address()).await;
        client.open(HOST).await;
        let (_, features) = client.starttls(&node.tls()).await;
        let register = features.child_ns("register", "http://jabber.org/features/iq-register");
        assert_eq!(register.is_some(), wanted, "{features}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_or_impossible_is_refused() {
    let node = TestNode::with_users(ON, &["alice"]).await;
    let mut client = node.secured().await;
    let answer = client.request("set", None, &account("alice", "x")).await;
    assert!(answer.path(&["error", "conflict"]).is_some(), "{answer}");
    for wrong in ["", "a@b", "a b", "x/y"] {
        let answer = client.request("set", None, &account(wrong, "x")).await;
        assert_eq!(answer.attr("type"), Some("error"), "{wrong:?}: {answer}");
    }
    let mut client = node.secured().await;
    client.plain("alice", &password_of("alice")).await.unwrap();
}

#[tokio::test]
async fn a_user_changes_the_password() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let answer = alice
        .request("set", Some(HOST), &account("alice", "new secret"))
        .await;
    assert_eq!(answer.attr("type"), Some("result"), "{answer}");
    let mut client = node.secured().await;
    assert!(client.plain("alice", &password_of("alice")).await.is_err());
    client.plain("alice", "new secret").await.unwrap();
}

#[tokio::test]
async fn nobody_changes_the_password_of_another() {
    let node = TestNode::with_users("", &["alice", "mallory"]).await;
    let mut mallory = node.login("mallory").await;
    let answer = mallory
        .request("set", Some(HOST), &account("alice", "mine"))
        .await;
    assert_eq!(answer.attr("type"), Some("error"), "{answer}");
    let mut client = node.secured().await;
    client.plain("alice", &password_of("alice")).await.unwrap();
}

/// XEP-0077 §3.2: an account that is removed is gone, with its sessions and what it held.
#[tokio::test]
async fn an_account_can_be_removed_by_its_owner() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice/x").await;
    let mut other = node.login("alice/y").await;
    alice
        .send(&format!(
            "<iq type='set' id='r'><query xmlns='{NS}'><remove/></query></iq>"
        ))
        .await;
    alice.expect("<iq type='result' id='r'/>").await;
    other.expect_eof().await;
    let mut client = node.secured().await;
    assert!(client.plain("alice", &password_of("alice")).await.is_err());
}
