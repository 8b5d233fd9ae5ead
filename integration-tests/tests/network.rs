//! The network layer, row by row: a test is named by the number of the promise that it holds the node to. Rows that are
//! held by the tests of a feature have their number in the names of those (`git grep 'fn n0'`); `pending` lists the others.

mod binding;
mod caps;
mod certificates;
pub(crate) mod components;
mod configuration;
mod handover;
mod live;
mod multiplex;
mod opening;
mod options;
mod pending;
mod plan;
mod proxied;
mod s_client;
mod stopping;
mod tls;
mod traffic;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Output, Stdio};

use harness::{DEADLINE, TestNode};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

const MARK: &str = "PORTCULLIS_TEST_NETWORK";

/// True in a network of its own, with nothing but loopback. Elsewhere it runs `test` (its full name) in one and tells
/// how that went by panicking or not.
pub(crate) async fn in_own_network(test: &str) -> bool {
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let child = Command::new("unshare")
        .args(["--map-root-user", "--net", "sh", "-c"])
        .arg("ip link set lo up && exec \"$0\" \"$@\"")
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("unshare, of util-linux");
    let output = timeout(DEADLINE * 3, child.wait_with_output()).await;
    let said = text(&output.expect("a test that ends").unwrap());
    assert!(said.contains("test result: ok. 1 passed"), "{said}");
    false
}

/// Changes the network of this test.
fn ip(arguments: &str) {
    let mut ip = std::process::Command::new("ip");
    let status = ip.args(arguments.split(' ')).status();
    assert!(status.expect("ip, of iproute2").success(), "ip {arguments}");
}

fn text(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!("{out}{err}")
}

/// A free address on this one of the loopback addresses.
fn free_on(address: impl Into<IpAddr>) -> SocketAddr {
    TcpListener::bind((address.into(), 0))
        .unwrap()
        .local_addr()
        .unwrap()
}

fn free() -> SocketAddr {
    free_on(Ipv4Addr::LOCALHOST)
}

/// Runs a node with exactly this configuration until it ends; its status and what it said.
async fn run(config: &str, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("portcullis.toml");
    let data = directory.path().join("data");
    let text_of = format!("[node]\ndata_directory = {data:?}\n{config}");
    std::fs::write(&file, text_of).unwrap();
    let child = Command::new(harness::program_file())
        .arg("--config")
        .arg(&file)
        .arg("run")
        .envs(environment.iter().copied())
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let output = timeout(DEADLINE, child.wait_with_output()).await;
    let output = output.expect("a node that ends").unwrap();
    (output.status.code(), text(&output))
}

/// Has the node refuse this configuration before anything is opened; what it said.
async fn refused(config: &str) -> String {
    let (status, said) = run(config, &[]).await;
    assert_eq!(status, Some(78), "{said}");
    assert!(!said.contains("listening"), "{said}");
    assert!(said.contains("portcullis: config error: "), "{said}");
    said
}

/// The listeners as `listener list` shows them.
async fn listeners(node: &TestNode) -> Vec<Value> {
    let answer = node.admin(Value::from("listener-list")).await;
    let listed = answer["listeners"]["listeners"].as_array();
    listed.unwrap_or_else(|| panic!("{answer}")).clone()
}

pub(crate) async fn listener(node: &TestNode, name: &str) -> Value {
    let listed = listeners(node).await;
    let found = listed.iter().find(|listener| listener["name"] == name);
    found
        .unwrap_or_else(|| panic!("{name}: {listed:?}"))
        .clone()
}

/// Waits until a listener looks like this.
pub(crate) async fn until(node: &TestNode, name: &str, good: impl Fn(&Value) -> bool) -> Value {
    let waiting = async {
        loop {
            let listener = listener(node, name).await;
            if good(&listener) {
                return listener;
            }
        }
    };
    timeout(DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("listener {name} does not come to it\n{}", node.log()))
}
