//! What every [`Store`] must do: one suite, run against each.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use jid::{BareJid, Jid};
use xmpp::roster::{RosterItem, Subscription};

use crate::{
    Account, Credentials, ItemUpdate, Kept, MemoryStore, NewAccount, OfflineMessage, PrivateKey,
    RequestUpdate, Role, Roster, RosterLimits, RosterUpdate, ScramKeys, Store, StoreError,
};

/// Bounds that no test reaches by accident.
pub(crate) const LIMITS: RosterLimits = RosterLimits {
    items: 1000,
    requests: 1000,
};

type Test = fn(Arc<dyn Store>) -> BoxFuture<'static, ()>;

/// Runs every test on a store of its own.
pub(crate) fn run(make: impl Fn() -> Arc<dyn Store>) {
    for (claim, test) in TESTS {
        println!("contract: {claim}");
        block_on(test(make()));
    }
}

/// Drives a future on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

const TESTS: &[(&str, Test)] = &[
    ("an account is made once", |store| {
        account_is_made_once(store).boxed()
    }),
    ("accounts are listed in pages", |store| {
        accounts_are_listed_in_pages(store).boxed()
    }),
    ("credentials are replaced as a whole", |store| {
        credentials_are_replaced(store).boxed()
    }),
    ("deletion takes everything along", |store| {
        deletion_takes_everything(store).boxed()
    }),
    ("a write without an account is refused", |store| {
        writes_need_an_account(store).boxed()
    }),
    ("a read without an account is empty", |store| {
        reads_without_account_are_empty(store).boxed()
    }),
    ("a roster comes back as it was put", |store| {
        roster_comes_back(store).boxed()
    }),
    ("the version counts changes of items", |store| {
        version_counts_changes(store).boxed()
    }),
    ("requests are kept until cleared", |store| {
        requests_are_kept(store).boxed()
    }),
    ("roster bounds hold and change nothing", |store| {
        roster_bounds_hold(store).boxed()
    }),
    ("offline messages wait until deleted", |store| {
        offline_messages_wait(store).boxed()
    }),
    ("an id is never used again", |store| {
        ids_are_never_used_again(store).boxed()
    }),
    ("the offline bound holds", |store| {
        offline_bound_holds(store).boxed()
    }),
    ("nobody deletes another's messages", |store| {
        messages_are_private(store).boxed()
    }),
    ("blocking is idempotent and bounded", |store| {
        blocking(store).boxed()
    }),
    ("private XML is kept by name and namespace", |store| {
        private_xml(store).boxed()
    }),
    ("a vCard is replaced", |store| vcard(store).boxed()),
    ("a read sees the writes before it", |store| {
        reads_see_earlier_writes(store).boxed()
    }),
    ("a dropped future is still carried out", |store| {
        dropped_futures_are_carried_out(store).boxed()
    }),
    ("a barrier waits for what was called before", |store| {
        barrier_waits(store).boxed()
    }),
    ("concurrent callers do not disturb each other", |store| {
        concurrency(store).boxed()
    }),
    ("a closed store takes nothing", |store| {
        closed_store_takes_nothing(store).boxed()
    }),
];

pub(crate) fn user(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@example.com")).unwrap()
}

pub(crate) fn account(name: &str) -> NewAccount {
    NewAccount {
        user: user(name),
        credentials: Credentials::default(),
        role: Role::Member,
        created_at: 1_700_000_000,
    }
}

pub(crate) fn message(text: &str) -> OfflineMessage {
    OfflineMessage {
        stamp_ms: 1_700_000_000_123,
        stanza: Bytes::copy_from_slice(text.as_bytes()),
    }
}

pub(crate) fn put(item: RosterItem) -> RosterUpdate {
    RosterUpdate {
        contact: item.jid.clone(),
        item: ItemUpdate::Put(item),
        request: RequestUpdate::Keep,
    }
}

