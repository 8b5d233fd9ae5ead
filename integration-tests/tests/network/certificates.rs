//! Which certificate is shown, and how it changes: N65 to N71, N100.

use std::net::SocketAddr;
use std::path::Path;

use harness::{Certificates, DEADLINE, HOST, TestNode, own_address};
use rustix::process::Signal;
use serde_json::Value;
use tokio::time::timeout;

use super::s_client::{named, nameless, shake, starttls};
use super::text;
use crate::reload::change;

const YEARS: (i32, i32) = (2020, 2100);

/// Writes `NAME.crt` and `NAME.key` below `directory`; the certificate.
fn pair(by: &Certificates, directory: &Path, name: &str, names: &[&str]) -> String {
    let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
    by.issue(
        (&directory.join(certificate), &directory.join(key)),
        names,
        YEARS,
    )
}

/// Configuration of a host with a pair beside the configuration.
fn host(name: &str) -> String {
    format!("[host.\"{name}\".tls]\ncertificate = \"{name}.crt\"\nkey = \"{name}.key\"\n")
}

/// The default certificate of every node of these tests.
fn default(node: &TestNode) -> String {
    let chain = std::fs::read_to_string(&node.certificates.chain_file).unwrap();
    let end = "-----END CERTIFICATE-----";
    let leaf = chain.split(end).next().unwrap();
    format!("{leaf}{end}\n")
}

/// A node with hosts `a.example` and `b.example` that have a pair each, `c.example` that has none, and these keys.
async fn two_hosts(more: &str) -> (TestNode, [String; 2]) {
    let toml = ["a.example", "b.example"].map(host).concat() + "[host.\"c.example\"]\n" + more;
    let mut certificates = [String::new(), String::new()];
    let node = TestNode::with_files(&toml, |directory, by| {
        certificates = ["a.example", "b.example"].map(|name| pair(by, directory, name, &[name]));
    })
    .await;
    (node, certificates)
}

#[tokio::test]
async fn n065_n069_the_name_in_the_handshake_or_of_the_stream_chooses() {
    let (node, [a, b]) = two_hosts("").await;
    let direct = node.direct_address();
    named(&node, direct, "a.example").await.expect(&a);
    named(&node, direct, "b.example").await.expect(&b);
    named(&node, direct, "c.example")
        .await
        .expect(&default(&node));
    nameless(&node, direct).await.expect(&default(&node));
    let plain = node.address();
    starttls(&node, plain, "b.example").await.expect(&b);
    starttls(&node, plain, "c.example")
        .await
        .expect(&default(&node));
    let arguments = "-starttls xmpp -xmpphost b.example -servername a.example";
    shake(&node, plain, arguments).await.expect(&b);
}

#[tokio::test]
async fn n066_an_unknown_name_gets_the_default_or_an_alert() {
    let (node, [a, _]) = two_hosts("").await;
    let direct = node.direct_address();
    named(&node, direct, "x.example")
        .await
        .expect(&default(&node));
    change(&node, "listener.c2s_tls.tls.unknown_sni = \"reject\"").await;
    // access_denied
    named(&node, direct, "x.example").await.expect_alert(49);
    named(&node, direct, "a.example").await.expect(&a);
    named(&node, direct, "c.example")
        .await
        .expect(&default(&node));
    nameless(&node, direct).await.expect(&default(&node));
}

