//! Lists that come from outside: over http from servers of all kinds, and from files that change.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use harness::{Certificates, DEADLINE, HOST, ListServer, Reply, TestClient, TestNode};
use serde_json::{Value, json};

/// Fast enough for a test, and no time limit that a slow machine meets.
const FAST: &str = "[firewall.http_lists]\nretry = \"100ms\"\n";

/// A node with a script, and alice and bob online.
async fn node_with(config: &str, script: &str) -> (TestNode, TestClient, TestClient) {
    let directory = tempfile::tempdir().unwrap().keep();
    let path = directory.join("lists.pfw");
    std::fs::write(&path, script).unwrap();
    let config = format!("firewall.scripts = [{path:?}]\n{config}");
    let node = TestNode::with_users(&config, &["alice", "bob"]).await;
    std::fs::rename(&path, node.directory().join("lists.pfw")).unwrap();
    std::os::unix::fs::symlink(node.directory().join("lists.pfw"), &path).unwrap();
    let alice = node.online("alice/desk").await;
    let bob = node.online("bob/phone").await;
    (node, alice, bob)
}

/// A script that bounces messages whose body is in the list.
fn script_for(source: &str) -> String {
    format!(
        "%LIST l: {source}\n\n::preroute\n\nKIND: message\nCHECK LIST: l contains $<body#>\nBOUNCE=policy-violation\n"
    )
}

/// The reports of all list fetchers.
async fn fetchers(node: &TestNode) -> Vec<Value> {
    let asked = json!({ "actor-observe": { "path": "firewall/http", "after": null } });
    let answer = node.admin(asked).await;
    let actors = answer["actors"]["actors"].as_array();
    let actors = actors.unwrap_or_else(|| panic!("{answer}"));
    actors.iter().map(|actor| actor["report"].clone()).collect()
}

