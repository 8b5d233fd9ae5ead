//! What the server itself answers: disco, ping, version, time, vCard, private XML, contact addresses.

use harness::{HOST, Pattern, TestClient, TestNode, Xml};

async fn result(client: &mut TestClient, kind: &str, to: Option<&str>, payload: &str) -> Xml {
    let answer = client.request(kind, to, payload).await;
    assert_eq!(answer.attr("type"), Some("result"), "{payload}: {answer}");
    answer
}

async fn features(client: &mut TestClient, to: &str) -> Vec<String> {
    let answer = result(
        client,
        "get",
        Some(to),
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    )
    .await;
    let query = answer.child("query").unwrap();
    query
        .children
        .iter()
        .filter(|c| c.name == "feature")
        .filter_map(|c| c.attr("var").map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn the_host_says_what_it_is_and_can_do() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let payload = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let answer = result(&mut alice, "get", Some(HOST), payload).await;
    let identity = "<iq><query xmlns='http://jabber.org/protocol/disco#info'><identity category='server' type='im'/></query></iq>";
    Pattern::new(identity).check(&answer).unwrap();
    let features = features(&mut alice, HOST).await;
    for wanted in [
        "http://jabber.org/protocol/disco#info",
        "http://jabber.org/protocol/disco#items",
        "urn:xmpp:ping",
        "urn:xmpp:time",
        "jabber:iq:version",
        "urn:xmpp:blocking",
        "vcard-temp",
        "msgoffline",
    ] {
        assert!(
            features.iter().any(|f| f == wanted),
            "{wanted} is not in {features:?}"
        );
    }
    result(
        &mut alice,
        "get",
        Some(HOST),
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    )
    .await;
}

#[tokio::test]
async fn the_account_is_an_account() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let own = format!("alice@{HOST}");
    let payload = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let answer = result(&mut alice, "get", Some(&own), payload).await;
    let identity = "<iq><query xmlns='http://jabber.org/protocol/disco#info'><identity category='account' type='registered'/></query></iq>";
    Pattern::new(identity).check(&answer).unwrap();
}

/// XEP-0030 §8: an account does not tell strangers that it exists.
#[tokio::test]
async fn a_strangers_account_answers_like_no_account() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.login("alice").await;
    let payload = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let existing = alice
        .request("get", Some(&format!("bob@{HOST}")), payload)
        .await;
    let missing = alice
        .request("get", Some(&format!("nobody@{HOST}")), payload)
        .await;
    assert_eq!(
        existing.path(&["error"]).map(|e| &e.children),
        missing.path(&["error"]).map(|e| &e.children)
    );
    assert!(
        existing.path(&["error", "service-unavailable"]).is_some(),
        "{existing}"
    );
}

#[tokio::test]
async fn ping_version_and_time_are_answered() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    for to in [None, Some(HOST), Some("alice@localhost")] {
        result(&mut alice, "get", to, "<ping xmlns='urn:xmpp:ping'/>").await;
    }
    let answer = result(
        &mut alice,
        "get",
        Some(HOST),
        "<query xmlns='jabber:iq:version'/>",
    )
    .await;
    let query = answer.child_ns("query", "jabber:iq:version").unwrap();
    assert!(
        query.child("name").is_some() && query.child("version").is_some(),
        "{answer}"
    );
    let answer = result(
        &mut alice,
        "get",
        Some(HOST),
        "<time xmlns='urn:xmpp:time'/>",
    )
    .await;
    let time = answer.child_ns("time", "urn:xmpp:time").unwrap();
    let utc = &time.child("utc").unwrap().text;
    assert!(
        utc.starts_with("20") && utc.ends_with('Z') && utc.contains('T'),
        "{utc}"
    );
    let offset = &time.child("tzo").unwrap().text;
    assert!(offset == "Z" || offset.len() == 6, "{offset}");
}

#[tokio::test]
async fn a_vcard_is_kept_for_others_to_read() {
    let mut node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.login("alice").await;
    let card = "<vCard xmlns='vcard-temp'><FN>Alice &amp; co</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>AAAA</BINVAL></PHOTO></vCard>";
    result(&mut alice, "set", None, card).await;
    alice.close().await;
    node.restart().await;
    let mut bob = node.login("bob").await;
    let answer = result(
        &mut bob,
        "get",
        Some(&format!("alice@{HOST}")),
        "<vCard xmlns='vcard-temp'/>",
    )
    .await;
    assert_eq!(answer.path(&["vCard", "FN"]).unwrap().text, "Alice & co");
    let answer = bob
        .request("set", Some(&format!("alice@{HOST}")), card)
        .await;
    assert_eq!(
        answer.attr("type"),
        Some("error"),
        "only the owner writes a vCard: {answer}"
    );
    let nobody = bob
        .request(
            "get",
            Some(&format!("nobody@{HOST}")),
            "<vCard xmlns='vcard-temp'/>",
        )
        .await;
    assert_eq!(nobody.attr("type"), Some("error"));
}

#[tokio::test]
async fn private_xml_is_private() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.login("alice").await;
    let payload = "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><url name='x' url='http://x/'/></storage></query>";
    result(&mut alice, "set", None, payload).await;
    let ask = "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>";
    let answer = result(&mut alice, "get", None, ask).await;
    assert!(
        answer.path(&["query", "storage", "url"]).is_some(),
        "{answer}"
    );
    let other = "<query xmlns='jabber:iq:private'><storage xmlns='storage:other'/></query>";
    let answer = result(&mut alice, "get", None, other).await;
    assert!(
        answer
            .path(&["query", "storage"])
            .unwrap()
            .children
            .is_empty()
    );
    let mut bob = node.login("bob").await;
    let answer = bob
        .request("get", Some(&format!("alice@{HOST}")), ask)
        .await;
    assert_eq!(answer.attr("type"), Some("error"), "{answer}");
}

#[tokio::test]
async fn contact_addresses_are_published() {
    let toml = "[host.localhost.contact]\nabuse = [\"mailto:abuse@example.org\"]\nsupport = [\"xmpp:help@localhost\"]";
    let node = TestNode::with_users(toml, &["alice"]).await;
    let mut alice = node.login("alice").await;
    let payload = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let answer = result(&mut alice, "get", Some(HOST), payload).await;
    let form = "<iq><query xmlns='http://jabber.org/protocol/disco#info'><x xmlns='jabber:x:data' type='result'>\
                <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/network/serverinfo</value></field>\
                <field var='abuse-addresses'><value>mailto:abuse@example.org</value></field>\
                <field var='support-addresses'><value>xmpp:help@localhost</value></field></x></query></iq>";
    Pattern::new(form).check(&answer).unwrap();
}

#[tokio::test]
async fn what_no_one_understands_is_service_unavailable() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    for to in [None, Some(HOST)] {
        let answer = alice
            .request("get", to, "<query xmlns='test:nothing'/>")
            .await;
        assert!(
            answer.path(&["error", "service-unavailable"]).is_some(),
            "{answer}"
        );
    }
    let answer = alice
        .request(
            "get",
            Some(HOST),
            "<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>",
        )
        .await;
    assert!(
        answer.path(&["error", "item-not-found"]).is_some(),
        "{answer}"
    );
}
