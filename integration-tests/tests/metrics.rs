//! The node in numbers, read by somebody else's parser.
//!
//! `cargo xtask test --only tools` installs it.

use std::process::Stdio;

use harness::{HOST, TestNode};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::clients::{scripts, tools};

/// The samples that Prometheus' own parser finds in the output of `portcullis metrics`.
async fn samples(node: &TestNode) -> Vec<Value> {
    let output = node.command(&["metrics"]).await;
    assert!(output.status.success(), "{output:?}");
    let mut parser = tokio::process::Command::new(tools().join("venv/bin/python"))
        .arg(scripts().join("openmetrics.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = parser.stdin.take().unwrap();
    stdin.write_all(&output.stdout).await.unwrap();
    drop(stdin);
    let parsed = parser.wait_with_output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(parsed.status.success(), "{parsed:?}\n{text}");
    serde_json::from_slice(&parsed.stdout).unwrap()
}

/// The value of the only sample of that name and with these labels among others.
fn value(samples: &[Value], name: &str, labels: &[(&str, &str)]) -> f64 {
    let is_meant = |sample: &&Value| {
        let has = |(key, value): &(&str, &str)| sample["labels"][*key] == *value;
        sample["name"] == name && labels.iter().all(has)
    };
    let found: Vec<&Value> = samples.iter().filter(is_meant).collect();
    let [only] = found[..] else {
        panic!("{name} {labels:?}: {found:?}");
    };
    only["value"].as_f64().unwrap()
}

#[tokio::test]
async fn metrics_follow_the_rules_and_are_valid_openmetrics() {
    let directory = tempfile::tempdir().unwrap();
    // A name with what has to be escaped.
    let script = directory.path().join("quote\"back\\slash.pfw");
    let rules = "%LIST seen: memory\n%RATE r: 1000\n\n::preroute\n\nKIND: message\nLIMIT: r\nDROP.\n\n\
                 INSPECT: body#=no\nADD TO=seen $<@from>\nDROP.\n";
    std::fs::write(&script, rules).unwrap();
    let toml = format!("[firewall]\nscripts = [{script:?}]");
    let node = TestNode::with_users(&toml, &["alice"]).await;
    let mut alice = node.online("alice/desk").await;
    for body in ["no", "yes"] {
        let message = format!("<message to='alice@{HOST}/desk'><body>{body}</body></message>");
        alice.send(&message).await;
    }
    alice.skip_to("<message><body>yes</body></message>").await;
    assert!(node.reload().await.status.success());
    std::fs::write(&script, "BROKEN\n").unwrap();
    assert!(!node.reload().await.status.success());

    let samples = samples(&node).await;
    let preroute = |outcome| [("host", HOST), ("chain", "preroute"), ("outcome", outcome)];
    let name = "portcullis_firewall_stanzas_total";
    assert_eq!(value(&samples, name, &preroute("drop")), 1.0);
    assert!(value(&samples, name, &preroute("pass")) >= 1.0);
    let script = script.display().to_string();
    let rule = [("host", HOST), ("script", script.as_str()), ("line", "10")];
    let matched = |name| value(&samples, name, &rule);
    assert_eq!(matched("portcullis_firewall_rule_matched_total"), 1.0);
    assert!(matched("portcullis_firewall_rule_evaluated_total") >= 2.0);
    assert!(matched("portcullis_firewall_rule_last_match_timestamp_seconds") > 1e9);
    let of_list = [("host", HOST), ("list", "seen")];
    assert_eq!(
        value(&samples, "portcullis_firewall_list_changes", &of_list),
        1.0
    );
    let of_limiter = [("limiter", "r")];
    assert!(
        value(
            &samples,
            "portcullis_firewall_limiter_granted_total",
            &of_limiter
        ) >= 2.0
    );
    let reloads = |outcome| {
        value(
            &samples,
            "portcullis_reloads_total",
            &[("outcome", outcome)],
        )
    };
    assert_eq!((reloads("ok"), reloads("refused")), (1.0, 1.0));
    assert_eq!(value(&samples, "portcullis_sessions", &[]), 1.0);
    assert_eq!(
        value(&samples, "portcullis_actors", &[("kind", "session")]),
        1.0
    );
    let connections = |sample: &&Value| sample["name"] == "portcullis_listener_connections";
    let all: f64 = samples
        .iter()
        .filter(connections)
        .map(|sample| sample["value"].as_f64().unwrap())
        .sum();
    assert_eq!(all, 1.0);
}
