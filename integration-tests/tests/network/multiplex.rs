//! Several protocols on one port, told apart by ALPN, SNI and first bytes.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use harness::{Event, HOST, TestClient, TestNode, TlsOptions};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};

use super::components::{ECHO, SECRET, header, prove};
use super::proxied::peers;
use super::{free, in_own_network, listener, until};
use crate::reload::change;

const STREAMS: &str = "http://etherx.jabber.org/streams";
const REQUEST: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const ALL: &str = "multiplex.protocols = [\"c2s\", \"component\", \"http\"]\n";

/// A node with the listener `all`, which has these keys, and the component `echo.localhost`.
async fn node_with(keys: &str) -> TestNode {
    let own = free();
    let toml = format!(
        "[listener.all]\nprotocol = \"multiplex\"\nbind = [\"{own}\"]\n{keys}\n\
         [component.\"{ECHO}\"]\nsecret = \"{SECRET}\"\n"
    );
    TestNode::with_users(&toml, &["alice"]).await
}

async fn connect(node: &TestNode) -> TestClient {
    TestClient::connect(node.listener("all")).await
}

/// A client inside TLS that offers these protocols.
async fn secured(node: &TestNode, alpn: &[&str]) -> TestClient {
    let options = TlsOptions {
        alpn: alpn.iter().map(ToString::to_string).collect(),
        ..node.tls()
    };
    let secured = TestClient::connect_tls(node.listener("all"), &options).await;
    secured.expect("a handshake")
}

fn client_header() -> String {
    format!(
        "<?xml version='1.0'?><stream:stream to='{HOST}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='{STREAMS}'>"
    )
}

fn server_header() -> String {
    client_header().replace("jabber:client", "jabber:server")
}

/// How bytes are sent.
#[derive(Clone, Copy)]
enum Pieces {
    Whole,
    Bytes,
}

async fn send(client: &mut TestClient, bytes: impl AsRef<[u8]>, pieces: Pieces) {
    let bytes = bytes.as_ref();
    match pieces {
        Pieces::Whole => client.send_bytes(bytes).await,
        Pieces::Bytes => {
            for byte in bytes {
                client.send_bytes(&[*byte]).await;
            }
        }
    }
}

/// Waits for the answer to the header of a client.
async fn expect_features(client: &mut TestClient) {
    client.restart();
    client.expect_header().await;
    client
        .skip_to("<features xmlns='http://etherx.jabber.org/streams'/>")
        .await;
}

/// Each protocol reaches its service, however its first bytes come; what has none is closed.
async fn each_is_served(connect: impl AsyncFn() -> TestClient, pieces: Pieces, before: &str) {
    let mut client = connect().await;
    send(&mut client, format!("{before}{}", client_header()), pieces).await;
    expect_features(&mut client).await;

    let mut component = connect().await;
    send(&mut component, format!("{before}{}", header(ECHO)), pieces).await;
    component.expect_header().await;
    prove(&mut component, SECRET).await;
    component
        .expect("<handshake xmlns='jabber:component:accept'/>")
        .await;

    let mut browser = connect().await;
    send(&mut browser, format!("{before}{REQUEST}"), pieces).await;
    let page = String::from_utf8(browser.rest().await).unwrap();
    assert!(
        page.starts_with("HTTP/1.1 200") && page.ends_with("alive\n"),
        "{page}"
    );

    let mut server = connect().await;
    send(&mut server, format!("{before}{}", server_header()), pieces).await;
    server.expect_stream_error("invalid-namespace").await;

    let mut socks = connect().await;
    // It may be closed behind its first byte.
    for byte in [5, 1, 0] {
        drop(socks.try_send(&[byte]).await);
    }
    assert!(socks.rest().await.is_empty());
}