#[tokio::test]
async fn n067_n068_the_host_goes_before_the_address_and_that_before_the_port() {
    let (one, two) = (own_address(), own_address());
    let at = |address, port| SocketAddr::from((address, port));
    let toml = format!(
        "[listener.places]\nprotocol = \"c2s\"\ninterfaces = [\"{one}\", \"{two}\"]\nports = [6001, 6002]\n\
         [listener.places.tls]\nimplicit = true\n\
         by_interface.\"{two}\" = {{ certificate = \"two.crt\", key = \"two.key\" }}\n\
         by_port.6002 = {{ certificate = \"port.crt\", key = \"port.key\" }}\n"
    );
    let hosts = "[host.\"a.example\".tls]\ncertificate = \"a.crt\"\nkey = \"a.key\"\n";
    let mut certificates = Vec::new();
    let node = TestNode::with_files(&(toml + hosts), |directory, by| {
        let files = ["a", "two", "port"];
        certificates = files
            .map(|name| pair(by, directory, name, &["a.example"]))
            .to_vec();
    })
    .await;
    let (other, by) = (default(&node), &certificates);
    for (address, port, wanted) in [
        (one, 6001, &other),
        (two, 6001, &by[1]),
        (one, 6002, &by[2]),
        (two, 6002, &by[1]),
    ] {
        let place = at(address, port);
        nameless(&node, place).await.expect(wanted);
        named(&node, place, "x.example").await.expect(wanted);
        named(&node, place, "a.example").await.expect(&by[0]);
    }
}

#[tokio::test]
async fn n070_every_form_of_file_name_is_found() {
    let hosts = [
        "plain.example",
        "le.example",
        "one.example",
        "any.wild.example",
        "sub.parent.example",
    ];
    let toml: String = hosts.map(|name| format!("[host.\"{name}\"]\n")).concat();
    let mut certificates = Vec::new();
    let node = TestNode::with_files(&toml, |directory, by| {
        let certs = directory.join("certs");
        let issue = |certificate: &str, key: &str, name: &str| {
            by.issue((&certs.join(certificate), &certs.join(key)), &[name], YEARS)
        };
        certificates = vec![
            issue("plain.example.crt", "plain.example.key", "plain.example"),
            issue(
                "le.example/fullchain.pem",
                "le.example/privkey.pem",
                "le.example",
            ),
            issue("one.example.pem", "one.example.pem", "one.example"),
            issue("deep/er/w.crt", "deep/er/w.key", "*.wild.example"),
            issue("p.crt", "p.key", "parent.example"),
        ];
        issue(".hidden/h.crt", ".hidden/h.key", "localhost");
        issue("1/2/3/deep.crt", "1/2/3/deep.key", "localhost");
    })
    .await;
    for (host, certificate) in hosts.iter().zip(&certificates) {
        named(&node, node.direct_address(), host)
            .await
            .expect(certificate);
        starttls(&node, node.address(), host)
            .await
            .expect(certificate);
    }
    named(&node, node.direct_address(), HOST)
        .await
        .expect(&default(&node));
}

#[tokio::test]
async fn n071_an_expired_certificate_is_passed_over() {
    let mut valid = String::new();
    let node = TestNode::with_files("[host.\"a.example\"]\n", |directory, by| {
        let certs = directory.join("certs");
        let issue = |name: &str, names: &[&str], years| {
            let files = (
                certs.join(format!("{name}.crt")),
                certs.join(format!("{name}.key")),
            );
            by.issue((&files.0, &files.1), names, years)
        };
        issue("a.example", &["a.example"], (2001, 2002));
        issue("early", &["a.example"], (2090, 2100));
        issue("short", &["a.example"], (2020, 2060));
        valid = issue("long", &["a.example"], (2020, 2090));
        issue("wild", &["*.example"], (2020, 2100));
    })
    .await;
    named(&node, node.direct_address(), "a.example")
        .await
        .expect(&valid);
}

/// Every way in, with what is shown there: by SNI, without, after STARTTLS.
async fn expect_everywhere(node: &TestNode, host: &str, by_name: &str, nobody: &str) {
    let direct = node.direct_address();
    named(node, direct, host).await.expect(by_name);
    starttls(node, node.address(), host).await.expect(by_name);
    nameless(node, direct).await.expect(nobody);
}

/// Waits until the certificate of `host` is this one.
async fn until_shown(node: &TestNode, host: &str, certificate: &str) {
    let certificate = certificate.replace("\r\n", "\n");
    let waiting = async {
        while named(node, node.direct_address(), host)
            .await
            .chain()
            .first()
            != Some(&certificate)
        {}
    };
    timeout(DEADLINE * 2, waiting)
        .await
        .unwrap_or_else(|_| panic!("{host} keeps its certificate\n{}", node.log()));
}

