//! Who is let in, on which sockets, and what is said to those who are not.

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::process::Stdio;

use harness::{Certificates, DEADLINE, HOST, TestClient, TestNode, TlsOptions, mechanisms};
use socket2::{Domain, Socket, Type};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::timeouts::{SMALL_BUFFERS, long_message, until_sessions};

/// Tries until somebody is let in.
async fn admitted(address: SocketAddr) -> TestClient {
    let trying = async {
        loop {
            let mut client = TestClient::connect(address).await;
            client.send_header(HOST).await;
            client.expect_header().await;
            if !matches!(client.event().await, harness::Event::Item(harness::Item::Element(e)) if e.name == "error")
            {
                return client;
            }
        }
    };
    timeout(DEADLINE, trying).await.expect("a free place")
}

async fn expect_refused(address: SocketAddr) {
    let mut client = TestClient::connect(address).await;
    // What has been sent already must not turn the answer into a reset.
    drop(client.try_send(&[b' '; 4096]).await);
    client.expect_stream_error("resource-constraint").await;
}

#[tokio::test]
async fn n034_n039_n040_the_third_of_two_is_told_and_one_leaving_makes_room() {
    let node =
        TestNode::start("[listener.c2s]\nmax_connections = 2\nlimits = { unauthenticated = 2 }\n")
            .await;
    let mut first = TestClient::connect(node.address()).await;
    first.open(HOST).await;
    let mut second = TestClient::connect(node.address()).await;
    second.open(HOST).await;
    for _ in 0..3 {
        expect_refused(node.address()).await;
    }
    // The other listener has places of its own.
    TestClient::connect_tls(node.direct_address(), &node.tls())
        .await
        .unwrap();
    drop(second);
    let next = admitted(node.address()).await;
    next.starttls(&node.tls()).await;
    first.send("</stream:stream>").await;
    first.expect_end().await;
}

#[tokio::test]
async fn the_node_counts_all_listeners_and_direct_tls_just_closes() {
    let node = TestNode::start("[network]\nmax_connections = 3\n").await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = TestClient::connect(node.address()).await;
        client.open(HOST).await;
        held.push(client);
    }
    let mut third = TestClient::connect_tls(node.direct_address(), &node.tls())
        .await
        .unwrap();
    third.open(HOST).await;
    expect_refused(node.address()).await;
    let mut refused = TestClient::connect(node.direct_address()).await;
    assert_eq!(refused.event().await, harness::Event::Eof, "no word");
}

#[tokio::test]
async fn n041_coming_and_going_leaves_nothing_behind() {
    let node = TestNode::start("").await;
    for n in 0..200 {
        let mut client = TestClient::connect(node.address()).await;
        match n % 4 {
            0 => {}
            1 => client.send("<").await,
            2 => drop(client.open(HOST).await),
            _ => drop(client.try_send(b"garbage").await),
        }
    }
    let emptying = async {
        while listener(&node, "c2s").await != (200, 0, 0) {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, emptying)
        .await
        .expect("an empty listener");
    until_sessions(&node, 0).await;
}

/// What the sockets of a listener have accepted, how many of that are there, and how many of those strangers.
async fn listener(node: &TestNode, name: &str) -> (u64, u64, u64) {
    let path = format!("listeners/{name}");
    let answer = node
        .admin(serde_json::json!({ "actor-observe": { "path": path, "after": null } }))
        .await;
    let report = &answer["actors"]["actors"][0]["report"];
    let number = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("{answer}"));
    (
        number("accepted"),
        number("connections"),
        number("unauthenticated"),
    )
}

/// An address of this machine that is not loopback, if there is one. Nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

