use crate::testing::TestNode;

const BLOCK: &str = "<block xmlns='urn:xmpp:blocking'><item jid='juliet@localhost'/></block>";
const UNBLOCK: &str = "<unblock xmlns='urn:xmpp:blocking'><item jid='juliet@localhost'/></unblock>";

#[actix_rt::test]
async fn blocking_hides_and_unblocking_shows() {
    let node = TestNode::start(&[], &["romeo", "juliet"]).await;
    node.befriend("romeo", "juliet").await;
    let (romeo, juliet) = (
        node.online("romeo/phone").await,
        node.online("juliet").await,
    );
    romeo
        .ask("get", "<blocklist xmlns='urn:xmpp:blocking'/>")
        .await;
    juliet.sync().await;
    let answer = romeo.ask("set", BLOCK).await;
    assert!(
        answer.contains("<item jid='juliet@localhost'/>"),
        "the push: {answer}"
    );
    juliet.read_to("type='unavailable'/>").await;

    romeo.send("<presence><show>away</show></presence>").await;
    romeo.sync().await;
    juliet.send("<presence><show>dnd</show></presence>").await;
    juliet
        .send("<message to='romeo@localhost' id='m'><body>hi</body></message>")
        .await;
    let seen = juliet.read_to("</message>").await;
    assert!(
        !seen.contains("away") && seen.contains("service-unavailable"),
        "{seen}"
    );
    assert!(!romeo.sync().await.contains("juliet"));

    let mut seen = romeo.ask("set", UNBLOCK).await;
    assert!(juliet.read_to("</presence>").await.contains("away"));
    juliet.sync().await;
    seen += &romeo.sync().await;
    assert!(
        seen.contains("dnd</show></presence>"),
        "unblocking asks who is there: {seen}"
    );
    node.stop().await;
}

#[actix_rt::test]
async fn directed_presence_is_taken_back_from_who_is_blocked() {
    let node = TestNode::start(&[], &["romeo", "juliet"]).await;
    let (romeo, juliet) = (
        node.online("romeo/phone").await,
        node.online("juliet/balcony").await,
    );
    romeo
        .send("<presence to='juliet@localhost/balcony'/>")
        .await;
    romeo.sync().await;
    juliet.read_to("from='romeo@localhost/phone'").await;
    romeo.ask("set", BLOCK).await;
    juliet.read_to("type='unavailable'/>").await;
    assert!(romeo.handle.presence().directed.is_empty());
    node.stop().await;
}
