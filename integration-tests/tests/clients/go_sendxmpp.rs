//! go-sendxmpp (Go): its sender and its listener.

use std::process::Stdio;

use harness::{DEADLINE, HOST, TestNode, password_of};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::assert_success;

/// `direct` is TLS from the first byte, otherwise STARTTLS; the certificate is verified either way.
fn program(node: &TestNode, user: &str, direct: bool) -> Command {
    let mut command = Command::new("go-sendxmpp");
    let address = if direct {
        node.direct_address()
    } else {
        node.address()
    };
    command
        .env("SSL_CERT_FILE", &node.certificates.root_file)
        .env("HOME", node.directory())
        .args(["-u", &format!("{user}@{HOST}"), "-p", &password_of(user)])
        .args(["-j", &address.to_string()])
        .kill_on_drop(true);
    if direct {
        command.arg("-t");
    }
    command
}

async fn send(node: &TestNode, from: &str, to: &str, direct: bool, text: &str) {
    let mut child = program(node, from, direct)
        .arg(format!("{to}@{HOST}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .await
        .unwrap();
    let output = timeout(DEADLINE, child.wait_with_output())
        .await
        .expect("a message sent")
        .unwrap();
    assert_success("go-sendxmpp", &output);
}

#[tokio::test]
async fn sends_over_starttls_and_direct_tls() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut bob = node.online("bob").await;
    for (direct, text) in [(false, "over STARTTLS"), (true, "over direct TLS")] {
        send(&node, "alice", "bob", direct, text).await;
        let message = bob.skip_to("<message type='chat'><body/></message>").await;
        assert_eq!(message.child("body").unwrap().text.trim(), text);
        assert!(
            message
                .attr("from")
                .unwrap()
                .starts_with(&format!("alice@{HOST}/"))
        );
    }
}

#[tokio::test]
async fn sends_to_someone_who_is_away() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    send(&node, "alice", "bob", false, "for later").await;
    let mut bob = node.login("bob").await;
    bob.send("<presence/>").await;
    let message = bob
        .skip_to("<message><body/><delay xmlns='urn:xmpp:delay'/></message>")
        .await;
    assert_eq!(message.child("body").unwrap().text.trim(), "for later");
}

#[tokio::test]
async fn listens() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    // The listener says nothing when it is ready; what comes before it is there waits for it.
    alice
        .send(&format!(
            "<message to='bob@{HOST}' type='chat'><body>first</body></message>"
        ))
        .await;
    alice.sync().await;
    let mut listener = listen(&node);
    let mut lines = BufReader::new(listener.stdout.take().unwrap()).lines();
    expect_line(&mut lines, "first").await;
    alice
        .send(&format!(
            "<message to='bob@{HOST}' type='chat'><body>second</body></message>"
        ))
        .await;
    expect_line(&mut lines, "second").await;
}

fn listen(node: &TestNode) -> Child {
    program(node, "bob", false)
        .arg("-l")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn expect_line<R: tokio::io::AsyncBufRead + Unpin>(
    lines: &mut tokio::io::Lines<R>,
    text: &str,
) {
    let waiting = async {
        loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .expect("a listener that goes on");
            if line.contains(text) && line.contains(&format!("alice@{HOST}")) {
                return;
            }
        }
    };
    timeout(DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{text} was not heard"));
}
