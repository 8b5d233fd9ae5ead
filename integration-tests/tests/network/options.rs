//! Socket options, as the kernel has them and as the other side sees them.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use harness::{DEADLINE, HOST, TestClient, TestNode};
use rustix::process::Signal;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::{free, in_own_network, listener, text};
use crate::timeouts::long_message;

/// Connects without waiting for the answer; true if it came.
async fn connects(address: SocketAddr) -> Option<TcpStream> {
    let connecting = timeout(Duration::from_secs(1), TcpStream::connect(address));
    connecting.await.ok().and_then(Result::ok)
}

#[tokio::test]
async fn n044_the_kernel_keeps_so_many_connections() {
    let node = TestNode::start("[listener.c2s.socket]\nbacklog = 4\n").await;
    stop(&node).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(
            connects(node.address())
                .await
                .expect("a place in the queue"),
        );
    }
    let mut is_full = false;
    for _ in 0..3 {
        match connects(node.address()).await {
            Some(stream) => held.push(stream),
            None => is_full = true,
        }
    }
    node.signal(Signal::CONT);
    assert!(is_full, "{} connections waited", held.len());
    for mut stream in held {
        let header = "<stream:stream xmlns='jabber:client' to='localhost' version='1.0' \
                      xmlns:stream='http://etherx.jabber.org/streams'>";
        stream.write_all(header.as_bytes()).await.unwrap();
        let answer = timeout(DEADLINE, stream.readable()).await;
        answer.expect("an answer").unwrap();
    }
}

/// Leaves a connection of the listener waiting to expire: the node closes first.
async fn leave_one_waiting(node: &TestNode, address: SocketAddr) {
    let mut client = TestClient::connect(address).await;
    client.open(HOST).await;
    client.send("</stream:stream>").await;
    client.expect_end().await;
    drop(client);
    let _ = listener(node, "c2s").await;
}

#[tokio::test]
async fn n045_reuse_address_does_not_wait_for_old_connections() {
    let toml = "[listener.more]\nprotocol = \"c2s\"\nbind = [\"127.0.0.1:6222\"]\n\
                socket = { reuse_port = false, reuse_address = true }\n";
    if !in_own_network("network::options::n045_reuse_address_does_not_wait_for_old_connections")
        .await
    {
        return;
    }
    let address = "127.0.0.1:6222".parse().unwrap();
    let mut node = TestNode::start(toml).await;
    leave_one_waiting(&node, address).await;
    node.restart().await;
    TestClient::connect(address).await.open(HOST).await;
    let strict = toml.replace("reuse_address = true", "reuse_address = false");
    drop(node);
    let mut node = TestNode::start(&strict.replace("6222", "6224")).await;
    let address = "127.0.0.1:6224".parse().unwrap();
    leave_one_waiting(&node, address).await;
    node.restart().await;
    let more = listener(&node, "more").await;
    assert_eq!(more["state"], "degraded", "{more}");
    let problem = more["binds"][0]["report"]["problem"].as_str().unwrap();
    assert!(problem.contains("in use"), "{problem}");
}

#[tokio::test]
async fn n046_a_port_is_shared_if_it_may_be() {
    for may_be in [false, true] {
        let toml = format!("[listener.c2s.socket]\nreuse_port = {may_be}\n");
        let node = TestNode::start(&toml).await;
        let other = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        other.set_reuse_port(true).unwrap();
        assert_eq!(other.bind(&node.address().into()).is_ok(), may_be);
    }
}

#[tokio::test]
async fn n047_small_answers_are_not_held_back() {
    let node = TestNode::with_users("[listener.c2s.socket]\nno_delay = true\n", &["alice"]).await;
    let mut alice = node.login("alice").await;
    // Nagle's algorithm and delayed acknowledgements together would cost 40 ms each time.
    let since = std::time::Instant::now();
    for _ in 0..50 {
        alice
            .send("<iq type='get' id='a'><ping xmlns='urn:xmpp:ping'/></iq>")
            .await;
        alice.expect("<iq type='result'/>").await;
    }
    let took = since.elapsed();
    assert!(
        took < Duration::from_secs(2) || node.log().contains("stalled"),
        "{took:?}"
    );
    let options = listener(&node, "c2s").await["binds"][0]["report"]["accepted_options"].clone();
    assert_eq!(options["no_delay"], true, "{options}");
}