#[tokio::test]
async fn n073_one_plain_port_serves_what_comes() {
    let node = node_with(ALL).await;
    each_is_served(async || connect(&node).await, Pieces::Whole, "").await;
    // All of a log-in, not only its beginning.
    let mut client = connect(&node).await;
    client.open(HOST).await;
    let (mut client, _) = client.starttls(&node.tls()).await;
    let scram = harness::Scram::new(harness::Hash::Sha256, "alice");
    client
        .scram(&scram, &harness::password_of("alice"))
        .await
        .unwrap();
    client.open(HOST).await;
    client.bind(None).await;
    client.sync().await;
}

#[tokio::test]
async fn n074_first_bytes_may_come_one_by_one() {
    let node = node_with(ALL).await;
    each_is_served(async || connect(&node).await, Pieces::Bytes, "").await;
    each_is_served(async || secured(&node, &[]).await, Pieces::Bytes, "").await;
}

#[tokio::test]
async fn n075_blanks_and_a_byte_order_mark_may_come_before() {
    let node = node_with(ALL).await;
    for before in ["\n", "\u{feff}", " \r\n\u{feff}\t"] {
        each_is_served(async || connect(&node).await, Pieces::Whole, before).await;
        each_is_served(async || secured(&node, &[]).await, Pieces::Whole, before).await;
    }
}

#[tokio::test]
async fn headers_as_other_programs_write_them() {
    let node = node_with(ALL).await;
    for header in [
        format!(
            "<stream:stream xmlns:stream=\"{STREAMS}\" version=\"1.0\" xmlns=\"jabber:client\" to=\"{HOST}\">"
        ),
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<stream:stream\n to='{HOST}'\n xmlns='jabber:client'\n xmlns:db='jabber:server:dialback' xmlns:stream='{STREAMS}' version='1.0' >"
        ),
    ] {
        let mut client = connect(&node).await;
        client.send(&header).await;
        expect_features(&mut client).await;
    }
}

#[tokio::test]
async fn n076_what_can_become_nothing_is_closed() {
    let node = node_with(&format!("{ALL}timeouts.detect = \"5m\"\n")).await;
    let undecidable = format!("<stream:stream to='{}", "x".repeat(1006));
    assert_eq!(undecidable.len(), 1025);
    for bytes in [
        "zzzz",
        "get / HTTP/1.1\r\n",
        "GETT\r\n",
        "<!DOCTYPE html>",
        "<?php ?>",
        "\u{16}\u{2}",
        &" ".repeat(65),
        &undecidable,
    ] {
        for mut client in [connect(&node).await, secured(&node, &[]).await] {
            client.send(bytes).await;
            assert!(client.rest().await.is_empty(), "{bytes}");
        }
    }
    until(&node, "all", |listener| {
        listener["binds"][0]["report"]["undetected"] == 16
    })
    .await;
    // What is not decided yet waits.
    let mut client = connect(&node).await;
    let late = format!("<stream:stream xmlns:x='{}", "x".repeat(800));
    client.send(&late).await;
    until(&node, "all", |listener| listener["unauthenticated"] == 1).await;
    let end =
        format!("' to='{HOST}' version='1.0' xmlns='jabber:client' xmlns:stream='{STREAMS}'>");
    client.send(&end).await;
    expect_features(&mut client).await;
}

#[tokio::test]
async fn streams_that_nobody_serves_are_told_so() {
    let node = node_with(ALL).await;
    for header in [
        "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>"
            .to_owned(),
        client_header().replace("jabber:client", "jabber:bogus"),
        client_header().replace(STREAMS, "http://example.com/streams"),
        "<html>".to_owned(),
    ] {
        for mut client in [connect(&node).await, secured(&node, &[]).await] {
            client.send(&header).await;
            client.expect_stream_error("invalid-namespace").await;
        }
    }
}

fn expect_at_least(since: Instant, least: Duration) {
    assert!(since.elapsed() >= least, "{:?}", since.elapsed());
}