fn keys(seed: u8, length: usize) -> ScramKeys {
    ScramKeys {
        salt: vec![seed; 16],
        iterations: 4096 + u32::from(seed),
        stored_key: vec![seed + 1; length],
        server_key: vec![seed + 2; length],
    }
}

fn item(name: &str) -> RosterItem {
    RosterItem::new(user(name))
}

async fn with_account(store: &Arc<dyn Store>, name: &str) -> BareJid {
    store.create_account(account(name)).await.unwrap();
    user(name)
}

async fn account_is_made_once(store: Arc<dyn Store>) {
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

async fn accounts_are_listed_in_pages(store: Arc<dyn Store>) {
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

async fn credentials_are_replaced(store: Arc<dyn Store>) {
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

async fn deletion_takes_everything(store: Arc<dyn Store>) {
    let key = PrivateKey {
        name: "storage".into(),
        ns: "storage:bookmarks".into(),
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
    assert_eq!(store.roster(&nurse).await.unwrap().items.len(), 1);
    assert_eq!(store.count_offline(&nurse).await.unwrap(), 1);
}

async fn writes_need_an_account(store: Arc<dyn Store>) {
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

async fn reads_without_account_are_empty(store: Arc<dyn Store>) {
    let nobody = user("nobody");
    assert_eq!(store.account(&nobody).await.unwrap(), None);
    assert_eq!(store.roster(&nobody).await.unwrap(), Roster::default());
    assert_eq!(store.offline(&nobody, None, 10).await.unwrap(), []);
    assert_eq!(store.count_offline(&nobody).await.unwrap(), 0);
    assert_eq!(store.blocklist(&nobody).await.unwrap(), Vec::<Jid>::new());
    assert_eq!(store.vcard(&nobody).await.unwrap(), None);
}

async fn roster_comes_back(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let romeo = RosterItem {
        name: Some("Romeo \"M\" 🗡\n".into()),
        subscription: Subscription::From,
        ask: true,
        approved: true,
        groups: vec!["Friends, old".into(), "Work\n".into()],
        ..item("romeo")
    };
    let nurse = RosterItem {
        subscription: Subscription::Both,
        ..item("nurse")
    };
    for item in [&romeo, &nurse] {
        store
            .update_roster(&juliet, put(item.clone()), LIMITS)
            .await
            .unwrap();
    }
    assert_eq!(
        store.roster(&juliet).await.unwrap().items,
        [nurse.clone(), romeo.clone()]
    );
    let romeo = RosterItem {
        name: None,
        groups: Vec::new(),
        ask: false,
        ..romeo
    };
    store
        .update_roster(&juliet, put(romeo.clone()), LIMITS)
        .await
        .unwrap();
    assert_eq!(store.roster(&juliet).await.unwrap().items, [nurse, romeo]);
}

async fn version_counts_changes(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let act = |item, request| {
        store.update_roster(
            &juliet,
            RosterUpdate {
                contact: user("romeo"),
                item,
                request,
            },
            LIMITS,
        )
    };
    assert_eq!(store.roster(&juliet).await.unwrap().version, 0);
    assert_eq!(
        act(ItemUpdate::Put(item("romeo")), RequestUpdate::Keep).await,
        Ok(1)
    );
    assert_eq!(
        act(
            ItemUpdate::Keep,
            RequestUpdate::Store(Bytes::from_static(b"<p/>"))
        )
        .await,
        Ok(1)
    );
    assert_eq!(
        act(ItemUpdate::Put(item("romeo")), RequestUpdate::Clear).await,
        Ok(2)
    );
    assert_eq!(act(ItemUpdate::Remove, RequestUpdate::Keep).await, Ok(3));
    assert_eq!(act(ItemUpdate::Remove, RequestUpdate::Keep).await, Ok(3));
    assert_eq!(
        store.roster(&juliet).await.unwrap(),
        Roster {
            version: 3,
            ..Roster::default()
        }
    );
}

async fn requests_are_kept(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let act = |name: &str, request| {
        store.update_roster(
            &juliet,
            RosterUpdate {
                contact: user(name),
                item: ItemUpdate::Keep,
                request,
            },
            LIMITS,
        )
    };
    act(
        "romeo",
        RequestUpdate::Store(Bytes::from_static(b"<presence>1</presence>")),
    )
    .await
    .unwrap();
    act(
        "paris",
        RequestUpdate::Store(Bytes::from_static(b"<presence>2</presence>")),
    )
    .await
    .unwrap();
    act(
        "romeo",
        RequestUpdate::Store(Bytes::from_static(b"<presence>3</presence>")),
    )
    .await
    .unwrap();
    let requests = store.roster(&juliet).await.unwrap().requests;
    let seen: Vec<_> = requests
        .iter()
        .map(|request| (request.from.to_string(), request.stanza.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            (
                "paris@example.com".to_owned(),
                Bytes::from_static(b"<presence>2</presence>")
            ),
            (
                "romeo@example.com".to_owned(),
                Bytes::from_static(b"<presence>3</presence>")
            ),
        ]
    );
    act("paris", RequestUpdate::Clear).await.unwrap();
    act("paris", RequestUpdate::Clear).await.unwrap();
    assert_eq!(store.roster(&juliet).await.unwrap().requests.len(), 1);
}

async fn roster_bounds_hold(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let limits = RosterLimits {
        items: 2,
        requests: 1,
    };
    for name in ["a", "b"] {
        store
            .update_roster(&juliet, put(item(name)), limits)
            .await
            .unwrap();
    }
    let refused = Err(StoreError::LimitReached {
        kept: Kept::RosterItems,
        limit: 2,
    });
    assert_eq!(
        store.update_roster(&juliet, put(item("c")), limits).await,
        refused
    );
    // Changing what is there is always possible.
    assert_eq!(
        store.update_roster(&juliet, put(item("b")), limits).await,
        Ok(3)
    );
    let request = RequestUpdate::Store(Bytes::from_static(b"<p/>"));
    let update = RosterUpdate {
        request: request.clone(),
        ..put(item("a"))
    };
    assert_eq!(store.update_roster(&juliet, update, limits).await, Ok(4));
    // Item and request go together or not at all.
    let update = RosterUpdate {
        request,
        ..put(RosterItem {
            approved: true,
            ..item("b")
        })
    };
    let refused = Err(StoreError::LimitReached {
        kept: Kept::Requests,
        limit: 1,
    });
    assert_eq!(store.update_roster(&juliet, update, limits).await, refused);
    let roster = store.roster(&juliet).await.unwrap();
    assert_eq!(
        (roster.version, roster.items),
        (4, vec![item("a"), item("b")])
    );
}

async fn offline_messages_wait(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        ids.push(
            store
                .append_offline(&juliet, message(text), 10)
                .await
                .unwrap(),
        );
    }
    assert!(ids.is_sorted());
    let expected: Vec<_> = ids
        .iter()
        .copied()
        .zip(["one", "two", "three"].map(message))
        .collect();
    assert_eq!(store.offline(&juliet, None, 10).await.unwrap(), expected);
    assert_eq!(
        store.offline(&juliet, None, 2).await.unwrap(),
        expected[..2]
    );
    assert_eq!(
        store.offline(&juliet, Some(ids[0]), 10).await.unwrap(),
        expected[1..]
    );
    assert_eq!(
        store.delete_offline(&juliet, vec![ids[0], ids[2]]).await,
        Ok(2)
    );
    assert_eq!(store.delete_offline(&juliet, vec![ids[0]]).await, Ok(0));
    assert_eq!(
        store.offline(&juliet, None, 10).await.unwrap(),
        expected[1..2]
    );
    assert_eq!(store.purge_offline(&juliet).await, Ok(1));
    assert_eq!(store.count_offline(&juliet).await, Ok(0));
}

async fn ids_are_never_used_again(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let first = store
        .append_offline(&juliet, message("one"), 10)
        .await
        .unwrap();
    store.delete_offline(&juliet, vec![first]).await.unwrap();
    let second = store
        .append_offline(&juliet, message("two"), 10)
        .await
        .unwrap();
    assert!(second > first);
    assert_eq!(store.delete_offline(&juliet, vec![first]).await, Ok(0));
    assert_eq!(store.count_offline(&juliet).await, Ok(1));
}

async fn offline_bound_holds(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let first = store
        .append_offline(&juliet, message("one"), 2)
        .await
        .unwrap();
    store
        .append_offline(&juliet, message("two"), 2)
        .await
        .unwrap();
    let refused = Err(StoreError::LimitReached {
        kept: Kept::OfflineMessages,
        limit: 2,
    });
    assert_eq!(
        store.append_offline(&juliet, message("three"), 2).await,
        refused
    );
    let refused = Err(StoreError::LimitReached {
        kept: Kept::OfflineMessages,
        limit: 0,
    });
    assert_eq!(
        store.append_offline(&juliet, message("none"), 0).await,
        refused
    );
    store.delete_offline(&juliet, vec![first]).await.unwrap();
    store
        .append_offline(&juliet, message("four"), 2)
        .await
        .unwrap();
    assert_eq!(store.count_offline(&juliet).await, Ok(2));
}

async fn messages_are_private(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let nurse = with_account(&store, "nurse").await;
    let own = store
        .append_offline(&juliet, message("one"), 10)
        .await
        .unwrap();
    for _ in 0..3 {
        store
            .append_offline(&nurse, message("two"), 10)
            .await
            .unwrap();
    }
    store.delete_offline(&nurse, vec![own]).await.unwrap();
    assert_eq!(store.count_offline(&juliet).await, Ok(1));
    assert_eq!(
        store.offline(&juliet, None, 10).await.unwrap(),
        [(own, message("one"))]
    );
}

async fn blocking(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let jids = |names: &[&str]| {
        names
            .iter()
            .map(|name| Jid::new(name).unwrap())
            .collect::<Vec<_>>()
    };
    store
        .block(&juliet, jids(&["spam.example", "a@b.example/c"]), 3)
        .await
        .unwrap();
    store
        .block(&juliet, jids(&["spam.example", "a@b.example"]), 3)
        .await
        .unwrap();
    let three = jids(&["a@b.example", "a@b.example/c", "spam.example"]);
    assert_eq!(store.blocklist(&juliet).await.unwrap(), three);
    let refused = Err(StoreError::LimitReached {
        kept: Kept::Blocked,
        limit: 3,
    });
    assert_eq!(
        store
            .block(&juliet, jids(&["spam.example", "more.example"]), 3)
            .await,
        refused
    );
    store
        .unblock(&juliet, jids(&["a@b.example", "unknown.example"]))
        .await
        .unwrap();
    // All or nothing.
    assert_eq!(
        store
            .block(&juliet, jids(&["x.example", "y.example"]), 3)
            .await,
        refused
    );
    assert_eq!(store.blocklist(&juliet).await.unwrap(), three[1..]);
    store.unblock_all(&juliet).await.unwrap();
    assert_eq!(store.blocklist(&juliet).await.unwrap(), Vec::<Jid>::new());
}

async fn private_xml(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let key = |ns: &str| PrivateKey {
        name: "storage".into(),
        ns: ns.into(),
    };
    let xml = Bytes::from_static(b"<storage xmlns='a'/>");
    store
        .set_private_xml(&juliet, key("a"), xml.clone(), 1)
        .await
        .unwrap();
    let refused = Err(StoreError::LimitReached {
        kept: Kept::PrivateItems,
        limit: 1,
    });
    assert_eq!(
        store
            .set_private_xml(&juliet, key("b"), xml.clone(), 1)
            .await,
        refused
    );
    assert_eq!(
        store.private_xml(&juliet, key("a")).await.unwrap(),
        Some(xml)
    );
    let other = Bytes::from_static(b"<storage xmlns='a'>2</storage>");
    store
        .set_private_xml(&juliet, key("a"), other.clone(), 1)
        .await
        .unwrap();
    assert_eq!(
        store.private_xml(&juliet, key("a")).await.unwrap(),
        Some(other)
    );
    assert_eq!(store.private_xml(&juliet, key("b")).await.unwrap(), None);
}

async fn vcard(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    for card in ["<vCard>1</vCard>", "<vCard>2</vCard>"] {
        store
            .set_vcard(&juliet, Bytes::from_static(card.as_bytes()))
            .await
            .unwrap();
        assert_eq!(
            store.vcard(&juliet).await.unwrap(),
            Some(Bytes::from_static(card.as_bytes()))
        );
    }
}

async fn reads_see_earlier_writes(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    for round in 0..50 {
        let write = store.append_offline(&juliet, message("hello"), 1000);
        let count = store.count_offline(&juliet);
        let card = store.set_vcard(&juliet, Bytes::from(round.to_string()));
        assert_eq!(
            store.vcard(&juliet).await.unwrap(),
            Some(Bytes::from(round.to_string()))
        );
        assert_eq!(count.await, Ok(round + 1));
        write.await.unwrap();
        card.await.unwrap();
    }
    let making = store.create_account(account("nurse"));
    assert_eq!(
        store.accounts("example.com", None, 10).await.unwrap().len(),
        2
    );
    making.await.unwrap();
}

async fn dropped_futures_are_carried_out(store: Arc<dyn Store>) {
    drop(store.create_account(account("juliet")));
    drop(store.append_offline(&user("juliet"), message("hello"), 10));
    assert_eq!(store.count_offline(&user("juliet")).await, Ok(1));
}

async fn barrier_waits(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    store.barrier(None).await.unwrap();
    for about in [None, Some(&juliet)] {
        let mut write = store.append_offline(&juliet, message("hello"), 10);
        store.barrier(about).await.unwrap();
        assert!(
            (&mut write).now_or_never().is_some(),
            "the barrier passed before the write was answered"
        );
    }
    store.barrier(Some(&user("nobody"))).await.unwrap();
}

async fn concurrency(store: Arc<dyn Store>) {
    let names: Vec<String> = (0..20).map(|n| format!("user{n}")).collect();
    join_all(names.iter().map(|name| store.create_account(account(name)))).await;
    let mut writes = Vec::new();
    for round in 0..30 {
        for name in &names {
            writes.push(store.append_offline(&user(name), message(&round.to_string()), 20));
        }
    }
    let answers = join_all(writes).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.is_ok()).count(),
        20 * 20
    );
    for name in &names {
        let texts: Vec<_> = store.offline(&user(name), None, 100).await.unwrap();
        let texts: Vec<_> = texts
            .into_iter()
            .map(|(_, message)| message.stanza)
            .collect();
        assert_eq!(
            texts,
            (0..20)
                .map(|round| Bytes::from(round.to_string()))
                .collect::<Vec<_>>()
        );
    }
}

async fn closed_store_takes_nothing(store: Arc<dyn Store>) {
    let juliet = with_account(&store, "juliet").await;
    let write = store.append_offline(&juliet, message("hello"), 10);
    store.close().await.unwrap();
    write.await.unwrap();
    assert_eq!(
        store.append_offline(&juliet, message("late"), 10).await,
        Err(StoreError::Closed)
    );
    assert_eq!(store.count_offline(&juliet).await, Err(StoreError::Closed));
    assert_eq!(store.barrier(None).await, Err(StoreError::Closed));
    store.close().await.unwrap();
}

#[test]
fn memory_keeps_the_contract() {
    run(|| Arc::new(MemoryStore::new()));
}
