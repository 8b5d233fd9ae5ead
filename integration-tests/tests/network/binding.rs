//! Which addresses are opened.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;

use harness::{HOST, TestClient, TestNode};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::{free, free_on, in_own_network, listener, refused, until};

/// A stream header is answered there.
async fn answers(address: SocketAddr) {
    TestClient::connect(address).await.open(HOST).await;
}

/// Nobody listens there.
async fn is_closed(address: SocketAddr) {
    let connected = TcpStream::connect(address).await;
    assert!(connected.is_err(), "{address} is open");
}

fn v4(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn v6(port: u16) -> SocketAddr {
    (Ipv6Addr::LOCALHOST, port).into()
}

#[tokio::test]
async fn n001_a_listener_answers_on_each_of_its_binds() {
    let (one, two) = (free(), free());
    let toml = format!("[listener.more]\nprotocol = \"c2s\"\nbind = [\"{one}\", \"{two}\"]\n");
    let _node = TestNode::start(&toml).await;
    answers(one).await;
    answers(two).await;
}

#[tokio::test]
async fn n002_an_address_is_opened_and_no_other() {
    let own = free();
    let toml = format!("[listener.more]\nprotocol = \"c2s\"\nbind = [\"{own}\"]\n");
    let _node = TestNode::start(&toml).await;
    answers(own).await;
    is_closed((Ipv4Addr::new(127, 0, 0, 2), own.port()).into()).await;
}

#[tokio::test]
async fn n003_an_address_of_ipv6_is_not_one_of_ipv4() {
    let own = free_on(Ipv6Addr::LOCALHOST);
    let toml = format!("[listener.more]\nprotocol = \"c2s\"\nbind = [\"{own}\"]\n");
    let _node = TestNode::start(&toml).await;
    answers(own).await;
    is_closed(v4(own.port())).await;
}

#[tokio::test]
async fn n004_the_wildcard_of_ipv6_alone_serves_both() {
    if in_own_network("network::binding::n004_the_wildcard_of_ipv6_alone_serves_both").await {
        let toml = "[listener.more]\nprotocol = \"c2s\"\nbind = [\"[::]:6222\"]\n";
        let _node = TestNode::start(toml).await;
        answers(v4(6222)).await;
        answers(v6(6222)).await;
    }
}

#[tokio::test]
async fn n005_both_wildcards_share_a_port() {
    if in_own_network("network::binding::n005_both_wildcards_share_a_port").await {
        let toml = "[listener.more]\nprotocol = \"c2s\"\nbind = [\"*:6222\", \"[::]:6222\"]\n";
        let node = TestNode::start(toml).await;
        answers(v4(6222)).await;
        answers(v6(6222)).await;
        let listener = listener(&node, "more").await;
        for bind in listener["binds"].as_array().unwrap() {
            assert_eq!(bind["report"]["accepted"], 1, "{listener}");
        }
        assert!(!node.log().contains("ERROR"), "{}", node.log());
    }
}

#[tokio::test]
async fn n006_v6_only_leaves_ipv4_alone() {
    if in_own_network("network::binding::n006_v6_only_leaves_ipv4_alone").await {
        let toml = "[listener.more]\nprotocol = \"c2s\"\nbind = [\"[::]:6222\"]\n\
                    socket = { v6_only = true }\n";
        let _node = TestNode::start(toml).await;
        answers(v6(6222)).await;
        is_closed(v4(6222)).await;
    }
}

#[tokio::test]
async fn n007_interfaces_times_ports() {
    if in_own_network("network::binding::n007_interfaces_times_ports").await {
        let toml = "[listener.more]\nprotocol = \"c2s\"\ninterfaces = [\"127.0.0.1\", \"127.0.0.2\"]\n\
                    ports = [6222, 6223]\n";
        let node = TestNode::start(toml).await;
        for last in [1, 2] {
            for port in [6222, 6223] {
                answers((Ipv4Addr::new(127, 0, 0, last), port).into()).await;
            }
        }
        let binds = listener(&node, "more").await["binds"].clone();
        assert_eq!(binds.as_array().unwrap().len(), 4, "{binds}");
        is_closed((Ipv4Addr::new(127, 0, 0, 3), 6222).into()).await;
    }
}

/// The base configuration of a test node out of the way of the customary ports.
const ELSEWHERE: &str = "[listener.c2s]\nbind = [\"127.0.0.9:6222\"]\n[listener.c2s_tls]\nbind = [\"127.0.0.9:6223\"]\n";

#[tokio::test]
async fn n008_clients_have_their_port_on_every_address() {
    if in_own_network("network::binding::n008_clients_have_their_port_on_every_address").await {
        let toml = format!("{ELSEWHERE}[listener.more]\nprotocol = \"c2s\"\n");
        let _node = TestNode::start(&toml).await;
        answers(v4(5222)).await;
        answers((Ipv4Addr::new(127, 0, 0, 7), 5222).into()).await;
        answers(v6(5222)).await;
    }
}

#[tokio::test]
async fn n008_n009_http_is_private_and_with_tls_public() {
    let name = "network::binding::n008_n009_http_is_private_and_with_tls_public";
    if in_own_network(name).await {
        super::ip("addr add 192.0.2.9/32 dev lo");
        let node = TestNode::start(ELSEWHERE).await;
        let added = [
            &["listener", "add", "web", "protocol=http"][..],
            &[
                "listener",
                "add",
                "web_tls",
                "protocol=http",
                "tls.implicit=true",
            ],
        ];
        for command in added {
            assert!(node.command(command).await.status.success(), "{command:?}");
        }
        for name in ["web", "web_tls"] {
            until(&node, name, |listener| listener["state"] == "serving").await;
        }
        let outside = |port: u16| SocketAddr::from(([192, 0, 2, 9], port));
        for open in [v4(5280), v6(5280), v4(5281), v6(5281), outside(5281)] {
            assert!(TcpStream::connect(open).await.is_ok(), "{open} is closed");
        }
        is_closed(outside(5280)).await;
    }
}

#[tokio::test]
async fn n010_the_interfaces_of_the_node_are_those_of_public_listeners() {
    let name = "network::binding::n010_the_interfaces_of_the_node_are_those_of_public_listeners";
    if in_own_network(name).await {
        let toml = format!(
            "{ELSEWHERE}[listener.more]\nprotocol = \"c2s\"\n[network]\ninterfaces = [\"127.0.0.1\"]\n"
        );
        let _node = TestNode::start(&toml).await;
        answers(v4(5222)).await;
        is_closed((Ipv4Addr::new(127, 0, 0, 7), 5222).into()).await;
        is_closed(v6(5222)).await;
    }
}

#[tokio::test]
async fn n013_without_ipv6_nothing_of_it_is_opened() {
    if in_own_network("network::binding::n013_without_ipv6_nothing_of_it_is_opened").await {
        let toml = format!(
            "{ELSEWHERE}[listener.more]\nprotocol = \"c2s\"\n[network]\nuse_ipv6 = false\n"
        );
        let _node = TestNode::start(&toml).await;
        answers(v4(5222)).await;
        is_closed(v6(5222)).await;
        let said = refused(
            "[network]\nuse_ipv6 = false\n[listener.a]\nprotocol = \"c2s\"\nbind = [\"[::1]:6222\"]\n",
        )
        .await;
        assert!(
            said.contains("listener.a.bind: ::1 is an IPv6 address"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn n014_an_empty_list_switches_a_listener_off() {
    let node = TestNode::start("[listener.off]\nprotocol = \"c2s\"\nbind = []\n").await;
    answers(node.address()).await;
    let off = listener(&node, "off").await;
    assert_eq!(
        (&off["state"], &off["binds"]),
        (&"off".into(), &serde_json::json!([]))
    );
}

#[tokio::test]
async fn n015_a_socket_of_the_file_system_serves_and_goes_with_the_node() {
    let toml = "[listener.local]\nprotocol = \"c2s\"\nbind = [\"unix:c2s.sock\"]\n\
                tls = { enabled = false }\nsocket = { unix_mode = \"0600\" }\n";
    let mut node = TestNode::start(toml).await;
    let path = node.directory().join("c2s.sock");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut client = UnixStream::connect(&path).await.unwrap();
    let header = "<stream:stream xmlns='jabber:client' to='localhost' version='1.0' \
                  xmlns:stream='http://etherx.jabber.org/streams'>";
    client.write_all(header.as_bytes()).await.unwrap();
    let mut answer = String::new();
    while !answer.contains("</stream:features>") {
        let mut bytes = [0; 4096];
        let count = client.read(&mut bytes).await.unwrap();
        assert!(count > 0, "{answer}");
        answer.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    assert!(answer.contains("SCRAM-SHA-256"), "{answer}");
    drop(client);
    node.signal(Signal::TERM);
    assert!(node.ended().await.success());
    assert!(!path.exists());
}
