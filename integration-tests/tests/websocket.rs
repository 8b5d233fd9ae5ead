//! Streams over WebSocket (RFC 7395).

use futures_util::{SinkExt, StreamExt};
use harness::{
    DEADLINE, HOST, Hash, Scram, TestClient, TestNode, TlsOptions, WebSocket, open_websocket,
    password_of,
};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::network::{listener, until};

const WEB: &str = "[listener.web]\nprotocol = \"http\"\n[listener.web_tls]\nprotocol = \"http\"\ntls = { implicit = true }\n";

async fn websocket(node: &TestNode) -> WebSocket {
    open_websocket(node.listener("web"), None, &[])
        .await
        .unwrap()
}

async fn login(node: &TestNode, user: &str) -> TestClient {
    let mut client = TestClient::over_websocket(websocket(node).await);
    client.open(HOST).await;
    let outcome = client
        .scram(&Scram::new(Hash::Sha256, user), &password_of(user))
        .await;
    outcome.unwrap();
    client.open(HOST).await;
    client.bind(None).await;
    client.go_online().await;
    client
}

async fn text(socket: &mut WebSocket) -> String {
    loop {
        match timeout(DEADLINE, socket.next())
            .await
            .expect("a message in time")
        {
            Some(Ok(Message::Text(text))) => return text.to_string(),
            Some(Ok(Message::Close(_))) | None => return "closed".to_owned(),
            Some(Ok(_)) => {}
            Some(Err(error)) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn clients_over_websocket_and_over_tcp_talk() {
    let node = TestNode::with_users(WEB, &["alice", "bob"]).await;
    let mut alice = login(&node, "alice").await;
    let mut bob = node.online("bob/desk").await;
    alice
        .send(&format!(
            "<message to='bob@{HOST}' type='chat'><body>over &lt;web&gt;</body></message>"
        ))
        .await;
    bob.skip_to("<message type='chat'><body>over &lt;web&gt;</body></message>")
        .await;
    bob.send(&format!(
        "<message to='{}' type='chat'><body>{}</body></message>",
        alice.jid,
        "ü".repeat(20_000)
    ))
    .await;
    let long = alice
        .skip_to("<message type='chat'><body/></message>")
        .await;
    assert_eq!(long.child("body").unwrap().text.chars().count(), 20_000);
    alice.send("</stream:stream>").await;
    alice.expect_end().await;
    until(&node, "web", |web| web["connections"] == 0).await;
}

#[tokio::test]
async fn each_message_is_one_element() {
    let node = TestNode::start(WEB).await;
    let open =
        format!("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{HOST}' version='1.0'/>");
    let mut socket = websocket(&node).await;
    socket.send(Message::text(open.clone())).await.unwrap();
    let header = text(&mut socket).await;
    assert!(
        header.starts_with("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' "),
        "{header}"
    );
    assert!(
        header.contains("version='1.0'") && header.contains(" id='"),
        "{header}"
    );
    let features = text(&mut socket).await;
    assert!(
        features.starts_with("<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"),
        "{features}"
    );
    assert!(!features.contains("starttls"), "{features}");
    socket
        .send(Message::text("<a xmlns='b'/><c xmlns='d'/>"))
        .await
        .unwrap();
    let error = text(&mut socket).await;
    assert!(
        error.contains("bad-format") && error.contains("xmlns:stream="),
        "{error}"
    );
    assert_eq!(
        text(&mut socket).await,
        "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"
    );
    assert_eq!(text(&mut socket).await, "closed");
    let mut socket = websocket(&node).await;
    socket
        .send(Message::binary(open.into_bytes()))
        .await
        .unwrap();
    let header = text(&mut socket).await;
    assert!(header.starts_with("<open "), "{header}");
    assert!(text(&mut socket).await.contains("bad-format"));
}

#[tokio::test]
async fn passwords_in_the_clear_need_tls_here_too() {
    let node = TestNode::with_users(WEB, &["alice"]).await;
    let mut plain = TestClient::over_websocket(websocket(&node).await);
    plain.open(HOST).await;
    let refused = plain.plain("alice", &password_of("alice")).await;
    assert!(refused.is_err(), "{refused:?}");
    let tls = TlsOptions {
        alpn: vec!["http/1.1".to_owned()],
        ..node.tls()
    };
    let socket = open_websocket(node.listener("web_tls"), Some(&tls), &[])
        .await
        .unwrap();
    let mut secure = TestClient::over_websocket(socket);
    secure.open(HOST).await;
    secure.plain("alice", &password_of("alice")).await.unwrap();
    // A trusted proxy that has the TLS says so.
    let said = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "203.0.113.7"),
    ];
    let socket = open_websocket(node.listener("web"), None, &said)
        .await
        .unwrap();
    let mut proxied = TestClient::over_websocket(socket);
    proxied.open(HOST).await;
    proxied.plain("alice", &password_of("alice")).await.unwrap();
}

#[tokio::test]
async fn clients_behind_a_proxy_count_by_their_own_address() {
    let toml = format!("{WEB}[listener.web.limits]\nper_ip = 1\n");
    let node = TestNode::start(&toml).await;
    let from = |address: &'static str| [("x-forwarded-for", address)];
    let first = open_websocket(node.listener("web"), None, &from("203.0.113.7"))
        .await
        .unwrap();
    let refused = open_websocket(node.listener("web"), None, &from("203.0.113.7")).await;
    assert!(matches!(refused, Err(Error::Http(answer)) if answer.status() == 503));
    let _other = open_websocket(node.listener("web"), None, &from("203.0.113.8"))
        .await
        .unwrap();
    drop(first);
    until(&node, "web", |web| web["connections"] == 1).await;
    open_websocket(node.listener("web"), None, &from("203.0.113.7"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_handshake_that_is_wrong_is_told_why() {
    let toml = format!("{WEB}[http]\ncors_origins = [\"https://chat.example\"]\n");
    let node = TestNode::start(&toml).await;
    let status = |headers: &'static [(&'static str, &'static str)]| {
        let address = node.listener("web");
        async move {
            match open_websocket(address, None, headers).await {
                Err(Error::Http(answer)) => answer.status().as_u16(),
                other => panic!("{:?}", other.map(drop)),
            }
        }
    };
    assert_eq!(status(&[("sec-websocket-protocol", "chat")]).await, 400);
    assert_eq!(status(&[("sec-websocket-version", "8")]).await, 426);
    assert_eq!(status(&[("sec-websocket-key", "short")]).await, 400);
    assert_eq!(status(&[("origin", "https://evil.example")]).await, 403);
    let allowed = [("origin", "https://chat.example")];
    open_websocket(node.listener("web"), None, &allowed)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_message_beyond_the_bound_ends_the_stream() {
    let node = TestNode::with_users(WEB, &["alice"]).await;
    let mut alice = login(&node, "alice").await;
    let body = "x".repeat(300 << 10);
    alice
        .send(&format!(
            "<message to='alice@{HOST}'><body>{body}</body></message>"
        ))
        .await;
    alice.expect_stream_error("policy-violation").await;
    // Before the login the bound is that of strangers.
    let mut stranger = TestClient::over_websocket(websocket(&node).await);
    stranger.open(HOST).await;
    let padding = "x".repeat(20_000);
    stranger
        .send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{padding}</auth>"
        ))
        .await;
    stranger.expect_stream_error("policy-violation").await;
}

#[tokio::test]
async fn strangers_over_websocket_have_the_deadline_of_strangers() {
    let toml = format!("{WEB}[listener.web.timeouts]\nauthenticate = \"1s\"\n");
    let node = TestNode::start(&toml).await;
    let mut stranger = TestClient::over_websocket(websocket(&node).await);
    stranger.open(HOST).await;
    stranger.expect_stream_error("connection-timeout").await;
    until(&node, "web", |web| web["connections"] == 0).await;
    assert_eq!(listener(&node, "web").await["unauthenticated"], 0);
}

#[tokio::test]
async fn a_stopping_node_says_so() {
    let mut node = TestNode::with_users(WEB, &["alice"]).await;
    let mut alice = login(&node, "alice").await;
    node.signal(rustix::process::Signal::TERM);
    alice.expect_stream_error("system-shutdown").await;
    drop(alice);
    assert!(node.ended().await.success());
}
