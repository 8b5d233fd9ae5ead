//! Rules are counted, and new ones are tried on live traffic before they decide anything.

use std::process::Output;

use harness::{HOST, TestClient, TestNode};
use serde_json::Value;

const ACTIVE: &str = "::preroute\n\nINSPECT: body#=spam\nDROP.\n";
const TRIED: &str = "::preroute\n\nINSPECT: body#=spam\nDROP.\n\n\
                     INSPECT: body#=eggs\nBOUNCE=policy-violation (no eggs)\n";

/// A node with [`ACTIVE`] in `active.pfw`, and alice and bob online.
async fn node() -> (TestNode, TestClient, TestClient) {
    let directory = tempfile::tempdir().unwrap().keep();
    let path = directory.join("active.pfw");
    std::fs::write(&path, ACTIVE).unwrap();
    let toml = format!("[firewall]\nscripts = [{path:?}]");
    let node = TestNode::with_users(&toml, &["alice", "bob"]).await;
    std::fs::rename(&path, node.directory().join("active.pfw")).unwrap();
    std::os::unix::fs::symlink(node.directory().join("active.pfw"), &path).unwrap();
    let alice = node.online("alice/desk").await;
    let bob = node.online("bob/phone").await;
    (node, alice, bob)
}

async fn send(from: &mut TestClient, to: &TestClient, body: &str) {
    let to = &to.jid;
    from.send(&format!(
        "<message to='{to}' type='chat' id='i-{body}'><body>{body}</body></message>"
    ))
    .await;
}

async fn arrives(to: &mut TestClient, body: &str) {
    to.expect(&format!("<message><body>{body}</body></message>"))
        .await;
}

