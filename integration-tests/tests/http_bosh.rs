//! Streams over BOSH (XEP-0124, XEP-0206).

use std::time::{Duration, Instant};

use harness::{
    Bosh, DEADLINE, HOST, Hash, HttpAnswer, Scram, TestClient, TestNode, TlsOptions, ask_http,
    password_of, post,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::network::until;
use crate::reload::change;

const WEB: &str = "[listener.web]\nprotocol = \"http\"\n[listener.web_tls]\nprotocol = \"http\"\ntls = { implicit = true }\n";
const EMPTY: &str = "<body xmlns='http://jabber.org/protocol/httpbind'/>";
const WISH: &str = "wait='60' hold='1'";

async fn login(node: &TestNode, user: &str) -> TestClient {
    let mut client = TestClient::over_bosh(node.listener("web"), None, "");
    client.open(HOST).await;
    let scram = Scram::new(Hash::Sha256, user);
    client.scram(&scram, &password_of(user)).await.unwrap();
    client.open(HOST).await;
    client.bind(None).await;
    client.go_online().await;
    client
}

/// A session that was asked for, and that nobody has logged in on.
async fn create(node: &TestNode) -> Bosh {
    let bosh = Bosh::create(node.listener("web"), HOST, WISH).await;
    assert!(!bosh.sid.is_empty(), "{:?}", bosh.created);
    bosh
}

/// A session that alice has bound a resource on, request by request.
async fn bound(node: &TestNode, attributes: &str) -> Bosh {
    let proxied = "X-Forwarded-Proto: https\r\n";
    let mut bosh = Bosh::create_over(node.listener("web"), None, proxied, HOST, attributes).await;
    let plain = base64("\0alice\0pencil of alice");
    let auth =
        format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>");
    let success = bosh.send("", &auth).await;
    assert!(success.inside().starts_with("<success"), "{success:?}");
    let features = bosh
        .send(&format!("xmpp:restart='true' to='{HOST}'"), "")
        .await;
    assert!(
        features.inside().starts_with("<stream:features>"),
        "{features:?}"
    );
    assert!(
        features
            .body
            .contains("xmlns:stream='http://etherx.jabber.org/streams'")
    );
    let bind = "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
        <resource>web</resource></bind></iq>";
    let bind = bosh.send("", bind).await;
    assert!(
        bind.inside().contains("<jid>alice@localhost/web</jid>"),
        "{bind:?}"
    );
    bosh
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

const PRESENCE: &str = "<presence xmlns='jabber:client'/>";
const PING: &str =
    "<iq xmlns='jabber:client' type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";

fn is_pong(answer: &HttpAnswer) -> bool {
    answer.inside().starts_with("<iq xmlns='jabber:client'") && answer.inside().contains("id='p'")
}

/// Begins a request that the node holds, and waits until it does: the one before is answered then.
async fn hold(bosh: &mut Bosh) -> tokio::task::JoinHandle<HttpAnswer> {
    let before = bosh.begin("", "");
    let held = bosh.begin("", "<iq xmlns='jabber:client' type='result' id='nothing'/>");
    assert_eq!(before.await.unwrap().body, EMPTY);
    held
}

async fn sessions(node: &TestNode, count: u64) {
    until(node, "web", |web| web["connections"] == count).await;
}

#[tokio::test]
async fn clients_over_bosh_and_over_tcp_talk() {
    let node = TestNode::with_users(WEB, &["alice", "bob"]).await;
    let mut alice = login(&node, "alice").await;
    let mut bob = node.online("bob/desk").await;
    let message =
        format!("<message to='bob@{HOST}' type='chat'><body>over &lt;http&gt;</body></message>");
    alice.send(&message).await;
    bob.skip_to("<message type='chat'><body>over &lt;http&gt;</body></message>")
        .await;
    for number in 0..20 {
        bob.send(&format!(
            "<message to='{}' type='chat'><body>{number}</body></message>",
            alice.jid
        ))
        .await;
    }
    for number in 0..20 {
        alice
            .skip_to(&format!(
                "<message type='chat'><body>{number}</body></message>"
            ))
            .await;
    }
    let long = "ü".repeat(60_000);
    bob.send(&format!(
        "<message to='{}' type='chat'><body>{long}</body></message>",
        alice.jid
    ))
    .await;
    let found = alice
        .skip_to("<message type='chat'><body/></message>")
        .await;
    assert_eq!(found.child("body").unwrap().text, long);
    alice.send("</stream:stream>").await;
    alice.expect_end().await;
    sessions(&node, 0).await;
}

#[tokio::test]
async fn a_session_is_told_its_terms() {
    let node = TestNode::start(WEB).await;
    let bosh = Bosh::create(
        node.listener("web"),
        HOST,
        "wait='600' hold='5' ack='1' content='text/plain'",
    )
    .await;
    let created = &bosh.created;
    assert!(
        created
            .head
            .contains("content-type: text/plain; charset=utf-8"),
        "{created:?}"
    );
    assert!(
        created.head.contains("access-control-allow-origin: *"),
        "{created:?}"
    );
    assert!(
        created.head.contains("x-content-type-options: nosniff"),
        "{created:?}"
    );
    let rid = bosh.rid.to_string();
    for (name, value) in [
        ("wait", "120"),
        ("hold", "1"),
        ("requests", "2"),
        ("inactivity", "60"),
        ("maxpause", "120"),
        ("ver", "1.6"),
        ("from", HOST),
        ("ack", rid.as_str()),
        ("xmpp:version", "1.0"),
        ("xmpp:restartlogic", "true"),
    ] {
        assert_eq!(created.attribute(name), Some(value), "{name}: {created:?}");
    }
    assert_eq!(bosh.sid.len(), 32, "{created:?}");
    let inside = created.inside();
    assert!(
        inside.contains("<mechanism>SCRAM-SHA-256</mechanism>") && !inside.contains("starttls"),
        "{inside}"
    );
    assert_ne!(create(&node).await.sid, bosh.sid);
}

#[tokio::test]
async fn parallel_requests_are_answered_in_order() {
    let node = TestNode::with_users(WEB, &["alice"]).await;
    let mut alice = bound(&node, "wait='60' hold='1' ack='1'").await;
    let held = alice.begin("", "");
    let second = alice.begin("", PING);
    let (first, second) = (held.await.unwrap(), second.await.unwrap());
    assert_eq!(first.inside(), "");
    assert_eq!(first.attribute("ack"), Some(alice.rid.to_string().as_str()));
    assert!(is_pong(&second), "{second:?}");
    // What overtakes another waits for it.
    alice.rid += 2;
    let later = alice.begin_as(alice.rid, "", &PING.replace("'p'", "'later'"));
    let earlier = alice.begin_as(alice.rid - 1, "", &PING.replace("'p'", "'earlier'"));
    let (earlier, later) = (earlier.await.unwrap(), later.await.unwrap());
    let mut brought = format!("{}{}", earlier.inside(), later.inside());
    while !brought.contains("id='later'") {
        brought += alice.send("", "").await.inside();
    }
    let (one, two) = (brought.find("id='earlier'"), brought.find("id='later'"));
    assert!(one.is_some() && one < two, "{brought}");
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_and_does_nothing_twice() {
    let node = TestNode::with_users(WEB, &["alice", "bob"]).await;
    let mut bob = node.online("bob/desk").await;
    let mut alice = bound(&node, WISH).await;
    let inside =
        format!("<message xmlns='jabber:client' to='bob@{HOST}'><body>once</body></message>{PING}");
    let first = alice.send("", &inside).await;
    assert!(is_pong(&first), "{first:?}");
    for _ in 0..3 {
        assert_eq!(
            alice.begin_as(alice.rid, "", &inside).await.unwrap().body,
            first.body
        );
    }
    bob.expect("<message><body>once</body></message>").await;
    bob.expect_nothing().await;
    // Of two that are held one goes on, the other is asked to come again.
    let (mut one, mut two) = (alice.begin("", ""), alice.begin_as(alice.rid, "", ""));
    let (refused, held) = tokio::select! {
        refused = &mut one => (refused, two),
        refused = &mut two => (refused, one),
    };
    assert_eq!(refused.unwrap().status, 503);
    bob.send(&format!(
        "<message to='alice@{HOST}/web'><body>to one</body></message>"
    ))
    .await;
    assert!(held.await.unwrap().body.contains("to one"));
}

#[tokio::test]
async fn numbers_out_of_the_window_and_unknown_sids_are_not_found() {
    let node = TestNode::start(WEB).await;
    for ahead in [3, 1_000_000] {
        let bosh = create(&node).await;
        let answer = bosh.begin_as(bosh.rid + ahead, "", "").await.unwrap();
        assert_eq!(answer.condition(), "item-not-found");
        let answer = bosh.begin_as(bosh.rid + 1, "", "").await.unwrap();
        assert_eq!(answer.condition(), "item-not-found");
    }
    let mut bosh = create(&node).await;
    let answer = bosh.begin_as(bosh.rid - 1, "", "").await.unwrap();
    assert_eq!(answer.condition(), "item-not-found");
    bosh.sid = "0".repeat(32);
    assert_eq!(bosh.send("", "").await.condition(), "item-not-found");
    sessions(&node, 0).await;
}

#[tokio::test]
async fn what_is_held_for_as_long_as_it_may_be_gets_an_empty_answer() {
    let node = TestNode::start(WEB).await;
    let mut bosh = Bosh::create(node.listener("web"), HOST, "wait='1' hold='1'").await;
    let since = Instant::now();
    let answer = bosh.send("", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, EMPTY));
    assert!(since.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_client_that_is_silent_is_gone_as_one_whose_connection_broke() {
    let toml = format!("{WEB}[http.bosh]\ninactivity = \"3s\"\n");
    let node = TestNode::with_users(&toml, &["alice"]).await;
    let mut desk = node.online("alice/desk").await;
    let mut web = bound(&node, WISH).await;
    web.send("", PRESENCE).await;
    desk.expect("<presence from='alice@localhost/web' type='!'/>")
        .await;
    desk.expect("<presence from='alice@localhost/web' type='unavailable'/>")
        .await;
    sessions(&node, 0).await;
    assert_eq!(web.send("", "").await.condition(), "item-not-found");
}

#[tokio::test]
async fn a_client_may_pause() {
    let toml = format!("{WEB}[http.bosh]\ninactivity = \"3s\"\n");
    let node = TestNode::with_users(&toml, &["alice"]).await;
    let mut desk = node.online("alice/desk").await;
    let mut web = bound(&node, WISH).await;
    web.send("", PRESENCE).await;
    let held = web.begin("", "");
    let paused = web.begin("pause='60'", "");
    assert!(held.await.unwrap().attribute("type").is_none());
    assert_eq!(paused.await.unwrap().body, EMPTY);
    // Another session begins after the pause, and has ended before it.
    create(&node).await;
    sessions(&node, 1).await;
    desk.send("<message to='alice@localhost/web'><body>back?</body></message>")
        .await;
    let mut answer = web.send("", "").await;
    while !answer.body.contains("back?") {
        assert!(answer.attribute("type").is_none(), "{answer:?}");
        answer = web.send("", "").await;
    }
    assert_eq!(
        web.send("pause='121'", "").await.condition(),
        "policy-violation"
    );
}

#[tokio::test]
async fn a_client_leaves() {
    let node = TestNode::with_users(WEB, &["alice"]).await;
    let mut desk = node.online("alice/desk").await;
    let mut web = bound(&node, WISH).await;
    web.send("", PRESENCE).await;
    desk.expect("<presence from='alice@localhost/web' type='!'/>")
        .await;
    let away = "<presence xmlns='jabber:client' type='unavailable'><status>bye</status></presence>";
    let answer = web.send("type='terminate'", away).await;
    assert_eq!(answer.condition(), "");
    let seen =
        "<presence from='alice@localhost/web' type='unavailable'><status>bye</status></presence>";
    desk.expect(seen).await;
    sessions(&node, 0).await;
    assert_eq!(web.send("", "").await.condition(), "item-not-found");
}

#[tokio::test]
async fn the_node_ends_a_session() {
    let mut node = TestNode::with_users(WEB, &["alice"]).await;
    let mut web = bound(&node, WISH).await;
    let held = hold(&mut web).await;
    let _newer = node.login("alice/web").await;
    let ended = held.await.unwrap();
    assert_eq!(ended.condition(), "remote-stream-error");
    let conflict = "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>";
    assert!(ended.inside().starts_with(conflict), "{ended:?}");
    let mut web = bound(&node, WISH).await;
    let held = hold(&mut web).await;
    node.signal(rustix::process::Signal::TERM);
    assert_eq!(held.await.unwrap().condition(), "system-shutdown");
    assert!(node.ended().await.success());
}

#[tokio::test]
async fn a_drained_listener_ends_its_sessions() {
    let node = TestNode::with_users(WEB, &["alice"]).await;
    let mut web = bound(&node, WISH).await;
    let held = hold(&mut web).await;
    let drained = node
        .command(&["listener", "drain", "web", "--timeout", "1s"])
        .await;
    assert!(drained.status.success(), "{drained:?}");
    assert_eq!(held.await.unwrap().condition(), "system-shutdown");
}

#[tokio::test]
async fn what_the_broken_connection_did_not_bring_is_not_lost() {
    let node = TestNode::with_users(WEB, &["alice", "bob"]).await;
    let mut bob = node.online("bob/desk").await;
    let mut alice = bound(&node, WISH).await;
    alice.rid += 1;
    let body = format!(
        "<body rid='{}' sid='{}' xmlns='http://jabber.org/protocol/httpbind'/>",
        alice.rid, alice.sid
    );
    let mut held = TcpStream::connect(node.listener("web")).await.unwrap();
    let request = format!(
        "POST /http-bind HTTP/1.1\r\nHost: {HOST}\r\n{}Content-Length: {}\r\n\r\n{body}",
        alice.headers,
        body.len()
    );
    held.write_all(request.as_bytes()).await.unwrap();
    drop(held);
    bob.send("<message to='alice@localhost/web'><body>lost?</body></message>")
        .await;
    bob.sync().await;
    let answer = alice.begin_as(alice.rid, "", "").await.unwrap();
    assert!(answer.body.contains("lost?"), "{answer:?}");
}

#[tokio::test]
async fn who_does_not_log_in_is_ended() {
    let toml = format!("{WEB}[listener.web.timeouts]\nauthenticate = \"1s\"\n");
    let node = TestNode::start(&toml).await;
    let mut bosh = create(&node).await;
    let ended = bosh.send("", "").await;
    assert_eq!(ended.condition(), "remote-stream-error");
    assert!(ended.inside().contains("<connection-timeout "), "{ended:?}");
    sessions(&node, 0).await;
    // Another domain is refused at once.
    let nowhere = Bosh::create(node.listener("web"), "nowhere.example", WISH).await;
    assert_eq!(nowhere.created.condition(), "host-unknown");
}

#[tokio::test]
async fn stanzas_and_bodies_are_bounded() {
    let node = TestNode::with_users(WEB, &["alice"]).await;
    let mut alice = bound(&node, WISH).await;
    let message = |bytes: usize| {
        let text = "x".repeat(bytes);
        format!("<message xmlns='jabber:client' to='alice@{HOST}'><body>{text}</body></message>")
    };
    let ended = alice.send("", &message(300 << 10)).await;
    assert_eq!(ended.condition(), "remote-stream-error");
    assert!(
        ended.inside().starts_with("<policy-violation "),
        "{ended:?}"
    );
    let mut alice = bound(&node, WISH).await;
    assert_eq!(
        alice.send("", &message(1 << 20)).await.condition(),
        "policy-violation"
    );
    let mut stranger = create(&node).await;
    let auth = format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{}</auth>",
        "x".repeat(20_000)
    );
    let ended = stranger.send("", &auth).await;
    assert!(
        ended.inside().starts_with("<policy-violation "),
        "{ended:?}"
    );
    let mut stranger = create(&node).await;
    assert_eq!(
        stranger.send("", &"<a>".repeat(100)).await.condition(),
        "policy-violation"
    );
}

#[tokio::test]
async fn garbage_is_a_bad_request() {
    let node = TestNode::start(WEB).await;
    let web = node.listener("web");
    let ns = "xmlns='http://jabber.org/protocol/httpbind'";
    for body in [
        String::new(),
        "garbage".to_owned(),
        "\0\u{1}".to_owned(),
        "<body rid='1'/>".to_owned(),
        format!("<body {ns}/>"),
        format!("<body rid='x' {ns}/>"),
        format!("<body rid='1' to='{HOST}' content='text/html' {ns}/>"),
        format!("<body rid='1' {ns}><!-- comment --></body>"),
        format!("<!DOCTYPE a [<!ENTITY x 'y'>]><body rid='1' {ns}>&x;</body>"),
    ] {
        let answer = post(web, None, "", &body).await;
        assert_eq!(
            (answer.status, answer.condition()),
            (200, "bad-request"),
            "{body}"
        );
    }
    let mut bosh = create(&node).await;
    let ended = bosh.send("", "<message xmlns='jabber:server'/>").await;
    assert_eq!(ended.condition(), "remote-stream-error");
    let get = ask_http(
        web,
        None,
        &format!("GET /http-bind HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"),
    )
    .await;
    assert_eq!(get.status, 405);
    assert!(get.head.contains("allow: post, options"), "{get:?}");
}

#[tokio::test]
async fn a_body_that_trickles_has_a_deadline() {
    let toml = format!("{WEB}[listener.web.timeouts]\nauthenticate = \"1s\"\n");
    let node = TestNode::start(&toml).await;
    let mut slow = TcpStream::connect(node.listener("web")).await.unwrap();
    let head = format!("POST /http-bind HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\n");
    slow.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = slow.into_split();
    writer.write_all(b"<body").await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(DEADLINE, reader.read_to_end(&mut answer)).await;
    let _count = read.expect("an end in time").unwrap_or_default();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    until(&node, "web", |web| web["connections"] == 0).await;
}

#[tokio::test]
async fn sessions_take_places() {
    let toml = format!("{WEB}[listener.web.limits]\nper_ip = 1\n[http.bosh]\nmax_sessions = 2\n");
    let node = TestNode::start(&toml).await;
    let web = node.listener("web");
    let from = |address: &str| format!("X-Forwarded-For: {address}\r\n");
    let create =
        async |address: &str| Bosh::create_over(web, None, &from(address), HOST, WISH).await;
    let mut first = create("203.0.113.7").await;
    assert_eq!(first.created.status, 200);
    let refused = create("203.0.113.7").await.created;
    assert_eq!(refused.status, 503);
    assert!(refused.head.contains("retry-after: 10"), "{refused:?}");
    assert_eq!(create("203.0.113.8").await.created.status, 200);
    assert_eq!(create("203.0.113.9").await.created.status, 503);
    sessions(&node, 2).await;
    assert_eq!(first.send("type='terminate'", "").await.condition(), "");
    sessions(&node, 1).await;
    assert_eq!(create("203.0.113.7").await.created.status, 200);
}

#[tokio::test]
async fn a_session_that_began_encrypted_stays_encrypted() {
    let node = TestNode::with_users(WEB, &["alice"]).await;
    let tls = TlsOptions {
        alpn: vec!["http/1.1".to_owned()],
        ..node.tls()
    };
    let mut client = TestClient::over_bosh(node.listener("web_tls"), Some(tls.clone()), "");
    client.open(HOST).await;
    client.plain("alice", &password_of("alice")).await.unwrap();
    let mut plain = TestClient::over_bosh(node.listener("web"), None, "");
    plain.open(HOST).await;
    let refused = plain.plain("alice", &password_of("alice")).await;
    assert!(refused.is_err(), "{refused:?}");
    let secure = Bosh::create_over(node.listener("web_tls"), Some(tls), "", HOST, WISH).await;
    let mut stolen = create(&node).await;
    stolen.sid.clone_from(&secure.sid);
    assert_eq!(stolen.send("", PING).await.condition(), "item-not-found");
}

#[tokio::test]
async fn who_asks_too_often_is_ended() {
    let node = TestNode::start(WEB).await;
    let mut polling = Bosh::create(node.listener("web"), HOST, "wait='0' hold='0'").await;
    assert_eq!(polling.created.attribute("polling"), Some("5"));
    assert_eq!(polling.send("", "").await.body, EMPTY);
    assert_eq!(polling.send("", "").await.condition(), "policy-violation");
}

#[tokio::test]
async fn requests_with_other_keys_are_not_believed() {
    let node = TestNode::start(WEB).await;
    // The SHA-1 of "abc".
    let wish = format!("{WISH} newkey='a9993e364706816aba3e25717850c26c9cd0d89d'");
    let mut right = Bosh::create(node.listener("web"), HOST, &wish).await;
    let pong = right.send("key='abc' pause='10'", "").await;
    assert_eq!(pong.body, EMPTY);
    let mut wrong = Bosh::create(node.listener("web"), HOST, &wish).await;
    assert_eq!(
        wrong.send("key='abd'", "").await.condition(),
        "item-not-found"
    );
}

#[tokio::test]
async fn pages_of_other_origins_may_not_and_bosh_may_be_off() {
    let toml = format!("{WEB}[http]\ncors_origins = [\"https://chat.example\"]\n");
    let node = TestNode::start(&toml).await;
    let web = node.listener("web");
    let preflight = format!(
        "OPTIONS /http-bind HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nOrigin: https://chat.example\r\n\r\n"
    );
    let allowed = ask_http(web, None, &preflight).await;
    assert!(
        allowed
            .head
            .contains("access-control-allow-methods: post, options"),
        "{allowed:?}"
    );
    assert!(
        allowed
            .head
            .contains("access-control-allow-headers: content-type"),
        "{allowed:?}"
    );
    let from = |origin: &'static str| async move {
        Bosh::create_over(web, None, &format!("Origin: {origin}\r\n"), HOST, WISH).await
    };
    let created = from("https://chat.example").await.created;
    assert!(
        created
            .head
            .contains("access-control-allow-origin: https://chat.example"),
        "{created:?}"
    );
    assert_eq!(from("https://evil.example").await.created.status, 403);
    change(&node, "http.bosh.enabled = false").await;
    assert_eq!(from("https://chat.example").await.created.status, 404);
}
