//! `portcullis plan` says what a reload does, and the reload does just that.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Output;

use harness::{Certificates, HOST, TestClient, TestNode};
use serde_json::Value;

use super::{free, text, until};
use crate::reload::{listening_inode, rewrite};

/// What a plan says, and its exit status.
async fn plan(node: &TestNode) -> (Value, Option<i32>) {
    let output = node.command(&["plan", "--json"]).await;
    let plan = serde_json::from_slice(&output.stdout);
    let plan = plan.unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    (plan, output.status.code())
}

/// The lines of standard output.
fn lines(output: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().map(str::to_owned).collect()
}

fn assert_said(lines: &[String], parts: &[&str]) {
    for part in parts {
        let is_said = lines.iter().any(|line| line.contains(part));
        assert!(is_said, "{part}: {lines:#?}");
    }
}

/// Inodes of the sockets that a plan names, by listener and bind.
async fn inodes(plan: &Value) -> BTreeMap<(String, String), Option<String>> {
    let mut inodes = BTreeMap::new();
    for listener in plan["listeners"].as_array().unwrap() {
        for socket in listener["sockets"].as_array().unwrap() {
            let bind = socket["bind"].as_str().unwrap().to_owned();
            let address: SocketAddr = bind.parse().unwrap();
            let name = listener["name"].as_str().unwrap().to_owned();
            inodes.insert((name, bind), listening_inode(address).await);
        }
    }
    inodes
}