/// The class and the time to live of the next packet with data that comes from this port of IPv4.
fn next_packet(raw: &mut Socket, from: u16) -> (u8, u8) {
    const PUSH: u8 = 8;
    let mut packet = [0; 2048];
    loop {
        let count = raw.read(&mut packet).unwrap();
        let header = usize::from(packet[0] & 15) * 4;
        let source = u16::from_be_bytes([packet[header], packet[header + 1]]);
        if count > header && source == from && packet[header + 13] & PUSH != 0 {
            return (packet[1], packet[8]);
        }
    }
}

#[tokio::test]
async fn n048_n049_packets_carry_the_ttl_and_class_that_are_set() {
    let name = "network::options::n048_n049_packets_carry_the_ttl_and_class_that_are_set";
    if !in_own_network(name).await {
        return;
    }
    let socket = "socket = { ttl = 7, tos_v4 = 16, tclass_v6 = 32 }\n";
    let toml = format!(
        "[listener.c2s]\n{socket}[listener.six]\nprotocol = \"c2s\"\nbind = [\"[::1]:6222\"]\n{socket}"
    );
    let node = TestNode::start(&toml).await;
    let mut raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::TCP)).unwrap();
    raw.set_read_timeout(Some(DEADLINE)).unwrap();
    TestClient::connect(node.address()).await.open(HOST).await;
    assert_eq!(next_packet(&mut raw, node.address().port()), (16, 7));
    // Of IPv6 the kernel shows what it puts into the packets of the connection.
    let six = "[::1]:6222".parse().unwrap();
    TestClient::connect(six).await.open(HOST).await;
    let report = listener(&node, "six").await["binds"][0]["report"].clone();
    let options = &report["accepted_options"];
    assert_eq!(options["ttl"], 7, "{report}");
    assert_eq!(options["traffic_class"], 32, "{report}");
}

#[tokio::test]
async fn every_option_is_read_back_from_the_kernel() {
    let own = free();
    let toml = format!(
        "[listener.tuned]\nprotocol = \"c2s\"\nbind = [\"{own}\"]\ntimeouts = {{ send = \"9s\" }}\n\
         socket = {{ send_buffer = 16384, receive_buffer = 20000, keepalive = 77, no_delay = false, \
                     reuse_address = true, reuse_port = true, ttl = 9 }}\n"
    );
    let node = TestNode::start(&toml).await;
    TestClient::connect(own).await.open(HOST).await;
    let report = listener(&node, "tuned").await["binds"][0]["report"].clone();
    let (listening, accepted) = (&report["options"], &report["accepted_options"]);
    for (options, key, expected) in [
        (listening, "send_buffer", 32768.into()),
        (listening, "receive_buffer", 40000.into()),
        (listening, "reuse_address", true.into()),
        (listening, "reuse_port", true.into()),
        (accepted, "send_buffer", 32768.into()),
        (accepted, "receive_buffer", 40000.into()),
        (accepted, "no_delay", false.into()),
        (accepted, "keepalive", true.into()),
        (accepted, "keepalive_idle", 77.into()),
        (accepted, "keepalive_interval", 75.into()),
        (accepted, "user_timeout", 9000.into()),
        (accepted, "ttl", 9.into()),
    ] {
        let expected: serde_json::Value = expected;
        assert_eq!(options[key], expected, "{key}: {report}");
    }
}

/// Bytes that the kernel holds for the node towards this client.
async fn send_queue(server: SocketAddr, client: SocketAddr) -> usize {
    let filter = [
        "-Htn",
        "src",
        &server.to_string(),
        "dst",
        &client.to_string(),
    ];
    let output = Command::new("ss").args(filter).output().await.unwrap();
    let shown = text(&output);
    let queue = shown
        .split_whitespace()
        .nth(2)
        .and_then(|bytes| bytes.parse().ok());
    queue.unwrap_or_else(|| panic!("{shown}"))
}