#[tokio::test]
async fn n077_silence_is_closed_at_detect() {
    let node = node_with(&format!("{ALL}timeouts.detect = \"700ms\"\n")).await;
    let since = Instant::now();
    let mut silent = connect(&node).await;
    assert!(silent.rest().await.is_empty());
    expect_at_least(since, Duration::from_millis(700));
    // The same deadline holds inside TLS, where no protocol was agreed on.
    let since = Instant::now();
    let mut silent = secured(&node, &[]).await;
    assert!(silent.rest().await.is_empty());
    expect_at_least(since, Duration::from_millis(700));
    // A handshake that begins counts as well.
    let since = Instant::now();
    let mut slow = connect(&node).await;
    slow.send_bytes(&[0x16, 3, 1, 2, 0, 1]).await;
    assert_eq!(slow.event().await, Event::Eof);
    expect_at_least(since, Duration::from_millis(700));
    until(&node, "all", |listener| listener["connections"] == 0).await;
}

/// Sends byte after byte for as long as the node takes them.
async fn drip(client: &mut TestClient, bytes: &[u8]) {
    let mut pace = interval(Duration::from_millis(100));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for byte in bytes {
        pace.tick().await;
        if client.try_send(&[*byte]).await.is_err() {
            return;
        }
    }
    client.fail("first bytes for half a minute were allowed");
}

#[tokio::test]
async fn n077_bytes_that_trickle_move_no_deadline() {
    let node = node_with(&format!("{ALL}timeouts.detect = \"1s\"\n")).await;
    let trickle = format!("<stream:stream to='{}", "x".repeat(300));
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 300]].concat();
    for bytes in [trickle.as_bytes(), &hello] {
        let since = Instant::now();
        let mut slow = connect(&node).await;
        drip(&mut slow, bytes).await;
        expect_at_least(since, Duration::from_secs(1));
    }
    let since = Instant::now();
    let mut slow = secured(&node, &[]).await;
    drip(&mut slow, trickle.as_bytes()).await;
    expect_at_least(since, Duration::from_secs(1));
    until(&node, "all", |listener| listener["connections"] == 0).await;
}

#[tokio::test]
async fn n078_alpn_decides_before_any_byte() {
    for tls in ["", "tls.implicit = true\n"] {
        let node = node_with(&format!("{ALL}{tls}")).await;
        let mut browser = secured(&node, &["h2", "http/1.1"]).await;
        assert_eq!(
            browser.tls.as_ref().unwrap().alpn.as_deref(),
            Some("http/1.1")
        );
        browser.send(REQUEST).await;
        let page = String::from_utf8(browser.rest().await).unwrap();
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");

        let mut client = secured(&node, &["http/1.1", "xmpp-client"]).await;
        assert_eq!(
            client.tls.as_ref().unwrap().alpn.as_deref(),
            Some("xmpp-client")
        );
        client.open(HOST).await;

        // A contradiction is an error of the protocol that was agreed on.
        let mut confused = secured(&node, &["xmpp-client"]).await;
        confused.send(REQUEST).await;
        let condition = ["not-well-formed", "bad-format", "invalid-xml"];
        confused.expect_any_stream_error(&condition).await;
        let mut confused = secured(&node, &["http/1.1"]).await;
        confused.send(&client_header()).await;
        let page = String::from_utf8(confused.rest().await).unwrap();
        assert!(page.starts_with("HTTP/1.1 400"), "{page}");
    }
}

