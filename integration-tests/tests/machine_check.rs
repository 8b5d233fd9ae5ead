//! What `portcullis check` says of the machine: DNS, ports, certificates, limits, data directory.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Output, Stdio};

use harness::{Certificates, DEADLINE, DnsServer, TestNode, program_file};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use crate::network::in_own_network;

/// A configuration without a node.
struct Scene {
    directory: TempDir,
}

impl Scene {
    fn new(toml: &str) -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("portcullis.toml");
        std::fs::write(file, toml).unwrap();
        Scene { directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Runs `check` with these arguments, by a wrapper where one is named.
    async fn check(&self, wrapper: &[&str], arguments: &[&str]) -> Output {
        let mut line = wrapper.iter().map(ToString::to_string).collect::<Vec<_>>();
        line.push(program_file().display().to_string());
        let child = Command::new(&line[0])
            .args(&line[1..])
            .arg("--config")
            .arg(self.path().join("portcullis.toml"))
            .arg("check")
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let output = timeout(DEADLINE, child.wait_with_output()).await;
        output.expect("a check that ends").unwrap()
    }
}

/// An address of one test alone: made as those of [`TestNode`], with another port.
fn own_address(test: u8) -> SocketAddr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, 1 + high % 254, low, test], 5999))
}

/// A node for `chat.example.org`, the server that knows where it is, and what a check says then.
async fn zone_checked(records: impl Fn(&str) -> Vec<String>) -> (Option<i32>, String) {
    let node = TestNode::start("[host.\"chat.example.org\"]\n").await;
    let records = records(&node.address().ip().to_string());
    let records: Vec<_> = records.iter().map(String::as_str).collect();
    let server = DnsServer::start(&records).await;
    let resolver = server.address().to_string();
    let output = node.command(&["check", "--resolver", &resolver]).await;
    assert!(server.asked() > 0);
    (output.status.code(), said(&output))
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// The part of a report below a heading.
fn section<'a>(said: &'a str, heading: &str) -> Vec<&'a str> {
    let below = said
        .lines()
        .skip_while(|line| *line != format!("{heading}:"));
    below
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .collect()
}

#[tokio::test]
async fn records_that_lead_to_the_node_are_followed() {
    let (status, said) = zone_checked(|address| {
        vec![
            "_xmpp-client._tcp.chat.example.org SRV 5222 xmpp.example.org".to_owned(),
            "_xmpps-client._tcp.chat.example.org SRV 5223 xmpp.example.org".to_owned(),
            format!("xmpp.example.org A {address}"),
        ]
    })
    .await;
    assert_eq!(status, Some(0), "{said}");
    assert!(section(&said, "dns").is_empty(), "{said}");
    let ports = section(&said, "ports");
    assert_eq!(ports.len(), 1, "{said}");
    assert!(
        ports[0].contains("tried from this machine only: 2"),
        "{said}"
    );
}

#[tokio::test]
async fn records_that_lead_nowhere_are_named_with_their_cure() {
    let (status, said) = zone_checked(|address| {
        vec![
            "_xmpp-client._tcp.chat.example.org SRV 5999 alias.example.org".to_owned(),
            "_xmpp-client._tcp.chat.example.org SRV 5222 empty.example.org".to_owned(),
            "_xmpps-client._tcp.chat.example.org SRV 0 .".to_owned(),
            "alias.example.org CNAME xmpp.example.org".to_owned(),
            format!("alias.example.org A {address}"),
        ]
    })
    .await;
    assert_eq!(status, Some(0), "warnings change no status: {said}");
    let dns = section(&said, "dns").join("\n");
    for part in [
        "alias.example.org is an alias of xmpp.example.org: the target of an SRV record must not be one",
        "empty.example.org has no address",
        "_xmpps-client._tcp.chat.example.org says (by the target \".\")",
        "_xmpps-client._tcp.chat.example.org. 3600 IN SRV 0 5 5223 alias.example.org.",
    ] {
        assert!(dns.contains(part), "{part} is not in\n{said}");
    }
    let ports = section(&said, "ports").join("\n");
    assert!(
        ports.contains(":5999, where _xmpp-client._tcp.chat.example.org leads, does not serve it"),
        "{said}"
    );
}