#[tokio::test]
async fn n050_the_kernel_takes_little_of_a_flood_nobody_reads() {
    let toml = "[listener.c2s.socket]\nsend_buffer = 16384\n";
    let node = TestNode::with_users(toml, &["alice", "bob"]).await;
    let mut alice = node.login("alice").await;
    let bob = node.online("bob").await;
    let session = |answer: &serde_json::Value| {
        let sessions = answer["actors"]["actors"].as_array().unwrap().clone();
        let bobs = sessions.into_iter().find(|session| {
            let jid = session["report"]["jid"].as_str();
            jid.is_some_and(|jid| jid.starts_with("bob@"))
        });
        bobs.unwrap_or_else(|| panic!("{answer}"))["report"].clone()
    };
    let filling = async {
        loop {
            alice.send(&long_message(&bob.jid, 50_000)).await;
            alice.sync().await;
            let command =
                serde_json::json!({ "actor-observe": { "path": "sessions", "after": null } });
            let report = session(&node.admin(command).await);
            if report["queued_bytes"].as_u64().unwrap() > 200_000 {
                return report;
            }
        }
    };
    let report = timeout(DEADLINE, filling)
        .await
        .expect("a queue that grows");
    let peer = report["peer"].as_str().unwrap().parse().unwrap();
    let held = send_queue(node.address(), peer).await;
    assert!(held <= 64 << 10, "{held} bytes");
    drop(bob);
}

/// Halts the node, and waits until all of it stands still.
async fn stop(node: &TestNode) {
    node.signal(Signal::STOP);
    let tasks = format!("/proc/{}/task", node.pid());
    let is_stopped = |task: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" T"))
    };
    let stopping = async {
        while !std::fs::read_dir(&tasks)
            .unwrap()
            .all(|task| is_stopped(task.unwrap()))
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, stopping)
        .await
        .expect("a node that stands still");
}

#[tokio::test]
async fn n051_a_node_that_does_not_read_stops_its_client() {
    let node = TestNode::start("[listener.c2s.socket]\nreceive_buffer = 16384\n").await;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    socket.connect(&node.address().into()).unwrap();
    super::until(&node, "c2s", |listener| listener["connections"] == 1).await;
    stop(&node).await;
    socket.set_nonblocking(true).unwrap();
    let (mut taken, blank) = (0, [b' '; 1024]);
    let mut stream = TcpStream::from_std(socket.into()).unwrap();
    // What has been acknowledged for so long will not move any more.
    while let Ok(written) = timeout(Duration::from_secs(1), stream.write(&blank)).await {
        taken += written.unwrap();
        assert!(taken < 1 << 20, "the client is never stopped");
    }
    node.signal(Signal::CONT);
    assert!(taken < 128 << 10, "{taken} bytes");
}

#[tokio::test]
async fn n052_a_client_whose_host_has_vanished_is_noticed() {
    if !in_own_network("network::options::n052_a_client_whose_host_has_vanished_is_noticed").await {
        return;
    }
    super::ip("addr add 192.0.2.1/32 dev lo");
    super::ip("addr add 192.0.2.2/32 dev lo");
    let toml = "[listener.more]\nprotocol = \"c2s\"\nbind = [\"192.0.2.1:6222\"]\n\
                socket = { keepalive = 1 }\ntimeouts = { send = \"2s\" }\n";
    let node = TestNode::start(toml).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("192.0.2.2:0".parse().unwrap()).unwrap();
    let held = socket
        .connect("192.0.2.1:6222".parse().unwrap())
        .await
        .unwrap();
    super::until(&node, "more", |listener| listener["connections"] == 1).await;
    // What is sent to the client from now on is lost.
    super::ip("addr del 192.0.2.2/32 dev lo");
    super::until(&node, "more", |listener| listener["connections"] == 0).await;
    drop(held);
}