/// Whether these inodes are what a plan says of the sockets.
fn are_as_planned(
    plan: &Value,
    before: &BTreeMap<(String, String), Option<String>>,
    after: &BTreeMap<(String, String), Option<String>>,
) -> Result<(), String> {
    for listener in plan["listeners"].as_array().unwrap() {
        for socket in listener["sockets"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let key = (text(&listener["name"]), text(&socket["bind"]));
            let (old, new) = (&before[&key], &after[&key]);
            let is_so = match socket["fate"].as_str().unwrap() {
                "kept" => old.is_some() && old == new,
                "opened" => old.is_none() && new.is_some(),
                "closed" => old.is_some() && new.is_none(),
                "reopened" => old.is_some() && new.is_some() && old != new,
                "drained" => old.is_none() && new.is_none(),
                other => panic!("{other}"),
            };
            if !is_so {
                return Err(format!("{key:?}: {socket}, but {old:?} became {new:?}"));
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn n101_a_reload_does_what_the_plan_says_socket_by_socket() {
    let (kept, gone, new, again) = (free(), free(), free(), free());
    let rules = "::deliver\n\nKIND: message\nFROM: nobody@nowhere.example\nDROP.\n";
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("s.pfw");
    std::fs::write(&script, rules).unwrap();
    Certificates::create(directory.path(), &[HOST.to_owned(), "new".to_owned()]);
    let toml = format!(
        "[firewall]\nscripts = [{script:?}]\n\
         [listener.more]\nprotocol = \"c2s\"\nbind = [\"{kept}\", \"{gone}\"]\n\
         [listener.again]\nprotocol = \"c2s\"\nbind = [\"{again}\"]\n"
    );
    let node = TestNode::with_users(&toml, &["alice"]).await;
    let mut alice = node.login("alice").await;
    let (nothing, status) = plan(&node).await;
    assert_eq!(status, Some(0), "{nothing}");
    let keys = format!(
        "listener.more.bind = [\"{kept}\", \"{new}\"]\nlistener.again.socket.reuse_port = false\n\
         listener.c2s.max_connections = 77\nlistener.c2s.tls.timeout = \"7s\"\n\
         host.new.admins = []\ncomponent.bot.secret = \"s\"\n\
         tls.default.certificate = {:?}\ntls.default.key = {:?}",
        directory.path().join("chain.pem"),
        directory.path().join("key.pem")
    );
    rewrite(&node, &keys);
    std::fs::write(&script, rules.replace("nobody", "somebody")).unwrap();
    let (planned, status) = plan(&node).await;
    assert_eq!(status, Some(2), "{planned}");
    let before = inodes(&planned).await;
    let shown = lines(&node.command(&["plan"]).await);
    let parts = [
        &format!("listener more: {new} opened"),
        &format!("listener more: {gone} closed"),
        &format!("listener more: {kept} kept"),
        &format!("listener again: {again} reopened"),
        "host new: added",
        "component bot: added",
        "listener.c2s.max_connections: ",
        "becomes 7s (new connections)",
        "s.pfw of localhost: changed",
        "certificate of ",
    ];
    assert_said(&shown, &parts);
    // Nothing has happened yet.
    assert_eq!(inodes(&planned).await, before);
    let reloaded = node.reload().await;
    let said = lines(&reloaded);
    assert!(reloaded.status.success(), "{}", text(&reloaded));
    let (changes, stays) = shown.split_at(said.len());
    assert_eq!(said, changes);
    assert!(
        stays.iter().all(|line| line.ends_with(" kept")),
        "{stays:?}"
    );
    for name in ["more", "again"] {
        until(&node, name, |listener| listener["state"] == "serving").await;
    }
    let after = inodes(&planned).await;
    are_as_planned(&planned, &before, &after).unwrap();
    alice.sync().await;
    let (nothing, status) = plan(&node).await;
    assert_eq!(status, Some(0), "{nothing}");
}

#[tokio::test]
async fn a_drained_listener_stays_closed_in_plan_and_reload() {
    let node = TestNode::start("").await;
    assert!(
        node.command(&["listener", "drain", "c2s"])
            .await
            .status
            .success()
    );
    let other = free();
    let keys = format!("listener.c2s.bind = [\"{other}\"]");
    rewrite(&node, &keys);
    let (planned, _) = plan(&node).await;
    let before = inodes(&planned).await;
    assert!(planned.to_string().contains("drained"), "{planned}");
    assert!(node.reload().await.status.success());
    are_as_planned(&planned, &before, &inodes(&planned).await).unwrap();
    assert!(
        node.command(&["listener", "resume", "c2s"])
            .await
            .status
            .success()
    );
    until(&node, "c2s", |listener| listener["state"] == "serving").await;
    TestClient::connect(other).await.open(HOST).await;
}

#[tokio::test]
async fn n102_a_plan_that_would_be_refused_names_every_reason() {
    let node = TestNode::start("").await;
    let path = node.directory().join("portcullis.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    rewrite(&node, "node.hash_threads = 7\nlogging.format = \"json\"");
    for command in ["plan", "reload"] {
        let output = node.command(&[command]).await;
        assert_eq!(output.status.code(), Some(78), "{}", text(&output));
        let said = text(&output);
        for key in ["node.hash_threads", "logging.format"] {
            assert!(said.contains(key), "{key}: {said}");
        }
    }
    std::fs::write(&path, format!("{good}\n[nonsense]\n")).unwrap();
    let output = node.command(&["plan"]).await;
    assert_eq!(output.status.code(), Some(78), "{}", text(&output));
    let mut node = node;
    std::fs::write(&path, good).unwrap();
    node.signal(rustix::process::Signal::KILL);
    node.ended().await;
    let output = node.command(&["plan"]).await;
    assert_eq!(output.status.code(), Some(69), "{}", text(&output));
}

/// The last thing that can fail is the certificate that the node makes itself.
#[tokio::test]
async fn n102_a_reload_that_fails_late_leaves_everything_as_it_was() {
    let rules = "::deliver\n\nKIND: message\nBOUNCE=policy-violation (old)\n";
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("s.pfw");
    std::fs::write(&script, rules).unwrap();
    let toml = format!("[firewall]\nscripts = [{script:?}]\n");
    let node = TestNode::with_users(&toml, &["alice"]).await;
    let mut alice = node.login("alice").await;
    let (other, before) = (free(), listening_inode(node.address()).await);
    let own = node.address();
    let keys = format!(
        "listener.c2s.bind = [\"{own}\", \"{other}\"]\nlistener.c2s.socket.reuse_port = false\n\
         listener.c2s.max_connections = 1\nhost.new.admins = []"
    );
    rewrite(&node, &keys);
    let path = node.directory().join("portcullis.toml");
    let mut config: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
    config.remove("tls");
    // Where the handshake comes first, a missing certificate is found early.
    let listeners = config["listener"].as_table_mut().unwrap();
    listeners.remove("c2s_tls");
    std::fs::write(&path, config.to_string()).unwrap();
    std::fs::write(&script, rules.replace("old", "new")).unwrap();
    std::fs::create_dir(node.directory().join("data/self-signed.crt")).unwrap();
    let output = node.reload().await;
    let said = text(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("self-signed"), "{said}");
    assert_eq!(listening_inode(own).await, before);
    assert!(
        tokio::net::TcpStream::connect(other).await.is_err(),
        "it is open"
    );
    alice
        .send("<message to='alice@localhost' type='chat'><body>x</body></message>")
        .await;
    let bounced = alice.expect("<message type='error'/>").await;
    assert!(bounced.to_string().contains(">old<"), "{bounced}");
    let answer = alice
        .request("get", Some("new"), "<ping xmlns='urn:xmpp:ping'/>")
        .await;
    assert!(
        answer.path(&["error", "remote-server-not-found"]).is_some(),
        "{answer}"
    );
    // Nor does the new bound hold.
    for _ in 0..2 {
        TestClient::connect(own).await.open(HOST).await;
    }
    TestClient::connect_tls(node.direct_address(), &node.tls())
        .await
        .unwrap();
}
