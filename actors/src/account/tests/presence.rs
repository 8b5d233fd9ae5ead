use crate::testing::{TestNode, until};

#[actix_rt::test]
async fn a_long_roster_is_told_in_portions_and_in_order() {
    let node = TestNode::start(&["limits.roster_items=1000"], &["romeo", "juliet"]).await;
    for number in 0..200 {
        node.add_user(&format!("friend{number}")).await;
        node.befriend("romeo", &format!("friend{number}")).await;
    }
    node.befriend("romeo", "juliet").await;
    let mut friends = Vec::new();
    for number in [0, 63, 64, 127, 199] {
        friends.push(node.online(&format!("friend{number}")).await);
    }
    let juliet = node.online("juliet").await;
    let romeo = node.bind("romeo/phone").await;
    romeo.send("<presence><show>away</show></presence>").await;
    romeo.send("<presence><show>dnd</show></presence>").await;
    romeo
        .send("<message to='juliet@localhost'><body>hi</body></message>")
        .await;
    let seen = juliet.read_to("</message>").await;
    let order: Vec<_> = ["away", "dnd", "<body>"]
        .iter()
        .map(|part| seen.find(part).unwrap())
        .collect();
    assert!(order.is_sorted(), "{seen}");
    for friend in friends {
        let seen = friend.read_to("dnd</show></presence>").await;
        assert!(seen.contains("from='romeo@localhost/phone'"), "{seen}");
        assert!(
            seen.contains(&format!("to='{}'", friend.account.jid)),
            "{seen}"
        );
    }
    node.stop().await;
}

#[actix_rt::test]
async fn a_late_comer_is_told_who_is_there() {
    let node = TestNode::start(&[], &["romeo", "juliet"]).await;
    node.befriend("romeo", "juliet").await;
    let juliet = node.bind("juliet/balcony").await;
    juliet
        .send("<presence><status>here</status></presence>")
        .await;
    juliet.sync().await;
    let romeo = node.bind("romeo/phone").await;
    romeo.send("<presence/>").await;
    let seen = romeo.read_to("<status>here</status></presence>").await;
    assert!(
        seen.contains("from='juliet@localhost/balcony' to='romeo@localhost/phone'"),
        "{seen}"
    );
    node.stop().await;
}

#[actix_rt::test]
async fn all_that_saw_a_session_are_told_of_its_end_once() {
    let node = TestNode::start(&[], &["romeo", "juliet", "nurse"]).await;
    node.befriend("romeo", "juliet").await;
    let (juliet, nurse) = (node.online("juliet").await, node.online("nurse").await);
    let (romeo, desk) = (
        node.online("romeo/phone").await,
        node.online("romeo/desk").await,
    );
    romeo.send("<presence to='nurse@localhost'/>").await;
    romeo.send("<presence to='juliet@localhost/home'/>").await;
    romeo.sync().await;
    for client in [&juliet, &nurse, &desk] {
        client.sync().await;
    }
    romeo.close().await;
    for client in [&juliet, &nurse, &desk] {
        let mut seen = client.read_to("type='unavailable'/>").await;
        seen += &client.sync().await;
        assert_eq!(
            seen.matches("from='romeo@localhost/phone'").count(),
            1,
            "{seen}"
        );
    }
    node.stop().await;
}

#[actix_rt::test]
async fn who_leaves_is_told_so_too() {
    let node = TestNode::start(&[], &["romeo"]).await;
    let romeo = node.online("romeo/phone").await;
    romeo.send("<presence type='unavailable'/>").await;
    assert!(romeo.sync().await.contains("type='unavailable'"));
    until(|| romeo.handle.priority().is_none()).await;
    node.stop().await;
}

#[actix_rt::test]
async fn nobody_and_a_stranger_are_told_the_same_by_a_probe() {
    let node = TestNode::start(&[], &["romeo", "juliet"]).await;
    let (romeo, juliet) = (node.online("romeo").await, node.online("juliet").await);
    romeo
        .send("<presence type='probe' to='juliet@localhost'/>")
        .await;
    romeo
        .send("<presence type='probe' to='nobody@localhost'/>")
        .await;
    romeo
        .send("<presence type='subscribe' to='nobody@localhost'/>")
        .await;
    romeo.send("<presence to='nobody@localhost'/>").await;
    romeo.sync().await;
    assert!(node.account("nobody").is_some());
    node.account("nobody").unwrap().loaded(false).await;
    assert_eq!(juliet.sync().await, "");
    let seen = romeo.sync().await;
    assert!(
        !seen.contains("error") && !seen.contains("unavailable"),
        "{seen}"
    );
    node.stop().await;
}
