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

mod accounts;
mod calls;
mod marks;
mod offline;
mod personal;
mod roster;

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
        accounts::account_is_made_once(store).boxed()
    }),
    ("accounts are listed in pages", |store| {
        accounts::accounts_are_listed_in_pages(store).boxed()
    }),
    ("credentials are replaced as a whole", |store| {
        accounts::credentials_are_replaced(store).boxed()
    }),
    ("deletion takes everything along", |store| {
        accounts::deletion_takes_everything(store).boxed()
    }),
    ("a write without an account is refused", |store| {
        accounts::writes_need_an_account(store).boxed()
    }),
    ("a mark without an account is refused", |store| {
        accounts::marks_need_an_account(store).boxed()
    }),
    ("a read without an account is empty", |store| {
        accounts::reads_without_account_are_empty(store).boxed()
    }),
    ("a roster comes back as it was put", |store| {
        roster::roster_comes_back(store).boxed()
    }),
    ("the version counts changes of items", |store| {
        roster::version_counts_changes(store).boxed()
    }),
    ("requests are kept until cleared", |store| {
        roster::requests_are_kept(store).boxed()
    }),
    ("roster bounds hold and change nothing", |store| {
        roster::roster_bounds_hold(store).boxed()
    }),
    ("offline messages wait until deleted", |store| {
        offline::offline_messages_wait(store).boxed()
    }),
    ("an id is never used again", |store| {
        offline::ids_are_never_used_again(store).boxed()
    }),
    ("the offline bound holds", |store| {
        offline::offline_bound_holds(store).boxed()
    }),
    ("nobody deletes another's messages", |store| {
        offline::messages_are_private(store).boxed()
    }),
    ("blocking is idempotent and bounded", |store| {
        personal::blocking(store).boxed()
    }),
    ("private XML is kept by name and namespace", |store| {
        personal::private_xml(store).boxed()
    }),
    ("a vCard is replaced", |store| {
        personal::vcard(store).boxed()
    }),
    ("marks are set, renewed and cleared", |store| {
        marks::marks_are_kept(store).boxed()
    }),
    ("the oldest marks give way", |store| {
        marks::oldest_marks_give_way(store).boxed()
    }),
    ("marked users are listed in pages", |store| {
        marks::marked_users_are_listed_in_pages(store).boxed()
    }),
    ("a read sees the writes before it", |store| {
        calls::reads_see_earlier_writes(store).boxed()
    }),
    ("a dropped future is still carried out", |store| {
        calls::dropped_futures_are_carried_out(store).boxed()
    }),
    ("a barrier waits for what was called before", |store| {
        calls::barrier_waits(store).boxed()
    }),
    ("concurrent callers do not disturb each other", |store| {
        calls::concurrency(store).boxed()
    }),
    ("a closed store takes nothing", |store| {
        calls::closed_store_takes_nothing(store).boxed()
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

#[test]
fn memory_keeps_the_contract() {
    run(|| Arc::new(MemoryStore::new()));
}
