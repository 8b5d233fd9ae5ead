use crate::account::AccountChanged;
use crate::core::MAX_VISITED;
use crate::testing::{TestNode, until, user};

const ROSTER: &str = "<query xmlns='jabber:iq:roster'/>";

#[actix_rt::test]
async fn a_fault_costs_neither_sessions_nor_what_was_answered() {
    let node = TestNode::start(&[], &["romeo", "juliet"]).await;
    node.befriend("romeo", "juliet").await;
    let (romeo, juliet) = (
        node.online("romeo/phone").await,
        node.online("juliet").await,
    );
    romeo.ask("get", ROSTER).await;
    let set = "<query xmlns='jabber:iq:roster'><item jid='nurse@localhost' name='Nurse'/></query>";
    romeo.ask("set", set).await;
    node.crash("romeo").await;
    let roster = romeo.ask("get", ROSTER).await;
    assert!(
        roster.contains("nurse@localhost") && roster.contains("juliet@localhost"),
        "{roster}"
    );
    juliet.sync().await;
    romeo.send("<presence><show>away</show></presence>").await;
    assert!(juliet.read_to("</presence>").await.contains("away"));
    juliet
        .send("<message to='romeo@localhost'><body>still there?</body></message>")
        .await;
    romeo.read_to("still there?").await;
    node.stop().await;
}

#[actix_rt::test]
async fn a_session_that_ends_during_a_fault_is_noticed() {
    let node = TestNode::start(&[], &["romeo", "juliet"]).await;
    node.befriend("romeo", "juliet").await;
    let (romeo, juliet) = (
        node.online("romeo/phone").await,
        node.online("juliet").await,
    );
    juliet.sync().await;
    romeo.outbound.abort();
    node.crash("romeo").await;
    juliet.read_to("type='unavailable'/>").await;
    until(|| romeo.account.sessions().is_empty()).await;
    node.stop().await;
}

#[actix_rt::test]
async fn a_message_that_dies_with_an_account_counts_as_lost() {
    let node = TestNode::start(&[], &["romeo", "juliet"]).await;
    let (romeo, _juliet) = (node.online("romeo").await, node.online("juliet").await);
    for number in 0..200 {
        romeo
            .send(&format!(
                "<message to='juliet@localhost'><body>{number}</body></message>"
            ))
            .await;
        if number == 100 {
            node.crash("juliet").await;
        }
    }
    until(|| romeo.handle.outstanding() == 0).await;
    romeo.handle.take_lost();
    assert!(node.account("romeo").is_some());
    node.stop().await;
}

#[actix_rt::test]
async fn a_reload_in_the_middle_of_a_write_loses_nothing() {
    let node = TestNode::start(&[], &["romeo"]).await;
    let romeo = node.online("romeo").await;
    for number in 0..20 {
        let item = format!("<item jid='c{number}@localhost'/>");
        let set = format!("<query xmlns='jabber:iq:roster'>{item}</query>");
        romeo
            .send(&format!("<iq type='set' id='s{number}'>{set}</iq>"))
            .await;
        assert!(
            romeo
                .account
                .offer(AccountChanged { deleted: false })
                .is_ok()
        );
    }
    let roster = romeo.ask("get", ROSTER).await;
    assert_eq!(roster.matches("<item ").count(), 20, "{roster}");
    assert_eq!(roster.matches("type='result'").count(), 21, "{roster}");
    node.stop().await;
}

#[actix_rt::test]
async fn the_version_changes_when_the_roster_does() {
    let node = TestNode::start(&[], &["romeo"]).await;
    let romeo = node.online("romeo").await;
    let first = romeo.ask("get", ROSTER).await;
    let ver = first
        .split("ver='")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap()
        .to_owned();
    let again = romeo
        .ask(
            "get",
            &format!("<query xmlns='jabber:iq:roster' ver='{ver}'/>"),
        )
        .await;
    assert!(!again.contains("<query"), "{again}");
    let set = "<query xmlns='jabber:iq:roster'><item jid='nurse@localhost'/></query>";
    let pushed = romeo.ask("set", set).await;
    assert!(
        pushed.contains("ver='") && !pushed.contains(&format!("ver='{ver}'")),
        "{pushed}"
    );
    let gone = "<query xmlns='jabber:iq:roster'><item jid='nobody@localhost' subscription='remove'/></query>";
    assert!(romeo.ask("set", gone).await.contains("item-not-found"));
    node.stop().await;
}

/// Every address that somebody makes up starts an account.
#[actix_rt::test]
async fn stanzas_to_strangers_start_a_bounded_number_of_accounts() {
    let node = TestNode::start(&[], &["romeo", "juliet"]).await;
    let romeo = node.bind("romeo").await;
    let core = node.core();
    let started = (0..MAX_VISITED + 10)
        .filter(|number| core.visit(&user(&format!("nobody{number}")), 0).is_some())
        .count();
    assert_eq!(started, MAX_VISITED);
    assert!(core.visit(&user("romeo"), 0).is_some(), "it is active");
    let juliet = node.bind("juliet").await;
    romeo
        .send("<message to='juliet@localhost/home'><body>through</body></message>")
        .await;
    juliet.read_to("through").await;
    until(|| core.tables.visited() == 0).await;
    node.stop().await;
}
