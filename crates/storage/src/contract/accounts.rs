use super::*;
use crate::UserMark;

pub(super) async fn account_is_made_once(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let again = store
        .create_account(NewAccount {
            role: Role::Operator,
            ..account("juliet")
        })
        .await;
    assert_eq!(
        again,
        Err(StoreError::AccountExists {
            user: juliet.clone()
        })
    );
    let expected = Account {
        user: juliet.clone(),
        role: Role::Member,
        created_at: 1_700_000_000,
    };
    assert_eq!(store.account(&juliet).await.unwrap(), Some(expected));
    store.set_role(&juliet, Role::Admin).await.unwrap();
    assert_eq!(
        store.account(&juliet).await.unwrap().unwrap().role,
        Role::Admin
    );
    store.delete_account(&juliet).await.unwrap();
    assert_eq!(store.account(&juliet).await.unwrap(), None);
    assert_eq!(
        store.delete_account(&juliet).await,
        Err(StoreError::NoAccount { user: juliet })
    );
}

pub(super) async fn accounts_are_listed_in_pages(store: Arc<dyn Store>) {
    for name in ["carol", "alice", "bob", "björn"] {
        with_account(&store, name).await;
    }
    let other = NewAccount {
        user: BareJid::new("zoe@example.net").unwrap(),
        ..account("zoe")
    };
    store.create_account(other).await.unwrap();
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .accounts("example.com", after.as_deref(), 2)
            .await
            .unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = last.user.node().map(|node| node.as_str().to_owned());
        names.extend(page.iter().map(|account| account.user.to_string()));
    }
    // By bytes: "bj" comes before "bo".
    assert_eq!(
        names,
        [
            "alice@example.com",
            "björn@example.com",
            "bob@example.com",
            "carol@example.com"
        ]
    );
    assert_eq!(
        store.accounts("nowhere.example", None, 10).await.unwrap(),
        []
    );
}

pub(super) async fn credentials_are_replaced(store: Arc<dyn Store>) {
    let both = Credentials {
        scram_sha_1: Some(keys(1, 20)),
        scram_sha_256: Some(keys(2, 32)),
    };
    store
        .create_account(NewAccount {
            credentials: both.clone(),
            ..account("juliet")
        })
        .await
        .unwrap();
    let juliet = user("juliet");
    assert_eq!(store.credentials(&juliet).await.unwrap(), Some(both));
    let one = Credentials {
        scram_sha_1: None,
        scram_sha_256: Some(keys(3, 32)),
    };
    store.set_credentials(&juliet, one.clone()).await.unwrap();
    assert_eq!(store.credentials(&juliet).await.unwrap(), Some(one));
    store
        .set_credentials(&juliet, Credentials::default())
        .await
        .unwrap();
    assert_eq!(
        store.credentials(&juliet).await.unwrap(),
        Some(Credentials::default())
    );
    assert_eq!(store.credentials(&user("nobody")).await.unwrap(), None);
}