#[tokio::test]
async fn a_missing_record_is_a_line_for_the_zone() {
    let (status, said) = zone_checked(|_| Vec::new()).await;
    assert_eq!(status, Some(0), "{said}");
    for part in [
        "add to the zone: _xmpp-client._tcp.chat.example.org. 3600 IN SRV 0 5 5222 chat.example.org.",
        "add to the zone: _xmpps-client._tcp.chat.example.org. 3600 IN SRV 0 5 5223 chat.example.org.",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}

#[tokio::test]
async fn a_dns_server_that_is_silent_costs_one_line() {
    let server = DnsServer::silent().await;
    let hosts = (0..40).map(|number| format!("[host.\"h{number}.example.org\"]\n"));
    let scene = Scene::new(&hosts.collect::<String>());
    let resolver = server.address().to_string();
    let set = format!("listener.clients.bind=[\"{}\"]", own_address(1));
    let output = scene
        .check(&[], &["--resolver", &resolver, "--set", &set])
        .await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let dns = section(&said, "dns");
    assert_eq!(dns.len(), 1, "{said}");
    let expected = format!("note: DNS was not examined: {resolver}");
    assert!(dns[0].contains(&expected), "{said}");
}

#[tokio::test]
async fn offline_asks_nobody_and_tries_no_port() {
    let address = own_address(2);
    let _holder = TcpListener::bind(address).unwrap();
    let scene = Scene::new(&format!(
        "[host.\"chat.example.org\"]\n[listener.clients]\nprotocol = \"c2s\"\nbind = [\"{address}\"]\n"
    ));
    let output = scene.check(&[], &["--offline"]).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for heading in ["dns", "ports"] {
        assert!(section(&said, heading).is_empty(), "{said}");
    }
}

#[tokio::test]
async fn a_port_that_another_program_holds_is_an_error_that_names_it() {
    let address = own_address(3);
    let _holder = TcpListener::bind(address).unwrap();
    let scene = Scene::new(&format!(
        "[listener.clients]\nprotocol = \"c2s\"\nbind = [\"{address}\"]\n"
    ));
    let output = scene.check(&[], &[]).await;
    let told = said(&output);
    assert_eq!(output.status.code(), Some(71), "{told}");
    let ports = section(&told, "ports").join("\n");
    let process = format!("(process {})", std::process::id());
    assert!(
        ports.contains(&format!("error: listener clients: {address} is taken by")),
        "{told}"
    );
    assert!(ports.contains(&process), "{told}");

    let output = scene.check(&[], &["--json"]).await;
    assert_eq!(output.status.code(), Some(71));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["version"], &report["errors"]),
        (&1.into(), &1.into()),
        "{report}"
    );
    let findings = report["findings"].as_array().unwrap();
    let error = findings
        .iter()
        .find(|it| it["severity"] == "error")
        .unwrap();
    assert_eq!(error["subject"], "ports");
    assert!(
        error["what"].as_str().unwrap().contains(&process),
        "{report}"
    );
    assert!(error["cure"].as_str().unwrap().contains("bind"), "{report}");
}

#[tokio::test]
async fn a_running_node_is_told_from_a_program_in_its_place() {
    let address = own_address(4);
    let _holder = TcpListener::bind(address).unwrap();
    let toml = format!("[listener.more]\nprotocol = \"c2s\"\nbind = [\"{address}\"]\n");
    let node = TestNode::start(&toml).await;
    let output = node.command(&["check"]).await;
    let told = said(&output);
    assert_eq!(output.status.code(), Some(71), "{told}");
    let ports = section(&told, "ports");
    assert_eq!(ports.len(), 1, "the others are the node's: {told}");
    assert!(
        ports[0].contains(&format!("listener more: {address} is taken by")),
        "{told}"
    );
    assert!(ports[0].contains("and not served by the node"), "{told}");

    let unserved = format!("listener.more.bind=[\"{}\"]", own_address(5));
    let output = node.command(&["--set", &unserved, "check"]).await;
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("a node runs, but there is no answer: the connection is refused"),
        "{told}"
    );
}