/// Waits until the list from `source` is as wanted.
async fn list_is(node: &TestNode, source: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let waiting = async {
        loop {
            let found = fetchers(node).await;
            let found = found.into_iter().find(|report| report["source"] == source);
            last = found.unwrap_or_else(|| panic!("no fetcher for {source}"));
            if is_wanted(&last) {
                break;
            }
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, waiting).await;
    assert!(in_time.is_ok(), "{source} is {last}");
    last
}

async fn send(from: &mut TestClient, to: &TestClient, body: &str) {
    let to = &to.jid;
    from.send(&format!(
        "<message to='{to}' type='chat'><body>{body}</body></message>"
    ))
    .await;
}

async fn passes(from: &mut TestClient, to: &mut TestClient, body: &str) {
    send(from, to, body).await;
    let expected = format!("<message type='chat'><body>{body}</body></message>");
    to.expect(&expected).await;
}

async fn bounces(from: &mut TestClient, to: &TestClient, body: &str, condition: &str) {
    send(from, to, body).await;
    from.expect(&format!(
        "<message type='error'><error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    ))
    .await;
}

#[tokio::test]
async fn a_list_follows_its_server() {
    let first = Reply::ok(
        "spam\neggs",
        &[
            "ETag: \"v1\"",
            "Last-Modified: Sat, 21 Nov 2026 10:00:00 GMT",
        ],
    );
    let mut server = ListServer::start(first).await;
    let source = format!("{} (ttl: 1)", server.url("list.txt?of=words"));
    let (node, mut alice, mut bob) = node_with(FAST, &script_for(&source)).await;
    let asked = server.asked().await;
    assert!(
        asked.starts_with("GET /list.txt?of=words HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(
        !asked.to_ascii_lowercase().contains("if-none-match"),
        "{asked}"
    );
    let report = list_is(&node, &source, |list| list["stage"] == "fresh").await;
    assert_eq!(
        (&report["entries"], &report["bytes"]),
        (&json!(2), &json!(9))
    );
    bounces(&mut alice, &bob, "spam", "policy-violation").await;
    passes(&mut alice, &mut bob, "tomatoes").await;

    server.say(Reply::with_status("304 Not Modified", "", &[]));
    let asked = server.asked().await.to_ascii_lowercase();
    assert!(asked.contains("if-none-match: \"v1\"\r\n"), "{asked}");
    assert!(
        asked.contains("if-modified-since: sat, 21 nov 2026 10:00:00 gmt\r\n"),
        "{asked}"
    );
    list_is(&node, &source, |list| list["fetches"].as_u64() > Some(2)).await;
    bounces(&mut alice, &bob, "spam", "policy-violation").await;

    server.say(Reply::ok("tomatoes\n", &[]));
    list_is(&node, &source, |list| list["entries"] == 1).await;
    passes(&mut alice, &mut bob, "spam").await;
    bounces(&mut alice, &bob, "tomatoes", "policy-violation").await;
}

#[tokio::test]
async fn a_failure_leaves_the_list_as_it_was_and_is_seen() {
    let server = ListServer::start(Reply::ok("spam\n", &[])).await;
    let source = format!("{} (ttl: 1)", server.url("l"));
    let (node, mut alice, bob) = node_with(FAST, &script_for(&source)).await;
    list_is(&node, &source, |list| list["stage"] == "fresh").await;
    server.say(Reply::with_status("503 Service Unavailable", "", &[]));
    let report = list_is(&node, &source, |list| list["failures"].as_u64() > Some(1)).await;
    assert_eq!(report["stage"], "stale");
    assert!(
        report["last_error"].as_str().unwrap().contains("503"),
        "{report}"
    );
    assert!(
        report["last_success"].is_string() && report["next_fetch"].is_string(),
        "{report}"
    );
    bounces(&mut alice, &bob, "spam", "policy-violation").await;
    server.say(Reply::ok("spam\neggs\n", &[]));
    let report = list_is(&node, &source, |list| list["stage"] == "fresh").await;
    assert_eq!(
        (&report["failures"], &report["last_error"]),
        (&json!(0), &Value::Null)
    );
}

#[tokio::test]
async fn the_last_good_copy_is_used_until_the_server_answers() {
    let mut server = ListServer::start(Reply::ok("spam\n", &["ETag: \"kept\""])).await;
    let source = server.url("l");
    let (mut node, alice, bob) = node_with(FAST, &script_for(&source)).await;
    server.asked().await;
    list_is(&node, &source, |list| list["stage"] == "fresh").await;
    drop((alice, bob));
    server.say(Reply::Stall(Vec::new()));
    node.restart().await;
    let asked = server.asked().await.to_ascii_lowercase();
    assert!(asked.contains("if-none-match: \"kept\""), "{asked}");
    let report = list_is(&node, &source, |list| list["is_fetching"] == true).await;
    assert_eq!(
        (&report["stage"], &report["entries"]),
        (&json!("stale"), &json!(1))
    );
    let mut alice = node.online("alice/desk").await;
    let bob = node.online("bob/phone").await;
    bounces(&mut alice, &bob, "spam", "policy-violation").await;
}

#[tokio::test]
async fn a_list_works_where_no_copy_can_be_kept() {
    let mut server = ListServer::start(Reply::Stall(Vec::new())).await;
    let source = server.url("l");
    let config = "[firewall.http_lists]\nretry = \"100ms\"\ntimeout = \"500ms\"\n";
    let (node, mut alice, bob) = node_with(config, &script_for(&source)).await;
    server.asked().await;
    // No directory can be made where a file is.
    node.write("data/lists", "");
    server.say(Reply::ok("spam\n", &[]));
    let report = list_is(&node, &source, |list| list["stage"] == "fresh").await;
    assert!(report["copy_problem"].is_string(), "{report}");
    assert!(node.log().contains("last good copy can not be kept"));
    bounces(&mut alice, &bob, "spam", "policy-violation").await;
}

#[tokio::test]
async fn a_list_that_never_loaded_is_unknown_and_the_rule_says_what_then() {
    let mut server = ListServer::start(Reply::Stall(Vec::new())).await;
    let mut script = String::new();
    let policies = ["default", "not-listed", "listed", "skip", "match"];
    for (n, policy) in policies.iter().enumerate() {
        let option = match *policy {
            "default" => String::new(),
            policy => format!(" (when_unknown: {policy})"),
        };
        script += &format!("%LIST l{n}: {}{option}\n", server.url("l"));
    }
    script += "\n::preroute\n\n";
    for (n, policy) in policies.iter().enumerate() {
        for (word, not, condition) in [("is", "", "conflict"), ("is not", "NOT ", "gone")] {
            script += &format!(
                "INSPECT: body#={policy} {word}\n{not}CHECK LIST: l{n} contains x\nBOUNCE={condition}\n\n"
            );
        }
    }
    let config = format!("firewall.when_unknown = \"skip\"\n{FAST}");
    let (node, mut alice, mut bob) = node_with(&config, &script).await;
    server.asked().await;
    let all = fetchers(&node).await;
    assert_eq!(
        all.len(),
        1,
        "when_unknown does not change what is fetched: {all:?}"
    );
    assert_eq!(all[0]["stage"], "loading");
    for (policy, is, is_not) in [
        ("default", false, false),
        ("not-listed", false, true),
        ("listed", true, false),
        ("skip", false, false),
        ("match", true, true),
    ] {
        for (word, holds, condition) in [("is", is, "conflict"), ("is not", is_not, "gone")] {
            let body = format!("{policy} {word}");
            match holds {
                true => bounces(&mut alice, &bob, &body, condition).await,
                false => passes(&mut alice, &mut bob, &body).await,
            }
        }
    }
    let answer = json!({ "actor-observe": { "path": format!("firewall/{HOST}"), "after": null } });
    let lists = node.admin(answer).await.to_string();
    assert!(lists.contains("\"is_known\":false"), "{lists}");
}

/// A gzip stream of `times` MiB of the letter a, each of which is its own member.
fn bomb(times: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b'a'; 1 << 20]).unwrap();
    encoder.finish().unwrap().repeat(times)
}

fn memory_of(node: &TestNode) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:"));
    let peak = peak.and_then(|line| line.split_whitespace().nth(1));
    peak.unwrap().parse().unwrap()
}

/// Servers, what each says, and a part of what is then said of its list.
type Cases = Vec<(&'static str, Reply, &'static str)>;

/// Has a node fetch from all of them; every fetch fails, with its reason, and takes little from the server.
async fn all_fail(config: &str, cases: Cases) -> (TestNode, TestClient, TestClient) {
    let mut servers = Vec::new();
    let mut script = String::new();
    for (name, reply, reason) in cases {
        let server = ListServer::start(reply).await;
        script += &format!("%LIST {name}: {}\n", server.url(name));
        servers.push((name, server, reason));
    }
    script += "\n::preroute\n\nKIND: iq\nPASS.\n";
    let config = format!("[firewall.http_lists]\nretry = \"1h\"\n{config}");
    let (node, mut alice, mut bob) = node_with(&config, &script).await;
    for (name, server, reason) in &servers {
        let is_over = |list: &Value| list["stage"] == "failed" && list["is_fetching"] == false;
        let report = list_is(&node, &server.url(name), is_over).await;
        let said = report["last_error"].as_str().unwrap_or_default();
        assert!(
            !said.is_empty() && said.contains(reason),
            "{name}: {report}"
        );
        assert_eq!(report["entries"], 0, "{name}");
        let sent = server.sent();
        assert!(sent < 32 << 20, "{name} was asked for {sent} bytes");
    }
    passes(&mut alice, &mut bob, "still here").await;
    (node, alice, bob)
}

#[tokio::test]
async fn servers_that_never_end_cost_bounded_time() {
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let cases = vec![
        ("silent", Reply::Stall(Vec::new()), "within 2s"),
        (
            "half",
            Reply::Stall([Reply::head().as_slice(), b"spam\n"].concat()),
            "within 2s",
        ),
        (
            "drip",
            Reply::Drip(Reply::head(), b"spam\n".to_vec()),
            "within 2s",
        ),
        (
            "drip_head",
            Reply::Drip(head, b"X-Slow: 1\r\n".to_vec()),
            "within 2s",
        ),
    ];
    all_fail("timeout = \"2s\"\n", cases).await;
}

/// Bodies that are too long, or no lists.
fn hostile_bodies() -> Cases {
    let endless_head = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
    let length = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n".to_vec();
    let chunk = vec![b'a'; 1 << 16];
    let html = "<!DOCTYPE html><html><body>Please log in</body></html>";
    let packed = &["Content-Encoding: gzip"][..];
    vec![
        (
            "announced",
            Reply::Endless(length, chunk.clone()),
            "longer than",
        ),
        (
            "endless",
            Reply::Endless(Reply::head(), chunk.clone()),
            "longer than",
        ),
        ("endless_head", Reply::Endless(endless_head, chunk), ""),
        ("binary", Reply::ok(b"spam\0eggs", &[]), "not text"),
        ("not_utf8", Reply::ok(b"spam\xff", &[]), "not UTF-8"),
        (
            "html",
            Reply::ok(html, &["Content-Type: text/html"]),
            "web page",
        ),
        (
            "long_line",
            Reply::ok("a".repeat(20_000), &[]),
            "longer than",
        ),
        (
            "many",
            Reply::ok("a\nb\nc\nd\n", &[]),
            "more than 3 entries",
        ),
        ("bomb", Reply::ok(bomb(3_000), packed), "longer than"),
    ]
}

/// Answers that are broken, or not what was asked for.
fn hostile_answers() -> Cases {
    let packed = &["Content-Encoding: gzip"][..];
    vec![
        ("cut_gzip", Reply::ok(&bomb(1)[..500], packed), ""),
        (
            "cut_body",
            Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na".to_vec()),
            "",
        ),
        (
            "brotli",
            Reply::ok("spam", &["Content-Encoding: br"]),
            "not asked for",
        ),
        (
            "no_http",
            Reply::Bytes(b"220 mail.example ESMTP\r\n".to_vec()),
            "",
        ),
        ("refused", Reply::with_status("500 Oops", "", &[]), "500"),
        (
            "empty",
            Reply::with_status("204 No Content", "", &[]),
            "204",
        ),
        (
            "unasked_304",
            Reply::with_status("304 Not Modified", "", &[]),
            "304",
        ),
        (
            "circle",
            Reply::with_status("302 Found", "", &["Location: /again"]),
            "redirected more",
        ),
        (
            "elsewhere",
            Reply::with_status("302 Found", "", &["Location: file:///etc/passwd"]),
            "redirected to",
        ),
    ]
}

#[tokio::test]
async fn hostile_servers_cost_bounded_memory() {
    let cases = [hostile_bodies(), hostile_answers()].concat();
    let (node, _alice, _bob) = all_fail("size = \"4MiB\"\nentries = 3\n", cases).await;
    let peak = memory_of(&node);
    assert!(peak < 200 << 10, "{peak} KiB");
}

#[tokio::test]
async fn certificates_are_verified_unless_the_list_says_never() {
    let directory = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let directory = directory.path().join(name);
        std::fs::create_dir(&directory).unwrap();
        Certificates::create(&directory, &["localhost".to_owned()])
    };
    let (ours, strange) = (make("ours"), make("strange"));
    let reply = || Reply::ok("spam\n", &[]);
    let trusted = ListServer::start_tls(reply(), &ours).await;
    let stranger = ListServer::start_tls(reply(), &strange).await;
    let plain = ListServer::start(reply()).await;
    let location = format!("Location: {}", plain.url("plain"));
    let leak =
        ListServer::start_tls(Reply::with_status("302 Found", "", &[&location]), &ours).await;
    let script = format!(
        "%LIST a: {}\n%LIST b: {} (checkcerts: always)\n%LIST c: {} (checkcert: never)\n%LIST d: {}\n\nCHECK LIST: c contains $<body#>\nDROP.\n",
        trusted.url("a"),
        stranger.url("b"),
        stranger.url("c"),
        leak.url("d"),
    );
    let config = format!("{FAST}ca = {:?}\n", ours.root_file);
    let (node, _alice, _bob) = node_with(&config, &script).await;
    list_is(&node, &trusted.url("a"), |list| list["stage"] == "fresh").await;
    let unverified = format!("{} (checkcert: never)", stranger.url("c"));
    list_is(&node, &unverified, |list| list["stage"] == "fresh").await;
    for (url, reason) in [
        (stranger.url("b"), "certificate"),
        (leak.url("d"), "from https to"),
    ] {
        let report = list_is(&node, &url, |list| list["stage"] == "failed").await;
        assert!(
            report["last_error"].as_str().unwrap().contains(reason),
            "{report}"
        );
    }
}