pub(super) async fn deletion_takes_everything(store: Arc<dyn Store>) {
    let key = PrivateKey {
        name: "storage".into(),
        ns: "storage:bookmarks".into(),
    };
    let spammer = UserMark {
        name: "spammer".into(),
        marked_at_ms: 1,
    };
    let fill = async |user: &BareJid| {
        let update = RosterUpdate {
            request: RequestUpdate::Store(Bytes::from_static(b"<p/>")),
            ..put(item("romeo"))
        };
        store.update_roster(user, update, LIMITS).await.unwrap();
        store
            .append_offline(user, message("hello"), 10)
            .await
            .unwrap();
        store
            .block(user, vec![Jid::new("spam.example").unwrap()], 10)
            .await
            .unwrap();
        store
            .set_private_xml(user, key.clone(), Bytes::from_static(b"<storage/>"), 10)
            .await
            .unwrap();
        store
            .set_vcard(user, Bytes::from_static(b"<vCard/>"))
            .await
            .unwrap();
        store.set_mark(user, spammer.clone(), 10).await.unwrap();
    };
    let juliet = with_account(&store, "juliet").await;
    let nurse = with_account(&store, "nurse").await;
    fill(&juliet).await;
    fill(&nurse).await;
    store.delete_account(&juliet).await.unwrap();
    with_account(&store, "juliet").await;
    assert_eq!(store.roster(&juliet).await.unwrap(), Roster::default());
    assert_eq!(store.count_offline(&juliet).await.unwrap(), 0);
    assert_eq!(store.blocklist(&juliet).await.unwrap(), Vec::<Jid>::new());
    assert_eq!(store.private_xml(&juliet, key.clone()).await.unwrap(), None);
    assert_eq!(store.vcard(&juliet).await.unwrap(), None);
    assert_eq!(store.marks(&juliet).await.unwrap(), []);
    assert_eq!(store.marks(&nurse).await.unwrap(), [spammer]);
    assert_eq!(store.roster(&nurse).await.unwrap().items.len(), 1);
    assert_eq!(store.count_offline(&nurse).await.unwrap(), 1);
}

pub(super) async fn writes_need_an_account(store: Arc<dyn Store>) {
    let nobody = user("nobody");
    let refused = StoreError::NoAccount {
        user: nobody.clone(),
    };
    let key = PrivateKey {
        name: "a".into(),
        ns: "b".into(),
    };
    assert_eq!(
        store.set_role(&nobody, Role::Admin).await,
        Err(refused.clone())
    );
    assert_eq!(
        store.set_credentials(&nobody, Credentials::default()).await,
        Err(refused.clone())
    );
    assert_eq!(
        store
            .update_roster(&nobody, put(item("romeo")), LIMITS)
            .await,
        Err(refused.clone())
    );
    assert_eq!(
        store.append_offline(&nobody, message("hello"), 10).await,
        Err(refused.clone())
    );
    assert_eq!(
        store.delete_offline(&nobody, Vec::new()).await,
        Err(refused.clone())
    );
    assert_eq!(store.purge_offline(&nobody).await, Err(refused.clone()));
    assert_eq!(
        store.block(&nobody, Vec::new(), 10).await,
        Err(refused.clone())
    );
    assert_eq!(
        store.unblock(&nobody, Vec::new()).await,
        Err(refused.clone())
    );
    assert_eq!(store.unblock_all(&nobody).await, Err(refused.clone()));
    assert_eq!(
        store.set_private_xml(&nobody, key, Bytes::new(), 10).await,
        Err(refused.clone())
    );
    assert_eq!(store.set_vcard(&nobody, Bytes::new()).await, Err(refused));
}

pub(super) async fn marks_need_an_account(store: Arc<dyn Store>) {
    let nobody = user("nobody");
    let refused = StoreError::NoAccount {
        user: nobody.clone(),
    };
    let mark = UserMark {
        name: "spammer".into(),
        marked_at_ms: 1,
    };
    assert_eq!(
        store.set_mark(&nobody, mark, 10).await,
        Err(refused.clone())
    );
    assert_eq!(
        store.clear_mark(&nobody, "spammer".into()).await,
        Err(refused)
    );
}

pub(super) async fn reads_without_account_are_empty(store: Arc<dyn Store>) {
    let nobody = user("nobody");
    assert_eq!(store.account(&nobody).await.unwrap(), None);
    assert_eq!(store.roster(&nobody).await.unwrap(), Roster::default());
    assert_eq!(store.offline(&nobody, None, 10).await.unwrap(), []);
    assert_eq!(store.count_offline(&nobody).await.unwrap(), 0);
    assert_eq!(store.blocklist(&nobody).await.unwrap(), Vec::<Jid>::new());
    assert_eq!(store.vcard(&nobody).await.unwrap(), None);
    assert_eq!(store.marks(&nobody).await.unwrap(), []);
}
