//! Certificates that the node orders by itself (RFC 8555), of pebble, the test server of Let's Encrypt.
//!
//! `cargo xtask test --only tools` installs it.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use harness::{
    Authority, Certificates, DEADLINE, ListServer, Pebble, Reply, TestClient, TestNode, TlsOptions,
    own_address,
};
use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::reload::change;
use crate::supervision::{expect_restarted, panic_at};

/// What is ordered for.
const NAME: &str = "chat.example";
/// What orders.
const ORDERS: &str = "certificates/acme";

/// An authority and a node at one address, which the name server gives for every host.
struct Scene {
    authority: Authority,
    /// Of the authority's own server.
    files: TempDir,
}

impl Scene {
    fn new() -> Scene {
        Scene {
            authority: Authority::at(own_address()),
            files: tempfile::tempdir().unwrap(),
        }
    }

    fn address(&self) -> Ipv4Addr {
        self.authority.address
    }

    fn certificates(&self) -> Certificates {
        Certificates::create(self.files.path(), &[self.address().to_string()])
    }

    /// What a node is told to order here, with more lines for `[acme]`.
    fn config(&self, more: &str) -> String {
        let (address, directory) = (self.address(), self.authority.directory());
        let ca_file = self.files.path().join("root.pem");
        format!(
            "[acme]\ndirectory = {directory:?}\nagree_to_terms = true\ncontact = [\"admin@example.com\"]\n\
             retry = \"100ms\"\nca_file = {ca_file:?}\n{more}\n\
             [host.\"{NAME}\".tls]\nacme = true\n[listener.c2s_tls]\nbind = [\"{address}:5223\"]\n"
        )
    }

    fn direct(&self) -> SocketAddr {
        (self.address(), self.authority.tls_port).into()
    }
}

/// How the orders stand.
async fn orders(node: &TestNode) -> Value {
    let asked = json!({ "actor-observe": { "path": ORDERS, "after": null } });
    let answer = node.admin(asked).await;
    let actors = answer["actors"]["actors"].as_array();
    let actors = actors.unwrap_or_else(|| panic!("{answer}"));
    actors[0]["report"].clone()
}

/// Waits until the only host stands as wanted.
async fn host_is(node: &TestNode, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let waiting = async {
        loop {
            last = orders(node).await;
            if is_wanted(&last["hosts"][0]) {
                break;
            }
        }
    };
    let in_time = timeout(DEADLINE, waiting).await;
    assert!(in_time.is_ok(), "{last}\n{}", node.log());
    last["hosts"][0].clone()
}

async fn issued(node: &TestNode, times: u64) -> Value {
    host_is(node, |host| {
        host["issued"]
            .as_u64()
            .is_some_and(|issued| issued >= times)
    })
    .await
}

/// What a client is shown who trusts this root alone.
async fn connect(
    address: SocketAddr,
    root: &CertificateDer<'static>,
    alpn: &[&str],
) -> std::io::Result<TestClient> {
    let options = TlsOptions {
        root: root.clone(),
        name: NAME.to_owned(),
        alpn: alpn.iter().map(ToString::to_string).collect(),
        tls12: false,
    };
    TestClient::connect_tls(address, &options).await
}

/// Waits until clients are shown a certificate of this authority.
async fn is_served(scene: &Scene, pebble: &Pebble) {
    let root = pebble.root().await;
    let waiting = async {
        while connect(scene.direct(), &root, &["xmpp-client"])
            .await
            .is_err()
        {}
    };
    timeout(DEADLINE, waiting)
        .await
        .expect("a certificate that is served");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_certificate_is_ordered_by_tls_alpn_served_at_once_and_kept() {
    let scene = Scene::new();
    let pebble = scene.authority.start(scene.certificates()).await;
    let mut node = TestNode::start(&scene.config("")).await;
    is_served(&scene, &pebble).await;
    let host = issued(&node, 1).await;
    assert_eq!(host["last_error"], Value::Null, "{host}");
    let root = pebble.root().await;
    // What proved the name is not shown any more.
    let again = connect(scene.direct(), &root, &["acme-tls/1"]).await;
    assert_eq!(again.unwrap().tls.unwrap().alpn, None);

    let kept = node.directory().join("data/acme");
    assert_eq!(mode(&kept), 0o700);
    for entry in std::fs::read_dir(&kept).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.is_dir() || mode(&path) == 0o600, "{path:?}");
    }
    let file = kept.join(format!("certificates/{NAME}.pem"));
    assert_eq!(mode(&file), 0o600);

    // Nobody is asked again after a restart.
    pebble.stop();
    let before = std::fs::read(&file).unwrap();
    node.restart().await;
    assert!(
        connect(scene.direct(), &root, &["xmpp-client"])
            .await
            .is_ok()
    );
    let host = host_is(&node, |host| host["not_after"].is_i64()).await;
    assert_eq!(
        (host["failed"].as_u64(), host["issued"].as_u64()),
        (Some(0), Some(0))
    );
    assert_eq!(std::fs::read(&file).unwrap(), before);

    // One that can not be used does not keep the node from serving.
    std::fs::write(&file, "damaged").unwrap();
    node.restart().await;
    let own = node.certificates.root.clone();
    assert!(
        connect(scene.direct(), &own, &["xmpp-client"])
            .await
            .is_ok()
    );
    host_is(&node, |host| host["failures"].as_u64() >= Some(1)).await;
}

