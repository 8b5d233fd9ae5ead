//! External components (XEP-0114).

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use harness::{DEADLINE, Event, HOST, Item, TestClient, TestNode};
use sha1::{Digest as _, Sha1};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{free, in_own_network, refused};
use crate::timeouts::{SMALL_BUFFERS, long_message};

pub(crate) const ECHO: &str = "echo.localhost";
pub(super) const SECRET: &str = "open sesame";

/// A node with a listener for components, the domain `echo.localhost`, and these other settings.
pub(crate) async fn node_with(more: &str, users: &[&str]) -> TestNode {
    let own = free();
    let toml = format!(
        "[listener.components]\nprotocol = \"component\"\nbind = [\"{own}\"]\n\
         [component.\"{ECHO}\"]\nsecret = \"{SECRET}\"\n{more}"
    );
    TestNode::with_users(&toml, users).await
}

/// Opens a stream and waits for the answering header.
pub(crate) async fn knock(address: SocketAddr, domain: &str) -> TestClient {
    let mut component = TestClient::connect(address).await;
    component.send(&header(domain)).await;
    component.expect_header().await;
    component
}

pub(crate) fn header(domain: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream to='{domain}' xmlns='jabber:component:accept' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    )
}

/// What proves to know this secret.
fn proof_for(component: &TestClient, secret: &str) -> String {
    let id = component.header.attr("id").unwrap().to_owned();
    let mut proof = String::new();
    for byte in Sha1::digest(format!("{id}{secret}")) {
        write!(proof, "{byte:02x}").unwrap();
    }
    format!("<handshake>{proof}</handshake>")
}

/// Proves to know this secret.
pub(super) async fn prove(component: &mut TestClient, secret: &str) {
    let proof = proof_for(component, secret);
    component.send(&proof).await;
}

/// A component of this domain, let in.
pub(crate) async fn connect(node: &TestNode, domain: &str) -> TestClient {
    let mut component = knock(node.listener("components"), domain).await;
    prove(&mut component, SECRET).await;
    component
        .expect("<handshake xmlns='jabber:component:accept'/>")
        .await;
    component
}

/// Whether components are spoken to there.
async fn answers(address: SocketAddr) {
    knock(address, "nobody.example")
        .await
        .expect_stream_error("host-unknown")
        .await;
}

async fn is_closed(address: SocketAddr) {
    let connected = TcpStream::connect(address).await;
    assert!(connected.is_err(), "{address} is open");
}

fn v4(last: u8) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, last), 5347).into()
}

fn v6() -> SocketAddr {
    (Ipv6Addr::LOCALHOST, 5347).into()
}

const LISTENER: &str = "[listener.components]\nprotocol = \"component\"\n";

#[tokio::test]
async fn n009_components_have_their_port_on_loopback_only() {
    let name = "network::components::n009_components_have_their_port_on_loopback_only";
    if in_own_network(name).await {
        super::ip("addr add 192.0.2.9/32 dev lo");
        let _node = TestNode::start(LISTENER).await;
        answers(v4(1)).await;
        answers(v6()).await;
        is_closed(v4(7)).await;
        is_closed("192.0.2.9:5347".parse().unwrap()).await;
    }
}

#[tokio::test]
async fn n010_private_listeners_stay_where_they_are() {
    if in_own_network("network::components::n010_private_listeners_stay_where_they_are").await {
        let toml = format!("{LISTENER}[network]\ninterfaces = [\"127.0.0.7\"]\n");
        let _node = TestNode::start(&toml).await;
        answers(v4(1)).await;
        answers(v6()).await;
        is_closed(v4(7)).await;
    }
}

#[tokio::test]
async fn n011_n012_the_local_interfaces_and_a_listeners_own_before_them() {
    let name =
        "network::components::n011_n012_the_local_interfaces_and_a_listeners_own_before_them";
    if in_own_network(name).await {
        let local = "[network]\nlocal_interfaces = [\"::1\"]\n";
        {
            let _node = TestNode::start(&format!("{LISTENER}{local}")).await;
            answers(v6()).await;
            is_closed(v4(1)).await;
        }
        let toml = format!("{LISTENER}interfaces = [\"127.0.0.7\"]\n{local}");
        let _node = TestNode::start(&toml).await;
        answers(v4(7)).await;
        is_closed(v6()).await;
    }
}