fn free_port(address: IpAddr) -> SocketAddr {
    TcpListener::bind((address, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_loopback_any_number() {
    let Some(own) = own_address() else {
        eprintln!(
            "this machine has no address but loopback: the bound is tested at unit level only"
        );
        return;
    };
    let address = free_port(own);
    let toml = format!(
        "[listener.outside]\nprotocol = \"c2s\"\nbind = [\"{address}\"]\nlimits = {{ per_ip = 2 }}\n\
         [listener.c2s]\nlimits = {{ per_ip = 2 }}\n"
    );
    let node = TestNode::start(&toml).await;
    let _one = TestClient::connect(address).await;
    let two = TestClient::connect(address).await;
    expect_refused(address).await;
    drop(two);
    admitted(address).await;
    for _ in 0..3 {
        let mut client = TestClient::connect(node.address()).await;
        client.open(HOST).await;
    }
}

#[tokio::test]
async fn strangers_make_room_for_strangers_and_never_keep_a_user_out() {
    let toml = "[listener.c2s.limits]\nunauthenticated = 3\n";
    let node = TestNode::with_users(toml, &["alice"]).await;
    let mut oldest = TestClient::connect(node.address()).await;
    oldest.open(HOST).await;
    until_sessions(&node, 1).await;
    let mut silent = TestClient::connect(node.address()).await;
    until_sessions(&node, 2).await;
    let mut third = TestClient::connect(node.address()).await;
    third.open(HOST).await;
    let mut fourth = TestClient::connect(node.address()).await;
    fourth.open(HOST).await;
    oldest.expect_stream_error("connection-timeout").await;
    let mut fifth = TestClient::connect(node.address()).await;
    fifth.open(HOST).await;
    silent.expect_stream_error("connection-timeout").await;
    assert_eq!(silent.header.name, "stream", "a header comes first");
    let mut alice = node.login("alice").await;
    // Whoever has logged in is no stranger.
    let mut crowd = Vec::new();
    for _ in 0..50 {
        crowd.push(TestClient::connect(node.address()).await);
    }
    alice.sync().await;
    node.login("alice").await;
}

#[tokio::test]
async fn n090_what_is_too_long_is_refused_before_it_has_been_read() {
    let toml = "[listener.c2s.limits]\nstanza = \"20kB\"\npre_auth_stanza = 2000\n";
    let node = TestNode::with_users(toml, &["alice"]).await;
    let mut stranger = TestClient::connect(node.address()).await;
    stranger.open(HOST).await;
    let start = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>";
    stranger
        .send(&format!("{start}{}", "A".repeat(2001 - start.len())))
        .await;
    stranger.expect_stream_error("policy-violation").await;
    let mut alice = node.login("alice").await;
    alice
        .send(&long_message("bob@nowhere.example", 19_000))
        .await;
    alice.expect("<message type='error'/>").await;
    alice
        .send(&format!("<message><body>{}", "x".repeat(20_000)))
        .await;
    alice.expect_stream_error("policy-violation").await;
}

/// Resident memory of the node in bytes.
fn resident(node: &TestNode) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        * 1024
}

#[tokio::test]
async fn a_flood_to_a_client_that_does_not_read_takes_bounded_memory() {
    let toml = format!("{SMALL_BUFFERS}[listener.c2s.limits]\nsend_buffer = \"1MiB\"\n");
    let node = TestNode::with_users(&toml, &["alice", "bob"]).await;
    let mut alice = node.online("alice").await;
    let mut bob = node.online("bob").await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    let before = resident(&node);
    let burst = long_message(&bob.jid, 100_000).repeat(10);
    let mut most = 0;
    let flood = async {
        for _ in 0..40 {
            alice.send(&burst).await;
            most = most.max(resident(&node));
            let got = alice.sync().await;
            if got
                .iter()
                .any(|stanza| stanza.attr("type") == Some("unavailable"))
            {
                return true;
            }
        }
        false
    };
    assert!(
        timeout(DEADLINE, flood).await.expect("an end"),
        "bob was not dropped"
    );
    assert!(most < before + (24 << 20), "{before} bytes became {most}");
}

#[tokio::test]
async fn hundreds_of_silent_strangers_delay_nobody() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut crowd = Vec::new();
    for n in 0..300 {
        let address = if n % 2 == 0 {
            node.address()
        } else {
            node.direct_address()
        };
        let mut client = TestClient::connect(address).await;
        match n % 6 {
            0 | 1 => {}
            2 => drop(client.open(HOST).await),
            3 => client.send_bytes(&[0x16, 3, 1]).await,
            4 => client.send("<stream:stream to='").await,
            _ => client.send_bytes(&[0x16, 3, 1, 2, 0, 1, 0, 1]).await,
        }
        crowd.push(client);
    }
    let login = timeout(std::time::Duration::from_secs(5), node.login("alice"));
    let mut alice = login.await.expect("a log-in in spite of the crowd");
    alice.sync().await;
    drop(crowd);
    until_sessions(&node, 1).await;
}

#[tokio::test]
async fn garbage_in_front_of_tls_ends_that_connection_only() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    for garbage in [
        &b"\x16\x03\x01\xff\xff"[..],
        b"\x16\x03\x01\x00\x05hello",
        &[0xff; 3000],
        b"\n\n",
    ] {
        let mut client = TestClient::connect(node.direct_address()).await;
        drop(client.try_send(garbage).await);
        if garbage.len() > 5 {
            client.expect_closed_without_xml().await;
        }
    }
    let mut client = TestClient::connect(node.address()).await;
    client.open(HOST).await;
    client
        .send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    client
        .expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    client
        .send(&format!("<iq type='get' id='1'/>{}", "x".repeat(100)))
        .await;
    client.expect_closed_without_xml().await;
    until_sessions(&node, 1).await;
    alice.sync().await;
}

