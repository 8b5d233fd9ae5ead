//! Random operations on both stores: the same answers.

use jid::Jid;
use proptest::prelude::*;
use xmpp::roster::{RosterItem, Subscription};

use super::*;
use crate::{
    ItemUpdate, MemoryStore, PrivateKey, RequestUpdate, Role, RosterLimits, RosterUpdate, UserMark,
};

#[derive(Debug, Clone)]
enum Act {
    Create(usize),
    Delete(usize),
    SetRole(usize, usize),
    Update(usize, usize, ItemKind, RequestKind),
    Append(usize, String),
    DeleteOldest(usize, usize),
    Purge(usize),
    Block(usize, Vec<usize>),
    Unblock(usize, usize),
    SetPrivate(usize, usize, String),
    SetVcard(usize, String),
    Mark(usize, usize, i64),
    Unmark(usize, usize),
    Read(usize),
}

#[derive(Debug, Clone)]
enum ItemKind {
    Keep,
    Put(Option<String>, Vec<String>, bool),
    Remove,
}

#[derive(Debug, Clone)]
enum RequestKind {
    Keep,
    Store(String),
    Clear,
}

fn acts() -> impl Strategy<Value = Act> {
    let who = 0..2_usize;
    let item = prop_oneof![
        Just(ItemKind::Keep),
        Just(ItemKind::Remove),
        (
            any::<Option<String>>(),
            prop::collection::vec("[a-z ,;]{1,5}", 0..3),
            any::<bool>()
        )
            .prop_map(|(name, groups, ask)| ItemKind::Put(name, groups, ask)),
    ];
    let request = prop_oneof![
        Just(RequestKind::Keep),
        Just(RequestKind::Clear),
        any::<String>().prop_map(RequestKind::Store),
    ];
    prop_oneof![
        2 => who.clone().prop_map(Act::Create),
        1 => who.clone().prop_map(Act::Delete),
        1 => (who.clone(), 0..5_usize).prop_map(|(who, role)| Act::SetRole(who, role)),
        6 => (who.clone(), 0..4_usize, item, request).prop_map(|(who, n, item, request)| Act::Update(who, n, item, request)),
        4 => (who.clone(), any::<String>()).prop_map(|(who, text)| Act::Append(who, text)),
        2 => (who.clone(), 0..4_usize).prop_map(|(who, count)| Act::DeleteOldest(who, count)),
        1 => who.clone().prop_map(Act::Purge),
        2 => (who.clone(), prop::collection::vec(0..6_usize, 0..4)).prop_map(|(who, list)| Act::Block(who, list)),
        1 => (who.clone(), 0..6_usize).prop_map(|(who, n)| Act::Unblock(who, n)),
        2 => (who.clone(), 0..4_usize, any::<String>()).prop_map(|(who, n, xml)| Act::SetPrivate(who, n, xml)),
        1 => (who.clone(), any::<String>()).prop_map(|(who, xml)| Act::SetVcard(who, xml)),
        3 => (who.clone(), 0..6_usize, 0..4_i64).prop_map(|(who, n, at)| Act::Mark(who, n, at)),
        1 => (who.clone(), 0..6_usize).prop_map(|(who, n)| Act::Unmark(who, n)),
        4 => who.prop_map(Act::Read),
    ]
}

/// Does it, and says what came back, without the ids that each store numbers in its own way.
async fn act(store: &dyn Store, act: &Act) -> String {
    let name = |who: &usize| ["juliet", "nurse"][*who];
    match act {
        Act::Create(who) => format!("{:?}", store.create_account(account(name(who))).await),
        Act::Delete(who) => format!("{:?}", store.delete_account(&user(name(who))).await),
        Act::SetRole(who, role) => format!(
            "{:?}",
            store.set_role(&user(name(who)), Role::ALL[*role]).await
        ),
        Act::Update(who, contact, item, request) => {
            let contact = user(&format!("contact{contact}"));
            let update = update(contact, item, request);
            let limits = RosterLimits {
                items: 2,
                requests: 2,
            };
            format!(
                "{:?}",
                store.update_roster(&user(name(who)), update, limits).await
            )
        }
        Act::Append(who, text) => {
            format!(
                "{:?}",
                store
                    .append_offline(&user(name(who)), message(text), 3)
                    .await
                    .map(drop)
            )
        }
        Act::DeleteOldest(who, count) => {
            let oldest = store.offline(&user(name(who)), None, *count).await.unwrap();
            let ids = oldest.iter().map(|(id, _)| *id).collect();
            format!("{:?}", store.delete_offline(&user(name(who)), ids).await)
        }
        Act::Purge(who) => format!("{:?}", store.purge_offline(&user(name(who))).await),
        Act::Read(who) => everything(store, &user(name(who))).await,
        _ => act_personal(store, act).await,
    }
}