#[tokio::test]
async fn certificates_are_renewed_before_their_end() {
    let mut scene = Scene::new();
    scene.authority.validity = 9;
    let _pebble = scene.authority.start(scene.certificates()).await;
    // Due at once, and so after a third of the lifetime.
    let node = TestNode::start(&scene.config("renew_before = \"1d\"")).await;
    let first = issued(&node, 1).await;
    let second = issued(&node, 2).await;
    assert!(
        second["not_after"].as_i64() > first["not_after"].as_i64(),
        "{first} {second}"
    );
    assert_eq!(second["directory"], scene.authority.directory());
}

#[tokio::test]
async fn a_server_that_is_down_is_asked_again() {
    let mut scene = Scene::new();
    let certificates = scene.certificates();
    let node = TestNode::start(&scene.config("")).await;
    let host = host_is(&node, |host| host["failures"].as_u64() >= Some(2)).await;
    let reason = host["last_error"].as_str().unwrap();
    assert!(reason.starts_with("no connection: "), "{reason}");
    // Clients are let in meanwhile.
    let own = node.certificates.root.clone();
    assert!(
        connect(scene.direct(), &own, &["xmpp-client"])
            .await
            .is_ok()
    );
    scene.authority.validity = 9;
    let pebble = scene.authority.start(certificates).await;
    is_served(&scene, &pebble).await;
    let host = issued(&node, 1).await;
    assert_eq!(host["failures"], 0, "{host}");

    // It comes again and knows nobody: a new account is made for the renewal.
    let certificates = pebble.stop();
    let before = node.log().matches("account made at the authority").count();
    let pebble = scene.authority.start(certificates).await;
    is_served(&scene, &pebble).await;
    let after = node.log().matches("account made at the authority").count();
    assert_eq!((before, after), (1, 2), "{}", node.log());
}

#[tokio::test]
async fn rejected_nonces_do_not_keep_a_certificate_back() {
    let mut scene = Scene::new();
    scene.authority.rejected_nonces = 30;
    let pebble = scene.authority.start(scene.certificates()).await;
    let node = TestNode::start(&scene.config("")).await;
    is_served(&scene, &pebble).await;
    issued(&node, 1).await;
}

#[tokio::test]
async fn what_the_authority_refuses_is_told_in_its_words() {
    let mut scene = Scene::new();
    // Nobody answers there.
    scene.authority.tls_port = 5999;
    scene.authority.rejected_nonces = 0;
    let _pebble = scene.authority.start(scene.certificates()).await;
    let node = TestNode::start(&scene.config("challenges = [\"tls-alpn-01\"]")).await;
    let host = host_is(&node, |host| host["failures"].as_u64() >= Some(1)).await;
    let reason = host["last_error"].as_str().unwrap();
    assert!(
        reason.starts_with("tls-alpn-01 was not accepted: unauthorized: Failed to connect to "),
        "{reason}"
    );
    assert!(
        node.log()
            .contains(&format!("certificate not issued: {reason}"))
    );
    let metrics = String::from_utf8(node.command(&["metrics"]).await.stdout).unwrap();
    let counted = format!("portcullis_acme_orders_total{{host=\"{NAME}\",outcome=\"issued\"}} 0\n");
    assert!(metrics.contains(&counted), "{metrics}");
    assert!(
        !metrics.contains(&counted.replace("issued", "failed")),
        "{metrics}"
    );
}

