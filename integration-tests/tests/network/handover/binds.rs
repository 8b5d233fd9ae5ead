//! Sockets of every kind, and those that only one of both has.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use harness::{DEADLINE, HOST, TestClient, TestNode};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::network::opening::activated;
use crate::network::{free, listener};
use crate::reload::{listening_inode, rewrite};

/// A stream header is answered over this file.
async fn answers(path: &Path) {
    let mut client = UnixStream::connect(path).await.unwrap();
    let header = format!(
        "<stream:stream to='{HOST}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    );
    client.write_all(header.as_bytes()).await.unwrap();
    let (mut answer, mut buffer) = (String::new(), [0; 1024]);
    while !answer.contains("</stream:features>") {
        let read = timeout(DEADLINE, client.read(&mut buffer)).await;
        let read = read.expect("an answer").unwrap();
        assert!(read > 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}

fn binds(all: &[SocketAddr]) -> String {
    let quoted: Vec<_> = all.iter().map(|bind| format!("\"{bind}\"")).collect();
    quoted.join(", ")
}

#[tokio::test]
async fn what_only_one_of_both_has_is_closed_or_opened_and_the_rest_stays() {
    let (old, both, new) = (free(), free(), free());
    let toml = format!(
        "[listener.more]\nprotocol = \"c2s\"\nbind = [{}, \"unix:x.sock\"]\ntls = {{ enabled = false }}\n",
        binds(&[old, both])
    );
    let mut node = TestNode::start(&toml).await;
    let path = node.directory().join("x.sock");
    let (inode, file) = (
        listening_inode(both).await,
        std::fs::metadata(&path).unwrap().ino(),
    );
    let keys = format!(
        "listener.more.bind = [{}, \"unix:x.sock\"]\nlistener.more.socket.unix_mode = \"0600\"",
        binds(&[both, new])
    );
    rewrite(&node, &keys);
    // The kernel lets them in, and the node does not know of them yet.
    node.signal(Signal::STOP);
    let mut waiting = TestClient::connect(old).await;
    waiting.send_header(HOST).await;
    let continued = node.pid();
    let resume = async {
        let pid = rustix::process::Pid::from_raw(i32::try_from(continued).unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::CONT).unwrap();
    };
    let ((), _) = tokio::join!(resume, node.take_over(&[]));
    waiting.expect_header().await;
    waiting.skip_to_stream_error("system-shutdown").await;
    assert!(TcpStream::connect(old).await.is_err(), "it is closed");
    for address in [both, new] {
        TestClient::connect(address).await.open(HOST).await;
    }
    assert_eq!(listening_inode(both).await, inode);
    let now = std::fs::metadata(&path).unwrap();
    assert_eq!((now.ino(), now.mode() & 0o777), (file, 0o600));
    answers(&path).await;
    let more = listener(&node, "more").await;
    assert_eq!(more["state"], "serving", "{more}");
    // It has the file, and takes it with it.
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());
    assert!(!path.exists());
}

#[tokio::test]
async fn sockets_of_systemd_are_handed_on() {
    let config = "[listener.clients]\nprotocol = \"c2s\"\nbind = [\"systemd:c2s\"]\n";
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (directory, mut node) = activated(config, "c2s", socket).await;
    TestClient::connect(address).await.open(HOST).await;
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let successor = tokio::process::Command::new(harness::program_file())
            .arg("--config")
            .arg(directory.join("portcullis.toml"))
            .args(["run", "--takeover"])
            .env_remove("NOTIFY_SOCKET")
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let status = timeout(DEADLINE, node.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
        TestClient::connect(address).await.open(HOST).await;
        nodes.push(std::mem::replace(&mut node, successor));
    }
}

/// They do not fit into one message of the kernel.
#[tokio::test]
async fn many_sockets_are_handed_over() {
    let [.., third, fourth] = std::process::id().to_be_bytes();
    let at = |port| SocketAddr::from(([127, 255, third, fourth], port));
    let all: Vec<_> = (6000..6300).map(at).collect();
    let toml = format!(
        "[listener.more]\nprotocol = \"c2s\"\nbind = [{}]\n",
        binds(&all)
    );
    let mut node = TestNode::start(&toml).await;
    let (first, last) = (all[0], all[299]);
    let before = (listening_inode(first).await, listening_inode(last).await);
    node.take_over(&[]).await;
    let after = (listening_inode(first).await, listening_inode(last).await);
    assert_eq!(before, after);
    for address in all {
        TestClient::connect(address).await.open(HOST).await;
    }
}
