//! Logging in (RFC 6120 §6, §7): mechanisms, their failures, and resource binding.

use harness::{HOST, Hash, Scram, TestClient, TestNode, mechanisms, password_of};

#[tokio::test]
async fn scram_over_starttls_binds_a_resource() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.login("alice/desk").await;
    assert_eq!(client.jid, format!("alice@{HOST}/desk"));
    client.go_online().await;
    client.close().await;
}
