//! Stanzas inside stanzas, in other namespaces or behind odd prefixes: the recipient gets what was meant, or nothing.

use harness::{HOST, TestClient, TestNode, Xml};

async fn pair() -> (TestNode, TestClient, TestClient) {
    let node = TestNode::with_users("", &["mallory", "bob"]).await;
    let mallory = node.online("mallory/x").await;
    let bob = node.online("bob/y").await;
    (node, mallory, bob)
}

/// Everything that reaches bob before the marker, by a client whose reader shares no code with the server's.
async fn delivered(mallory: &mut TestClient, bob: &mut TestClient, bytes: &str) -> Vec<Xml> {
    mallory.send(&bytes.replace("BOB", &bob.jid)).await;
    mallory
        .send(&format!(
            "<message to='{}'><body>marker</body></message>",
            bob.jid
        ))
        .await;
    let mut found = Vec::new();
    loop {
        let next = bob.next().await;
        if next.child("body").is_some_and(|body| body.text == "marker") {
            return found;
        }
        found.push(next);
    }
}

#[tokio::test]
async fn what_is_nested_stays_nested() {
    let (_node, mut mallory, mut bob) = pair().await;
    for content in [
        "<message xmlns='jabber:client' from='admin@localhost' to='BOB'><body>x</body></message>",
        "<x xmlns='t:x'><message xmlns='jabber:client' from='admin@localhost'/></x>",
        "<iq xmlns='jabber:server' type='set'/>",
        "<s:stream xmlns:s='http://etherx.jabber.org/streams'/>",
        "<stream:error><x xmlns='t:x'/></stream:error>",
        "<p:body xmlns:p='jabber:client'>x</p:body>",
        "<body xmlns='t:other'>x</body>",
        "<a xmlns='' b='1'><c/></a>",
        "<a xmlns='t:&lt;&apos;&quot;&amp;' b='&lt;/message&gt;'>&lt;/message&gt;&lt;message&gt;</a>",
        "<body><![CDATA[</body></message><message to='x'>]]></body>",
        "<a xmlns:p='t:p' p:from='admin@localhost' p:xmlns='t:z'><p:b xmlns:p='t:other' p:c='1'/></a>",
        "<a xml:lang='&#x9;de' xml:space='preserve'> <b/> </a>",
    ] {
        let found = delivered(
            &mut mallory,
            &mut bob,
            &format!("<message to='BOB'>{content}</message>"),
        )
        .await;
        let meant = Xml::parse(&format!(
            "<message>{}</message>",
            content.replace("BOB", &bob.jid)
        ))
        .unwrap();
        assert_eq!(found.len(), 1, "{content}: {found:?}");
        let mut children = found[0].children.clone();
        children.iter_mut().for_each(sort_attributes);
        let mut wanted = meant.children.clone();
        wanted.iter_mut().for_each(sort_attributes);
        assert_eq!(children, wanted, "{content}");
        assert_eq!(found[0].attr("from"), Some(mallory.jid.as_str()));
    }
}

fn sort_attributes(element: &mut Xml) {
    element.attributes.sort();
    element.children.iter_mut().for_each(sort_attributes);
}

/// A prefixed attribute is not the attribute it looks like.
#[tokio::test]
async fn prefixed_attributes_route_nothing() {
    let (_node, mut mallory, mut bob) = pair().await;
    let stanza = "<message xmlns:p='t:p' p:from='admin@localhost' p:type='groupchat' to='BOB'><body>x</body></message>";
    let found = delivered(&mut mallory, &mut bob, stanza).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].attr("from"), Some(mallory.jid.as_str()));
    assert_ne!(found[0].attr("type"), Some("groupchat"));
}

/// `<p:message xmlns:p='jabber:client'>` is a message; whether it is taken or refused, it is never two things at once.
#[tokio::test]
async fn a_prefixed_stanza_is_a_stanza_or_an_error() {
    let (node, mut mallory, mut bob) = pair().await;
    let stanza = format!(
        "<p:message xmlns:p='jabber:client' to='{}'><p:body>x</p:body></p:message>",
        bob.jid
    );
    mallory.send(&stanza).await;
    mallory
        .send("<iq type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    let answer = mallory.next().await;
    if answer.name == "iq" {
        bob.expect(&format!(
            "<message from='{}'><body>x</body></message>",
            mallory.jid
        ))
        .await;
    }
    drop(node);
}

/// Only the outermost element is addressed, whatever is said inside.
#[tokio::test]
async fn no_one_else_receives_what_is_nested() {
    let (node, mut mallory, mut bob) = pair().await;
    let mut carol = {
        node.add_user("carol").await;
        node.online("carol").await
    };
    let stanza =
        format!("<message to='BOB'><message to='carol@{HOST}'><body>x</body></message></message>");
    delivered(&mut mallory, &mut bob, &stanza).await;
    carol.expect_nothing().await;
}

/// Every split of the bytes means the same.
#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let (_node, mut mallory, mut bob) = pair().await;
    let stanza = format!(
        "<message to='{}' id='1'><body>a&amp;b &#x1F600; <![CDATA[<]]> ü</body><x xmlns='t:x' y=\"z\"/></message>",
        bob.jid
    );
    for byte in stanza.as_bytes() {
        mallory.send_bytes(&[*byte]).await;
    }
    let got = bob
        .expect("<message id='1'><x xmlns='t:x' y='z'/></message>")
        .await;
    assert_eq!(got.child("body").unwrap().text, "a&b \u{1F600} < ü");
    for cut in 1..stanza.len() {
        let (head, tail) = stanza.as_bytes().split_at(cut);
        mallory.send_bytes(head).await;
        mallory.send_bytes(tail).await;
        let again = bob.next().await;
        assert_eq!(again.children, got.children, "cut at {cut}");
    }
}

/// The negotiation too can come byte by byte.
#[tokio::test]
async fn a_login_may_come_byte_by_byte() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = TestClient::connect(node.address()).await;
    let header = format!(
        " \n<?xml version='1.0'?><stream:stream to='{HOST}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    );
    for byte in header.trim_start().as_bytes() {
        client.send_bytes(&[*byte]).await;
    }
    client.expect_header().await;
    client.next().await;
    client
        .expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    let mut client = client.upgrade(&node.tls()).await.unwrap();
    client.open(HOST).await;
}
