//! Sockets that can not be opened, and those that somebody else has opened.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;

use harness::{DEADLINE, HOST, TestClient, TestNode};
use rustix::process::Signal;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{free, in_own_network, listener, run, text};

#[tokio::test]
async fn n027_what_is_in_use_does_not_keep_the_rest_from_serving() {
    let (taken, own) = (free(), free());
    let _holder = TcpListener::bind(taken).unwrap();
    let toml = format!("[listener.more]\nprotocol = \"c2s\"\nbind = [\"{taken}\", \"{own}\"]\n");
    let node = TestNode::start(&toml).await;
    TestClient::connect(own).await.open(HOST).await;
    assert_eq!(listener(&node, "more").await["state"], "degraded");
}

#[tokio::test]
async fn n030_an_address_that_is_not_here_does_not_keep_the_rest_from_serving() {
    let own = free();
    let toml =
        format!("[listener.more]\nprotocol = \"c2s\"\nbind = [\"192.0.2.77:6222\", \"{own}\"]\n");
    let node = TestNode::start(&toml).await;
    TestClient::connect(own).await.open(HOST).await;
    let more = listener(&node, "more").await;
    let problem = more["binds"][0]["report"]["problem"].as_str().unwrap();
    assert!(
        problem.contains("this machine has no such address"),
        "{problem}"
    );
}

#[tokio::test]
async fn n031_a_port_without_the_privilege_is_not_tried_again() {
    let name = "network::opening::n031_a_port_without_the_privilege_is_not_tried_again";
    if !in_own_network(name).await {
        return;
    }
    let toml = "[listener.low]\nprotocol = \"c2s\"\nbind = [\"127.0.0.1:700\"]\n";
    let wrapper = [
        "setpriv",
        "--bounding-set",
        "-net_bind_service",
        "--inh-caps",
        "-net_bind_service",
    ];
    let node = TestNode::wrapped(toml, &wrapper).await;
    TestClient::connect(node.address()).await.open(HOST).await;
    let low = listener(&node, "low").await;
    let problem = low["binds"][0]["report"]["problem"].as_str().unwrap();
    assert!(problem.contains("net_bind_service"), "{problem}");
    let log = node.log();
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("127.0.0.1:700"))
        .collect();
    assert!(
        lines.iter().all(|line| !line.contains("trying again")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn n032_a_second_node_on_the_same_data_ends_with_75() {
    let mut node = TestNode::start("").await;
    let second = node
        .command(&["--set", "listener.c2s.bind=[]", "run"])
        .await;
    assert_eq!(second.status.code(), Some(75), "{}", text(&second));
    TestClient::connect(node.address()).await.open(HOST).await;
    node.kill9().await;
    TestClient::connect(node.address()).await.open(HOST).await;
}

#[tokio::test]
async fn n033_a_failed_bind_leaves_no_other_socket_behind() {
    let taken = free();
    let _holder = TcpListener::bind(taken).unwrap();
    let toml = format!("[listener.more]\nprotocol = \"c2s\"\nbind = [\"{taken}\"]\n");
    let node = TestNode::start(&toml).await;
    let output = Command::new("ss").args(["-Hltnp"]).output().await.unwrap();
    let own = format!("pid={},", node.pid());
    let shown = text(&output);
    let mut addresses: Vec<_> = shown
        .lines()
        .filter(|line| line.contains(&own))
        .filter_map(|line| line.split_whitespace().nth(3))
        .collect();
    addresses.sort_unstable();
    let mut expected = [
        node.address().to_string(),
        node.direct_address().to_string(),
    ];
    expected.sort_unstable();
    assert_eq!(addresses, expected, "{shown}");
}

#[tokio::test]
async fn a_listener_that_is_required_keeps_the_node_from_starting() {
    let (taken, own) = (free(), free());
    let _holder = TcpListener::bind(taken).unwrap();
    let config = format!(
        "[listener.must]\nprotocol = \"c2s\"\nrequired = true\nbind = [\"{taken}\"]\n\
         [listener.may]\nprotocol = \"c2s\"\nbind = [\"{own}\"]\n"
    );
    let (status, said) = run(&config, &[]).await;
    assert_eq!(status, Some(71), "{said}");
    assert!(said.contains(&taken.to_string()), "{said}");
}

/// A node whose standard input is a socket that it finds as the first one from systemd.
pub(super) async fn activated(config: &str, names: &str, socket: TcpListener) -> (PathBuf, Child) {
    let directory = tempfile::tempdir().unwrap().keep();
    let file = directory.join("portcullis.toml");
    let text = format!(
        "[node]\ndata_directory = {:?}\n{config}",
        directory.join("data")
    );
    std::fs::write(&file, text).unwrap();
    let input = std::os::fd::OwnedFd::from(socket);
    let child = Command::new("sh")
        .args([
            "-c",
            "exec 3<&0 </dev/null; export LISTEN_PID=$$; exec \"$0\" --config \"$1\" run",
        ])
        .arg(harness::program_file())
        .arg(&file)
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", names)
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::from(input))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    (directory, child)
}

#[tokio::test]
async fn n107_a_socket_of_systemd_is_served_and_a_missing_one_refused() {
    let config = "[listener.clients]\nprotocol = \"c2s\"\nbind = [\"systemd:c2s\"]\n";
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (_, mut child) = activated(config, "c2s", socket).await;
    // The kernel lets clients in before there is a node.
    TestClient::connect(address).await.open(HOST).await;
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    let status = timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");

    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_, child) = activated(config, "other", socket).await;
    let output = timeout(DEADLINE, child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(
        said.contains("listener.clients.bind") && said.contains("\"c2s\""),
        "{said}"
    );
    let (status, said) = run(config, &[]).await;
    assert_eq!(status, Some(78), "{said}");
    assert!(said.contains("FileDescriptorName=c2s"), "{said}");
}
