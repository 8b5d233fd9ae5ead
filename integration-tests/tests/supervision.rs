//! Every part can fail alone: a panic is made by the admin socket, and costs what the part owns and nothing else.

use harness::{HOST, TestClient, TestNode};
use serde_json::{Value, json};

async fn pair() -> (TestNode, TestClient, TestClient) {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let alice = node.online("alice/desk").await;
    let bob = node.online("bob/phone").await;
    (node, alice, bob)
}

/// All actors below a path, page after page.
async fn actors(node: &TestNode, within: Option<&str>) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let answer = node
            .admin(json!({ "actor-list": { "within": within, "after": after } }))
            .await;
        let page = &answer["actors"];
        all.extend(
            page["actors"]
                .as_array()
                .unwrap_or_else(|| panic!("{answer}"))
                .iter()
                .cloned(),
        );
        after = page["next"].clone();
        if after.is_null() {
            return all;
        }
    }
}

async fn path_of(node: &TestNode, within: &str, part: &str) -> String {
    let all = actors(node, Some(within)).await;
    let paths: Vec<_> = all
        .iter()
        .filter_map(|actor| actor["path"].as_str())
        .collect();
    let found = paths.iter().find(|path| path.contains(part));
    found
        .unwrap_or_else(|| panic!("no {part} in {paths:?}"))
        .to_string()
}

pub(crate) async fn panic_at(node: &TestNode, path: &str) {
    let answer = node.admin(json!({ "actor-panic": { "path": path } })).await;
    assert_eq!(answer["told"]["actors"], 1, "{answer}");
}

/// Restarts and last failure are for operators to see.
pub(crate) async fn expect_restarted(node: &TestNode, path: &str) {
    let waiting = async {
        loop {
            let all = actors(node, Some(path)).await;
            let actor = all.iter().find(|actor| actor["path"] == path);
            if let Some(actor) =
                actor.filter(|a| a["restarts"].as_u64() >= Some(1) && a["state"] == "running")
            {
                assert!(actor["last_failure"]["message"].is_string(), "{actor}");
                return;
            }
        }
    };
    tokio::time::timeout(harness::DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{path} did not come back"));
}

async fn chat(from: &mut TestClient, to: &mut TestClient, body: &str) {
    from.send(&format!(
        "<message to='{}' type='chat'><body>{body}</body></message>",
        to.jid
    ))
    .await;
    to.skip_to(&format!("<message><body>{body}</body></message>"))
        .await;
}

#[tokio::test]
async fn the_tree_names_every_part() {
    let (node, _alice, _bob) = pair().await;
    let all = actors(&node, None).await;
    let paths: Vec<_> = all
        .iter()
        .filter_map(|actor| actor["path"].as_str())
        .collect();
    for wanted in [
        "listeners",
        "sessions/",
        &format!("accounts/alice@{HOST}"),
        "node/router",
    ] {
        assert!(
            paths.iter().any(|path| path.contains(wanted)),
            "no {wanted} in {paths:?}"
        );
    }
}

#[tokio::test]
async fn a_session_that_fails_ends_alone() {
    let (node, mut alice, mut bob) = pair().await;
    let mut carol = {
        node.add_user("carol").await;
        node.online("carol").await
    };
    let sessions = actors(&node, Some("sessions")).await;
    let report = node
        .admin(json!({ "actor-observe": { "path": "sessions", "after": null } }))
        .await;
    let observed = report["actors"]["actors"]
        .as_array()
        .unwrap_or_else(|| panic!("{report}"));
    let of_alice = observed
        .iter()
        .find(|actor| actor.to_string().contains("alice@"));
    let path = of_alice.unwrap_or_else(|| panic!("{sessions:?} {report}"))["path"]
        .as_str()
        .unwrap()
        .to_owned();
    panic_at(&node, &path).await;
    alice.expect_eof().await;
    chat(&mut bob, &mut carol, "still here").await;
    let mut again = node.online("alice/desk").await;
    chat(&mut again, &mut bob, "back").await;
}

#[tokio::test]
async fn an_account_that_fails_comes_back_with_its_roster() {
    let (node, mut alice, mut bob) = pair().await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    let path = path_of(&node, "accounts", "alice@").await;
    panic_at(&node, &path).await;
    expect_restarted(&node, &path).await;
    chat(&mut bob, &mut alice, "to alice").await;
    chat(&mut alice, &mut bob, "to bob").await;
    let roster = alice
        .request("get", None, "<query xmlns='jabber:iq:roster'/>")
        .await;
    assert_eq!(
        roster.child("query").unwrap().children[0].attr("subscription"),
        Some("both")
    );
    bob.send("<presence><show>away</show></presence>").await;
    alice
        .skip_to("<presence><show>away</show></presence>")
        .await;
}

#[tokio::test]
async fn a_listener_that_fails_listens_again_and_its_sessions_stay() {
    let (node, mut alice, mut bob) = pair().await;
    let path = path_of(&node, "listeners", "/c2s").await;
    panic_at(&node, &path).await;
    expect_restarted(&node, &path).await;
    chat(&mut alice, &mut bob, "still here").await;
    let mut third = node.online("alice/third").await;
    chat(&mut third, &mut bob, "accepted").await;
}

#[tokio::test]
async fn a_router_that_fails_finds_everybody_again() {
    let (node, mut alice, mut bob) = pair().await;
    let path = path_of(&node, "node", "router").await;
    panic_at(&node, &path).await;
    expect_restarted(&node, &path).await;
    chat(&mut alice, &mut bob, "one").await;
    chat(&mut bob, &mut alice, "two").await;
    let mut third = node.online("alice/third").await;
    chat(&mut third, &mut bob, "three").await;
}

/// A list that fails comes back; the chains go on with what they have, which is the last snapshot.
#[tokio::test]
async fn a_list_that_fails_leaves_the_rules_in_force() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("words"), "alice@localhost\n").unwrap();
    let script = directory.path().join("list.pfw");
    let words = directory.path().join("words");
    let text = format!(
        "%LIST bad: file:{}\n\n::deliver\n\nKIND: message\nCHECK LIST: bad contains $<@from|bare>\nDROP.\n",
        words.display()
    );
    std::fs::write(&script, text).unwrap();
    let node = TestNode::with_users(
        &format!("[firewall]\nscripts = [{script:?}]"),
        &["alice", "bob"],
    )
    .await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    let path = path_of(&node, "firewall", "bad").await;
    panic_at(&node, &path).await;
    expect_restarted(&node, &path).await;
    alice
        .send(&format!(
            "<message to='{}' type='chat'><body>no</body></message>",
            bob.jid
        ))
        .await;
    alice.sync().await;
    bob.expect_nothing().await;
    chat(&mut bob, &mut alice, "yes").await;
}