#[tokio::test]
async fn packed_bodies_patterns_hashes_and_filters_work() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(b"<html><i>fe05bcdcdc4928012781a5f1a2a77cbb5398e106</i></html>")
        .unwrap();
    let packed = encoder.finish().unwrap();
    let server = ListServer::start(Reply::ok(packed, &["Content-Encoding: gzip"])).await;
    let source = format!("{} (pattern: <i>(%x+)</i>)", server.url("l"));
    // The entry is the SHA-1 of `one`.
    let script = "(pattern: <i>(%x+)</i>, hash: sha1, filter: lower)";
    let script = script_for(&format!("{} {script}", server.url("l")));
    let (node, mut alice, mut bob) = node_with(FAST, &script).await;
    list_is(&node, &source, |list| list["entries"] == 1).await;
    bounces(&mut alice, &bob, "One", "policy-violation").await;
    passes(&mut alice, &mut bob, "two").await;
}

#[tokio::test]
async fn hosts_share_a_list_and_a_reload_keeps_it() {
    let mut server = ListServer::start(Reply::ok("spam\n", &[])).await;
    let source = format!("{} (ttl: 0)", server.url("l"));
    let script = script_for(&source);
    let config = format!("[host.\"other.example\"]\n{FAST}");
    let (node, mut alice, bob) = node_with(&config, &script).await;
    list_is(&node, &source, |list| list["stage"] == "fresh").await;
    server.say(Reply::with_status("500 Oops", "", &[]));
    node.write("lists.pfw", &format!("# changed\n{script}"));
    assert!(node.reload().await.status.success());
    bounces(&mut alice, &bob, "spam", "policy-violation").await;
    let all = fetchers(&node).await;
    assert_eq!((all.len(), &all[0]["fetches"]), (1, &json!(1)), "{all:?}");
    assert_eq!(all[0]["next_fetch"], Value::Null, "ttl 0 asks once");
    assert!(server.asked_already().is_some() && server.asked_already().is_none());

    node.write("lists.pfw", "::preroute\n\nKIND: iq\nPASS.\n");
    assert!(node.reload().await.status.success());
    let copies = std::fs::read_dir(node.directory().join("data/lists")).unwrap();
    assert_eq!(copies.count(), 0, "the copy of a list that is gone");
}

