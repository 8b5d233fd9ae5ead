use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::test_node::TestCore;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

async fn register(node: &TestCore, peer: IpAddr, user: &str) -> Result<(), Condition> {
    let user = BareJid::new(user).unwrap();
    let password = PreparedPassword::new("pencil").unwrap();
    create(&node.core, peer, &user, password)
        .await
        .map_err(|error| error.condition)
}

#[actix_rt::test]
async fn registration_is_closed_unless_a_host_opens_it() {
    let node = TestCore::start(&[]);
    assert_eq!(
        register(&node, PEER, "a@localhost").await,
        Err(Condition::ServiceUnavailable)
    );
    assert_eq!(
        register(&node, PEER, "a@elsewhere").await,
        Err(Condition::ServiceUnavailable)
    );
    let stored = node
        .core
        .store
        .account(&BareJid::new("a@localhost").unwrap())
        .await
        .unwrap();
    assert_eq!(stored, None);
    node.stop().await;
}

#[actix_rt::test]
async fn a_stranger_makes_an_account_with_which_to_log_in() {
    let node = TestCore::start(&["host_defaults.registration.enabled=true"]);
    assert_eq!(
        register(&node, PEER, "localhost").await,
        Err(Condition::NotAcceptable)
    );
    register(&node, PEER, "a@localhost").await.unwrap();
    let user = BareJid::new("a@localhost").unwrap();
    let stored = node.core.store.account(&user).await.unwrap().unwrap();
    assert_eq!(stored.role, Role::Registered);
    let keys = node.core.store.credentials(&user).await.unwrap().unwrap();
    assert_eq!(keys.scram_sha_256.unwrap().iterations, 4096);
    assert!(keys.scram_sha_1.is_some());
    assert_eq!(
        register(&node, PEER, "a@localhost").await,
        Err(Condition::Conflict)
    );
    assert_eq!(
        node.core.passwords.report().derivations,
        2,
        "a taken name costs none"
    );
    node.stop().await;
}

#[actix_rt::test]
async fn one_address_makes_so_many_accounts_and_others_are_not_kept_out() {
    let node = TestCore::start(&[
        "host_defaults.registration.enabled=true",
        "host_defaults.registration.rate=2/h",
    ]);
    for user in ["a@localhost", "b@localhost"] {
        register(&node, PEER, user).await.unwrap();
    }
    assert_eq!(
        register(&node, PEER, "c@localhost").await,
        Err(Condition::ResourceConstraint)
    );
    let other = Ipv4Addr::new(192, 0, 2, 2).into();
    register(&node, other, "c@localhost").await.unwrap();
    node.stop().await;
}
