//! Several hosts, shared groups, roles, and a start with nothing configured.

use harness::{HOST, Hash, Scram, TestClient, TestNode, TlsOptions, password_of};

const OTHER: &str = "other.example";

async fn login_at_other(node: &TestNode, user: &str) -> TestClient {
    let options = TlsOptions {
        name: OTHER.into(),
        ..node.tls()
    };
    let mut client = TestClient::connect_tls(node.direct_address(), &options)
        .await
        .unwrap();
    client.open(OTHER).await;
    let password = password_of(&format!("{user}@{OTHER}"));
    client
        .scram(&Scram::new(Hash::Sha256, user), &password)
        .await
        .unwrap();
    client.open(OTHER).await;
    client.bind(None).await;
    client
}

#[tokio::test]
async fn users_of_two_hosts_are_not_the_same_and_can_talk() {
    let node = TestNode::with_users(
        "[host.\"other.example\"]\n",
        &["alice", "alice@other.example"],
    )
    .await;
    let mut here = node.online("alice").await;
    let mut there = login_at_other(&node, "alice").await;
    there.go_online().await;
    assert!(there.jid.starts_with("alice@other.example/"));
    here.send(&format!(
        "<message to='alice@{OTHER}' type='chat'><body>hello</body></message>"
    ))
    .await;
    there
        .expect(&format!(
            "<message from='{}'><body>hello</body></message>",
            here.jid
        ))
        .await;
    // A name of this host with the password of the other one opens nothing.
    let mut client = node.secured().await;
    assert!(
        client
            .plain("alice", &password_of("alice@other.example"))
            .await
            .is_err()
    );
}

/// A user of one host who connects to the other is a stranger there.
#[tokio::test]
async fn the_stream_is_for_the_host_it_names() {
    let node = TestNode::with_users("[host.\"other.example\"]\n", &["alice"]).await;
    let options = TlsOptions {
        name: OTHER.into(),
        ..node.tls()
    };
    let mut client = TestClient::connect_tls(node.direct_address(), &options)
        .await
        .unwrap();
    client.open(OTHER).await;
    assert_eq!(client.header.attr("from"), Some(OTHER));
    assert!(client.plain("alice", &password_of("alice")).await.is_err());
}

#[tokio::test]
async fn shared_groups_appear_in_the_rosters_of_their_members() {
    let directory = tempfile::tempdir().unwrap();
    let groups = directory.path().join("groups.txt");
    std::fs::write(
        &groups,
        "[Team]\nalice@localhost=Alice\nbob@localhost=Bob\n",
    )
    .unwrap();
    let toml = format!("[host.localhost]\ngroups_file = {groups:?}\n");
    let node = TestNode::with_users(&toml, &["alice", "bob", "carol"]).await;
    let mut alice = node.login("alice").await;
    let roster = alice
        .request("get", None, "<query xmlns='jabber:iq:roster'/>")
        .await;
    let items = &roster.child("query").unwrap().children;
    assert_eq!(items.len(), 1, "{roster}");
    assert_eq!(
        (items[0].attr("jid"), items[0].attr("name")),
        (Some("bob@localhost"), Some("Bob"))
    );
    assert_eq!(
        (
            items[0].attr("subscription"),
            items[0].child("group").map(|g| g.text.as_str())
        ),
        (Some("both"), Some("Team"))
    );
    let mut bob = node.online("bob").await;
    alice.send("<presence/>").await;
    bob.skip_to(&format!("<presence from='{}'/>", alice.jid))
        .await;
    let mut carol = node.login("carol").await;
    let roster = carol
        .request("get", None, "<query xmlns='jabber:iq:roster'/>")
        .await;
    assert!(roster.child("query").unwrap().children.is_empty());
}

/// A script may ask for the role, which the configuration and the command line give.
#[tokio::test]
async fn roles_decide_where_a_script_asks_for_them() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("roles.pfw");
    std::fs::write(
        &script,
        "::preroute\n\nKIND: message\nNOT FROM ADMIN OF: localhost\nBOUNCE=forbidden\n",
    )
    .unwrap();
    let toml = format!(
        "[firewall]\nscripts = [{script:?}]\n[host.localhost]\nadmins = [\"boss@{HOST}\"]\n"
    );
    let node = TestNode::with_users(&toml, &["boss", "alice"]).await;
    let mut boss = node.online("boss").await;
    let mut alice = node.online("alice").await;
    boss.send(&format!(
        "<message to='{}' type='chat'><body>from above</body></message>",
        alice.jid
    ))
    .await;
    alice
        .expect("<message type='chat'><body>from above</body></message>")
        .await;
    alice
        .send(&format!(
            "<message to='{}' type='chat'><body>from below</body></message>",
            boss.jid
        ))
        .await;
    alice.expect("<message type='error'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>").await;
}
