use std::sync::atomic::Ordering;

use crate::testing::{FakeClient, TestNode, until, user};

async fn kept(node: &TestNode, name: &str) -> usize {
    node.core().store.count_offline(&user(name)).await.unwrap()
}

async fn leave_messages(node: &TestNode, count: usize, body: &str) {
    let romeo = node.bind("romeo").await;
    for number in 0..count {
        romeo
            .send(&format!(
                "<message to='juliet@localhost'><body>{number}:{body}</body></message>"
            ))
            .await;
    }
    until(|| romeo.handle.outstanding() == 0).await;
    assert_eq!(romeo.handle.take_lost(), 0);
}

#[actix_rt::test]
async fn messages_wait_in_order_before_those_that_come_meanwhile() {
    let node = TestNode::start(&["limits.offline_messages=300"], &["romeo", "juliet"]).await;
    leave_messages(&node, 150, "").await;
    assert_eq!(kept(&node, "juliet").await, 150);
    let (juliet, romeo) = (node.bind("juliet").await, node.bind("romeo").await);
    juliet.send("<presence/>").await;
    romeo
        .send("<message to='juliet@localhost'><body>150:</body></message>")
        .await;
    let seen = juliet.read_to("<body>150:</body>").await;
    let bodies: Vec<usize> = seen
        .split("<body>")
        .skip(1)
        .map(|rest| rest.split(':').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(bodies, (0..=150).collect::<Vec<_>>());
    assert_eq!(seen.matches("urn:xmpp:delay").count(), 150);
    juliet.sync().await;
    assert_eq!(kept(&node, "juliet").await, 0);
    node.stop().await;
}

#[actix_rt::test]
async fn a_session_that_dies_in_the_middle_loses_nothing() {
    let node = TestNode::start(&[], &["romeo", "juliet"]).await;
    leave_messages(&node, 10, "").await;
    let juliet = node.bind("juliet/first").await;
    juliet.is_stuck.store(true, Ordering::Relaxed);
    juliet.send("<presence/>").await;
    until(|| !juliet.outbound.is_empty()).await;
    juliet.close().await;
    let juliet = node.bind("juliet/second").await;
    juliet.send("<presence/>").await;
    let seen = juliet.read_to("<body>9:</body>").await;
    assert_eq!(seen.matches("<body>").count(), 10);
    juliet.sync().await;
    assert_eq!(kept(&node, "juliet").await, 0);
    node.stop().await;
}

#[actix_rt::test]
async fn more_than_the_send_buffer_holds_is_handed_over_as_it_is_read() {
    let node = TestNode::start(&[], &["romeo", "juliet"]).await;
    leave_messages(&node, 30, &"x".repeat(10_000)).await;
    let juliet = FakeClient::bind(node.core(), "juliet", 64_000).await;
    juliet.send("<presence/>").await;
    juliet.read_to("<body>29:").await;
    juliet.sync().await;
    assert!(juliet.handle.is_open());
    assert_eq!(kept(&node, "juliet").await, 0);
    node.stop().await;
}

#[actix_rt::test]
async fn a_negative_priority_is_not_there_for_messages() {
    let node = TestNode::start(&[], &["romeo", "juliet"]).await;
    let juliet = node.bind("juliet").await;
    juliet
        .send("<presence><priority>-1</priority></presence>")
        .await;
    juliet.sync().await;
    leave_messages(&node, 1, "").await;
    assert_eq!(kept(&node, "juliet").await, 1);
    assert!(!juliet.sync().await.contains("<body>"));
    juliet
        .send("<presence><priority>0</priority></presence>")
        .await;
    juliet.read_to("<body>0:</body>").await;
    node.stop().await;
}

/// A client that does not take its messages makes its account wait; others must not fill memory with that.
#[actix_rt::test]
async fn what_waits_for_an_account_is_bounded_in_bytes() {
    let node = TestNode::start(&[], &["romeo", "juliet"]).await;
    leave_messages(&node, 1, "").await;
    let juliet = node.bind("juliet").await;
    juliet.is_stuck.store(true, Ordering::Relaxed);
    juliet.send("<presence/>").await;
    until(|| !juliet.outbound.is_empty()).await;
    let romeo = node.bind("romeo").await;
    let body = "x".repeat(200_000);
    for _ in 0..60 {
        romeo
            .send(&format!(
                "<message to='juliet@localhost'><body>{body}</body></message>"
            ))
            .await;
    }
    romeo.read_to("<resource-constraint").await;
    // The bound of 8 MiB holds 41 of them.
    until(|| romeo.handle.outstanding() <= 41).await;
    juliet.is_stuck.store(false, Ordering::Relaxed);
    until(|| romeo.handle.outstanding() == 0).await;
    node.stop().await;
}