#[tokio::test]
async fn a_fetcher_that_fails_leaves_its_list_in_force_and_asks_anew() {
    let mut server = ListServer::start(Reply::ok("spam\n", &["ETag: \"v1\""])).await;
    let source = server.url("l");
    let (node, mut alice, bob) = node_with(FAST, &script_for(&source)).await;
    server.asked().await;
    list_is(&node, &source, |list| list["stage"] == "fresh").await;
    server.say(Reply::Stall(Vec::new()));
    let listed = json!({ "actor-list": { "within": "firewall/http", "after": null } });
    let listed = node.admin(listed).await;
    let path = &listed["actors"]["actors"][0]["path"];
    let told = node.admin(json!({ "actor-panic": { "path": path } })).await;
    assert_eq!(told["told"]["actors"], 1, "{told}");
    let asked = server.asked().await.to_ascii_lowercase();
    assert!(asked.contains("if-none-match: \"v1\""), "{asked}");
    bounces(&mut alice, &bob, "spam", "policy-violation").await;
}

#[tokio::test]
async fn a_check_asks_no_server_and_names_bad_addresses() {
    let mut server = ListServer::start(Reply::Stall(Vec::new())).await;
    let node = TestNode::start("").await;
    let check = async |source: &str| {
        let script = node.write("checked.pfw", &script_for(source));
        let set = format!("firewall.scripts=[{script:?}]");
        node.command(&["--set", &set, "check"]).await
    };
    let output = check(&server.url("l")).await;
    assert!(output.status.success(), "{output:?}");
    assert!(server.asked_already().is_none());
    let output = check("https://me:secret@lists.example/l").await;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("holds a user or a password"),
        "{said}"
    );
}

