//! A start with nothing configured: data directory, certificate, default port, and a word on what to do next.

use std::path::Path;
use std::process::Stdio;

use harness::{DEADLINE, HOST, Hash, Scram, TestClient, TlsOptions, program_file};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// The default port on an address that is this test's own.
const ADDRESS: &str = "127.255.7.1";

/// Only the address is given, by the environment, so that other servers on this machine do not matter.
fn program(directory: &Path) -> Command {
    let mut command = Command::new(program_file());
    command
        .current_dir(directory)
        .env("PORTCULLIS__NETWORK__INTERFACES", ADDRESS)
        .kill_on_drop(true);
    command
}

async fn start(directory: &Path) -> Child {
    let mut node = program(directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    let hint = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("portcullis user add") {
                return;
            }
        }
        panic!("the node ended without a word on how to add a user");
    };
    timeout(DEADLINE, hint).await.expect("a hint in time");
    node
}

#[tokio::test]
async fn a_node_without_configuration_serves_localhost() {
    let directory = tempfile::tempdir().unwrap();
    let _node = start(directory.path()).await;
    let mut add = program(directory.path())
        .args(["user", "add", &format!("alice@{HOST}")])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    add.stdin
        .take()
        .unwrap()
        .write_all(b"pencil\n")
        .await
        .unwrap();
    assert!(
        timeout(DEADLINE, add.wait())
            .await
            .unwrap()
            .unwrap()
            .success()
    );

    let certificate =
        CertificateDer::from_pem_file(directory.path().join("data/self-signed.crt")).unwrap();
    let options = TlsOptions {
        root: certificate,
        name: HOST.into(),
        alpn: Vec::new(),
        tls12: false,
    };
    let mut client = connect().await;
    client.open(HOST).await;
    let (mut client, _) = client.starttls(&options).await;
    client
        .scram(&Scram::new(Hash::Sha256, "alice"), "pencil")
        .await
        .unwrap();
    client.open(HOST).await;
    client.bind(None).await;
}

/// The hint may be printed just before the port is open.
async fn connect() -> TestClient {
    let address = format!("{ADDRESS}:5222").parse().unwrap();
    let waiting = async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, waiting).await.expect("an open port");
    TestClient::connect(address).await
}

/// What belongs to the node is nobody else's to read.
#[tokio::test]
async fn the_data_directory_is_private() {
    use std::os::unix::fs::PermissionsExt;

    let node = harness::TestNode::with_users("", &["alice"]).await;
    let data = node.directory().join("data");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(&data), 0);
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0, "{}", path.display());
    }
}