/// Gives the node another default certificate of the same root.
fn replace_default(node: &TestNode) {
    let files = (&*node.certificates.chain_file, &*node.certificates.key_file);
    node.certificates.issue(files, &[HOST], YEARS);
}

#[tokio::test]
async fn n100_a_hang_up_changes_every_way_in_and_a_broken_file_none() {
    let (mut node, _) = two_hosts("").await;
    node.add_user("alice").await;
    let mut alice = node.login("alice").await;
    replace_default(&node);
    let new = pair(
        &node.certificates,
        node.directory(),
        "a.example",
        &["a.example"],
    );
    node.signal(Signal::HUP);
    until_shown(&node, "a.example", &new).await;
    expect_everywhere(&node, "a.example", &new, &default(&node)).await;
    alice.sync().await;

    let good = default(&node);
    node.write("a.example.crt", "no certificate");
    replace_default(&node);
    let output = node.reload().await;
    assert!(
        !output.status.success() && text(&output).contains("a.example.crt"),
        "{output:?}"
    );
    expect_everywhere(&node, "a.example", &new, &good).await;
    alice.sync().await;
    pair(
        &node.certificates,
        node.directory(),
        "a.example",
        &["a.example"],
    );
    node.restart().await;
}

/// The rows of `portcullis certificates`, and what it says besides.
async fn rows(node: &TestNode) -> (Vec<Value>, String) {
    let output = node.command(&["certificates", "--json"]).await;
    assert!(output.status.success(), "{output:?}");
    let rows = serde_json::from_slice(&output.stdout).unwrap();
    (rows, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn files_that_change_are_served_without_a_signal() {
    let toml = "[host.\"a.example\"]\n[host.\"new.example\"]\n";
    let node = TestNode::with_files(toml, |directory, by| {
        pair(by, &directory.join("certs"), "a.example", &["a.example"]);
    })
    .await;
    let certs = node.directory().join("certs");
    // Another file of a pair that is in use, and a pair that was not there.
    let changed = pair(&node.certificates, &certs, "a.example", &["a.example"]);
    until_shown(&node, "a.example", &changed).await;
    expect_everywhere(&node, "a.example", &changed, &default(&node)).await;
    let found = pair(
        &node.certificates,
        &certs.join("more"),
        "found",
        &["new.example"],
    );
    until_shown(&node, "new.example", &found).await;
    // In a directory that was made meanwhile.
    let found = pair(
        &node.certificates,
        &certs.join("more"),
        "found",
        &["new.example"],
    );
    until_shown(&node, "new.example", &found).await;

    // A bad file changes nothing, be it with others that are good, and is told.
    std::fs::write(certs.join("a.example.crt"), "no certificate").unwrap();
    let other = pair(
        &node.certificates,
        &certs.join("more"),
        "found",
        &["new.example"],
    );
    let told = async { while !rows(&node).await.1.contains("a.example.crt") {} };
    timeout(DEADLINE, told)
        .await
        .expect("a word of the bad file");
    expect_everywhere(&node, "a.example", &changed, &default(&node)).await;
    named(&node, node.direct_address(), "new.example")
        .await
        .expect(&found);
    assert!(
        node.log().contains("certificates stay as they were"),
        "{}",
        node.log()
    );
    let metrics = text(&node.command(&["metrics"]).await);
    for wanted in [
        "portcullis_certificate_problems 1\n",
        "portcullis_certificate_changes_total{outcome=\"refused\"}",
        "a.example.crt\"} 4102444800",
    ] {
        assert!(metrics.contains(wanted), "{wanted} in {metrics}");
    }
    let cured = pair(&node.certificates, &certs, "a.example", &["a.example"]);
    until_shown(&node, "a.example", &cured).await;
    named(&node, node.direct_address(), "new.example")
        .await
        .expect(&other);
    let silent = async { while !rows(&node).await.1.is_empty() {} };
    timeout(DEADLINE, silent)
        .await
        .expect("no more of the bad file");
}

#[tokio::test]
async fn whoever_looks_after_the_files_is_built_anew_after_a_panic() {
    let node = TestNode::with_files("[host.\"a.example\"]\n", |directory, by| {
        pair(by, &directory.join("certs"), "a.example", &["a.example"]);
    })
    .await;
    let told = node
        .admin(serde_json::json!({ "actor-panic": { "path": "certificates" } }))
        .await;
    assert_eq!(told["told"]["actors"], 1, "{told}");
    let certs = node.directory().join("certs");
    let changed = pair(&node.certificates, &certs, "a.example", &["a.example"]);
    until_shown(&node, "a.example", &changed).await;
    let path = serde_json::json!({ "actor-observe": { "path": "certificates", "after": null } });
    let seen = node.admin(path).await;
    let seen = &seen["actors"]["actors"][0];
    assert_eq!(
        (&seen["restarts"], &seen["report"]["problems"]),
        (&1.into(), &serde_json::json!([])),
        "{seen}"
    );
}

#[tokio::test]
async fn the_command_shows_what_is_shown_to_whom() {
    let (node, _) = two_hosts("[listener.c2s_tls.tls.by_port.5223]\ncertificate = \"a.example.crt\"\nkey = \"a.example.key\"\n").await;
    let (rows, told) = rows(&node).await;
    assert_eq!(told, "");
    let of = |listener: &str| {
        let rows = rows.iter().filter(|row| row["listener"] == listener);
        rows.map(|row| {
            let file = row["certificate"]["file"].as_str().unwrap();
            let name = file.rsplit('/').next().unwrap().to_owned();
            (row["hosts"].to_string(), row["port"].to_string(), name)
        })
        .collect::<Vec<_>>()
    };
    let row =
        |hosts: &str, port: &str, file: &str| (hosts.to_owned(), port.to_owned(), file.to_owned());
    let hosts = [
        row("[\"a.example\"]", "null", "a.example.crt"),
        row("[\"b.example\"]", "null", "b.example.crt"),
    ];
    let others = row("[]", "null", "chain.pem");
    assert_eq!(
        of("c2s"),
        [hosts.as_slice(), std::slice::from_ref(&others)].concat()
    );
    let by_port = [row("[]", "5223", "a.example.crt"), others];
    assert_eq!(of("c2s_tls"), [hosts.as_slice(), &by_port].concat());
    assert_eq!(rows[0]["binds"][0], node.address().to_string());
    assert_eq!(rows[0]["certificate"]["state"], "valid");
    let shown = text(&node.command(&["certificates"]).await);
    for wanted in [
        "  a.example: ",
        "  other hosts on port 5223: ",
        "  other hosts: ",
        ", until 2100-01-01",
    ] {
        assert!(shown.contains(wanted), "{wanted} in {shown}");
    }
}

#[tokio::test]
async fn the_whole_chain_comes_by_every_way() {
    let node = TestNode::start("").await;
    let direct = node.direct_address();
    for shaken in [
        named(&node, direct, HOST).await,
        nameless(&node, direct).await,
        starttls(&node, node.address(), HOST).await,
    ] {
        shaken.expect_said("Verification: OK");
        let file = std::fs::read_to_string(&node.certificates.chain_file).unwrap();
        assert_eq!(
            shaken.chain().concat(),
            file.replace("\r\n", "\n"),
            "{}",
            shaken.said
        );
    }
}

#[tokio::test]
async fn tls_first_needs_a_certificate() {
    let bind = super::free();
    let config = format!(
        "[listener.a]\nprotocol = \"c2s\"\nbind = [\"{bind}\"]\ntls = {{ implicit = true }}\n[host.\"a.example\"]\n"
    );
    let (status, said) = super::run(&config, &[]).await;
    assert_eq!(status, Some(78), "{said}");
    assert!(
        said.contains("listener.a.tls: ") && said.contains("[tls.default]"),
        "{said}"
    );
}