/// What a command that works prints.
async fn says(node: &TestNode, arguments: &[&str]) -> String {
    let output = node.command(arguments).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn json(node: &TestNode, arguments: &[&str]) -> Value {
    serde_json::from_str(&says(node, arguments).await).unwrap()
}

fn problem(output: &Output, status: i32) -> String {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn load(node: &TestNode, scripts: &[&str]) -> Output {
    let head = ["firewall", "shadow", "load", HOST];
    node.command(&[&head, scripts].concat()).await
}

#[tokio::test]
async fn a_shadow_sees_live_traffic_and_decides_when_it_is_armed() {
    let (node, mut alice, mut bob) = node().await;
    let tried = node.write("tried.pfw", TRIED).display().to_string();
    let loaded = load(&node, &[&tried]).await;
    assert!(loaded.status.success(), "{loaded:?}");
    for body in ["spam", "eggs", "ham"] {
        send(&mut alice, &bob, body).await;
    }
    arrives(&mut bob, "eggs").await;
    arrives(&mut bob, "ham").await;

    let diff = json(&node, &["firewall", "shadow", "diff", "--json"]).await;
    assert_eq!(diff["host"], HOST);
    assert_eq!(diff["other_verdict"], 1, "{diff}");
    let way = &diff["differences"][0];
    assert_eq!(
        (&way["active"], &way["shadow"]),
        (&"pass".into(), &"bounce".into())
    );
    assert_eq!(way["shadow_rule"], format!("{tried}:6"));
    let sample = &way["samples"][0];
    assert_eq!(sample["from"], alice.jid.to_string());
    assert_eq!(
        (&sample["id"], &sample["contents"]),
        (&"i-eggs".into(), &Value::Null)
    );
    let shown = says(&node, &["firewall", "shadow", "diff", HOST]).await;
    assert!(
        shown.contains("preroute: pass -> bounce") && shown.contains("i-eggs"),
        "{shown}"
    );
    assert!(!shown.contains(">eggs<"), "{shown}");
    let seen = node
        .admin(
            serde_json::json!({ "actor-observe": { "path": format!("firewall/{HOST}/shadow") } }),
        )
        .await;
    assert_eq!(
        seen["actors"]["actors"][0]["report"]["other_verdict"], 1,
        "{seen}"
    );

    let armed = says(&node, &["firewall", "shadow", "arm"]).await;
    assert!(
        armed.contains(&tried) && armed.contains("scripts = ["),
        "{armed}"
    );
    send(&mut alice, &bob, "eggs").await;
    alice.expect("<message type='error' id='i-eggs'/>").await;
    assert!(problem(&node.command(&["firewall", "shadow", "diff"]).await, 1).contains("no host"));
    // The configuration is the way back.
    assert!(node.reload().await.status.success());
    send(&mut alice, &bob, "eggs").await;
    arrives(&mut bob, "eggs").await;
}

#[tokio::test]
async fn a_script_that_was_edited_in_place_is_tried_and_armed_for_good() {
    let (node, mut alice, mut bob) = node().await;
    node.write("active.pfw", TRIED);
    assert!(load(&node, &[]).await.status.success());
    send(&mut alice, &bob, "eggs").await;
    arrives(&mut bob, "eggs").await;
    let armed = says(&node, &["firewall", "shadow", "arm", HOST]).await;
    assert!(armed.contains("nothing is left to do"), "{armed}");
    assert!(node.reload().await.status.success());
    send(&mut alice, &bob, "eggs").await;
    alice.expect("<message type='error' id='i-eggs'/>").await;
}

#[tokio::test]
async fn a_broken_shadow_is_refused_and_a_good_one_survives_a_reload() {
    let (node, mut alice, mut bob) = node().await;
    let path = node.write("tried.pfw", "::preroute\n\nKIND: message\nDROP.\n");
    let tried = path.display().to_string();
    assert!(load(&node, &[&tried, "--contents"]).await.status.success());
    node.write("tried.pfw", "::preroute\n\nKIND: message\nEXPLODE.\n");
    let said = problem(&load(&node, &[&tried]).await, 78);
    assert!(
        said.contains("tried.pfw:4") && said.contains("EXPLODE"),
        "{said}"
    );
    let head = ["firewall", "shadow", "load", "elsewhere.example", &tried];
    assert!(problem(&node.command(&head).await, 78).contains("elsewhere.example"));
    assert!(node.reload().await.status.success());
    send(&mut alice, &bob, "ham").await;
    arrives(&mut bob, "ham").await;
    let diff = json(&node, &["firewall", "shadow", "diff", HOST, "--json"]).await;
    assert_eq!(diff["other_verdict"], 1, "{diff}");
    let contents = diff["differences"][0]["samples"][0]["contents"].as_str();
    assert!(
        contents.is_some_and(|xml| xml.contains("<body>ham</body>")),
        "{diff}"
    );
    says(&node, &["firewall", "shadow", "drop"]).await;
    problem(
        &node.command(&["firewall", "shadow", "drop", HOST]).await,
        1,
    );
}

/// Runs, evaluations and matches of the rule in a line of the script.
fn counts(rules: &Value, line: u64) -> (u64, u64, u64) {
    let rules = rules.as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["line"] == line).unwrap();
    let count = |name: &str| rule[name].as_u64().unwrap();
    (count("runs"), count("evaluated"), count("matched"))
}

#[tokio::test]
async fn rules_count_over_reloads_until_they_change_or_are_reset() {
    let (node, mut alice, mut bob) = node().await;
    node.write("active.pfw", TRIED);
    assert!(node.reload().await.status.success());
    let shown = ["firewall", "counters", "--host", HOST, "--json"];
    says(&node, &["firewall", "counters", "--reset"]).await;
    for body in ["spam", "spam", "eggs", "ham"] {
        send(&mut alice, &bob, body).await;
    }
    arrives(&mut bob, "ham").await;
    let rules = json(&node, &shown).await;
    let (runs, evaluated, matched) = counts(&rules, 3);
    assert!(runs >= evaluated && evaluated >= 4, "{rules}");
    assert_eq!((matched, counts(&rules, 6).2), (2, 1), "{rules}");
    assert_eq!(rules[0]["line"], 3, "the busiest rule first: {rules}");
    assert!(rules[0]["last_match"].as_i64() > Some(0));

    // The first rule moves, the second is another one.
    let edited = format!("# moved\n{}", TRIED.replace("no eggs", "none of them"));
    node.write("active.pfw", &edited);
    assert!(node.reload().await.status.success());
    let rules = json(&node, &shown).await;
    assert_eq!(
        (counts(&rules, 4).2, counts(&rules, 7).2),
        (2, 0),
        "{rules}"
    );
    let table = says(
        &node,
        &["firewall", "counters", "--limit", "1", "--sort", "time"],
    )
    .await;
    assert!(table.contains("--skip 1 shows the next"), "{table}");

    let reset = says(&node, &["firewall", "counters", "--reset", "--host", HOST]).await;
    assert!(reset.contains("2 rules"), "{reset}");
    let rules = json(&node, &shown).await;
    assert_eq!(
        (counts(&rules, 4).2, &rules[0]["last_match"]),
        (0, &Value::Null)
    );
}
