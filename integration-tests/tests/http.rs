//! The http listener: pages, deadlines, refusals.

use std::time::{Duration, Instant};

use harness::{DEADLINE, HOST, TestNode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::network::until;
use crate::reload::change;

const WEB: &str = "[listener.web]\nprotocol = \"http\"\n";

async fn connect(node: &TestNode) -> TcpStream {
    TcpStream::connect(node.listener("web")).await.unwrap()
}

/// All that comes until the node closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(DEADLINE, stream.read_to_end(&mut bytes)).await;
    read.expect("an end").unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Head and body of the answer to one request.
async fn ask(node: &TestNode, request: &str) -> (String, String) {
    let mut stream = connect(node).await;
    let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_lowercase(), body.to_owned())
}

async fn get(node: &TestNode, path: &str, headers: &str) -> (String, String) {
    ask(
        node,
        &format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n"),
    )
    .await
}

#[tokio::test]
async fn health_metrics_and_certificates_are_pages() {
    let node = TestNode::start(WEB).await;
    let (head, body) = get(&node, "/health/live", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(body, "alive\n");
    assert_eq!(get(&node, "/health/ready", "").await.1, "ready\n");
    let (head, body) = get(&node, "/metrics", "").await;
    assert!(
        head.contains("content-type: application/openmetrics-text"),
        "{head}"
    );
    assert!(
        body.ends_with("# EOF\n") && body.contains("portcullis_listener"),
        "{body}"
    );
    let (head, body) = get(&node, "/certificates", "").await;
    assert!(head.contains("text/html"), "{head}");
    assert!(
        body.contains("c2s_tls") && body.contains("chain.pem"),
        "{body}"
    );
    let (head, _) = get(&node, "/nothing", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    let (head, body) = ask(
        &node,
        &format!("HEAD /health/live HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
    )
    .await;
    assert!(
        head.contains("content-length: 6") && body.is_empty(),
        "{head}"
    );
    let (head, _) = ask(
        &node,
        &format!("POST /metrics HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n"),
    )
    .await;
    assert!(
        head.starts_with("http/1.1 405") && head.contains("allow: get"),
        "{head}"
    );
}

#[tokio::test]
async fn the_state_of_the_node_is_for_its_operators_alone() {
    let node = TestNode::start(WEB).await;
    let outside = "X-Forwarded-For: 203.0.113.9\r\n";
    for page in ["/metrics", "/certificates"] {
        let (head, body) = get(&node, page, outside).await;
        assert!(head.starts_with("http/1.1 403"), "{head}");
        assert!(body.contains("203.0.113.9"), "{body}");
    }
    let (head, _) = get(&node, "/health/ready", outside).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    // A peer that is no trusted proxy speaks for itself.
    let toml = format!("{WEB}[http]\ntrusted_proxies = []\n");
    let node = TestNode::start(&toml).await;
    let (head, _) = get(&node, "/metrics", outside).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
}

#[tokio::test]
async fn host_meta_says_where_websockets_are() {
    let node = TestNode::start(WEB).await;
    let (head, body) = get(&node, "/.well-known/host-meta", "").await;
    assert!(head.contains("application/xrd+xml"), "{head}");
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    let link =
        "<Link rel='urn:xmpp:alt-connections:websocket' href='ws://localhost/xmpp-websocket'/>";
    assert!(body.contains(link), "{body}");
    let link = "<Link rel='urn:xmpp:alt-connections:xbosh' href='http://localhost/http-bind'/>";
    assert!(body.contains(link), "{body}");
    let (head, body) = get(
        &node,
        "/.well-known/host-meta.json",
        "X-Forwarded-Proto: https\r\n",
    )
    .await;
    assert!(head.contains("application/json"), "{head}");
    let parsed: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(parsed["links"][0]["href"], "wss://localhost/xmpp-websocket");
    let (head, _) = ask(
        &node,
        "GET /.well-known/host-meta HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
    )
    .await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    change(&node, "http.external_url = \"https://chat.example:444/x/\"").await;
    let (_, body) = ask(
        &node,
        "GET /.well-known/host-meta HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
    )
    .await;
    assert!(
        body.contains("'wss://chat.example:444/x/xmpp-websocket'"),
        "{body}"
    );
}

#[tokio::test]
async fn pages_of_other_origins_are_told_by_cors_whether_they_may() {
    let toml = format!("{WEB}[http]\ncors_origins = [\"https://chat.example\"]\n");
    let node = TestNode::start(&toml).await;
    let page = "/.well-known/host-meta.json";
    let (head, _) = get(&node, page, "Origin: https://chat.example\r\n").await;
    assert!(
        head.contains("access-control-allow-origin: https://chat.example"),
        "{head}"
    );
    assert!(head.contains("vary: origin"), "{head}");
    let (head, _) = get(&node, page, "Origin: https://evil.example\r\n").await;
    assert!(!head.contains("access-control-allow-origin"), "{head}");
    let preflight =
        format!("OPTIONS {page} HTTP/1.1\r\nHost: {HOST}\r\nOrigin: https://chat.example\r\n\r\n");
    let (head, _) = ask(&node, &preflight).await;
    assert!(
        head.starts_with("http/1.1 204") && head.contains("access-control-allow-methods"),
        "{head}"
    );
}

#[tokio::test]
async fn n037_the_third_of_two_reads_a_503() {
    let toml = format!("{WEB}max_connections = 2\nlimits = {{ unauthenticated = 2 }}\n");
    let node = TestNode::start(&toml).await;
    let (mut one, _two) = (connect(&node).await, connect(&node).await);
    until(&node, "web", |web| web["connections"] == 2).await;
    let mut third = connect(&node).await;
    let answer = rest(&mut third).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("Retry-After: "), "{answer}");
    let request = format!("GET /health/live HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    one.write_all(request.as_bytes()).await.unwrap();
    assert!(rest(&mut one).await.ends_with("alive\n"));
}

#[tokio::test]
async fn n085_half_a_request_reads_a_408_and_silence_just_ends() {
    let toml = format!("{WEB}timeouts = {{ read = \"1s\" }}\n");
    let node = TestNode::start(&toml).await;
    let since = Instant::now();
    let (mut half, mut idle, mut silent) = (
        connect(&node).await,
        connect(&node).await,
        connect(&node).await,
    );
    half.write_all(b"GET /health/live HTTP/1.1\r\nHo")
        .await
        .unwrap();
    let request = format!("GET /health/live HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    idle.write_all(request.as_bytes()).await.unwrap();
    let answers = tokio::join!(rest(&mut half), rest(&mut idle), rest(&mut silent));
    assert!(answers.0.starts_with("HTTP/1.1 408 "), "{}", answers.0);
    assert!(answers.1.ends_with("alive\n"), "{}", answers.1);
    assert_eq!(answers.2, "");
    assert!(since.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_request_byte_by_byte_has_one_deadline() {
    let toml = format!("{WEB}timeouts = {{ read = \"2s\" }}\n");
    let node = TestNode::start(&toml).await;
    let mut slow = connect(&node).await;
    let since = Instant::now();
    let request = format!(
        "GET /health/live HTTP/1.1\r\nHost: {HOST}\r\nX: {}",
        "x".repeat(100)
    );
    for byte in request.bytes() {
        if slow.write_all(&[byte]).await.is_err() {
            break;
        }
        // The node's answer, or its end, is the event that ends the dripping.
        let mut first = [0];
        if timeout(Duration::from_millis(100), slow.read(&mut first))
            .await
            .is_ok()
        {
            assert_eq!(&first, b"H");
            let (waited, answer) = (since.elapsed(), rest(&mut slow).await);
            assert!(answer.starts_with("TTP/1.1 408 "), "{answer}");
            assert!(
                waited >= Duration::from_secs(2) && waited < Duration::from_secs(6),
                "{waited:?}"
            );
            return;
        }
    }
    panic!("a request may drip for ever");
}

#[tokio::test]
async fn a_stopping_node_lets_idle_connections_go() {
    let mut node = TestNode::start(WEB).await;
    let mut idle = connect(&node).await;
    let request = format!("GET /health/live HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    idle.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    node.signal(rustix::process::Signal::TERM);
    assert!(node.ended().await.success());
    rest(&mut idle).await;
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_closed() {
    let node = TestNode::start(WEB).await;
    let garbage: [&[u8]; 4] = [
        b"\x16\x03\x01\x02\x00\x01",
        b"<stream:stream>",
        b"zzzz\r\n\r\n",
        &[b'A'; 70_000],
    ];
    for bytes in garbage {
        let mut stream = connect(&node).await;
        // The node may close before all of it is written.
        drop(stream.write_all(bytes).await);
        drop(stream.shutdown().await);
        let mut answer = Vec::new();
        drop(
            timeout(DEADLINE, stream.read_to_end(&mut answer))
                .await
                .expect("an end"),
        );
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    assert_eq!(get(&node, "/health/live", "").await.1, "alive\n");
}