#[tokio::test]
async fn n082_a_component_has_one_deadline_and_hears_nothing_before_it() {
    let node = node_with(
        "[listener.components.timeouts]\nauthenticate = \"2s\"\nread = \"1s\"\n",
        &[],
    )
    .await;
    let since = Instant::now();
    let mut silent = knock(node.listener("components"), ECHO).await;
    match silent.event().await {
        Event::Item(Item::Element(error)) => {
            assert!(error.child("connection-timeout").is_some(), "{error}")
        }
        other => silent.fail(&format!("{other:?}")),
    }
    assert!(since.elapsed() >= Duration::from_secs(2));
    silent.expect_end().await;
    // One that is let in may be silent: it is sent blanks, and asked nothing.
    let mut alive = connect(&node, ECHO).await;
    let silence = timeout(Duration::from_secs(4), alive.event()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn n086_a_component_that_does_not_read_is_dropped_and_senders_are_told() {
    let own = "[listener.components.limits]\nsend_buffer = \"1MiB\"\n\
               [listener.components.socket]\nsend_buffer = \"16KiB\"\n";
    let node = node_with(&format!("{SMALL_BUFFERS}{own}"), &["alice"]).await;
    let mut alice = node.login("alice").await;
    let deaf = connect(&node, ECHO).await;
    let burst = long_message(ECHO, 100_000).repeat(10);
    let flood = async {
        loop {
            alice.send(&burst).await;
            let got = alice.sync().await;
            if let Some(error) = got
                .iter()
                .find(|stanza| stanza.attr("type") == Some("error"))
            {
                return error.clone();
            }
        }
    };
    let error = timeout(DEADLINE, flood).await.expect("an error stanza");
    assert!(
        error.to_string().contains("remote-server-timeout"),
        "{error}"
    );
    drop(deaf);
    let mut again = connect(&node, ECHO).await;
    alice.send(&format!("<message to='{ECHO}' id='1'/>")).await;
    again
        .expect("<message xmlns='jabber:component:accept' id='1'/>")
        .await;
}

/// The longest of some round trips of a client.
async fn longest_trip(client: &mut TestClient, trips: usize) -> Duration {
    let mut longest = Duration::ZERO;
    for _ in 0..trips {
        let since = Instant::now();
        client.sync().await;
        longest = longest.max(since.elapsed());
    }
    longest
}

/// The row allows 100 ms more, on a machine of its own. Here others work too, so that only a stall is a failure.
const STALL: Duration = Duration::from_secs(5);

#[tokio::test]
async fn n089_a_flood_to_a_component_that_does_not_read_delays_nobody_else() {
    let own = "[listener.components.limits]\nsend_buffer = \"1MiB\"\n\
               [listener.components.socket]\nsend_buffer = \"16KiB\"\n";
    let node = node_with(&format!("{SMALL_BUFFERS}{own}"), &["alice", "bob"]).await;
    let mut alice = node.login("alice").await;
    let mut bob = node.login("bob").await;
    let _deaf = connect(&node, ECHO).await;
    let calm = longest_trip(&mut bob, 20).await;
    let burst = long_message(ECHO, 100_000).repeat(10);
    let flood = async {
        loop {
            alice.send(&burst).await;
            let got = alice.sync().await;
            if got.iter().any(|one| one.attr("type") == Some("error")) {
                return;
            }
        }
    };
    let mut flood = std::pin::pin!(timeout(DEADLINE, flood));
    let mut during = Duration::ZERO;
    loop {
        tokio::select! {
            ended = &mut flood => {
                ended.expect("the component to be dropped");
                break;
            }
            took = longest_trip(&mut bob, 5) => during = during.max(took),
        }
    }
    during = during.max(longest_trip(&mut bob, 20).await);
    assert!(during < calm + STALL, "{calm:?} became {during:?}");
}

#[tokio::test]
async fn n090_a_component_may_send_twice_as_much_as_a_client() {
    let node = node_with("", &["alice"]).await;
    let mut stranger = knock(node.listener("components"), ECHO).await;
    stranger
        .send(&format!("<handshake>{}", "a".repeat(10_000)))
        .await;
    stranger.expect_stream_error("policy-violation").await;
    let mut alice = node.online("alice").await;
    let mut component = connect(&node, ECHO).await;
    let body = "x".repeat(400 << 10);
    let message = format!(
        "<message from='big@{ECHO}' to='{}' type='chat'><body>{body}",
        alice.jid
    );
    component.send(&format!("{message}</body></message>")).await;
    let got = alice.next().await;
    assert_eq!(got.child("body").unwrap().text.len(), 400 << 10);
    component.send(&format!("{message}{body}")).await;
    component.expect_stream_error("policy-violation").await;
    // One that does not wait to be let in is as free behind its proof.
    let mut hasty = knock(node.listener("components"), ECHO).await;
    let proof = proof_for(&hasty, SECRET);
    hasty
        .send(&format!("{proof}{message}</body></message>"))
        .await;
    let got = alice.next().await;
    assert_eq!(got.child("body").unwrap().text.len(), 400 << 10);
}

#[tokio::test]
async fn n097_the_secret_decides() {
    let node = node_with("", &[]).await;
    let mut wrong = knock(node.listener("components"), ECHO).await;
    prove(&mut wrong, "open barley").await;
    wrong.expect_stream_error("not-authorized").await;
    let mut hasty = knock(node.listener("components"), ECHO).await;
    hasty
        .send(&format!("<message from='{ECHO}' to='{HOST}'/>"))
        .await;
    hasty.expect_stream_error("not-authorized").await;
    let mut client = TestClient::connect(node.listener("components")).await;
    client.send_header(ECHO).await;
    client.expect_stream_error("invalid-namespace").await;
    let mut host = knock(node.listener("components"), HOST).await;
    host.expect_stream_error("host-unknown").await;
    let mut nobody = TestClient::connect(node.listener("components")).await;
    nobody
        .send("<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>")
        .await;
    nobody.expect_stream_error("improper-addressing").await;
}

#[tokio::test]
async fn n097_a_second_component_is_refused_or_takes_the_place() {
    let more =
        format!("[component.\"irc.localhost\"]\nsecret = \"{SECRET}\"\nconflict = \"kick_old\"\n");
    let node = node_with(&more, &["alice"]).await;
    let mut alice = node.login("alice").await;
    let mut first = connect(&node, ECHO).await;
    let mut second = knock(node.listener("components"), ECHO).await;
    prove(&mut second, SECRET).await;
    second.expect_stream_error("conflict").await;
    alice.send(&format!("<message to='{ECHO}' id='1'/>")).await;
    first
        .expect("<message xmlns='jabber:component:accept' id='1'/>")
        .await;
    let mut old = connect(&node, "irc.localhost").await;
    let mut new = connect(&node, "irc.localhost").await;
    old.expect_stream_error("conflict").await;
    alice.send("<message to='irc.localhost' id='2'/>").await;
    new.expect("<message xmlns='jabber:component:accept' id='2'/>")
        .await;
    // The end of the old one has not taken the new one away.
    alice.send("<message to='irc.localhost' id='3'/>").await;
    new.expect("<message xmlns='jabber:component:accept' id='3'/>")
        .await;
}

#[tokio::test]
async fn n097_a_component_speaks_for_its_domain_only() {
    let node = node_with("", &["alice"]).await;
    let mut alice = node.online("alice").await;
    for from in [" from='alice@localhost'", " from='a@b@c'", ""] {
        let mut component = connect(&node, ECHO).await;
        component
            .send(&format!("<message{from} to='{}'/>", alice.jid))
            .await;
        component.expect_stream_error("invalid-from").await;
    }
    alice.expect_nothing().await;
}

/// What a client hears while the component is away.
const AWAY: &str = "<message type='error' id='early'><error type='wait'>\
                    <remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>";

#[tokio::test]
async fn a_component_and_a_client_talk() {
    let node = node_with("", &["alice"]).await;
    let mut alice = node.online("alice").await;
    let jid = alice.jid.clone();
    alice
        .send(&format!(
            "<message to='{ECHO}' id='early'><body>hi</body></message>"
        ))
        .await;
    alice.expect(AWAY).await;
    let mut component = connect(&node, ECHO).await;
    for to in [
        ECHO.to_owned(),
        format!("room@{ECHO}"),
        format!("room@{ECHO}/nick"),
    ] {
        alice
            .send(&format!(
                "<message to='{to}' id='m'><body>hi &amp; bye</body></message>"
            ))
            .await;
        let pattern = format!(
            "<message xmlns='jabber:component:accept' from='{jid}' to='{to}' id='m'><body>hi &amp; bye</body></message>"
        );
        component.expect(&pattern).await;
        component
            .send(&format!(
                "<message from='{to}' to='{jid}' id='r'><body>to you</body></message>"
            ))
            .await;
        alice
            .expect(&format!(
                "<message from='{to}' id='r'><body>to you</body></message>"
            ))
            .await;
    }
    alice
        .send(&format!("<presence to='room@{ECHO}/alice'/>"))
        .await;
    component
        .expect(&format!(
            "<presence xmlns='jabber:component:accept' from='{jid}' to='room@{ECHO}/alice'/>"
        ))
        .await;
    component.close().await;
    // Who asks later is told the same as before.
    alice
        .send(&format!("<message to='{ECHO}' id='early'/>"))
        .await;
    alice.expect(AWAY).await;
}

#[tokio::test]
async fn a_component_asks_the_host_which_lists_it() {
    let node = node_with("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let mut component = connect(&node, ECHO).await;
    component
        .send(&format!(
            "<iq type='get' id='v' from='{ECHO}' to='{HOST}'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
        .await;
    component
        .expect(&format!(
            "<iq xmlns='jabber:component:accept' type='result' id='v' from='{HOST}' to='{ECHO}'/>"
        ))
        .await;
    component
        .send(&format!("<message from='{ECHO}' id='lost'/>"))
        .await;
    component
        .expect("<message xmlns='jabber:component:accept' type='error' id='lost'/>")
        .await;
    let items = alice
        .request(
            "get",
            Some(HOST),
            "<query xmlns='http://jabber.org/protocol/disco#items'/>",
        )
        .await;
    assert!(
        items.to_string().contains(&format!("jid='{ECHO}'")),
        "{items}"
    );
}

/// A component may be elsewhere: then TLS comes first, and the rest is the same.
#[tokio::test]
async fn a_component_speaks_inside_tls() {
    let node = node_with("[listener.components.tls]\nimplicit = true\n", &[]).await;
    let address = node.listener("components");
    let connected = TestClient::connect_tls(address, &node.tls()).await;
    let mut component = connected.unwrap();
    component.send(&header(ECHO)).await;
    component.expect_header().await;
    prove(&mut component, SECRET).await;
    component
        .expect("<handshake xmlns='jabber:component:accept'/>")
        .await;
}

/// A node that stops tells its components.
#[tokio::test]
async fn a_component_hears_of_the_end() {
    let node = node_with("", &[]).await;
    let mut component = connect(&node, ECHO).await;
    node.signal(rustix::process::Signal::TERM);
    component.expect_stream_error("system-shutdown").await;
}

/// The rules of the recipient's host see what a component sends, and whose it is.
#[tokio::test]
async fn rules_know_a_component() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("component.pfw");
    let rules = "::deliver\nKIND: message\nFROM: <*>@echo.localhost\n\
                 LOG=[warn] sent by a $(session.type)\nBOUNCE=policy-violation\n";
    std::fs::write(&script, rules).unwrap();
    let more = format!("[firewall]\nscripts = [{script:?}]\n");
    let node = node_with(&more, &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.login("bob").await;
    let mut component = connect(&node, ECHO).await;
    component
        .send(&format!(
            "<message from='a@{ECHO}' to='{}' id='1'/>",
            alice.jid
        ))
        .await;
    component
        .expect("<message xmlns='jabber:component:accept' type='error' id='1'/>")
        .await;
    assert!(node.log().contains("sent by a component"));
    bob.send(&format!("<message to='{}' id='2'/>", alice.jid))
        .await;
    alice.expect("<message id='2'/>").await;
}

#[tokio::test]
async fn components_come_and_go_with_a_reload() {
    let node = node_with("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let mut echo = connect(&node, ECHO).await;
    let path = node.directory().join("portcullis.toml");
    let old = std::fs::read_to_string(&path).unwrap();
    let new = old.replace(ECHO, "irc.localhost");
    assert_ne!(old, new);
    std::fs::write(&path, new).unwrap();
    assert!(node.reload().await.status.success());
    echo.expect_stream_error("host-gone").await;
    let mut irc = connect(&node, "irc.localhost").await;
    alice.send("<message to='irc.localhost' id='1'/>").await;
    irc.expect("<message xmlns='jabber:component:accept' id='1'/>")
        .await;
    alice.send(&format!("<message to='{ECHO}' id='2'/>")).await;
    alice.expect("<message type='error' id='2'><error><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>").await;
    let file = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, file.replace(SECRET, "another one")).unwrap();
    let said = node.reload().await;
    assert!(said.status.success(), "{said:?}");
    let said = super::text(&said);
    assert!(
        !said.contains(SECRET) && !said.contains("another one"),
        "{said}"
    );
    // The stream that is there stays; a new one has to know the new secret.
    alice.send("<message to='irc.localhost' id='3'/>").await;
    irc.expect("<message xmlns='jabber:component:accept' id='3'/>")
        .await;
    irc.close().await;
    let mut late = knock(node.listener("components"), "irc.localhost").await;
    prove(&mut late, SECRET).await;
    late.expect_stream_error("not-authorized").await;
}

#[tokio::test]
async fn a_component_without_a_secret_is_refused() {
    let said = refused("[component.\"a.example\"]\n").await;
    assert!(
        said.contains("component.\"a.example\".secret: a component needs a secret"),
        "{said}"
    );
}
