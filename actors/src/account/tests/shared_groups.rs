use std::io::Write;

use crate::testing::{TestNode, user};

const ROSTER: &str = "<query xmlns='jabber:iq:roster'/>";
const GROUPS: &str =
    "[Team]\nromeo@localhost=Romeo\njuliet@localhost=Juliet\n[+Help]\nhelp@localhost=Help desk\n";

async fn node() -> (TestNode, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(GROUPS.as_bytes()).unwrap();
    let groups = format!("host_defaults.groups_file={}", file.path().display());
    let node = TestNode::start(&[&groups], &["romeo", "juliet", "help", "nurse"]).await;
    (node, file)
}

#[actix_rt::test]
async fn members_are_contacts_of_each_other_and_nothing_is_stored() {
    let (node, _file) = node().await;
    let (romeo, juliet) = (
        node.online("romeo/phone").await,
        node.online("juliet").await,
    );
    let roster = romeo.ask("get", ROSTER).await;
    assert!(
        roster.contains("jid='juliet@localhost' name='Juliet' subscription='both'"),
        "{roster}"
    );
    romeo.send("<presence><show>away</show></presence>").await;
    juliet.read_to("away").await;
    let set = "<query xmlns='jabber:iq:roster'>\
               <item jid='juliet@localhost' name='Jule'><group>Team</group><group>Loves</group></item></query>";
    let pushed = romeo.ask("set", set).await;
    assert!(
        pushed.contains("name='Jule' subscription='both'"),
        "{pushed}"
    );
    romeo
        .send("<presence type='subscribe' to='juliet@localhost'/>")
        .await;
    romeo.sync().await;
    let stored = node.core().store.roster(&user("romeo")).await.unwrap();
    assert_eq!(stored.items.len(), 1);
    assert_eq!(stored.items[0].groups, ["Loves"]);
    assert_eq!(
        stored.items[0].subscription,
        xmpp::roster::Subscription::None
    );
    assert!(!stored.items[0].ask);
    node.stop().await;
}

#[actix_rt::test]
async fn a_shared_contact_can_not_be_removed() {
    let (node, _file) = node().await;
    let romeo = node.online("romeo").await;
    let remove = "<query xmlns='jabber:iq:roster'><item jid='juliet@localhost' subscription='remove'/></query>";
    let answer = romeo.ask("set", remove).await;
    assert!(
        answer.contains("not-allowed") && answer.contains("shared group"),
        "{answer}"
    );
    node.stop().await;
}

#[actix_rt::test]
async fn a_public_group_is_seen_and_does_not_see() {
    let (node, _file) = node().await;
    let nurse = node.online("nurse").await;
    let help = node.bind("help/desk").await;
    help.send("<presence><show>chat</show></presence>").await;
    let seen = nurse.read_to("chat</show></presence>").await;
    assert!(seen.contains("from='help@localhost/desk'"), "{seen}");
    help.sync().await;
    nurse.send("<presence><show>dnd</show></presence>").await;
    nurse.sync().await;
    assert!(!help.sync().await.contains("nurse"));
    let romeo = node.bind("romeo").await;
    romeo.send("<presence/>").await;
    romeo.read_to("from='help@localhost/desk'").await;
    node.stop().await;
}