#[tokio::test]
async fn limits_marks_and_lists_in_memory_outlive_a_reload() {
    let script = "%RATE slow: 0.001\n%LIST seen: memory\n\n::preroute\n\n\
                  INSPECT: body#=remember\nADD TO=seen x\nMARK ORIGIN=known\nPASS.\n\n\
                  INSPECT: body#=list\nCHECK LIST: seen contains x\nBOUNCE=conflict\n\n\
                  INSPECT: body#=mark\nORIGIN MARKED: known\nBOUNCE=gone\n\n\
                  INSPECT: body#=limit\nLIMIT: slow\nBOUNCE=resource-constraint\n";
    let (node, mut alice, mut bob) = node_with("", script).await;
    passes(&mut alice, &mut bob, "list").await;
    passes(&mut alice, &mut bob, "mark").await;
    passes(&mut alice, &mut bob, "limit").await;
    passes(&mut alice, &mut bob, "remember").await;
    node.write("lists.pfw", &format!("# changed\n{script}"));
    assert!(node.reload().await.status.success());
    bounces(&mut alice, &bob, "list", "conflict").await;
    bounces(&mut alice, &bob, "mark", "gone").await;
    bounces(&mut alice, &bob, "limit", "resource-constraint").await;
}

/// Waits until a message with this body passes, or does not.
async fn waits_for(alice: &mut TestClient, bob: &TestClient, body: &str, is_listed: bool) {
    let waiting = async {
        loop {
            send(alice, bob, body).await;
            let refused = alice.sync().await;
            let is_error = |stanza: &harness::Xml| stanza.attr("type") == Some("error");
            if refused.iter().any(is_error) == is_listed {
                return;
            }
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, waiting).await;
    assert!(in_time.is_ok(), "{body} listed: not {is_listed} in time");
}

#[tokio::test]
async fn a_list_file_is_read_again_and_a_vanished_one_keeps_its_entries() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("words.txt");
    std::fs::write(&file, "spam\n").unwrap();
    let script = script_for(&format!("file:{}", file.display()));
    let (node, mut alice, bob) = node_with("", &script).await;
    waits_for(&mut alice, &bob, "spam", true).await;
    std::fs::write(&file, "eggs\n").unwrap();
    waits_for(&mut alice, &bob, "eggs", true).await;
    waits_for(&mut alice, &bob, "spam", false).await;
    let other = directory.path().join("new.txt");
    std::fs::write(&other, "spam\neggs\n").unwrap();
    std::fs::rename(&other, &file).unwrap();
    waits_for(&mut alice, &bob, "spam", true).await;

    std::fs::remove_file(&file).unwrap();
    let asked = json!({ "actor-observe": { "path": "firewall/files", "after": null } });
    let noticed = async {
        loop {
            let answer = node.admin(asked.clone()).await;
            let report = &answer["actors"]["actors"][0]["report"];
            if report["problem"].is_string() {
                assert_eq!(report["entries"], 2, "{report}");
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, noticed)
        .await
        .expect("a report");
    assert!(node.log().contains("the last good entries stay"));
    waits_for(&mut alice, &bob, "spam", true).await;
    std::fs::write(&file, "tomatoes\n").unwrap();
    waits_for(&mut alice, &bob, "tomatoes", true).await;
}
