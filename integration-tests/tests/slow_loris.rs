//! Who sends one byte a second, in any state of any protocol, is done with at the deadline of that state.
//!
//! All drip at the same time, so that the whole takes as long as the longest of them.

use std::time::{Duration, Instant};

use harness::{HOST, SASL, TestClient, TestNode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::network::components::{ECHO, header, node_with};
use crate::timeouts::{long_message, until_sessions};

/// The deadline of every state.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a busy machine may add; without a deadline the drops would last for minutes.
const SLACK: Duration = Duration::from_secs(25);

const SETTINGS: &str = "\
[listener.components.timeouts]\nauthenticate = \"2s\"\nread = \"2s\"\n\
[listener.c2s]\ntls = { timeout = \"2s\" }\n\
[listener.c2s.timeouts]\nauthenticate = \"2s\"\nread = \"2s\"\nclose = \"1s\"\n\
[listener.c2s_tls]\ntls = { implicit = true, timeout = \"2s\" }\n\
[listener.web]\nprotocol = \"http\"\n\
[listener.web.timeouts]\nauthenticate = \"2s\"\nread = \"2s\"\nclose = \"1s\"\n";

/// Somebody who drips: into what, what, and how many deadlines it may take.
struct Drip {
    name: &'static str,
    client: TestClient,
    since: Instant,
    bytes: Vec<u8>,
    deadlines: u32,
}

impl Drip {
    fn new(name: &'static str, client: TestClient, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name,
            client,
            since: Instant::now(),
            bytes: bytes.into(),
            deadlines: 1,
        }
    }

    /// Sends a byte a second until the node has closed the connection.
    async fn run(self) {
        let Self {
            name,
            mut client,
            since,
            bytes,
            deadlines,
        } = self;
        let mut pace = interval(Duration::from_secs(1));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bytes = bytes.into_iter().chain(std::iter::repeat(b'x'));
        let dripping = async {
            loop {
                pace.tick().await;
                let byte = bytes.next().unwrap();
                if client.try_send(&[byte]).await.is_err() {
                    return;
                }
            }
        };
        let least = PATIENCE * deadlines;
        let ended = timeout(least + SLACK, dripping).await;
        assert!(ended.is_ok(), "{name}: may drip for {:?}", since.elapsed());
        let took = since.elapsed();
        assert!(took >= least, "{name}: ended after {took:?}");
    }
}

/// The beginning of a handshake that promises more than will come.
fn hello() -> Vec<u8> {
    [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 100]].concat()
}

async fn behind_proceed(node: &TestNode) -> TestClient {
    let mut client = TestClient::connect(node.address()).await;
    client.open(HOST).await;
    client
        .send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    client
        .expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    client
}

#[tokio::test]
async fn a_byte_a_second_is_not_enough_for_anything() {
    let node = node_with(SETTINGS, &["alice"]).await;
    let mut drips = Vec::new();
    let plain = || TestClient::connect(node.address());
    let component = || TestClient::connect(node.listener("components"));
    let web = || TestClient::connect(node.listener("web"));

    let greeting = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0'";
    drips.push(Drip::new("c2s header", plain().await, greeting));
    let mut client = plain().await;
    client.open(HOST).await;
    let auth = format!("<auth xmlns='{SASL}' mechanism='PLAIN'>");
    drips.push(Drip::new("SASL", client, auth));
    let direct = TestClient::connect(node.direct_address()).await;
    drips.push(Drip::new("direct TLS", direct, hello()));
    drips.push(Drip::new("STARTTLS", behind_proceed(&node).await, hello()));
    drips.push(Drip::new(
        "component header",
        component().await,
        header(ECHO),
    ));
    let mut client = component().await;
    client.send(&header(ECHO)).await;
    client.expect_header().await;
    drips.push(Drip::new("component handshake", client, "<handshake>"));
    let request = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Long: ";
    drips.push(Drip::new("HTTP head", web().await, request));
    let handshake =
        "GET /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nX-Long: ";
    drips.push(Drip::new("WebSocket handshake", web().await, handshake));

    let mut tasks = tokio::task::JoinSet::new();
    for drip in drips {
        tasks.spawn(drip.run());
    }
    let alice = node.login("alice").await;
    // Silence is asked about after one deadline, and is the end after another.
    let stanza = Drip {
        deadlines: 2,
        ..Drip::new("stanza", alice, "<message><body>")
    };
    tasks.spawn(stanza.run());
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    until_sessions(&node, 0).await;
}

#[tokio::test]
async fn the_header_of_a_proxy_may_not_drip() {
    let toml = "[listener.c2s]\nproxy_protocol = { trusted = [\"127.0.0.0/8\"] }\n\
                [listener.c2s.timeouts]\ndetect = \"2s\"\n";
    let node = TestNode::start(toml).await;
    let client = TestClient::connect(node.address()).await;
    Drip::new(
        "PROXY header",
        client,
        "PROXY TCP4 192.0.2.1 198.51.100.1 4001",
    )
    .run()
    .await;
    until_sessions(&node, 0).await;
}

/// The body of a request is read by nobody, so that its answer is the end of the connection.
#[tokio::test]
async fn the_body_of_a_request_may_not_drip() {
    let toml = "[listener.web]\nprotocol = \"http\"\n[listener.web.timeouts]\nread = \"2s\"\n";
    let node = TestNode::start(toml).await;
    let mut stream = TcpStream::connect(node.listener("web")).await.unwrap();
    let head = "POST /health/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let dripping = async {
        let mut pace = interval(Duration::from_secs(1));
        loop {
            let mut answer = [0; 512];
            tokio::select! {
                _ = pace.tick() => if stream.write_all(b"x").await.is_err() { return },
                read = stream.read(&mut answer) => if matches!(read, Ok(0) | Err(_)) { return },
            }
        }
    };
    let ended = timeout(PATIENCE * 2 + SLACK, dripping).await;
    assert!(ended.is_ok(), "a body may drip for ever");
}

/// A byte a second opens no window, so it is no progress.
#[tokio::test]
async fn a_reader_of_a_byte_a_second_is_dropped() {
    let toml = format!(
        "{}[listener.c2s.timeouts]\nsend = \"2s\"\n",
        crate::timeouts::SMALL_BUFFERS
    );
    let node = TestNode::with_users(&toml, &["alice", "bob"]).await;
    let mut alice = node.login("alice").await;
    let mut bob = node.login("bob").await;
    let since = Instant::now();
    bob.send(&long_message(&alice.jid, 50_000).repeat(30)).await;
    let reading = async {
        let mut pace = interval(Duration::from_secs(1));
        loop {
            pace.tick().await;
            alice.read_byte().await;
        }
    };
    tokio::select! {
        () = reading => {}
        () = until_sessions(&node, 1) => {}
    }
    assert!(since.elapsed() >= PATIENCE, "{:?}", since.elapsed());
    bob.sync().await;
}