#[tokio::test]
async fn without_tls_there_is_no_starttls() {
    let node = TestNode::start("[listener.c2s]\ntls = { enabled = false }\n").await;
    let mut client = TestClient::connect(node.address()).await;
    let features = client.open(HOST).await;
    assert!(features.child("starttls").is_none(), "{features}");
    assert!(
        !mechanisms(&features).contains(&"PLAIN".to_owned()),
        "{features}"
    );
    assert!(!mechanisms(&features).is_empty(), "{features}");
    client
        .send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    let answer = client.event().await;
    assert!(
        !matches!(&answer, harness::Event::Item(harness::Item::Element(e)) if e.name == "proceed"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn encryption_is_required_unless_it_is_not() {
    let free = free_port(IpAddr::from([127, 0, 0, 1]));
    let toml = format!(
        "[listener.free]\nprotocol = \"c2s\"\nbind = [\"{free}\"]\ntls = {{ required = false }}\n"
    );
    let node = TestNode::start(&toml).await;
    let mut client = TestClient::connect(node.address()).await;
    let features = client.open(HOST).await;
    assert!(mechanisms(&features).is_empty(), "{features}");
    assert!(
        features.path(&["starttls", "required"]).is_some(),
        "{features}"
    );
    let mut client = TestClient::connect(node.listener("free")).await;
    let features = client.open(HOST).await;
    assert!(features.child("starttls").is_some(), "{features}");
    assert!(
        features.path(&["starttls", "required"]).is_none(),
        "{features}"
    );
    assert!(
        !mechanisms(&features).contains(&"PLAIN".to_owned()),
        "{features}"
    );
}

#[tokio::test]
async fn a_version_that_is_disabled_is_not_spoken() {
    for (disabled, is_tls12) in [("tls12", true), ("tls13", false)] {
        let toml = format!(
            "[listener.c2s_tls]\ntls = {{ implicit = true, disable_protocols = [\"{disabled}\"] }}\n"
        );
        let node = TestNode::start(&toml).await;
        let with = |tls12| TlsOptions {
            tls12,
            ..node.tls()
        };
        let refused = TestClient::connect_tls(node.direct_address(), &with(is_tls12)).await;
        assert!(refused.is_err(), "{disabled} was spoken");
        TestClient::connect_tls(node.direct_address(), &with(!is_tls12))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_listener_shows_the_certificate_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let own = Certificates::create(directory.path(), &[HOST.to_owned()]);
    let toml = format!(
        "[listener.c2s_tls]\ntls = {{ implicit = true, certificate = \"{0}/chain.pem\", key = \"{0}/key.pem\" }}\n",
        directory.path().display()
    );
    let node = TestNode::start(&toml).await;
    let trusting = TlsOptions {
        root: own.root.clone(),
        ..node.tls()
    };
    TestClient::connect_tls(node.direct_address(), &trusting)
        .await
        .unwrap();
    assert!(
        TestClient::connect_tls(node.direct_address(), &node.tls())
            .await
            .is_err()
    );
    node.secured().await;
}

/// Holds a port as a program of the same user would that wants to share it.
fn shared_holder(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(1).unwrap();
    socket
}

#[tokio::test]
async fn n026_n028_a_port_in_use_is_tried_again_while_the_others_serve() {
    let taken = free_port(IpAddr::from([127, 0, 0, 1]));
    let holder = shared_holder(taken);
    let toml = format!("[listener.late]\nprotocol = \"c2s\"\nbind = [\"{taken}\"]\n");
    let node = TestNode::start(&toml).await;
    TestClient::connect(node.address()).await.open(HOST).await;
    let answer = node
        .admin(serde_json::json!({ "actor-observe": { "path": "listeners/late", "after": null } }))
        .await;
    let report = &answer["actors"]["actors"][0]["report"];
    assert_eq!(report["is_listening"], false, "{answer}");
    assert!(
        report["problem"]
            .as_str()
            .unwrap()
            .contains("another program listens there"),
        "{answer}"
    );
    drop(holder);
    let opening = async {
        while TcpStream::connect(taken).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, opening).await.expect("a port that opens");
    TestClient::connect(taken).await.open(HOST).await;
}

/// Runs a node of its own until it ends; its status and what it wrote to standard error.
async fn run_to_end(program: &mut Command, bind: &str) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("portcullis.toml");
    let text = format!(
        "[node]\ndata_directory = {:?}\n[listener.c2s]\nprotocol = \"c2s\"\nbind = [{bind:?}]\n",
        directory.path().join("data")
    );
    std::fs::write(&config, text).unwrap();
    let child = program
        .arg("--config")
        .arg(&config)
        .arg("run")
        .env_remove("NOTIFY_SOCKET");
    let child = child
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let output = timeout(DEADLINE, child.spawn().unwrap().wait_with_output());
    let output = output.await.expect("a node that ends").unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[tokio::test]
async fn n029_a_node_that_can_open_nothing_ends_with_71() {
    let taken = free_port(IpAddr::from([127, 0, 0, 1]));
    let _holder = shared_holder(taken);
    let mut program = Command::new(harness::program_file());
    let (status, said) = run_to_end(&mut program, &taken.to_string()).await;
    assert_eq!(status, Some(71), "{said}");
    assert!(
        said.contains(&taken.to_string()) && said.contains("another program"),
        "{said}"
    );
}

#[tokio::test]
async fn a_port_below_1024_needs_a_privilege_and_the_cures_are_named() {
    let file = harness::program_file();
    let mut program = match rustix::process::getuid().is_root() {
        false => Command::new(file),
        true => {
            let mut program = Command::new("setpriv");
            program
                .args(["--bounding-set", "-net_bind_service"])
                .arg(file);
            program
        }
    };
    let (status, said) = run_to_end(&mut program, "127.0.0.1:700").await;
    assert_eq!(status, Some(71), "{said}");
    for cure in [
        "net_bind_service",
        "ip_unprivileged_port_start",
        "above 1023",
    ] {
        assert!(said.contains(cure), "{cure} is missing in {said}");
    }
}

#[tokio::test]
async fn a_mistake_opens_nothing_and_ends_with_78() {
    let free = free_port(IpAddr::from([127, 0, 0, 1]));
    let mut program = Command::new(harness::program_file());
    program.arg("--set").arg("listener.c2s.socket.ttl=0");
    let (status, said) = run_to_end(&mut program, &free.to_string()).await;
    assert_eq!(status, Some(78), "{said}");
    assert!(said.contains("listener.c2s.socket.ttl"), "{said}");
    assert!(!said.contains("listening"), "{said}");
}
