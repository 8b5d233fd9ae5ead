//! Scripts decide about every stanza, and can be changed while the node runs.

use harness::{HOST, TestClient, TestNode};
use mmdb_writer::ipnet::IpNet;

/// A node with one script, and alice and bob online.
async fn node_with(script: &str) -> (TestNode, TestClient, TestClient) {
    let directory = tempfile::tempdir().unwrap().keep();
    let path = directory.join("test.pfw");
    std::fs::write(&path, script).unwrap();
    let node = TestNode::with_users(
        &format!("[firewall]\nscripts = [{path:?}]"),
        &["alice", "bob"],
    )
    .await;
    std::fs::rename(&path, node.directory().join("first.pfw")).unwrap();
    std::os::unix::fs::symlink(node.directory().join("first.pfw"), &path).unwrap();
    let alice = node.online("alice/desk").await;
    let bob = node.online("bob/phone").await;
    (node, alice, bob)
}

async fn send(from: &mut TestClient, to: &TestClient, body: &str) {
    from.send(&format!(
        "<message to='{}' type='chat'><body>{body}</body></message>",
        to.jid
    ))
    .await;
}

async fn arrives(to: &mut TestClient, body: &str) {
    to.expect(&format!("<message><body>{body}</body></message>"))
        .await;
}

#[tokio::test]
async fn preroute_drops_and_bounces_what_clients_send() {
    let script = "::preroute\n\nINSPECT: body#=drop me\nDROP.\n\n\
                  INSPECT: body#=bounce me\nBOUNCE=policy-violation (not here)\n";
    let (_node, mut alice, mut bob) = node_with(script).await;
    send(&mut alice, &bob, "drop me").await;
    send(&mut alice, &bob, "bounce me").await;
    alice
        .expect(
            "<message type='error'><error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>not here</text></error></message>",
        )
        .await;
    send(&mut alice, &bob, "let me").await;
    arrives(&mut bob, "let me").await;
}

#[tokio::test]
async fn deliver_runs_for_what_reaches_a_local_user() {
    let script = "::deliver\n\nKIND: message\nFROM: alice@localhost\nDROP.\n";
    let (_node, mut alice, mut bob) = node_with(script).await;
    send(&mut alice, &bob, "no").await;
    alice.sync().await;
    send(&mut bob, &alice, "yes").await;
    arrives(&mut alice, "yes").await;
    bob.expect_nothing().await;
}

#[tokio::test]
async fn chains_zones_lists_and_marks_work_together() {
    let script = "%ZONE friends: localhost\n%LIST words: memory:\n\n::preroute\n\nENTERING: friends\nJUMP CHAIN=user/never\n\n\
                  KIND: message\nJUMP CHAIN=user/check\n\n::user/check\n\nNOT ORIGIN MARKED: seen\nMARK ORIGIN=seen\nPASS.\n\n\
                  BOUNCE=resource-constraint\n\n::user/never\n\nDROP.\n";
    let (_node, mut alice, mut bob) = node_with(script).await;
    send(&mut alice, &bob, "first").await;
    arrives(&mut bob, "first").await;
    send(&mut alice, &bob, "second").await;
    alice.expect("<message type='error'><error><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>").await;
}

#[tokio::test]
async fn stanzas_are_redirected_copied_and_changed() {
    let script = "::preroute\n\nINSPECT: body#=secret\nSTRIP=tag t:secret\nINJECT=<checked xmlns=\"t:checked\"/>\n\
                  COPY=alice@localhost/desk\n";
    let (_node, mut alice, mut bob) = node_with(script).await;
    bob.send(&format!(
        "<message to='bob@{HOST}/phone'><body>secret</body><tag xmlns='t:secret'/></message>"
    ))
    .await;
    let got = bob
        .expect("<message><body>secret</body><checked xmlns='t:checked'/></message>")
        .await;
    assert!(got.child("tag").is_none(), "{got}");
    alice.expect("<message><body>secret</body></message>").await;
}