#[tokio::test]
async fn a_low_port_without_the_privilege_names_the_cures() {
    let name = "machine_check::a_low_port_without_the_privilege_names_the_cures";
    if !in_own_network(name).await {
        return;
    }
    let scene = Scene::new("[listener.clients]\nprotocol = \"c2s\"\nbind = [\"127.0.0.1:700\"]\n");
    let wrapper = [
        "setpriv",
        "--bounding-set",
        "-net_bind_service",
        "--inh-caps",
        "-net_bind_service",
    ];
    let output = scene.check(&wrapper, &[]).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(71), "{said}");
    for cure in [
        "net_bind_service",
        "ip_unprivileged_port_start",
        "systemd:NAME",
    ] {
        assert!(said.contains(cure), "{said}");
    }
}

#[tokio::test]
async fn certificates_are_looked_at_as_clients_would() {
    let scene = Scene::new(
        "[host.\"chat.example.org\"]\n[tls.default]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\n",
    );
    let check = async || said(&scene.check(&[], &["--offline"]).await);
    let made = Certificates::create(scene.path(), &["other.example.org".to_owned()]);
    let told = check().await;
    for part in [
        "does not hold for chat.example.org, only for other.example.org",
        "leads to CN=portcullis test root, which the authorities of this system do not have",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }

    let chain = std::fs::read_to_string(&made.chain_file).unwrap();
    let leaf = chain
        .split_inclusive("-----END CERTIFICATE-----\n")
        .next()
        .unwrap();
    std::fs::write(&made.chain_file, leaf).unwrap();
    let told = check().await;
    assert!(told.contains("the chain is not complete"), "{told}");
    assert!(told.contains("fullchain.pem"), "{told}");

    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["chat.example.org".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
    let expired = params.self_signed(&key).unwrap();
    std::fs::write(scene.path().join("chain.pem"), expired.pem()).unwrap();
    std::fs::write(scene.path().join("key.pem"), key.serialize_pem()).unwrap();
    let output = scene.check(&[], &["--offline"]).await;
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    for part in [
        "has expired, and is used nevertheless: renew it",
        "is self-signed: clients refuse it",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}

#[tokio::test]
async fn a_low_limit_on_open_files_is_found_in_the_shell_and_in_the_node() {
    let scene = Scene::new("");
    let output = scene
        .check(&["prlimit", "--nofile=300"], &["--offline"])
        .await;
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let limits = section(&told, "limits").join("\n");
    assert!(
        limits.contains("the limit on open files (300) leaves room for 172"),
        "{told}"
    );
    assert!(limits.contains("LimitNOFILE="), "{told}");

    let node = TestNode::wrapped("", &["prlimit", "--nofile=400"]).await;
    let told = said(&node.command(&["check"]).await);
    let limits = section(&told, "limits").join("\n");
    assert!(
        limits.contains("the limit on open files (400) leaves room for 272"),
        "{told}"
    );
}

#[tokio::test]
async fn a_data_directory_that_can_not_be_is_an_error_of_its_own() {
    let scene = Scene::new("[node]\ndata_directory = \"file/data\"\n");
    std::fs::write(scene.path().join("file"), "").unwrap();
    let output = scene.check(&[], &["--offline"]).await;
    let told = said(&output);
    assert_eq!(output.status.code(), Some(74), "{told}");
    assert!(
        section(&told, "storage")[0].contains("file/data can not be written"),
        "{told}"
    );
}

#[tokio::test]
async fn data_of_tomorrow_makes_the_clock_doubtful() {
    let node = TestNode::start("").await;
    let file = std::fs::File::create(node.directory().join("data/later")).unwrap();
    let tomorrow = std::time::SystemTime::now() + std::time::Duration::from_secs(86_400);
    file.set_modified(tomorrow).unwrap();
    let output = node.command(&["check"]).await;
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let clock = section(&told, "clock").join("\n");
    assert!(
        clock.contains("data/later was written at") && clock.contains("but the clock says"),
        "{told}"
    );
}
