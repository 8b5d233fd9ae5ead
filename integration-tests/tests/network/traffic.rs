//! How fast clients may send.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use harness::{TestClient, TestNode};

use super::listener;

const SLOW: &str = "[network.limits]\nunlimited = [\"pager@localhost\"]\n\
                    [network.limits.c2s]\nrate = \"2kb/s\"\nburst = \"2s\"\n";

/// Five pings of 2000 bytes each.
fn five() -> String {
    let mut text = String::new();
    for number in 0..5 {
        let head =
            format!("<iq type='get' id='{number}'><ping xmlns='urn:xmpp:ping'/><x xmlns='urn:x'>");
        let tail = "</x></iq>";
        let filling = "x".repeat(2000 - head.len() - tail.len());
        write!(text, "{head}{filling}{tail}").unwrap();
    }
    text
}

/// When each of the five is answered.
async fn answers(client: &mut TestClient) -> Vec<Duration> {
    let since = Instant::now();
    client.send(&five()).await;
    let mut times = Vec::new();
    for number in 0..5 {
        client.expect(&format!("<iq id='{number}'/>")).await;
        times.push(since.elapsed());
    }
    times
}

#[tokio::test]
async fn n091_a_rate_with_a_burst_holds_back_and_loses_nothing() {
    let node = TestNode::with_users(SLOW, &["alice", "pager"]).await;
    let mut alice = node.login("alice").await;
    // The log-in has cost some; the bucket is full again after its two seconds.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let times = answers(&mut alice).await;
    // Nothing comes earlier than it may. How much later depends on what else this machine does.
    for (answer, least) in times.iter().zip([0, 0, 1, 2, 3]) {
        let least = Duration::from_secs(least).saturating_sub(Duration::from_millis(300));
        assert!(*answer >= least, "{times:?}");
    }
    assert!(times[1] < times[4], "{times:?}");
    let report = listener(&node, "c2s").await["binds"][0]["report"].clone();
    assert!(report["throttled"].as_u64().unwrap() > 0, "{report}");
    let mut pager = node.login("pager").await;
    let throttled = report["throttled"].clone();
    let times = answers(&mut pager).await;
    let after = listener(&node, "c2s").await["binds"][0]["report"]["throttled"].clone();
    // Before it had logged in it was a stranger like all others.
    assert!(after.as_u64() >= throttled.as_u64(), "{times:?}");
}

#[tokio::test]
async fn n103_a_rate_comes_and_goes_for_sessions_that_exist() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut alice = node.login("alice").await;
    let file = node.directory().join("portcullis.toml");
    let unbounded = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{unbounded}\n{SLOW}")).unwrap();
    assert!(node.reload().await.status.success());
    // One read may be under way without the bound.
    alice.sync().await;
    let times = answers(&mut alice).await;
    assert!(times[4] >= Duration::from_millis(2700), "{times:?}");
    std::fs::write(&file, unbounded).unwrap();
    assert!(node.reload().await.status.success());
    alice.sync().await;
    let before = listener(&node, "c2s").await["binds"][0]["report"]["throttled"].clone();
    answers(&mut alice).await;
    let after = listener(&node, "c2s").await["binds"][0]["report"]["throttled"].clone();
    assert_eq!(before, after, "nobody was held back");
}