#[tokio::test]
async fn a_limit_counts_each_sender_for_itself() {
    let script = "%RATE normal: 1 (burst 2)\n\n::preroute\n\nKIND: message\nLIMIT: normal on $<@from|bare>\nBOUNCE=policy-violation\n";
    let (_node, mut alice, mut bob) = node_with(script).await;
    for n in 0..20 {
        send(&mut alice, &bob, &n.to_string()).await;
    }
    let refused = alice.sync().await;
    assert!(
        refused
            .iter()
            .any(|stanza| stanza.attr("type") == Some("error")),
        "nothing was limited"
    );
    send(&mut bob, &alice, "mine").await;
    alice
        .skip_to("<message type='chat'><body>mine</body></message>")
        .await;
}

#[tokio::test]
async fn a_reload_swaps_the_script_and_a_broken_one_changes_nothing() {
    let (node, mut alice, mut bob) = node_with("::preroute\n\nKIND: message\nDROP.\n").await;
    send(&mut alice, &bob, "one").await;
    alice.sync().await;
    node.write(
        "first.pfw",
        "::preroute\n\nKIND: nonsense\nNO SUCH ACTION.\n",
    );
    let refused = node.reload().await;
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned()
        + &String::from_utf8_lossy(&refused.stdout);
    assert!(said.contains("NO SUCH ACTION"), "{said}");
    send(&mut alice, &bob, "two").await;
    alice.sync().await;
    node.write("first.pfw", "::preroute\n\nKIND: presence\nPASS.\n");
    let taken = node.reload().await;
    assert!(taken.status.success(), "{taken:?}");
    send(&mut alice, &bob, "three").await;
    arrives(&mut bob, "three").await;
}

#[tokio::test]
async fn a_node_does_not_start_with_a_script_it_cannot_read() {
    let node = TestNode::start("").await;
    let path = node.write("broken.pfw", "::deliver\n\nFRUM: x\nDROP.\n");
    let output = node
        .command(&["--set", &format!("firewall.scripts=[{path:?}]"), "check"])
        .await;
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("broken.pfw") && said.contains("FRUM") && said.contains('3'),
        "{said}"
    );
}

/// The scripts that ship leave people alone who know each other, and load without an option.
#[tokio::test]
async fn the_shipped_rules_let_friends_talk() {
    let toml = "[firewall]\nscripts = [\"shipped:anti-spam.pfw\"]";
    let node = TestNode::with_users(toml, &["alice", "bob"]).await;
    let mut alice = node.online("alice/desk").await;
    let mut bob = node.online("bob/phone").await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    alice
        .send(&format!(
            "<message to='bob@{HOST}' type='chat'><body>hi</body></message>"
        ))
        .await;
    arrives(&mut bob, "hi").await;
}

/// Writes a database that has all clients of these tests in one country.
pub(crate) fn place_everyone(file: &std::path::Path, country: &str) {
    let mut writer = mmdb_writer::Writer::new("Test");
    let entry =
        serde_json::json!({ "country": { "iso_code": country }, "continent": { "code": "EU" } });
    let networks = ["127.0.0.0/8", "::1/128"].map(|network| network.parse::<IpNet>().unwrap());
    for network in networks {
        writer.insert(network, &entry).unwrap();
    }
    std::fs::write(file, writer.to_bytes().unwrap()).unwrap();
}

#[tokio::test]
async fn countries_come_from_the_database_and_follow_it() {
    let files = tempfile::tempdir().unwrap();
    let (script, database) = (files.path().join("a.pfw"), files.path().join("a.mmdb"));
    let rules = "::preroute\n\nKIND: message\nFROM COUNTRY: SWE\nFROM COUNTRY: continent=EU\n\
                 BOUNCE=policy-violation (not from there)\n";
    std::fs::write(&script, rules).unwrap();
    place_everyone(&database, "SE");
    let toml = format!("[firewall]\nscripts = [{script:?}]\ngeoip_database = {database:?}");
    let node = TestNode::with_users(&toml, &["alice", "bob"]).await;
    let mut alice = node.online("alice/desk").await;
    let mut bob = node.online("bob/phone").await;
    send(&mut alice, &bob, "one").await;
    alice.expect("<message type='error'><error><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>not from there</text></error></message>").await;
    std::fs::write(&database, "broken").unwrap();
    let refused = node.reload().await;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("a.mmdb"),
        "{refused:?}"
    );
    place_everyone(&database, "NO");
    let taken = node.reload().await;
    assert!(taken.status.success(), "{taken:?}");
    send(&mut alice, &bob, "two").await;
    arrives(&mut bob, "two").await;
}