async fn act_personal(store: &dyn Store, act: &Act) -> String {
    let name = |who: &usize| ["juliet", "nurse"][*who];
    let blocked = |n: &usize| {
        Jid::new(
            [
                "a.example",
                "b@a.example",
                "b@a.example/c",
                "d.example",
                "e.example",
                "f.example",
            ][*n],
        )
        .unwrap()
    };
    match act {
        Act::Block(who, list) => {
            format!(
                "{:?}",
                store
                    .block(&user(name(who)), list.iter().map(blocked).collect(), 3)
                    .await
            )
        }
        Act::Unblock(who, n) => format!(
            "{:?}",
            store.unblock(&user(name(who)), vec![blocked(n)]).await
        ),
        Act::SetPrivate(who, n, xml) => {
            let key = PrivateKey {
                name: "x".into(),
                ns: n.to_string(),
            };
            format!(
                "{:?}",
                store
                    .set_private_xml(&user(name(who)), key, Bytes::from(xml.clone()), 2)
                    .await
            )
        }
        Act::SetVcard(who, xml) => {
            format!(
                "{:?}",
                store
                    .set_vcard(&user(name(who)), Bytes::from(xml.clone()))
                    .await
            )
        }
        _ => act_on_marks(store, act).await,
    }
}

async fn act_on_marks(store: &dyn Store, act: &Act) -> String {
    let name = |who: &usize| ["juliet", "nurse"][*who];
    match act {
        Act::Mark(who, n, marked_at_ms) => {
            let mark = UserMark {
                name: n.to_string(),
                marked_at_ms: *marked_at_ms,
            };
            format!("{:?}", store.set_mark(&user(name(who)), mark, 3).await)
        }
        Act::Unmark(who, n) => {
            let mark = n.to_string();
            format!("{:?}", store.clear_mark(&user(name(who)), mark).await)
        }
        _ => unreachable!("done by the caller"),
    }
}

fn update(contact: BareJid, item: &ItemKind, request: &RequestKind) -> RosterUpdate {
    let item = match item {
        ItemKind::Keep => ItemUpdate::Keep,
        ItemKind::Remove => ItemUpdate::Remove,
        ItemKind::Put(name, groups, ask) => ItemUpdate::Put(RosterItem {
            name: name.clone(),
            groups: groups.clone(),
            ask: *ask,
            subscription: if *ask {
                Subscription::From
            } else {
                Subscription::To
            },
            ..RosterItem::new(contact.clone())
        }),
    };
    let request = match request {
        RequestKind::Keep => RequestUpdate::Keep,
        RequestKind::Clear => RequestUpdate::Clear,
        RequestKind::Store(xml) => RequestUpdate::Store(Bytes::from(xml.clone())),
    };
    RosterUpdate {
        contact,
        item,
        request,
    }
}

async fn everything(store: &dyn Store, user: &BareJid) -> String {
    let key = |n: usize| PrivateKey {
        name: "x".into(),
        ns: n.to_string(),
    };
    let messages = store.offline(user, None, 100).await.unwrap().into_iter();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        store.account(user).await,
        store.roster(user).await,
        store.count_offline(user).await,
        messages.map(|(_, message)| message).collect::<Vec<_>>(),
        store.blocklist(user).await,
        store.private_xml(user, key(0)).await,
        store.private_xml(user, key(1)).await,
        store.vcard(user).await,
        store.marks(user).await,
        store.marked("example.com", "0", None, 10).await,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn both_stores_give_the_same_answers(acts in prop::collection::vec(acts(), 1..60)) {
        let directory = TempDir::new().unwrap();
        let (sqlite, memory) = (open(&directory), MemoryStore::new());
        for step in &acts {
            let answers = block_on(async { (act(&sqlite, step).await, act(&memory, step).await) });
            prop_assert_eq!(answers.0, answers.1, "{:?}", step);
        }
    }
}