#[tokio::test]
async fn a_name_decides_where_no_protocol_is_agreed_on() {
    let node = node_with(&format!(
        "{ALL}multiplex.sni = {{ {HOST} = \"component\" }}\n"
    ))
    .await;
    let mut component = secured(&node, &[]).await;
    component.send(&header(ECHO)).await;
    component.expect_header().await;
    prove(&mut component, SECRET).await;
    component
        .expect("<handshake xmlns='jabber:component:accept'/>")
        .await;
    let mut client = secured(&node, &[]).await;
    client.send(&client_header()).await;
    client.expect_stream_error("invalid-namespace").await;
    let mut client = secured(&node, &["xmpp-client"]).await;
    client.open(HOST).await;
    let mut plain = connect(&node).await;
    plain.open(HOST).await;
    // Other names leave it to the bytes.
    change(
        &node,
        "listener.all.multiplex.sni = { \"other.example\" = \"component\" }",
    )
    .await;
    change(
        &node,
        &format!("listener.all.multiplex.sni.{HOST} = \"http\""),
    )
    .await;
    let mut browser = secured(&node, &[]).await;
    browser.send(REQUEST).await;
    assert!(browser.rest().await.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_handshake_is_taken_up_where_it_is_wanted_only() {
    let node = node_with(&format!("{ALL}multiplex.tls = false\n")).await;
    let handshake = TestClient::connect_tls(node.listener("all"), &node.tls()).await;
    assert!(handshake.is_err(), "a handshake was answered");
    connect(&node).await.open(HOST).await;
    let node = node_with(&format!("{ALL}tls.implicit = true\n")).await;
    let mut plain = connect(&node).await;
    plain.send(&client_header()).await;
    plain.expect_closed_without_xml().await;
}

async fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .is_ok()
}

#[tokio::test]
async fn n079_what_is_multiplexed_is_not_opened_besides() {
    let name = "network::multiplex::n079_what_is_multiplexed_is_not_opened_besides";
    if in_own_network(name).await {
        let toml = "[listener.c2s]\nbind = [\"*:6224\"]\n\
                    [listener.all]\nprotocol = \"multiplex\"\nbind = [\"127.0.0.1:6222\"]\n\
                    multiplex = { protocols = [\"c2s\", \"http\"] }\n\
                    [listener.clients]\nprotocol = \"c2s\"\n\
                    [listener.web]\nprotocol = \"http\"\n\
                    [listener.web_tls]\nprotocol = \"http\"\ntls = { implicit = true }\n\
                    [listener.written]\nprotocol = \"c2s\"\nbind = [\"127.0.0.1:6223\"]\n\
                    [listener.bridges]\nprotocol = \"component\"\n";
        let node = TestNode::start(toml).await;
        for port in [5222, 5269, 5280, 5281] {
            assert!(!is_open(port).await, "{port}");
        }
        for port in [6222, 6223, 5347] {
            assert!(is_open(port).await, "{port}");
        }
        assert_eq!(listener(&node, "clients").await["state"], "off");
        change(&node, "listener.all.multiplex.exclusive = false").await;
        until(&node, "web_tls", |listener| listener["state"] == "serving").await;
        for port in [5222, 5280, 5281] {
            assert!(is_open(port).await, "{port}");
        }
    }
}

#[tokio::test]
async fn n080_what_is_not_among_the_protocols_is_closed() {
    let node = node_with("multiplex.protocols = [\"component\"]\n").await;
    for mut client in [connect(&node).await, secured(&node, &[]).await] {
        client.send(&client_header()).await;
        client.expect_stream_error("invalid-namespace").await;
    }
    for mut browser in [connect(&node).await, secured(&node, &[]).await] {
        browser.send(REQUEST).await;
        assert!(browser.rest().await.is_empty());
    }
    for mut component in [connect(&node).await, secured(&node, &[]).await] {
        component.send(&header(ECHO)).await;
        component.expect_header().await;
    }
}

#[tokio::test]
async fn n080_a_reload_changes_the_protocols_and_leaves_sessions() {
    let node = node_with(ALL).await;
    let mut old = secured(&node, &["xmpp-client"]).await;
    old.open(HOST).await;
    change(
        &node,
        "listener.all.multiplex.protocols = [\"component\", \"http\"]",
    )
    .await;
    let mut new = connect(&node).await;
    new.send(&client_header()).await;
    new.expect_stream_error("invalid-namespace").await;
    let mut browser = secured(&node, &["http/1.1"]).await;
    browser.send(REQUEST).await;
    assert!(browser.rest().await.starts_with(b"HTTP/1.1 200"));
    // It is a session of the listener still, and logs in.
    let scram = harness::Scram::new(harness::Hash::Sha256, "alice");
    old.scram(&scram, &harness::password_of("alice"))
        .await
        .unwrap();
    old.open(HOST).await;
    old.bind(None).await;
    // Settings reach it that come later.
    change(&node, "listener.all.limits.stanza = \"20kB\"").await;
    let long = format!("<message><body>{}</body></message>", "x".repeat(20_000));
    old.send(&long).await;
    old.expect_stream_error("policy-violation").await;
    change(&node, "listener.all.multiplex.protocols = [\"c2s\"]").await;
    connect(&node).await.open(HOST).await;
}

#[tokio::test]
async fn the_header_of_a_proxy_comes_first() {
    let keys = "timeouts.detect = \"700ms\"\nproxy_protocol = { trusted = [\"127.0.0.0/8\"] }\n";
    let node = node_with(&format!("{ALL}{keys}")).await;
    let header = "PROXY TCP4 192.0.2.1 198.51.100.1 4001 5222\r\n";
    let mut client = connect(&node).await;
    send(
        &mut client,
        format!("{header}\n{}", client_header()),
        Pieces::Bytes,
    )
    .await;
    expect_features(&mut client).await;
    assert_eq!(peers(&node).await, ["192.0.2.1:4001"]);
    let mut client = connect(&node).await;
    client.send(header).await;
    let mut client = client.upgrade(&node.tls()).await.unwrap();
    client.open(HOST).await;
    let mut junk = connect(&node).await;
    junk.send(&format!("{header}zzzz")).await;
    assert!(junk.rest().await.is_empty());
    // Header and first bytes have one deadline.
    let since = Instant::now();
    let mut silent = connect(&node).await;
    silent.send(header).await;
    assert!(silent.rest().await.is_empty());
    expect_at_least(since, Duration::from_millis(700));
}

#[tokio::test]
async fn the_bounds_of_the_listener_hold() {
    let keys = "max_connections = 2\nlimits.unauthenticated = 2\ntimeouts = { authenticate = \"1s\", detect = \"5m\" }\n";
    let node = node_with(&format!("{ALL}{keys}")).await;
    let held = [connect(&node).await, connect(&node).await];
    until(&node, "all", |listener| listener["connections"] == 2).await;
    // What it would understand is not known: it is closed, and not reset.
    let mut third = connect(&node).await;
    third.send(&client_header()).await;
    assert!(third.rest().await.is_empty());
    drop(held);
    until(&node, "all", |listener| listener["connections"] == 0).await;
    for mut client in [connect(&node).await, secured(&node, &[]).await] {
        client.send(&client_header()).await;
        client.expect_stream_error("connection-timeout").await;
    }
    // Components may send more at once than clients: each has the default of its protocol.
    change(&node, "listener.all.timeouts.authenticate = \"5m\"").await;
    let mut component = connect(&node).await;
    component.send(&header(ECHO)).await;
    component.expect_header().await;
    prove(&mut component, SECRET).await;
    component
        .expect("<handshake xmlns='jabber:component:accept'/>")
        .await;
    let long = "x".repeat(300 << 10);
    component
        .send(&format!(
            "<message from='{ECHO}' to='nobody@{HOST}'><body>{long}</body></message>"
        ))
        .await;
    component
        .skip_to("<message xmlns='jabber:component:accept' type='error'/>")
        .await;
}

#[tokio::test]
async fn strangers_make_room_before_they_have_said_anything() {
    let keys = "limits.unauthenticated = 2\ntimeouts.detect = \"5m\"\n";
    let node = node_with(&format!("{ALL}{keys}")).await;
    let mut first = connect(&node).await;
    until(&node, "all", |listener| listener["unauthenticated"] == 1).await;
    let mut second = secured(&node, &[]).await;
    until(&node, "all", |listener| listener["unauthenticated"] == 2).await;
    let mut third = connect(&node).await;
    assert!(first.rest().await.is_empty());
    third.open(HOST).await;
    let mut fourth = connect(&node).await;
    assert!(second.rest().await.is_empty());
    fourth.open(HOST).await;
}
