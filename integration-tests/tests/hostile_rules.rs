//! Scripts that would take a node down if they could, and stanzas made for them: the stanza is dropped, the log says which
//! rule it was, and everybody else is served.

use harness::{TestClient, TestNode};

/// A node whose preroute chain is `rules`, and alice and bob online.
async fn node_with(rules: &str) -> (TestNode, TestClient, TestClient) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hostile.pfw");
    std::fs::write(&path, format!("::preroute\n\n{rules}")).unwrap();
    let node = TestNode::with_users(
        &format!("[firewall]\nscripts = [{path:?}]"),
        &["alice", "bob"],
    )
    .await;
    let alice = node.online("alice/desk").await;
    let bob = node.online("bob/phone").await;
    (node, alice, bob)
}

async fn send(from: &mut TestClient, to: &TestClient, body: &str) {
    from.send(&format!(
        "<message to='{}' type='chat'><body>{body}</body></message>",
        to.jid
    ))
    .await;
}

/// Alice sends `body`, which does not arrive; what she sends next does.
async fn is_dropped(alice: &mut TestClient, bob: &mut TestClient, body: &str) {
    send(alice, bob, body).await;
    alice.sync().await;
    send(bob, alice, "I am served").await;
    alice
        .skip_to("<message type='chat'><body>I am served</body></message>")
        .await;
    send(alice, bob, "so am I").await;
    bob.expect("<message><body>so am I</body></message>").await;
}

#[tokio::test]
async fn a_pattern_that_backtracks_ends_with_the_budget() {
    let rules = "INSPECT: body#~=^(a*)(a*)(a*)(a*)%1%2%3%4[bc]\nLOG=never\n";
    let (node, mut alice, mut bob) = node_with(rules).await;
    is_dropped(&mut alice, &mut bob, &"a".repeat(200_000)).await;
    let log = node.log();
    assert!(log.contains("the step budget is used up"), "{log}");
    assert!(log.contains("hostile.pfw"), "{log}");
}

#[tokio::test]
async fn chains_that_jump_to_themselves_end_at_the_depth() {
    let rules = "INSPECT: body#=jump\nJUMP CHAIN=user/a\n\n::user/a\n\nJUMP CHAIN=user/b\n\n::user/b\n\nJUMP CHAIN=user/a\n";
    let (node, mut alice, mut bob) = node_with(rules).await;
    is_dropped(&mut alice, &mut bob, "jump").await;
    assert!(node.log().contains("JUMP CHAIN is nested too deeply"));
}

#[tokio::test]
async fn a_storm_of_copies_is_cut_off() {
    let storm = "COPY=bob@localhost\n".repeat(2000);
    let rules = format!("INSPECT: body#=storm\n{storm}");
    let (node, mut alice, mut bob) = node_with(&rules).await;
    send(&mut alice, &bob, "storm").await;
    alice.sync().await;
    send(&mut alice, &bob, "behind it").await;
    // As many copies as one stanza may lead to, and then the next message.
    let mut copies = 0;
    loop {
        let next = bob.next().await;
        let body = next.child("body").map(|body| body.text.clone());
        match body.as_deref() {
            Some("storm") => copies += 1,
            Some("behind it") => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(copies <= 256, "{copies} copies");
    assert!(node.log().contains("too many actions for one stanza"));
}

#[tokio::test]
async fn a_stanza_that_rules_make_grow_is_cut_off() {
    let element = format!("INJECT=<x xmlns='urn:x'>{}</x>\n", "a".repeat(100_000));
    let rules = format!("INSPECT: body#=grow\n{}", element.repeat(80));
    let (node, mut alice, mut bob) = node_with(&rules).await;
    is_dropped(&mut alice, &mut bob, "grow").await;
    assert!(node.log().contains("stanza dropped"));
}

#[tokio::test]
async fn what_is_logged_stays_on_one_line_and_is_cut() {
    let rules = "KIND: message\nLOG=[warn] said: $<body#>\n";
    let (node, mut alice, mut bob) = node_with(rules).await;
    let forged = "2026-01-01T00:00:00Z ERROR firewall: all is lost";
    send(&mut alice, &bob, &format!("hello&#10;{forged}")).await;
    bob.next().await;
    send(&mut alice, &bob, &"y&#10;".repeat(20_000)).await;
    bob.next().await;
    alice.sync().await;
    let log = node.log();
    let said: Vec<&str> = log.lines().filter(|line| line.contains("said: ")).collect();
    assert_eq!(said.len(), 2, "{log}");
    assert!(!log.lines().any(|line| line.starts_with(forged)), "{log}");
    assert!(said[0].contains("hello\\n2026"), "{}", said[0]);
    assert!(said[1].contains("[cut, 40006 bytes in all]"));
    assert!(said[1].len() < 32 * 1024, "{}", said[1].len());
}