#[tokio::test]
async fn another_challenge_is_tried_after_a_failure() {
    let mut scene = Scene::new();
    scene.authority.http_port = 5999;
    let pebble = scene.authority.start(scene.certificates()).await;
    let node = TestNode::start(&scene.config("challenges = [\"http-01\", \"tls-alpn-01\"]")).await;
    is_served(&scene, &pebble).await;
    let host = issued(&node, 1).await;
    assert!(host["failed"].as_u64() >= Some(1), "{host}");
    assert!(
        node.log().contains("http-01 was not accepted: "),
        "{}",
        node.log()
    );
}

#[tokio::test]
async fn a_certificate_is_ordered_by_http() {
    let scene = Scene::new();
    let pebble = scene.authority.start(scene.certificates()).await;
    let address = scene.address();
    let mut config = scene.config("challenges = [\"http-01\"]");
    config.push_str(&format!(
        "[listener.web]\nprotocol = \"http\"\nbind = [\"{address}:5280\"]\n"
    ));
    let node = TestNode::start(&config).await;
    is_served(&scene, &pebble).await;
    let host = issued(&node, 1).await;
    assert_eq!(host["last_error"], Value::Null, "{host}");
    let page = "GET /.well-known/acme-challenge/token HTTP/1.0\r\nHost: a\r\n\r\n";
    let mut socket = TcpStream::connect((address, scene.authority.http_port))
        .await
        .unwrap();
    socket.write_all(page.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains(" 404 Not Found"), "{answer}");
}

#[tokio::test]
async fn a_reload_begins_and_ends_orders() {
    let scene = Scene::new();
    let pebble = scene.authority.start(scene.certificates()).await;
    let config = scene.config("").replace("acme = true", "acme = false");
    let node = TestNode::start(&config).await;
    assert_eq!(orders(&node).await["hosts"], json!([]));
    change(&node, "host.localhost.tls.acme = true").await;
    let host = issued(&node, 1).await;
    assert_eq!(host["host"], "localhost");
    drop(pebble);
    change(&node, "host.localhost.tls.acme = false").await;
    let report = orders(&node).await;
    assert_eq!(report["hosts"], json!([]), "{report}");

    let broken = node.write("broken.pem", "no certificate");
    crate::reload::rewrite(&node, &format!("acme.ca_file = {broken:?}"));
    let output = node.reload().await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("acme.ca_file: "),
        "{output:?}"
    );
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_is() {
    let scene = Scene::new();
    let refusal = Reply::with_status("503 Service Unavailable", "later", &["Retry-After: 3600"]);
    let certificates = Certificates::create(scene.files.path(), &["localhost".to_owned()]);
    let mut server = ListServer::start_tls(refusal, &certificates).await;
    let config = scene.config("");
    let config = config.replace(&scene.authority.directory(), &server.url("dir"));
    let node = TestNode::start(&config).await;
    let host = host_is(&node, |host| host["failures"] == 1).await;
    assert_eq!(
        host["last_error"],
        "the server answered 503 Service Unavailable"
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let wait = host["next_order"].as_u64().unwrap() - now.as_secs();
    assert!((3000..=3600).contains(&wait), "{wait}");
    assert!(server.asked().await.starts_with("GET /dir HTTP/1.1"));
    // Neither does a panic make it forget.
    panic_at(&node, ORDERS).await;
    expect_restarted(&node, ORDERS).await;
    let again = host_is(&node, |host| host["failures"].is_u64()).await;
    assert_eq!(again, host);
    assert_eq!(server.asked_already(), None);
}

#[tokio::test]
async fn what_a_server_says_has_a_bound() {
    let scene = Scene::new();
    let endless = Reply::Endless(Reply::head(), vec![b' '; 64 << 10]);
    let certificates = Certificates::create(scene.files.path(), &["localhost".to_owned()]);
    let server = ListServer::start_tls(endless, &certificates).await;
    let config = scene.config("");
    let config = config.replace(&scene.authority.directory(), &server.url("dir"));
    let node = TestNode::start(&config).await;
    let host = host_is(&node, |host| host["failures"].as_u64() >= Some(1)).await;
    assert_eq!(host["last_error"], "the body is longer than 1048576 bytes");
}
