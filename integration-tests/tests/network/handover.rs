//! A restart by handing the listening sockets over to a successor.

mod binds;
mod faults;
mod relay;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use harness::{DEADLINE, HOST, TestNode};

use super::text;

/// 200 connects a second.
const PACE: Duration = Duration::from_millis(5);

/// Clients that connect one after the other, at a steady pace, and wait for a stream header each.
struct Flood {
    stop: mpsc::Sender<()>,
    answered: Arc<AtomicUsize>,
    connecting: JoinHandle<usize>,
    reading: JoinHandle<()>,
}

impl Flood {
    /// `first` is sent before the stream header.
    fn start(address: SocketAddr, first: &'static str) -> Self {
        let answered = Arc::<AtomicUsize>::default();
        let (stop, stopped) = mpsc::channel();
        let (connected, clients) = mpsc::channel::<TcpStream>();
        let connecting = thread::spawn(move || {
            let (begin, mut connects) = (Instant::now(), 0_u32);
            let mut pause = Duration::ZERO;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let client = TcpStream::connect(address);
                let mut client =
                    client.unwrap_or_else(|error| panic!("connect {connects}: {error}"));
                let header = format!(
                    "{first}<stream:stream to='{HOST}' version='1.0' xmlns='jabber:client' \
                     xmlns:stream='http://etherx.jabber.org/streams'>"
                );
                client.write_all(header.as_bytes()).unwrap();
                connected.send(client).unwrap();
                connects += 1;
                pause = (PACE * connects).saturating_sub(begin.elapsed());
            }
            usize::try_from(connects).unwrap()
        });
        let count = Arc::clone(&answered);
        let reading = thread::spawn(move || {
            for client in clients {
                expect_header(client, count.load(Ordering::Acquire));
                count.fetch_add(1, Ordering::Release);
            }
        });
        Self {
            stop,
            answered,
            connecting,
            reading,
        }
    }

    /// Waits until so many clients more were answered.
    async fn go_on(&self, more: usize) {
        let wanted = self.answered.load(Ordering::Acquire) + more;
        let answering = async {
            while self.answered.load(Ordering::Acquire) < wanted {
                assert!(!self.connecting.is_finished() && !self.reading.is_finished());
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, answering)
            .await
            .expect("clients that are answered");
    }

    /// Ends it; every client was let in and answered.
    fn end(self) {
        self.stop.send(()).expect("it goes on");
        let connects = self.connecting.join().expect("no connect is refused");
        self.reading.join().expect("everybody is answered");
        assert_eq!(self.answered.load(Ordering::Acquire), connects);
    }
}

/// Reads until there is a stream header.
fn expect_header(mut client: TcpStream, number: usize) {
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&answer).contains("<stream:stream ") {
        let read = client.read(&mut buffer);
        let read = read.unwrap_or_else(|error| panic!("answer {number}: {error}"));
        assert!(read > 0, "answer {number} ends: {answer:?}");
        answer.extend_from_slice(&buffer[..read]);
    }
}

#[tokio::test]
async fn n106_a_handover_under_200_connects_a_second_refuses_and_resets_nobody() {
    let mut node = TestNode::with_users("", &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    bob.close().await;
    alice
        .send("<message to='bob@localhost' type='chat'><body>kept</body></message>")
        .await;
    alice.sync().await;
    let before = node.pid();
    let flood = Flood::start(node.address(), "");
    flood.go_on(200).await;
    node.take_over(&[]).await;
    alice.skip_to_stream_error("system-shutdown").await;
    flood.go_on(400).await;
    assert_ne!(node.pid(), before);
    let main = format!("MAINPID={}", node.pid());
    assert!(node.notified.contains(&main), "{}", node.notified);
    assert!(!node.notified.contains("STOPPING"), "{}", node.notified);
    let mut bob = node.online("bob").await;
    bob.skip_to("<message><body>kept</body></message>").await;
    let mut alice = node.login("alice").await;
    let roster = alice
        .request("get", None, "<query xmlns='jabber:iq:roster'/>")
        .await;
    assert!(roster.to_string().contains("bob@localhost"), "{roster}");
    flood.end();
}

/// Looks after the process of which an upgrade has told.
fn adopt(node: &mut TestNode, output: &Output) {
    let said = text(output);
    let process = said.split_whitespace().find_map(|word| word.parse().ok());
    node.adopt(process.expect("the number of a process"));
}

#[tokio::test]
async fn an_upgrade_starts_the_successor_and_says_when_it_serves() {
    let mut node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let flood = Flood::start(node.address(), "");
    flood.go_on(50).await;
    let output = node.command(&["upgrade"]).await;
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    adopt(&mut node, &output);
    alice.skip_to_stream_error("system-shutdown").await;
    drop(alice);
    assert!(node.ended().await.success());
    flood.go_on(50).await;
    flood.end();
    node.login("alice").await;
    // The successor can be told, and be succeeded again.
    assert!(node.reload().await.status.success());
    let output = node.command(&["upgrade"]).await;
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    adopt(&mut node, &output);
    node.login("alice").await;
}

#[tokio::test]
async fn n106_clients_of_a_proxy_are_not_reset_either() {
    let toml = "[listener.c2s.proxy_protocol]\nmode = \"require\"\ntrusted = [\"127.0.0.0/8\"]\n";
    let mut node = TestNode::start(toml).await;
    let header = "PROXY TCP4 192.0.2.1 192.0.2.2 4711 5222\r\n";
    let flood = Flood::start(node.address(), header);
    for _ in 0..3 {
        flood.go_on(50).await;
        node.take_over(&[]).await;
    }
    flood.go_on(50).await;
    flood.end();
}

/// Who does not answer `system-shutdown` has `timeouts.close` for it, and nobody else waits for that.
#[tokio::test]
async fn a_client_that_does_not_answer_keeps_no_one_waiting() {
    let toml = "[listener.c2s.timeouts]\nclose = \"10s\"\n";
    let mut node = TestNode::with_users(toml, &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let lingers = node.take_over(&[]).await;
    assert!(lingers, "the successor has waited for alice");
    alice.skip_to_stream_error("system-shutdown").await;
    node.login("bob").await;
}

#[tokio::test]
async fn the_program_that_is_installed_now_is_started_and_may_fail() {
    let copy = "cp \"$0\" \"$PROGRAM\" && exec \"$PROGRAM\" \"$@\"";
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("portcullis");
    let environment = [("PROGRAM", program.to_str().unwrap())];
    let mut node = TestNode::wrapped_with("", &["sh", "-c", copy], &environment).await;
    node.add_user("alice").await;
    let mut alice = node.login("alice").await;
    let good = directory.path().join("good");
    std::fs::rename(&program, &good).unwrap();
    let output = node.command(&["upgrade"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    std::fs::write(&program, "#!/bin/sh\nexit 7\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, executable).unwrap();
    let output = node.command(&["upgrade"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("exit status: 7"),
        "{}",
        text(&output)
    );
    alice.sync().await;
    std::fs::rename(&good, &program).unwrap();
    let output = node.command(&["upgrade"]).await;
    assert!(output.status.success(), "{}", text(&output));
    adopt(&mut node, &output);
    alice.skip_to_stream_error("system-shutdown").await;
    node.login("alice").await;
}
